"""Which pairs of images the decided candidates stand for."""

from collections.abc import Iterable
from typing import Any

import pytest
from pyspark.sql import SparkSession

from imgdedup import verify
from imgdedup.config import VerifyConfig
from imgdedup.schemas import PAIRS
from tests.spark.tables import Image, candidates, embeddings, rows_of

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
Near = tuple[str, str, float]


def pairs_of(
    spark: SparkSession, images: Iterable[Image], near: Iterable[Near] = ()
) -> list[dict[str, Any]]:
    listed = verify.images(embeddings(spark, images))
    return rows_of(verify.pairs(candidates(spark, near), listed, "run"))


def ids(pairs: Iterable[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Left id, right id and kind; fails when a pair is there twice."""
    found = [(pair["left_id"], pair["right_id"], pair["kind"]) for pair in pairs]
    assert len(found) == len(set(found))
    return set(found)


def test_the_threshold_is_inclusive(spark: SparkSession) -> None:
    given = candidates(spark, [("a", "b", 0.95), ("a", "c", 0.9499999), ("a", "d", 1.0)])
    decided = verify.decide(given, VerifyConfig(similarity=0.95))
    assert sorted(row.right_content for row in decided.collect()) == ["b", "d"]


def test_exact_copies_are_a_star_around_the_least_id(spark: SparkSession) -> None:
    images = [Image(name, "x", SECOND) for name in "dbca"] + [Image("e", "y", FIRST)]
    pairs = pairs_of(spark, images)
    assert ids(pairs) == {("a", name, "exact") for name in "bcd"}
    assert {pair["similarity"] for pair in pairs} == {1.0}
    assert {(pair["left_content"], pair["right_content"]) for pair in pairs} == {("x", "x")}


def test_a_near_pair_joins_the_least_ids_of_its_contents(spark: SparkSession) -> None:
    images = [Image(name, "x", FIRST) for name in "fc"] + [Image(name, "y", FIRST) for name in "db"]
    pairs = pairs_of(spark, images, [("x", "y", 0.99)])
    assert ids(pairs) == {("b", "c", "near"), ("c", "f", "exact"), ("b", "d", "exact")}
    near = next(pair for pair in pairs if pair["kind"] == "near")
    # The contents follow the ids, not their own order.
    assert near == {
        "left_id": "b",
        "right_id": "c",
        "left_content": "y",
        "right_content": "x",
        "kind": "near",
        "similarity": 0.99,
        "model": "model",
        "run_id": "run",
        "dt": FIRST,
    }
    assert list(near) == [*PAIRS.names, "dt"]


def test_the_left_id_is_the_lesser_in_every_pair(spark: SparkSession) -> None:
    images = [Image(f"{n % 7}-{n}", f"content {n % 5}", FIRST) for n in range(40)]
    near = [(f"content {a}", f"content {b}", 0.99) for a in range(5) for b in range(a)]
    pairs = pairs_of(spark, images, near)
    assert len(pairs) == 35 + 10
    assert all(pair["left_id"] < pair["right_id"] for pair in pairs)


def test_a_pair_belongs_to_the_later_of_its_days(spark: SparkSession) -> None:
    images = [Image("a", "x", SECOND), Image("b", "x", FIRST), Image("c", "y", THIRD)]
    images += [Image("d", "z", FIRST)]
    pairs = pairs_of(spark, images, [("x", "y", 0.99), ("x", "z", 0.99)])
    days = {(pair["left_id"], pair["right_id"]): pair["dt"] for pair in pairs}
    assert days == {("a", "b"): SECOND, ("a", "c"): THIRD, ("a", "d"): SECOND}


def test_an_image_listed_on_two_days_counts_from_the_first(spark: SparkSession) -> None:
    images = [Image("a", "x", FIRST), Image("a", "x", THIRD), Image("b", "x", SECOND)]
    pairs = pairs_of(spark, images)
    assert ids(pairs) == {("a", "b", "exact")}
    assert pairs[0]["dt"] == SECOND


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
    listed = {(image.image_id, image.content) for image in images}
    assert set(named.items()) <= listed
    assert set(named.values()) == {"x", "y"}


def test_candidates_of_contents_that_are_gone_disappear(spark: SparkSession) -> None:
    images = [Image("a", "x", FIRST), Image("b", "y", FIRST), Image("c", None, FIRST)]
    near = [("x", "y", 0.99), ("x", "gone", 0.99), ("gone", "lost", 0.99)]
    assert ids(pairs_of(spark, images, near)) == {("a", "b", "near")}


def test_images_that_could_not_be_read_are_in_no_pair(spark: SparkSession) -> None:
    assert pairs_of(spark, [Image("a", None, FIRST), Image("b", None, FIRST)]) == []


def test_candidates_of_another_model_are_ignored(spark: SparkSession) -> None:
    images = [Image(name, name.upper(), FIRST) for name in "abc"]
    listed = verify.images(embeddings(spark, images))
    old = candidates(spark, [("A", "B", 0.5), ("A", "C", 0.99)], "old model")
    new = candidates(spark, [("A", "B", 0.99)])
    for given in (old.union(new), new.union(old)):
        pairs = rows_of(verify.pairs(given.coalesce(1), listed, "run"))
        assert [(pair["left_id"], pair["right_id"], pair["similarity"]) for pair in pairs] == [
            ("a", "b", 0.99)
        ]


def test_pairs_are_counted_by_kind(spark: SparkSession) -> None:
    images = [Image(name, "x", FIRST) for name in "abc"] + [Image("d", "y", FIRST)]
    listed = verify.images(embeddings(spark, images))
    pairs = verify.pairs(candidates(spark, [("x", "y", 0.99)]), listed, "run")
    assert verify.kinds(pairs) == {"exact": 2, "near": 1}
