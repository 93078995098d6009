"""A table is compared with a collection bucket by bucket, and neither is held in the driver."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession

from imgdedup.relations import collected
from imgdedup.relations.collected import buckets, compare, read_keys
from tests.spark.tables import frame


@dataclass(frozen=True)
class Stored:
    """A collection of fixed keys. It refuses to give too many at once, or in the wrong place."""

    held: tuple[str, ...]
    most: int
    by_workers: bool

    def connect(self) -> "Stored":
        return self

    def keys(self, least: str = "", below: str = "") -> Iterable[str]:
        assert (TaskContext.get() is not None) == self.by_workers
        found = [key for key in self.held if key >= least and (key < below or not below)]
        assert len(found) <= self.most
        return found

    def close(self) -> None:
        pass


def hashes(numbers: Iterable[int]) -> list[str]:
    return [hashlib.sha256(f"{number}".encode()).hexdigest() for number in numbers]


def table(spark: SparkSession, contents: Iterable[str]) -> DataFrame:
    return frame(spark, [(content,) for content in contents], "content_id string")


def keys_in(rows: DataFrame) -> list[str]:
    return sorted(row["content_id"] for row in rows.collect())


@pytest.mark.parametrize(("bucket", "most", "by_workers"), [(50_000, 1000, False), (40, 80, True)])
def test_what_only_one_side_has_is_found(
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    bucket: int,
    most: int,
    by_workers: bool,
) -> None:
    monkeypatch.setattr(collected, "_BUCKET", bucket)
    stored = Stored(tuple(hashes(range(1000))), most, by_workers)
    rows = table(spark, hashes(range(7, 1005)) * 2)  # each content has two images
    found = compare(rows, stored, 1000)
    assert keys_in(found.missing) == sorted(hashes(range(1000, 1005)))
    assert keys_in(found.surplus) == sorted(hashes(range(7)))
    assert (found.missing_count, found.surplus_count, found.keys) == (5, 7, 1000)
    same = compare(table(spark, stored.held), stored, 1000)
    assert (same.missing_count, same.surplus_count, same.keys) == (0, 0, 1000)
    assert keys_in(same.missing) == keys_in(same.surplus) == []


@pytest.mark.parametrize("vectors", [0, 3, 1000])
def test_a_wrong_number_of_vectors_only_makes_other_buckets(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, vectors: int
) -> None:
    monkeypatch.setattr(collected, "_BUCKET", 100)
    held = hashes(range(30))
    assert keys_in(read_keys(spark, Stored(tuple(held), 30, vectors > 100), vectors)) == sorted(
        held
    )


def test_an_empty_side_lacks_everything(spark: SparkSession) -> None:
    few = hashes(range(3))
    nothing = compare(table(spark, few), Stored((), 0, False), 0)
    assert keys_in(nothing.missing) == sorted(few)
    assert (nothing.missing_count, nothing.surplus_count, nothing.keys) == (3, 0, 0)
    everything = compare(table(spark, []), Stored(tuple(few), 3, False), 3)
    assert keys_in(everything.surplus) == sorted(few)
    assert (everything.missing_count, everything.surplus_count, everything.keys) == (0, 3, 3)


@given(keys=st.integers(0, 10**8), text=st.text(max_size=4) | st.binary(max_size=5).map(bytes.hex))
def test_each_string_is_in_one_bucket(keys: int, text: str) -> None:
    ranges = buckets(keys)
    inside = [(least, below) for least, below in ranges if text >= least]
    assert sum(text < below or not below for _, below in inside) == 1


@pytest.mark.parametrize(("keys", "number"), [(0, 1), (50_000, 1), (50_001, 2), (10**7, 200)])
def test_buckets_of_many_keys_stay_small(keys: int, number: int) -> None:
    ranges = buckets(keys)
    assert len(ranges) == number
    edges: list[Any] = [int(least, 16) if least else 0 for least, _ in ranges] + [16**8]
    sizes = [(high - low) * keys / 16**8 for low, high in pairwise(edges)]
    assert max(sizes) <= 50_000 + 1
