"""Joins and orders on DataFrames. Nothing here knows a lake."""
