"""Breaks a lake on purpose, to see that the histories find the fault."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from pyspark.sql import DataFrame

from benchmarks.histories.laboratory import Laboratory
from imgdedup.lake import Lake, Staged


@contextmanager
def empty_partitions_stand(laboratory: Laboratory, dataset: str) -> Iterator[None]:
    """Inside the block, a partition of `dataset` that should lose all its rows keeps them.

    Spark's own overwriting of partitions does the same when a result has no rows.
    """
    stage_days = Lake.stage_days

    def leaving(lake: Lake, name: str, rows: DataFrame, days: Iterable[str]) -> Staged:
        wanted = set(days)
        if name == dataset:
            left = {row["dt"] for row in rows.select("dt").distinct().collect()}
            wanted = {day for day in wanted if day in left or day not in lake.days(name)}
        return stage_days(lake, name, rows, wanted)

    before, laboratory.variant = laboratory.variant, f"empty partitions of {dataset} stand"
    try:
        with patch.object(Lake, "stage_days", leaving):
            yield
    finally:
        laboratory.variant = before
