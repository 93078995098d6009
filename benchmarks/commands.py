"""What the commands of all benchmarks do alike: report errors, keep pages, say how to repeat."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from imgdedup.console import say
from imgdedup.errors import UserError

RESULTS = Path(__file__).parent / "results"


def status_of(target: str, bench: Callable[[], int]) -> int:
    """Run a benchmark and return its status; a UserError becomes one line and status 2."""
    try:
        return bench()
    except UserError as error:
        say(f"error: {target}: {error}")
        return 2


def keep(name: str | None, page: str) -> None:
    """Write a page into `benchmarks/results`, if it has a name."""
    if name:
        (RESULTS / f"{name}.md").write_text(page, encoding="utf-8")


def repeating(target: str, values: Mapping[str, object]) -> str:
    """Write `make` with a target and its variables; those that are None are left out."""
    shown = [
        f"{name}={shlex.quote(str(value))}" for name, value in values.items() if value is not None
    ]
    return " ".join([f"make {target}", *shown])
