"""Measurements of the whole system, kept with the commands that repeat them."""
