"""A lake that is broken on purpose, to see that histories find it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from pyspark.sql import DataFrame

from benchmarks.histories.laboratory import Laboratory
from imgdedup.lake import Lake, Staged


@contextmanager
def empty_partitions_stand(laboratory: Laboratory, dataset: str) -> Iterator[None]:
    """Let a partition of `dataset` keep its rows where it should lose all of them.

    That is what Spark's own overwriting of partitions does with a result without rows.
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
