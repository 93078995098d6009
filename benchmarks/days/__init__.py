"""What one more day costs, by the age of the corpus."""
