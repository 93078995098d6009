"""What a benchmark ran on."""

import os

import psutil


def described() -> str:
    """The size of this machine, in words."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores with {memory:.0f} GiB of memory"
