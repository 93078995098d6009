"""What it costs to embed a day again, or a day that repeats the images of the day before."""
