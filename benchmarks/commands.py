"""The command that repeats a benchmark."""

import shlex
from collections.abc import Mapping


def repeating(target: str, values: Mapping[str, object]) -> str:
    """Write `make` with a target and its variables; those that are None are left out."""
    shown = [
        f"{name}={shlex.quote(str(value))}" for name, value in values.items() if value is not None
    ]
    return " ".join([f"make {target}", *shown])
