"""The pairs of images that follow from contents and their copies."""

from collections.abc import Iterable
from typing import Any

import pytest
from pyspark.sql import SparkSession

from imgdedup.lake.schemas import PAIRS
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages.verify import pairs
from tests.spark.tables import FINDINGS, Image, copies, embeddings, rows_of

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
Near = tuple[str, str, float]


def pairs_of(
    spark: SparkSession, images: Iterable[Image], near: Iterable[Near] = ()
) -> list[dict[str, Any]]:
    known = pairs.images_of(snapshot_of(embeddings(spark, images)))
    return rows_of(pairs.make_pairs(copies(spark, near), known, "run"))


def ids(found: Iterable[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Left id, right id and kind; fails when a pair is there twice."""
    named = [(pair["left_id"], pair["right_id"], pair["kind"]) for pair in found]
    assert len(named) == len(set(named))
    return set(named)


def test_exact_copies_are_a_star_around_the_least_id(spark: SparkSession) -> None:
    images = [Image(name, "x", SECOND) for name in "dbca"] + [Image("e", "y", FIRST)]
    found = pairs_of(spark, images)
    assert ids(found) == {("a", name, "exact") for name in "bcd"}
    assert {pair["similarity"] for pair in found} == {1.0}
    assert {(pair["left_content"], pair["right_content"]) for pair in found} == {("x", "x")}


def test_a_near_pair_joins_the_least_ids_of_its_contents(spark: SparkSession) -> None:
    images = [Image(name, "x", FIRST) for name in "fc"] + [Image(name, "y", FIRST) for name in "db"]
    found = pairs_of(spark, images, [("x", "y", 0.99)])
    assert ids(found) == {("b", "c", "near"), ("c", "f", "exact"), ("b", "d", "exact")}
    near = next(pair for pair in found if pair["kind"] == "near")
    # The contents follow the order of the ids. The wider content was x.
    taken_over = {name: value for name, value in FINDINGS.items() if name in PAIRS.names}
    assert near == taken_over | {
        "left_id": "b",
        "right_id": "c",
        "left_content": "y",
        "right_content": "x",
        "kind": "near",
        "similarity": 0.99,
        "margin": 0.99,
        "wider_id": "c",
        "review": None,
        "model": "model",
        "run_id": "run",
        "dt": FIRST,
    }
    assert list(near) == [*PAIRS.names, "dt"]


def test_an_exact_pair_has_no_evidence_and_no_explanation(spark: SparkSession) -> None:
    (pair,) = pairs_of(spark, [Image("b", "x", FIRST), Image("a", "x", FIRST)])
    told = {name for name, value in pair.items() if value is not None}
    ours = {"left_id", "right_id", "left_content", "right_content", "model", "run_id", "dt"}
    assert told == ours | {"kind", "similarity", "edit"}
    assert (pair["kind"], pair["similarity"], pair["edit"]) == ("exact", 1.0, "exact copy")


@pytest.mark.parametrize(("wider", "wider_id"), [("left", "b"), ("right", "a")])
def test_the_wider_image_is_named_whichever_side_its_content_was_on(
    spark: SparkSession, wider: str, wider_id: str
) -> None:
    known = pairs.images_of(
        snapshot_of(embeddings(spark, [Image("b", "x", FIRST), Image("a", "y", FIRST)]))
    )
    near = copies(spark, [("x", "y", 0.99)], wider=wider)
    (pair,) = rows_of(pairs.make_pairs(near, known, "run"))
    assert (pair["left_id"], pair["right_id"], pair["wider_id"]) == ("a", "b", wider_id)


def test_the_left_id_is_the_lesser_in_every_pair(spark: SparkSession) -> None:
    images = [Image(f"{n % 7}-{n}", f"content {n % 5}", FIRST) for n in range(40)]
    near = [(f"content {a}", f"content {b}", 0.99) for a in range(5) for b in range(a)]
    found = pairs_of(spark, images, near)
    assert len(found) == 35 + 10
    assert all(pair["left_id"] < pair["right_id"] for pair in found)


def test_a_pair_belongs_to_the_later_of_its_days(spark: SparkSession) -> None:
    images = [Image("a", "x", SECOND), Image("b", "x", FIRST), Image("c", "y", THIRD)]
    images += [Image("d", "z", FIRST)]
    found = pairs_of(spark, images, [("x", "y", 0.99), ("x", "z", 0.99)])
    days = {(pair["left_id"], pair["right_id"]): pair["dt"] for pair in found}
    assert days == {("a", "b"): SECOND, ("a", "c"): THIRD, ("a", "d"): SECOND}


def test_an_image_of_two_days_counts_from_the_first(spark: SparkSession) -> None:
    images = [Image("a", "x", FIRST), Image("a", "x", THIRD), Image("b", "x", SECOND)]
    found = pairs_of(spark, images)
    assert ids(found) == {("a", "b", "exact")}
    assert found[0]["dt"] == SECOND


def test_an_image_makes_no_pair_with_itself(spark: SparkSession) -> None:
    again = [Image("a", "x", FIRST), Image("a", "x", SECOND)]
    assert pairs_of(spark, again) == []
    changed = [Image("a", "x", FIRST), Image("a", "y", SECOND)]
    assert pairs_of(spark, changed, [("x", "y", 0.99)]) == []


@pytest.mark.parametrize("others", [{"x": "c"}, {"y": "b"}, {"x": "c", "y": "b"}])
def test_a_pair_outlives_an_image_that_both_its_contents_had(
    spark: SparkSession, others: dict[str, str]
) -> None:
    changed = [Image("a", "x", FIRST), Image("a", "y", SECOND)]
    images = [*changed, *(Image(name, content, THIRD) for content, name in others.items())]
    near = [pair for pair in pairs_of(spark, images, [("x", "y", 0.99)]) if pair["kind"] == "near"]
    assert len(near) == 1
    named = {near[0]["left_id"]: near[0]["left_content"]}
    named[near[0]["right_id"]] = near[0]["right_content"]
    assert len(named) == 2
    known = {(image.image_id, image.content) for image in images}
    assert set(named.items()) <= known
    assert set(named.values()) == {"x", "y"}


def test_candidates_of_contents_that_are_gone_disappear(spark: SparkSession) -> None:
    images = [Image("a", "x", FIRST), Image("b", "y", FIRST), Image("c", None, FIRST)]
    near = [("x", "y", 0.99), ("x", "gone", 0.99), ("gone", "lost", 0.99)]
    assert ids(pairs_of(spark, images, near)) == {("a", "b", "near")}


def test_images_that_could_not_be_read_are_in_no_pair(spark: SparkSession) -> None:
    assert pairs_of(spark, [Image("a", None, FIRST), Image("b", None, FIRST)]) == []


def test_candidates_of_another_model_are_ignored(spark: SparkSession) -> None:
    images = [Image(name, name.upper(), FIRST) for name in "abc"]
    known = pairs.images_of(snapshot_of(embeddings(spark, images)))
    old = copies(spark, [("A", "B", 0.5), ("A", "C", 0.99)], "old model")
    new = copies(spark, [("A", "B", 0.99)])
    for given in (old.union(new), new.union(old)):
        found = rows_of(pairs.make_pairs(given.coalesce(1), known, "run"))
        assert [(pair["left_id"], pair["right_id"], pair["similarity"]) for pair in found] == [
            ("a", "b", 0.99)
        ]


def test_pairs_are_counted_by_kind(spark: SparkSession) -> None:
    images = [Image(name, "x", FIRST) for name in "abc"] + [Image("d", "y", FIRST)]
    known = pairs.images_of(snapshot_of(embeddings(spark, images)))
    found = pairs.make_pairs(copies(spark, [("x", "y", 0.99)]), known, "run")
    assert pairs.count_kinds(found) == {"exact": 2, "near": 1}
