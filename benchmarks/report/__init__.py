"""Measures the report of many groups: what it costs to write, and how fast a browser shows it."""
