"""The benchmark of the driver's memory: its stand-in for a collection, and its page."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.driver.__main__ import page
from benchmarks.driver.lake import Stored
from imgdedup.relations.collected import buckets

MB = 2**20
STEPS = ("fit", "index", "search", "embed")


def test_the_stand_in_gives_each_key_in_one_bucket(tmp_path: Path) -> None:
    keys = sorted(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
    for name, some in (("one", keys[:90]), ("two", keys[90:])):
        pq.write_table(pa.table({"content_id": some}), tmp_path / f"{name}.parquet")
    stored = Stored(str(tmp_path))
    assert sorted(stored.keys()) == keys
    parts = [stored.keys(*bounds) for bounds in buckets(300_000)]
    assert len(parts) == 6
    assert all(parts)
    assert [key for part in parts for key in part] == keys


def test_the_page_has_a_row_for_each_step_and_size() -> None:
    found = {
        size: {
            "steps": {
                name: {"seconds": 12.4, "cpu": size / 1000, "python": 200 * MB, "jvm": 900 * MB}
                for name in STEPS
            },
            "worker": size * MB // 10_000,
        }
        for size in (10_000, 1_000_000)
    }
    lines = page(found, "10000,1000000", "2g").splitlines()
    assert lines[2].startswith("`python -m benchmarks.driver --contents 10000,1000000`")
    assert sum(line.endswith("| 12 | 10 | 200 | 900 |") for line in lines) == len(STEPS)
    assert sum(line.endswith("| 1,000,000 | 12 | 1000 | 200 | 900 |") for line in lines) == 4
    assert lines[-2:] == ["| 10,000 | 1.0 |", "| 1,000,000 | 100.0 |"]
