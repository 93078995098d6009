"""Embedding that reuses the rows of other runs gives the same rows."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, Observation, SparkSession

from imgdedup.config import Config, EmbedConfig
from imgdedup.lake import Lake
from imgdedup.stages.embed import figures, reuse
from imgdedup.stages.embed.embedding import Factory, default_factory, embed
from imgdedup.stages.embed.worker import model_of
from tests.spark.tables import frame, rows_of
from tests.stand_ins import FakeEncoder, FakeEncoderFactory, encoded, picture

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
FILES = {f"{n}.jpg": encoded(picture(n, 90 + n, 70), "JPEG") for n in range(6)}
BROKEN = {"text.png": b"no picture", "empty.png": b""}
Figures = Mapping[str, Any]


@pytest.fixture
def section(settings: Config) -> EmbedConfig:
    return replace(settings.embed, rows_per_partition=4, decode_threads=2)


@dataclass(frozen=True)
class Unwilling(FakeEncoder):
    """Knows its fingerprint and refuses to work."""

    def encode(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        raise AssertionError("nothing is new")


@dataclass(frozen=True)
class UnwillingFactory:
    """Makes Unwilling encoders."""

    def create(self, gpus: Sequence[str], threads: int) -> Sequence[Unwilling]:
        return [Unwilling()]


def manifest_of(spark: SparkSession, files: Mapping[str, bytes]) -> DataFrame:
    rows = [(name, f"lake:{name}", data) for name, data in files.items()]
    return frame(spark, rows, "image_id string, uri string, content binary")


def run(
    lake: Lake,
    spark: SparkSession,
    dt: str,
    files: Mapping[str, bytes],
    section: EmbedConfig,
    factory: Factory | None = None,
) -> Figures:
    """Embed the files of a day as the job does; return the observed figures."""
    known, seen = reuse.find_known(lake.read("embeddings"), dt, section), Observation()
    made_by = factory or FakeEncoderFactory()
    table = embed(manifest_of(spark, files), len(files), section, made_by, known)
    table = table.observe(seen, *figures.metrics())
    if known:
        table = reuse.fill_reused(table, lambda: lake.read("embeddings"), dt, section)
    lake.replace("embeddings", dt, table, expected_rows=len(files))
    return seen.get


def counts(seen: Figures) -> tuple[int, int]:
    return seen["embedded"], seen["reused"]


def day(lake: Lake, dt: str) -> list[dict[str, Any]]:
    return rows_of(lake.read_day("embeddings", dt))


def test_a_run_again_embeds_nothing_and_writes_the_same_rows(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    files = FILES | BROKEN | {"copy.jpg": FILES["0.jpg"]}
    assert counts(run(lake, spark, FIRST, files, section)) == (7, 0)
    before = day(lake, FIRST)
    again = run(lake, spark, FIRST, files, section, UnwillingFactory())
    assert counts(again) == (0, 7)
    assert again["models"] == [model_of(FakeEncoder())]
    assert day(lake, FIRST) == before


def test_reused_rows_of_the_carried_network_are_the_same_bits_as_new_ones(
    spark: SparkSession, lake: Lake, section: EmbedConfig, tmp_path: Path
) -> None:
    factory = default_factory(section)
    run(lake, spark, FIRST, FILES, section, factory)
    files = {f"again/{name}": data for name, data in FILES.items()}
    files |= {"new.png": encoded(picture(7))} | BROKEN
    assert counts(run(lake, spark, SECOND, files, section, factory)) == (1, 6)
    clean = Lake(spark, str(tmp_path / "clean"))
    assert counts(run(clean, spark, SECOND, files, section, factory)) == (7, 0)
    assert day(lake, SECOND) == day(clean, SECOND)


def test_contents_are_known_from_any_day_and_from_days_that_ran_later(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    names = list(FILES)
    for dt, some in ((FIRST, names[:2]), (THIRD, names[2:4])):
        run(lake, spark, dt, {name: FILES[name] for name in some}, section)
    assert counts(run(lake, spark, SECOND, FILES, section)) == (2, 4)
    assert {row["content_id"] for row in day(lake, SECOND)} == {
        hashlib.sha256(data).hexdigest() for data in FILES.values()
    }


def test_a_failure_is_tried_again_and_counted_when_it_heals(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    run(lake, spark, FIRST, FILES | BROKEN, section)
    failed = figures.failed_images(lake.read_day("embeddings", FIRST)).localCheckpoint()
    mended = FILES | {"text.png": encoded(picture(9)), "empty.png": b""}
    assert counts(run(lake, spark, FIRST, mended, section)) == (1, 6)
    assert figures.count_healed(failed, lake.read_day("embeddings", FIRST)) == 1


@pytest.mark.parametrize(
    "changed",
    [{"thumbnail_size": 64}, {"thumbnail_quality": 50}, {"max_pixels": 100}, {"reuse_contents": 0}],
)
def test_rows_that_these_settings_would_not_give_are_not_reused(
    spark: SparkSession, lake: Lake, section: EmbedConfig, changed: dict[str, Any]
) -> None:
    run(lake, spark, FIRST, FILES, section)
    other, clean = replace(section, **changed), Lake(spark, f"{lake.root}-clean")
    assert run(lake, spark, FIRST, FILES, other)["reused"] == 0
    run(clean, spark, FIRST, FILES, other)
    assert day(lake, FIRST) == day(clean, FIRST)


def test_rows_of_another_model_are_not_reused(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    run(lake, spark, FIRST, FILES, section)
    other = FakeEncoderFactory(fingerprint="other")
    assert counts(run(lake, spark, FIRST, FILES, section, other)) == (6, 0)
    assert {row["model"] for row in day(lake, FIRST)} == {
        model_of(FakeEncoder(fingerprint="other"))
    }


def test_rows_of_partitions_that_do_not_name_their_decoder_are_not_reused(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    run(lake, spark, FIRST, FILES, section)
    older = lake.read_day("embeddings", FIRST).drop("decoder").localCheckpoint()
    older.write.mode("overwrite").parquet(lake.path("embeddings", FIRST))
    assert counts(run(lake, spark, SECOND, FILES, section)) == (6, 0)


def test_no_more_contents_are_known_than_the_limit_allows(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    names = list(FILES)
    for dt, some in ((FIRST, names[:3]), (SECOND, names[3:])):
        run(lake, spark, dt, {name: FILES[name] for name in some}, section)
    few = replace(section, reuse_contents=5)
    assert len(reuse.find_known(lake.read("embeddings"), THIRD, few)) == 3
    assert counts(run(lake, spark, THIRD, FILES, few)) == (3, 3)


def test_a_content_is_taken_from_the_day_itself_and_else_from_the_latest(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    data = FILES["0.jpg"]
    for dt in (FIRST, SECOND, THIRD):
        run(lake, spark, dt, {"b": data, "a": data}, section)
    usable = reuse.usable(lake.read("embeddings"), section)
    wanted = usable.where("dt = '2026-01-01'")
    for dt, taken in ((FIRST, FIRST), (SECOND, SECOND), ("2026-01-04", THIRD)):
        (place,) = reuse.find_places(wanted, usable, dt).collect()
        assert (place["dt"], place["stored_as"]) == (taken, "b")


def test_a_known_content_that_is_not_stored_stops_the_run(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    run(lake, spark, FIRST, FILES, section)
    known = reuse.find_known(lake.read("embeddings"), FIRST, section)
    table = embed(manifest_of(spark, FILES), 6, section, FakeEncoderFactory(), known)

    def read() -> DataFrame:
        return lake.read("embeddings").where("image_id != '0.jpg'")

    rows = reuse.fill_reused(table, read, FIRST, section)
    with pytest.raises(RuntimeError, match="5 rows written where 6 were expected"):
        lake.replace("embeddings", FIRST, rows, expected_rows=6)
    assert len(day(lake, FIRST)) == 6


def test_a_day_that_is_replaced_while_another_embeds_does_not_disturb_it(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    run(lake, spark, FIRST, FILES, section)
    known = reuse.find_known(lake.read("embeddings"), SECOND, section)
    table = embed(manifest_of(spark, FILES), 6, section, UnwillingFactory(), known)

    def read() -> DataFrame:
        run(lake, spark, FIRST, FILES | BROKEN, section)  # ends while the second day embeds
        return lake.read("embeddings")

    rows = reuse.fill_reused(table, read, SECOND, section)
    assert lake.replace("embeddings", SECOND, rows, expected_rows=6) == 6


def test_only_days_with_reused_contents_are_read_in_full(
    spark: SparkSession, lake: Lake, section: EmbedConfig
) -> None:
    run(lake, spark, FIRST, {"1.jpg": FILES["1.jpg"]}, section)
    run(lake, spark, SECOND, {"2.jpg": FILES["2.jpg"]}, section)
    known = reuse.find_known(lake.read("embeddings"), THIRD, section)
    files = {"a": FILES["2.jpg"], "b": FILES["3.jpg"]}
    table = embed(manifest_of(spark, files), 2, section, FakeEncoderFactory(), known)
    rows = reuse.fill_reused(table, lambda: lake.read("embeddings"), THIRD, section)
    shutil.rmtree(lake.path("embeddings", FIRST))
    assert lake.replace("embeddings", THIRD, rows, expected_rows=2) == 2
