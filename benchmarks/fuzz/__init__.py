"""What damaged and hostile image files do to the decoder."""
