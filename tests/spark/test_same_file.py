"""The names of one file: no name is removed for another name."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.relations.files import shared_files
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages.embed.embedding import embed
from imgdedup.stages.embed.reuse import Known
from imgdedup.stages.group import count_groups, form_groups, without_removed
from imgdedup.stages.scan.folders import walk
from imgdedup.stages.scan.images import listing
from imgdedup.stages.verify import pairs
from tests.pictures import natural
from tests.spark.tables import Image, copies, embeddings, frame, rows_of
from tests.stand_ins import FakeEncoderFactory, encoded

FIRST, SECOND = "2026-01-01", "2026-01-02"
ORDER = ("pixels", "bytes", "link", "day")
NAMED = "another name of its keeper's file, kept with it"
Near = Sequence[tuple[str, str, float]]


def image(name: str, content: str = "x", dt: str = FIRST, **known: Any) -> Image:
    return Image(name, content, dt, **{"file_key": f"file:///{name}"} | known)


def grouped(
    spark: SparkSession, images: Sequence[Image], near: Near = ()
) -> dict[tuple[str, str], tuple[str, str | None, bool]]:
    """For each image and day its keeper, the kind, and whether it is kept."""
    snapshot = snapshot_of(embeddings(spark, images))
    found = pairs.make_pairs(copies(spark, near), pairs.images_of(snapshot), "run")
    rows = rows_of(form_groups(snapshot, found, ORDER, "run"))
    for row in rows:
        is_name = row["kind"] == "same_file"
        assert (row["reason"] == NAMED) == is_name
        assert is_name <= (row["similarity"] is row["edit"] is row["inliers"] is None)
    return {
        (row["image_id"], row["dt"]): (row["keeper_id"], row["kind"], row["is_keeper"])
        for row in rows
    }


def paired(spark: SparkSession, images: Sequence[Image]) -> set[tuple[str, str, str]]:
    known = pairs.images_of(snapshot_of(embeddings(spark, images)))
    rows = rows_of(pairs.make_pairs(copies(spark, []), known, "run"))
    assert {(row["edit"], row["similarity"]) for row in rows} <= {
        ("exact copy", 1.0),
        ("same file", 1.0),
    }
    return {(row["left_id"], row["right_id"], row["kind"]) for row in rows}


def test_all_names_of_a_kept_file_are_kept_and_the_target_is_the_keeper(
    spark: SparkSession,
) -> None:
    images = [
        image("a link", file_key="file:///file", is_link=True),
        image("file", is_link=False),
        image("spelled", file_key="file:///file", is_link=False),
    ]
    assert grouped(spark, images) == {
        ("a link", FIRST): ("file", "same_file", True),
        ("file", FIRST): ("file", None, True),
        ("spelled", FIRST): ("file", "same_file", True),
    }
    assert paired(spark, images) == {
        ("a link", "file", "same_file"),
        ("a link", "spelled", "same_file"),
    }


def test_hard_links_and_links_to_them_are_one_file(spark: SparkSession) -> None:
    images = [
        image("a", inode="1:7"),
        image("b", inode="1:7"),
        image("c", file_key="file:///b", inode="1:7", is_link=True),
        image("d", inode="1:8"),
    ]
    found = grouped(spark, images)
    assert found["b", FIRST] == found["c", FIRST] == ("a", "same_file", True)
    assert found["d", FIRST] == ("a", "exact", False)
    assert paired(spark, images) == {
        ("a", "b", "same_file"),
        ("a", "c", "same_file"),
        ("a", "d", "exact"),
    }


def test_all_names_of_a_copy_of_another_file_are_removed(spark: SparkSession) -> None:
    images = [
        image("1"),
        image("2", file_key="file:///1", is_link=True),
        image("3", is_link=False),
        image("4", file_key="file:///3", is_link=True),
        image("5", "small", width=50),
        image("6", "small", width=50, file_key="file:///5", is_link=True),
    ]
    found = grouped(spark, images, [("x", "small", 0.9)])
    assert {name: row[1:] for (name, _), row in found.items()} == {
        "1": (None, True),
        "2": ("same_file", True),
        "3": ("exact", False),
        "4": ("exact", False),
        "5": ("near", False),
        "6": ("near", False),
    }
    assert paired(spark, images[:4]) == {
        ("1", "2", "same_file"),
        ("1", "3", "exact"),
        ("3", "4", "same_file"),
    }


def test_a_place_is_compared_only_within_one_content(spark: SparkSession) -> None:
    images = [image("a", "x", file_key="p", inode="1:1")]
    images += [image("b", "y", file_key="p", inode="1:1", width=50)]
    assert grouped(spark, images, [("x", "y", 0.9)])["b", FIRST] == ("a", "near", False)


def test_a_name_is_kept_on_a_day_on_which_the_file_has_changed(spark: SparkSession) -> None:
    images = [
        image(name, content, dt, width=width, file_key="file:///a", is_link=name == "b")
        for content, dt, width in (("x", FIRST, 100), ("y", SECOND, 50))
        for name in ("a", "b")
    ]
    assert grouped(spark, images, [("x", "y", 0.9)]) == {
        ("a", FIRST): ("a", None, True),
        ("b", FIRST): ("a", "same_file", True),
        ("a", SECOND): ("a", None, True),
        ("b", SECOND): ("a", "same_file", True),
    }


def test_one_place_on_two_days_is_one_file_whatever_its_inode(spark: SparkSession) -> None:
    images = [image("a", file_key="p", inode="1:1"), image("b", dt=SECOND, file_key="p")]
    assert grouped(spark, images)["b", SECOND] == ("a", "same_file", True)


def test_rows_of_an_earlier_version_are_told_apart_by_their_uris(spark: SparkSession) -> None:
    images = [image("a", file_key=None), image("b", file_key=None)]
    assert grouped(spark, images)["b", FIRST] == ("a", "exact", False)
    named = [images[0], image("c", file_key="file:///a")]  # the uri of the first
    assert grouped(spark, named)["c", FIRST] == ("a", "same_file", True)


def test_bytes_that_a_manifest_carries_are_no_file(spark: SparkSession) -> None:
    images = [image("a", file_key=""), image("b", file_key="")]
    assert grouped(spark, images)["b", FIRST] == ("a", "exact", False)


def test_names_of_one_file_alone_are_a_group_that_loses_nothing(spark: SparkSession) -> None:
    snapshot = snapshot_of(embeddings(spark, [image("a"), image("b", file_key="file:///a")]))
    near = pairs.make_pairs(copies(spark, []), pairs.images_of(snapshot), "run")
    groups = form_groups(snapshot, near, ORDER, "run")
    assert count_groups(groups) == {"groups": 1, "keepers": 1, "same_file": 1, "removed": 0}
    manifest = frame(spark, [("a", "/a"), ("b", "/b")], "image_id string, uri string")
    assert without_removed(manifest, groups).count() == 2


marks = st.sampled_from([None, "p", "q", "r"])
names = st.lists(st.tuples(st.sampled_from("xy"), marks, marks), min_size=1, max_size=7)


@settings(max_examples=15, deadline=None)
@given(names)
def test_the_names_of_a_file_are_those_that_places_and_inodes_connect(
    spark: SparkSession, rows: list[tuple[str, str | None, str | None]]
) -> None:
    images = [
        image(f"{number}", content, file_key=f"file:///{place or number}", inode=inode)
        for number, (content, place, inode) in enumerate(rows)
    ]
    graph = nx.Graph()
    for one in images:
        graph.add_edge((one.content, one.image_id), (one.content, "place", one.file_key))
        if one.inode is not None:
            graph.add_edge((one.content, one.image_id), (one.content, "inode", one.inode))
    expected: dict[tuple[str, str], str] = {}
    for part in nx.connected_components(graph):
        members = sorted(node for node in part if len(node) == 2)
        if len(members) > 1:
            expected |= dict.fromkeys(members, members[0][1])
    found = shared_files(snapshot_of(embeddings(spark, images)))
    assert {(row[0], row[1]): row[2] for row in found.collect()} == expected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photograph, a copy of its file, and links to both."""
    photos = tmp_path / "photos"
    photos.mkdir()
    data = encoded(natural(1, 64, 48))
    for name in ("b photo.png", "copy.png"):
        (photos / name).write_bytes(data)
    (photos / "a link.png").symlink_to("b photo.png")
    os.link(photos / "b photo.png", photos / "hard.png")
    (photos / "link to the copy.png").symlink_to("copy.png")
    return photos


def test_a_scanned_folder_with_links_loses_only_the_copy(
    spark: SparkSession, settings: Config, folder: Path
) -> None:
    files = listing(walk(str(folder), settings.scan), settings.scan)
    again = [("once more/hard.png", f"file:{folder}//./hard.png")]
    manifest = spark.createDataFrame(files).union(
        frame(spark, again, "image_id string, uri string")
    )
    section = replace(settings.embed, rows_per_partition=2)
    table = embed(manifest, 6, section, FakeEncoderFactory(), Known())
    snapshot = snapshot_of(table.selectExpr("*", f"'{FIRST}' AS dt"))
    near = pairs.make_pairs(copies(spark, []), pairs.images_of(snapshot), "run")
    groups = form_groups(snapshot, near, settings.group.keeper_order, "run").localCheckpoint()
    keepers = {row["keeper_id"] for row in rows_of(groups)}
    assert keepers == {"b photo.png"}
    kept = {row["image_id"] for row in rows_of(without_removed(manifest, groups))}
    assert kept == {"b photo.png", "a link.png", "hard.png", "once more/hard.png"}
