"""Compares the colours of two aligned pictures: painted objects, and edits of all colours."""
