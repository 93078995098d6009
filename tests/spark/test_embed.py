"""Embedding with Spark: every image has a row, with an embedding or with a failure."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from imgdedup.config import Config, EmbedConfig
from imgdedup.errors import UserError
from imgdedup.lake.digests import conform
from imgdedup.lake.schemas import EMBEDDINGS
from imgdedup.stages.embed import figures
from imgdedup.stages.embed.embedding import Factory, default_factory, embed, spread_rows
from imgdedup.stages.embed.reuse import Known
from imgdedup.stages.embed.worker import model_of
from tests.archives import tar_of, zip_of
from tests.spark.tables import frame, rows_of
from tests.stand_ins import FAKE_DIMS, FakeEncoder, FakeEncoderFactory, encoded, picture

Row = dict[str, Any]


@pytest.fixture
def section(settings: Config) -> EmbedConfig:
    return replace(settings.embed, rows_per_partition=4, decode_threads=2, max_file_bytes=100_000)


def embedded(
    manifest: DataFrame, section: EmbedConfig, factory: Factory | None = None
) -> dict[str, Row]:
    """The rows of `embeddings` by image_id; fails when an id is there twice."""
    made_by = factory or FakeEncoderFactory()
    table = embed(manifest, manifest.count(), section, made_by, Known())
    rows = rows_of(conform(table, EMBEDDINGS))
    found = {row["image_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def folder_manifest(spark: SparkSession, files: dict[str, bytes], folder: Path) -> DataFrame:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    rows = [(name, (folder / name).as_uri()) for name in files]
    return frame(spark, rows, "image_id string, uri string")


def test_every_row_has_an_embedding_or_a_failure(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    good = {f"{n}.png": encoded(picture(n, 40 + n, 30)) for n in range(9)}
    bad = {
        "empty.png": (b"", "empty"),
        "text.png": (b"no picture", "not_an_image"),
        "cut.png": (good["0.png"][:-200], "truncated"),
        "large.png": (bytes(100_001), "too_large"),
    }
    files = good | {name: data for name, (data, _) in bad.items()}
    manifest = folder_manifest(spark, files, tmp_path)
    away = frame(spark, [("away.png", f"{tmp_path}/away.png")], "image_id string, uri string")
    rows = embedded(manifest.union(away), section)
    assert set(rows) == {*files, "away.png"}
    expected = {name: code for name, (_, code) in bad.items()} | {"away.png": "missing"}
    assert {name: row["failure"] for name, row in rows.items() if row["failure"]} == expected
    for name, row in rows.items():
        failed = row["failure"] is not None
        assert (row["embedding"] is None) == (row["thumbnail"] is None) == failed
        assert (row["local"] is None) == (row["features"] is None) == failed
        assert (
            (row["width"] is None) == (row["height"] is None) == (row["format"] is None) == failed
        )
        assert (row["failure_detail"] is not None) == failed
        assert row["model"] == model_of(FakeEncoder())
        readable = name not in ("empty.png", "large.png", "away.png")
        data = files.get(name, b"")
        assert row["content_id"] == (hashlib.sha256(data).hexdigest() if readable else None)
        assert row["size_bytes"] == (len(data) if readable else None)


def test_the_columns_say_what_the_image_is(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    data = encoded(picture(1, 50, 20), "JPEG", quality=95)
    manifest = folder_manifest(spark, {"a.bin": data}, tmp_path)
    row = embedded(manifest, section)["a.bin"]
    assert row["uri"] == (tmp_path / "a.bin").as_uri()
    assert (row["format"], row["width"], row["height"]) == ("JPEG", 50, 20)
    assert (row["frames"], row["has_alpha"], row["second_thumbnail"]) == (1, False, None)
    assert (row["bars"], row["quality"]) == (0.0, 95)
    assert row["detail"] == pytest.approx(1000**0.5, abs=0.1)
    assert len(row["embedding"]) == FAKE_DIMS


def test_an_embedding_does_not_depend_on_partition_or_batch(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    files = {f"{n}.png": encoded(picture(n)) for n in range(10)} | {"x.png": b"no picture"}
    manifest = folder_manifest(spark, files, tmp_path)
    apart = embedded(manifest, replace(section, rows_per_partition=1))
    together = embedded(manifest, replace(section, rows_per_partition=100))
    assert apart == together
    assert len({tuple(row["embedding"] or ()) for row in apart.values()}) == 11


def test_the_carried_network_gives_the_same_bits_however_the_work_is_cut(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    files = {f"{n}.jpg": encoded(picture(n, 400, 300), "JPEG") for n in range(9)}
    files |= {f"{n}.png": encoded(picture(n, 90, 150)) for n in range(9)} | {"x": b"no picture"}
    there = folder_manifest(spark, files, tmp_path)
    back = there.sort("image_id", ascending=False)
    whole = replace(section, rows_per_partition=100, decode_threads=1, batch_size=32)
    thirds = replace(section, rows_per_partition=7, decode_threads=4, batch_size=2)
    found = [
        embedded(manifest, cut, default_factory(cut))
        for manifest, cut in ((there, whole), (back, thirds))
    ]
    assert sum(row["embedding"] is not None for row in found[0].values()) == 18
    assert found[1] == found[0]


def test_bytes_in_the_manifest_are_used_instead_of_the_uri(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    inside, outside = encoded(picture(1)), encoded(picture(2))
    (tmp_path / "there.png").write_bytes(outside)
    there = (tmp_path / "there.png").as_uri()
    rows = [
        ("inside", "lake://nowhere", inside, "a user's column"),
        ("both", there, inside, None),
        ("uri alone", there, None, None),
        ("empty", there, b"", None),
        ("large", there, bytes(100_001), None),
    ]
    schema = "image_id string, uri string, content binary, caption string"
    found = embedded(frame(spark, rows, schema), section)
    contents = {name: row["content_id"] for name, row in found.items()}
    assert contents["inside"] == contents["both"] == hashlib.sha256(inside).hexdigest()
    assert contents["uri alone"] == hashlib.sha256(outside).hexdigest()
    failures = {name: row["failure"] for name, row in found.items() if row["failure"]}
    assert failures == {"empty": "empty", "large": "too_large"}


def test_a_manifest_without_rows_gives_no_rows(spark: SparkSession, section: EmbedConfig) -> None:
    assert embedded(frame(spark, [], "image_id string, uri string"), section) == {}


def test_a_worker_process_makes_its_model_once(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    # Defined here, so that Spark sends the class to the workers with the factory.
    @dataclass(frozen=True)
    class NotedFactory:
        notes: str

        def create(self, gpus: Sequence[str], threads: int) -> Sequence[FakeEncoder]:
            (Path(self.notes) / uuid.uuid4().hex).write_text(str(os.getpid()))
            return FakeEncoderFactory().create(gpus, threads)

    manifest = frame(spark, [(f"{n}", f"/{n}") for n in range(24)], "image_id string, uri string")
    notes = tmp_path / "notes"
    notes.mkdir()
    for _ in range(2):
        embedded(manifest, replace(section, rows_per_partition=3), NotedFactory(str(notes)))
    makers = [note.read_text() for note in notes.iterdir()]
    assert len(makers) == len(set(makers))
    assert 1 <= len(makers) < 8  # 16 tasks, shared by the workers of two cores


def test_the_figures_of_a_run_are_observed_while_it_writes(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    files = {"a.png": encoded(picture(1)), "b.png": b"text", "c.png": b"text", "d.png": b""}
    manifest = folder_manifest(spark, files, tmp_path)
    seen = Observation()
    table = embed(manifest, 4, section, FakeEncoderFactory(fingerprint="f"), Known())
    table.observe(seen, *figures.metrics()).localCheckpoint()
    assert figures.require_same_model(seen.get["models"]) == model_of(FakeEncoder(fingerprint="f"))
    assert figures.failures(seen.get) == {"not_an_image": 2, "empty": 1}
    told = figures.figures(seen.get, healed=0)
    assert (told["embedded"], told["reused"]) == (1, 0)
    assert told["failures"] == "not_an_image 2, empty 1"
    assert 0 <= float(str(told["model_share"])) <= 1


def test_workers_with_different_models_are_refused() -> None:
    assert figures.require_same_model([]) is None
    with pytest.raises(UserError, match=r"cpu, gpu.*embed\.device"):
        figures.require_same_model(["cpu", "gpu"])


def test_members_of_one_archive_are_read_in_few_partitions(
    spark: SparkSession, section: EmbedConfig, tmp_path: Path
) -> None:
    good = {f"dir/{n:03}.png": encoded(picture(n, 40, 30)) for n in range(20)}
    archives = [tar_of(tmp_path / "a.tar", good), zip_of(tmp_path / "b.zip", good)]
    members = [(f"{path.name}-{name}", f"{path}#{name}") for path in archives for name in good]
    turned = [members[at * 7 % len(members)] for at in range(len(members))]
    manifest = frame(spark, turned, "image_id string, uri string")
    parts = spread_rows(manifest, 8).select("uri", F.spark_partition_id().alias("part")).collect()
    for path in archives:
        assert len({row["part"] for row in parts if row["uri"].startswith(str(path))}) <= 5
    for part in range(8):
        uris = [row["uri"] for row in parts if row["part"] == part]
        assert uris == sorted(uris)
        assert 1 <= len(uris) <= 10
    table = embedded(manifest, section)
    assert {row["failure"] for row in table.values()} == {None}
    for (name, uri), data in zip(members, [*good.values()] * 2, strict=True):
        assert table[name]["content_id"] == hashlib.sha256(data).hexdigest()
        assert table[name]["file_key"] == Path(uri).as_uri().replace("%23", "#")
