"""After a search the candidates are those of all searches so far, each pair once."""

from collections.abc import Iterable

from pyspark.sql import SparkSession

from imgdedup import search
from tests.spark.tables import Image, candidates, embeddings, frame

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
IMAGES = [
    Image("a", "x", FIRST),
    Image("b", "y", SECOND),
    Image("c", "z", THIRD),
    Image("d", "z", SECOND),
    Image("e", "old", FIRST, model="another"),
]
Pair = tuple[str, str, float]


def settled(
    spark: SparkSession, stored: Iterable[Pair], found: Iterable[Pair], asked: Iterable[str]
) -> list[tuple[object, ...]]:
    rows = search.settle(
        candidates(spark, stored),
        candidates(spark, found),
        frame(spark, [(content,) for content in asked], "content_id string"),
        embeddings(spark, IMAGES),
    )
    chosen = rows.select("left_content", "right_content", "similarity", "dt").collect()
    return sorted(tuple(row) for row in chosen)


def test_a_candidate_lives_on_the_later_of_the_first_days_of_its_contents(
    spark: SparkSession,
) -> None:
    assert settled(spark, [], [("x", "y", 0.9), ("x", "z", 0.8)], ["x"]) == [
        ("x", "y", 0.9, SECOND),
        ("x", "z", 0.8, SECOND),
    ]


def test_a_pair_that_both_days_found_is_stored_once(spark: SparkSession) -> None:
    assert settled(spark, [("x", "y", 0.9)], [("x", "y", 0.9)], ["y"]) == [("x", "y", 0.9, SECOND)]


def test_a_search_replaces_what_was_found_for_its_contents_before(spark: SparkSession) -> None:
    stored = [("x", "y", 0.9), ("y", "z", 0.7)]
    assert settled(spark, stored, [], ["x"]) == [("y", "z", 0.7, SECOND)]


def test_candidates_of_vanished_contents_and_of_other_models_disappear(
    spark: SparkSession,
) -> None:
    stored = [("gone", "y", 0.9), ("old", "y", 0.9), ("x", "y", 0.9)]
    assert settled(spark, stored, [], []) == [("x", "y", 0.9, SECOND)]
