"""A stage stops, with numbers, when it reads other rows than the stage before it wrote."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from imgdedup.errors import UserError
from imgdedup.lake import Lake
from imgdedup.settling.checks import (
    Mismatch,
    count_embedded,
    report_damage,
    require_embedded,
    require_whole,
)
from imgdedup.settling.progress import Progress, stage_progress
from tests.spark.tables import Image, embeddings, frame

FIRST, SECOND = "2026-01-01", "2026-01-02"
MANIFEST = "image_id string, uri string"


def fill(spark: SparkSession, lake: Lake, dt: str, names: Sequence[str]) -> None:
    rows = [(name, f"/{name}") for name in names]
    lake.replace("manifest", dt, frame(spark, rows, MANIFEST))
    images = [Image(name, f"content {name}", dt) for name in names]
    lake.replace("embeddings", dt, embeddings(spark, images).drop("dt").coalesce(1))


@pytest.fixture
def filled(spark: SparkSession, lake: Lake) -> Lake:
    fill(spark, lake, FIRST, ["a", "b"])
    fill(spark, lake, SECOND, ["c"])
    return lake


def settled(lake: Lake, days: Sequence[str]) -> Lake:
    """The lake after `index` has settled these days."""
    lake.publish(stage_progress(lake, "index", Progress("rules", dict.fromkeys(days, "version"))))
    return lake


def file_of(lake: Lake, dataset: str, dt: str) -> Path:
    return next(Path(lake.path(dataset, dt)).glob("*.parquet"))


def test_embeddings_that_fit_the_manifests_pass(filled: Lake) -> None:
    require_embedded(settled(filled, [FIRST]), [FIRST, SECOND], "index")
    assert count_embedded(filled) == 3


def test_a_partition_that_lost_a_file_is_named(filled: Lake) -> None:
    file_of(filled, "embeddings", SECOND).unlink()
    with pytest.raises(Mismatch, match=rf"embeddings of {SECOND}: 1 of its 1 files are missing"):
        require_embedded(filled, [FIRST], "index")
    with pytest.raises(Mismatch, match="run embed again"):
        require_whole(filled, "embeddings", [FIRST, SECOND], "embed")
    assert report_damage(filled, "embed", ["embeddings"], [FIRST, SECOND])
    assert not report_damage(filled, "embed", ["embeddings"], [FIRST])


def test_a_settled_day_that_is_gone_does_not_count_as_empty(filled: Lake) -> None:
    shutil.rmtree(filled.path("embeddings", FIRST))
    # The first run of the other day may be under way.
    require_embedded(settled(filled, [SECOND]), [SECOND], "index")
    with pytest.raises(Mismatch, match=f"embeddings of {FIRST}: the partition is missing"):
        require_embedded(settled(filled, [FIRST, SECOND]), [SECOND], "index")
    shutil.rmtree(filled.path("manifest", FIRST))  # its owner took the day away
    require_embedded(settled(filled, [FIRST, SECOND]), [SECOND], "index")


def test_a_manifest_that_grew_is_reported_by_numbers(spark: SparkSession, filled: Lake) -> None:
    rows = [(name, f"/{name}") for name in "cde"]
    filled.replace("manifest", SECOND, frame(spark, rows, MANIFEST))
    with pytest.raises(Mismatch, match=f"{SECOND} has 1 rows, its manifest 3: run embed"):
        require_embedded(filled, [SECOND], "index")
    require_embedded(filled, [FIRST], "index")  # another run's day
    with pytest.raises(UserError, match=rf"run {SECOND} \(3 rows in manifest, 1 in embeddings\)"):
        count_embedded(filled)


def test_a_manifest_of_the_users_own_is_counted(spark: SparkSession, filled: Lake) -> None:
    own = Path(filled.path("manifest", SECOND))
    (own / "_complete.json").unlink()
    require_embedded(filled, [SECOND], "index")
    shutil.copy(file_of(filled, "manifest", SECOND), own / "more.parquet")
    with pytest.raises(Mismatch, match="has 1 rows, its manifest 2"):
        require_embedded(filled, [SECOND], "index")


def test_rows_that_do_not_fit_the_marker_are_reported_by_numbers(filled: Lake) -> None:
    one, other = file_of(filled, "embeddings", FIRST), file_of(filled, "embeddings", SECOND)
    shutil.copy(other, one)  # a file of the same name with fewer rows
    one.with_name(f".{one.name}.crc").unlink(missing_ok=True)
    with pytest.raises(Mismatch, match="has 2 rows on 2 days, and embed wrote 3"):
        require_whole(filled, "embeddings", [FIRST, SECOND], "embed")
    with pytest.raises(UserError, match=rf"run {FIRST} \(2 rows in manifest, 1 in embeddings\)"):
        count_embedded(filled)
