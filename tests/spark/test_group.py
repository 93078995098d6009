"""Groups, keepers and `deduplicated` of seeded random corpora, compared with networkx.

A corpus first goes through `pairs.make_pairs`, as in a run. Many corpora share one run of Spark:
their names keep them apart.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import networkx as nx
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup.lake.schemas import GROUPS
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages import group
from imgdedup.stages.verify import pairs
from tests.spark.tables import FINDINGS, Image, copies, embeddings, frame, rows_of

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
ORDER = ("pixels", "bytes", "day")
WITNESS = ("similarity", "margin", "inliers", "correlation", "overlap", "edit")
Row = dict[str, Any]


@dataclass
class Corpus:
    images: list[Image] = field(default_factory=list)
    near: list[tuple[str, str, float]] = field(default_factory=list)

    def groups(self, spark: SparkSession, order: Sequence[str] = ORDER) -> DataFrame:
        table = snapshot_of(embeddings(spark, self.images))
        found = pairs.make_pairs(copies(spark, self.near), pairs.images_of(table), "verify")
        return group.form_groups(table, found, order, "group")

    def rank(self, image_id: str, content: str, order: Sequence[str]) -> tuple[Any, ...]:
        rows = [i for i in self.images if (i.image_id, i.content) == (image_id, content)]
        keys = {
            "pixels": -rows[0].width * rows[0].height,
            "bytes": -rows[0].size_bytes,
            "day": min(image.dt for image in rows),
        }
        return (*(keys[name] for name in order), image_id)


def random_corpus(name: str, rng: random.Random) -> Corpus:
    """Up to 8 contents of few sizes, so that ties are common; an image is on one day or on two."""
    corpus = Corpus()
    contents = [f"{name}/content {number}" for number in range(rng.randint(1, 8))]
    ids = iter(rng.sample(range(100), 40))
    for content in contents:
        shape = rng.choice([(1, 6), (2, 3), (4, 4)]), rng.choice([10, 20])
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            image_id = f"{name}/{next(ids):02}"
            for day in rng.sample(DAYS, rng.choice([1, 1, 2])):
                corpus.images.append(Image(image_id, content, day, *shape[0], shape[1]))
    corpus.images.append(Image(f"{name}/broken", None, DAYS[0]))
    possible = [(a, b) for a in contents for b in contents if a < b]
    chosen = rng.sample(possible, rng.randint(0, len(possible) // 2))
    corpus.near = [(a, b, 0.9 + rng.randrange(100) / 1000) for a, b in chosen]
    return corpus


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = random.Random(7)
    whole = Corpus()
    for number in range(150):
        part = random_corpus(f"{number:03}", rng)
        whole.images += part.images
        whole.near += part.near
    return whole


@pytest.fixture(scope="module")
def found(spark: SparkSession, corpus: Corpus) -> list[Row]:
    return rows_of(corpus.groups(spark))


def connected(corpus: Corpus) -> dict[str, set[str]]:
    """For each image the images of its component, by networkx."""
    graph = nx.Graph()
    for image in corpus.images:
        if image.content is not None:
            graph.add_edge(("image", image.image_id), ("content", image.content))
    graph.add_edges_from((("content", a), ("content", b)) for a, b, _ in corpus.near)
    parts = [
        {name for kind, name in part if kind == "image"} for part in nx.connected_components(graph)
    ]
    return {image_id: part for part in parts for image_id in part}


def test_groups_are_what_pairs_connect(corpus: Corpus, found: list[Row]) -> None:
    groups = {name: part for name, part in connected(corpus).items() if len(part) > 1}
    expected = {(i.image_id, i.dt) for i in corpus.images if i.image_id in groups}
    assert {(row["image_id"], row["dt"]) for row in found} == expected
    assert len(found) == len(expected)
    days = {(image.image_id, image.dt) for image in corpus.images}
    assert {row["image_id"]: row["group_id"] for row in found} == {
        name: "/".join(min((dt, other) for other, dt in days if other in part))
        for name, part in groups.items()
    }


def test_a_group_is_named_by_its_earliest_image(spark: SparkSession) -> None:
    group = [Image("m", "two", DAYS[1]), Image("n", "two", DAYS[1])]
    later = [replace(image, content="later") for image in [*group, Image("a", "", DAYS[2])]]
    earlier = [replace(image, content="earlier") for image in [*later, Image("z", "", DAYS[0])]]
    changed = [Image("a", "x", DAYS[0]), Image("b", "x", DAYS[1])]
    changed += [Image("a", "y", DAYS[1]), Image("b", "y", DAYS[2])]  # other bytes on another day
    found = rows_of(Corpus(group + later + earlier + changed).groups(spark))
    assert {(row["content_id"], row["group_id"]) for row in found} == {
        ("two", f"{DAYS[1]}/m"),
        ("later", f"{DAYS[1]}/m"),
        ("earlier", f"{DAYS[0]}/z"),
        ("x", f"{DAYS[0]}/a"),
        ("y", f"{DAYS[1]}/a"),
    }


def test_every_removal_has_a_pair_with_its_own_keeper(corpus: Corpus, found: list[Row]) -> None:
    similarities = {frozenset(pair[:2]): pair[2] for pair in corpus.near}
    keepers = {row["image_id"]: row["content_id"] for row in found if row["is_keeper"]}
    removed = [row for row in found if not row["is_keeper"]]
    assert {row["kind"] for row in removed} == {"exact", "near"}
    for row in removed:
        assert row["keeper_id"] != row["image_id"]
        assert keepers[row["keeper_id"]] == row["keeper_content"]
        witness = {name: row[name] for name in WITNESS}
        if row["content_id"] == row["keeper_content"]:
            assert row["kind"] == "exact"
            exact = {"similarity": 1.0, "edit": "exact copy"}
            assert witness == dict.fromkeys(WITNESS) | exact
        else:
            assert row["kind"] == "near"
            similarity = similarities[frozenset((row["content_id"], row["keeper_content"]))]
            near = FINDINGS | {"similarity": similarity, "margin": similarity}
            assert witness == {name: near[name] for name in WITNESS}


def test_a_keeper_is_its_own_keeper(found: list[Row]) -> None:
    keepers = [row for row in found if row["is_keeper"]]
    assert keepers
    for row in keepers:
        assert (row["keeper_id"], row["keeper_content"]) == (row["image_id"], row["content_id"])
        assert [row[name] for name in ("kind", *WITNESS)] == [None] * 7
        assert row["reason"] == "keeper"


def test_no_two_keepers_are_a_pair(corpus: Corpus, found: list[Row]) -> None:
    kept = [(row["image_id"], row["content_id"]) for row in found if row["is_keeper"]]
    contents = {content for _, content in kept}
    assert len(set(kept)) == len(contents)
    assert not [pair for pair in corpus.near if {*pair[:2]} <= contents]


@pytest.mark.parametrize("order", [ORDER, ("day",), ("bytes", "pixels")])
def test_keepers_come_first_in_the_total_order(
    spark: SparkSession, corpus: Corpus, found: list[Row], order: Sequence[str]
) -> None:
    rows = found if order == ORDER else rows_of(corpus.groups(spark, order))
    best: dict[str, tuple[Any, ...]] = {}
    for image in corpus.images:
        if image.content is not None:
            rank = corpus.rank(image.image_id, image.content, order)
            best[image.content] = min(rank, best.get(image.content, rank))
    graph = nx.Graph(pair[:2] for pair in corpus.near)
    graph.add_nodes_from(best)
    kept = {row["content_id"] for row in rows if row["is_keeper"]}
    for row in rows:
        content, keeper = row["content_id"], row["keeper_content"]
        assert row["keeper_id"] == best[keeper][-1]
        better = {other for other in graph[content] if best[other] < best[content]} & kept
        assert keeper == min(better, key=lambda name: best[name], default=content)


def test_order_and_partitions_of_the_rows_do_not_matter(
    spark: SparkSession, corpus: Corpus, found: list[Row]
) -> None:
    rng = random.Random(11)
    images = rng.sample(corpus.images, len(corpus.images))
    table = snapshot_of(embeddings(spark, images)).repartition(3)
    made = pairs.make_pairs(copies(spark, corpus.near[::-1]), pairs.images_of(table), "verify")
    again = group.form_groups(table, made.repartition(3), ORDER, "group")
    assert again.columns == [*GROUPS.names, "dt"]
    assert rows_of(again) == found


def test_the_reason_names_what_makes_the_keeper_better(spark: SparkSession) -> None:
    corpus = Corpus()
    shapes = {"pixels": (10, 10, 7), "bytes": (5, 5, 9), "day": (5, 5, 7), "image_id": (5, 5, 7)}
    for name, (width, height, size) in shapes.items():
        dt = DAYS[1] if name == "day" else DAYS[0]
        better, worse = f"{name} a", f"{name} b"
        corpus.images += [
            Image(better, better, DAYS[0], width, height, size),
            Image(worse, worse, dt, 5, 5, 7),
        ]
        corpus.near.append((better, worse, 0.95))
    corpus.images += [Image("same a", "same", DAYS[0]), Image("same b", "same", DAYS[0])]
    reasons = {row["image_id"]: row["reason"] for row in rows_of(corpus.groups(spark))}
    assert {name: reason for name, reason in reasons.items() if reason != "keeper"} == {
        "pixels b": "near copy; its keeper has more pixels",
        "bytes b": "near copy; its keeper has more bytes",
        "day b": "near copy; its keeper came on an earlier day",
        "image_id b": "near copy; its keeper has the lesser image_id",
        "same b": "exact copy; its keeper has the lesser image_id",
    }


def test_pixels_are_counted_beyond_32_bits(spark: SparkSession) -> None:
    huge = Image("z", "huge", DAYS[0], 60_000, 60_000)
    corpus = Corpus([huge, Image("a", "small", DAYS[0])], [("huge", "small", 0.95)])
    assert {row["keeper_id"] for row in rows_of(corpus.groups(spark))} == {"z"}


def test_an_image_that_comes_again_on_other_days_is_never_removed_for_itself(
    spark: SparkSession,
) -> None:
    alone = Corpus([Image("a", "x", day) for day in DAYS])
    assert rows_of(alone.groups(spark)) == []
    copied = Corpus([*alone.images, Image("b", "x", DAYS[0])])
    kept = {(row["image_id"], row["dt"]): row["is_keeper"] for row in rows_of(copied.groups(spark))}
    assert kept == {**{("a", day): True for day in DAYS}, ("b", DAYS[0]): False}


def test_an_image_whose_file_changed_is_never_removed_for_itself(spark: SparkSession) -> None:
    changed = [Image("b", "large", DAYS[0], 200, 200), Image("b", "small", DAYS[1])]
    corpus = Corpus([*changed, Image("a", "small", DAYS[1])], [("large", "small", 0.95)])
    kept = {(row["image_id"], row["dt"]): row["is_keeper"] for row in rows_of(corpus.groups(spark))}
    assert kept == {("b", DAYS[0]): True, ("b", DAYS[1]): True, ("a", DAYS[1]): False}


def test_deduplicated_is_the_manifest_without_the_removed_images(spark: SparkSession) -> None:
    corpus = Corpus([Image("a", "x", DAYS[0]), Image("b", "x", DAYS[0]), Image("c", None, DAYS[0])])
    corpus.images += [Image("d", "x", DAYS[1]), Image("e", "y", DAYS[0])]
    rows = [(name, f"/{name}", f"caption {name}", [1, 2], None) for name in "abce"]
    manifest = frame(
        spark, rows, "image_id string, uri string, caption string, tags array<int>, price double"
    )
    groups = corpus.groups(spark).where(F.col("dt") == DAYS[0])
    kept = group.without_removed(manifest, groups)
    assert kept.schema == manifest.schema
    assert rows_of(kept) == [row for row in rows_of(manifest) if row["image_id"] != "b"]


def test_groups_keepers_and_removals_are_counted(spark: SparkSession) -> None:
    images = [Image(name, "x", DAYS[0]) for name in "abc"]
    images += [Image(name, "y", DAYS[0]) for name in "de"]
    counted = group.count_groups(Corpus(images).groups(spark))
    assert counted == {"groups": 2, "keepers": 2, "same_file": 0, "removed": 3}
    assert group.count_groups(Corpus(images[:1]).groups(spark)) == {
        "groups": 0,
        "keepers": 0,
        "same_file": 0,
        "removed": 0,
    }
