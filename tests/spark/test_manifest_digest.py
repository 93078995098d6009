"""A changed manifest is never taken for the stored one, whatever its columns hold."""

from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from imgdedup.lake import Lake
from tests.spark.tables import frame

DAY = "2026-01-01"
IMAGE = "image_id string, uri string"


@pytest.mark.parametrize(
    ("schema", "before", "after"),
    [
        ("p string, q string", ("x", None), (None, "x")),
        ("p array<string>, q array<string>", (["x", "y"], ["z"]), (["x"], ["y", "z"])),
        ("p struct<a:string,b:string>", (("x", None),), ((None, "x"),)),
        ("run_id string", ("one",), ("two",)),
        ("`a.b` int, `c``d` int", (1, 2), (2, 1)),
        ("p array<timestamp>", ([datetime(2026, 1, 1)],), ([datetime(2026, 1, 1, 0, 0, 0, 1)],)),
    ],
)
def test_no_change_of_the_users_columns_is_missed(
    spark: SparkSession, lake: Lake, schema: str, before: tuple[Any, ...], after: tuple[Any, ...]
) -> None:
    for row in (before, after):
        lake.replace("manifest", DAY, frame(spark, [("a", "/a", *row)], f"{IMAGE}, {schema}"))
        (found,) = lake.read_day("manifest", DAY).collect()
        assert [*found][2:] == [*row]
