"""Tells what is drawn on a picture (a caption, a logo, a date) from an object that is in it."""
