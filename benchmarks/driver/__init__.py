"""What a corpus of millions costs the driver's memory in the steps that look at all contents."""
