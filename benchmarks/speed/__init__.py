"""What a run costs by the number of images, and what other tools cost and find."""
