"""Decides whether two pictures are copies, and explains how one was made from the other.

The input is two thumbnails. The result is a verdict with its evidence and explanation. The package
needs no Spark and no network. Start at `comparison`.
"""
