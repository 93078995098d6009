"""Sets of hashes in a file that each node has once."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark import SparkFiles
from pyspark.sql import DataFrame, SparkSession

from imgdedup.relations import prefixes
from imgdedup.relations.prefixes import NO_PREFIXES, SharedPrefixes, holds, share
from tests.spark.tables import frame


def digests(count: int) -> list[bytes]:
    return [hashlib.sha256(f"{number}".encode()).digest() for number in range(count)]


def hashes(spark: SparkSession, some: list[bytes]) -> DataFrame:
    return frame(spark, [(each.hex(),) for each in some], "hash string")


@pytest.mark.parametrize("piece", [1, 40, 50_000])
def test_a_shared_set_has_each_hash_once_in_order_whatever_the_pieces(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(prefixes, "_PIECE", piece)
    # Zero bytes at an end are dropped by numpy, and must not shift the rest.
    some = [*digests(300), bytes(32), b"\1" + bytes(31), bytes(15) + b"\1" + bytes(16)]
    shared = share(hashes(spark, some * 2).repartition(3), len(some) * 2)
    opened = shared.open()
    assert isinstance(opened, np.memmap)
    assert len(shared) == len(opened) == len(some)
    expected = np.sort(np.array([each[:16] for each in some], NO_PREFIXES.dtype))
    np.testing.assert_array_equal(opened, expected)
    assert all(holds(opened, each) for each in some)
    assert not any(holds(opened, each[::-1]) for each in some[:300])


def test_workers_look_a_hash_up_in_the_file_of_their_node(spark: SparkSession) -> None:
    known, others = digests(20)[:10], digests(20)[10:]
    shared = share(hashes(spark, known), 10)

    def look(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        opened = shared.open()
        assert isinstance(opened, np.memmap)
        for table in tables:
            found = [holds(opened, bytes.fromhex(each)) for each in table["hash"].to_pylist()]
            yield pa.RecordBatch.from_pydict({"hash": table["hash"], "found": found})

    asked = hashes(spark, [*known, *others]).repartition(4)
    rows = asked.mapInArrow(look, "hash STRING, found BOOLEAN").collect()
    assert {row["hash"] for row in rows if row["found"]} == {each.hex() for each in known}
    assert len(rows) == 20


def test_an_empty_set_needs_no_file(spark: SparkSession) -> None:
    before = sorted(Path(SparkFiles.getRootDirectory()).iterdir())
    shared = share(hashes(spark, []), 0)
    assert (shared, len(shared.open())) == (SharedPrefixes(), 0)
    assert sorted(Path(SparkFiles.getRootDirectory()).iterdir()) == before


def test_the_driver_gets_a_large_set_piece_by_piece(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "_PIECE", 10)
    pieces = prefixes._pieces(hashes(spark, digests(2000)), 2000).collect()
    assert len(pieces) == 256
    assert max(len(row["prefixes"]) for row in pieces) < 16 * 40
