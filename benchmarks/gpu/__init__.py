"""Measures how fast one worker decodes, encodes, and does both at once, on a GPU or a CPU."""
