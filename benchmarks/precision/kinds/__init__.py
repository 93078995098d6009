"""What the pairs of the precision benchmark are made of: a module for each theme."""
