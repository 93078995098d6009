"""After a search the candidates are those of all searches so far, each pair once."""

from collections.abc import Iterable

from pyspark.sql import SparkSession

from imgdedup import search
from tests.spark.tables import MODEL, PROJECTION, Image, candidates, embeddings, frame

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
IMAGES = [
    Image("a", "x", FIRST),
    Image("b", "y", SECOND),
    Image("c", "z", THIRD),
    Image("d", "z", SECOND),
]
Pair = tuple[str, str, float]
FOUND = "content_id string, other string, margin double, similarity double, crowded boolean"


def settled(
    spark: SparkSession,
    stored: Iterable[Pair],
    found: Iterable[Pair],
    asked: Iterable[str],
    stored_by_others: Iterable[Pair] = (),
) -> list[tuple[object, ...]]:
    rows = search.settle(
        candidates(spark, stored).unionByName(candidates(spark, stored_by_others, projection="x")),
        frame(spark, [(*pair, pair[2], False) for pair in found], FOUND),
        frame(spark, [(content,) for content in asked], "content_id string"),
        embeddings(spark, IMAGES),
        MODEL,
        PROJECTION,
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


def test_candidates_of_vanished_contents_and_of_other_projections_disappear(
    spark: SparkSession,
) -> None:
    stored = [("gone", "y", 0.9), ("x", "y", 0.9)]
    assert settled(spark, stored, [], [], [("x", "z", 0.9)]) == [("x", "y", 0.9, SECOND)]


def test_a_pair_that_one_side_lists_in_full_is_not_crowded(spark: SparkSession) -> None:
    found = [
        ("x", "y", 0.9, 0.9, True),
        ("y", "x", 0.9, 0.9, False),
        ("x", "z", 0.8, 0.8, True),
        ("z", "x", 0.8, 0.8, True),
    ]
    rows = search.settle(
        candidates(spark, []),
        frame(spark, found, FOUND),
        frame(spark, [("x",), ("y",), ("z",)], "content_id string"),
        embeddings(spark, IMAGES),
        MODEL,
        PROJECTION,
    )
    chosen = rows.select("left_content", "right_content", "crowded", "model", "projection")
    assert sorted(map(tuple, chosen.collect())) == [
        ("x", "y", False, MODEL, PROJECTION),
        ("x", "z", True, MODEL, PROJECTION),
    ]
