"""Small manifests for the tests of scan: their rows, and what scan wrote of them."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from imgdedup.lake import Lake
from imgdedup.runtime.run import Outcome

DAY = "2026-01-02"
Scan = Callable[..., Outcome]  # the fixture `scanned`


def images(names: str, **columns: Sequence[Any]) -> pa.Table:
    """A row for each letter of `names`, with more columns."""
    uris = pa.array([f"/{name}" for name in names], pa.string())
    return pa.table({"image_id": pa.array(list(names), pa.string()), "uri": uris, **columns})


def manifest(lake: Lake, dt: str = DAY) -> DataFrame:
    """The manifest that scan wrote for a day."""
    return lake.read_day("manifest", dt)


def names(lake: Lake, dt: str = DAY) -> str:
    """The letters of the images in the manifest of a day, in order."""
    return "".join(sorted(row.image_id for row in manifest(lake, dt).collect()))
