"""Compares the contents of a table with the keys of a collection, and holds neither of them.

A content id is a hash. So the ranges of its first digits are buckets of about equal size. A
collection gives its keys bucket by bucket: the only bucket of a small collection to the driver, the
buckets of a large one to the workers. Then one aggregation finds the keys that only one side has.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from imgdedup.relations.contents import from_keys

_BUCKET = 50_000  # keys of one answer: 4 MB
_DIGITS = 8
_MOST_TASKS = 512


class Keys(Protocol):
    """A connection to a collection."""

    def keys(self, least: str = "", below: str = "") -> Iterable[str]:
        """The keys from `least` on, and below `below` unless it is empty."""

    def close(self) -> None:
        """End the connection."""


class Address(Protocol):
    """Where a collection is; it is sent to the workers."""

    def connect(self) -> Keys:
        """Open a connection."""


@dataclass(frozen=True)
class Difference:
    """How a collection differs from a table."""

    missing: DataFrame  # `content_id`: contents of the table that the collection lacks
    surplus: DataFrame  # `content_id`: keys of the collection that the table lacks
    missing_count: int
    surplus_count: int
    keys: int  # of the collection


def compare(table: DataFrame, address: Address, vectors: int) -> Difference:
    """Compare the contents of rows (`content_id`) with a collection of about `vectors` keys."""
    keys = read_keys(table.sparkSession, address, vectors)
    both = table.select("content_id", *_sides(True, False)).unionByName(
        keys.select("content_id", *_sides(False, True))
    )
    sides = both.groupBy("content_id").agg(
        *(F.bool_or(side).alias(side) for side in ("in_table", "collected"))
    )
    seen = Observation()
    counted = sides.observe(
        seen,
        F.count_if("collected").alias("keys"),
        F.count_if(~F.col("collected")).alias("missing"),
        F.count_if(~F.col("in_table")).alias("surplus"),
    )
    differing = counted.where("in_table != collected").localCheckpoint(
        storageLevel=StorageLevel.DISK_ONLY
    )
    return Difference(
        differing.where("in_table").select("content_id"),
        differing.where("collected").select("content_id"),
        seen.get["missing"],
        seen.get["surplus"],
        seen.get["keys"],
    )


def read_keys(spark: SparkSession, address: Address, vectors: int) -> DataFrame:
    """The keys of a collection of about `vectors` keys: `content_id`."""
    ranges = buckets(vectors)
    if len(ranges) == 1:  # a worker would take longer to start than the keys take to come
        with closing(address.connect()) as collection:
            return from_keys(spark, [*collection.keys()])

    def read(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with closing(address.connect()) as collection:
            for batch in numbers:
                for number in batch["id"].to_pylist():
                    keys = pa.array([*collection.keys(*ranges[number])], pa.string())
                    yield pa.RecordBatch.from_arrays([keys], names=["content_id"])

    numbers = spark.range(0, len(ranges), 1, min(len(ranges), _MOST_TASKS))
    return numbers.mapInArrow(read, "content_id STRING")


def buckets(keys: int) -> list[tuple[str, str]]:
    """Ranges of content ids, from the first on and below the second, that share about `keys`.

    Together they hold every string. An empty bound is none.
    """
    number = max(1, math.ceil(keys / _BUCKET))
    bounds = [f"{each * 16**_DIGITS // number:0{_DIGITS}x}" for each in range(1, number)]
    return list(pairwise(["", *bounds, ""]))


def _sides(in_table: bool, collected: bool) -> list[Column]:
    return [F.lit(in_table).alias("in_table"), F.lit(collected).alias("collected")]
