"""The space in which contents are compared."""
