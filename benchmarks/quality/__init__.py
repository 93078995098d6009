"""The quality benchmark: hides edited copies among photographs and counts which are found."""
