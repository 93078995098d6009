"""Compares the tables of two roots, row by row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import lakes
from benchmarks.lakes import Row


@dataclass(frozen=True)
class Compared:
    """One table of two roots: how many rows each has, and whether the rows are the same."""

    table: str
    rows: tuple[int, int]
    equal: bool


def compare(one: Path, other: Path, days: Sequence[str]) -> list[Compared]:
    """Compare all tables on `days`; a partition of another day counts as one more row."""
    left, right = (_by_table(root, days) for root in (one, other))
    return [
        Compared(table, (left[table].total(), right[table].total()), left[table] == right[table])
        for table in lakes.TABLES
    ]


def _by_table(root: Path, days: Sequence[str]) -> dict[str, Counter[Row]]:
    """The rows of each table, with their day."""
    found = {table: Counter[Row]() for table in lakes.TABLES}
    for (table, day), rows in lakes.tables(root).items():
        if day not in days:
            found[table][(("partition of another day", day),)] += 1
        for row, count in rows.items():
            found[table][(("dt", day), *row)] += count
    return found
