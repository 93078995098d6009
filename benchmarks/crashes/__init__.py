"""Processes killed in the middle of every stage, and full disks: the same command mends it all."""
