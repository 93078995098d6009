"""What embedding a day again costs, and a day that repeats the images of the day before."""
