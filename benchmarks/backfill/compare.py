"""Compares the tables of two roots, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

TABLES = ("manifest", "embeddings", "candidates", "pairs", "groups", "deduplicated")
_OF_THE_RUN = ("run_id",)  # columns that differ from run to run


@dataclass(frozen=True)
class Compared:
    """One table of two roots: how many rows each has, and whether the rows are the same."""

    table: str
    rows: tuple[int, int]
    equal: bool


def compare(one: Path, other: Path, days: Sequence[str]) -> list[Compared]:
    """Compare all tables on `days`; a partition of another day counts as one more row."""
    found = []
    for table in TABLES:
        left, right = (_rows(root, table, days) for root in (one, other))
        found.append(Compared(table, (len(left), len(right)), left == right))
    return found


def _rows(root: Path, table: str, days: Sequence[str]) -> list[str]:
    rows = []
    for folder in sorted((root / table).glob("dt=*")):
        dt = folder.name.removeprefix("dt=")
        if dt not in days:
            rows.append(f"a partition {dt} that is none of the days")
        for file in sorted(folder.glob("[!._]*.parquet")):
            data = pq.ParquetFile(file).read()
            kept = [name for name in data.column_names if name not in _OF_THE_RUN]
            rows += [repr((dt, row)) for row in data.select(kept).to_pylist()]
    return sorted(rows)
