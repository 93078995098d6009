"""Whether two pictures are copies of each other, and what was done to make one from the other.

Pictures go in as thumbnails, a verdict with its evidence and explanation comes out; needs neither
Spark nor a network. `comparison` is the way in.
"""
