"""After a search the candidates are those of all searches so far, each pair once."""

from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup.settling import changes
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages.search.candidates import Found, contents_to_ask, replace_candidates
from tests.spark.tables import (
    MODEL,
    PROJECTION,
    Image,
    applied,
    dated_candidates,
    embeddings,
    frame,
)

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
IMAGES = [
    Image("a", "x", FIRST),
    Image("b", "y", SECOND),
    Image("c", "z", THIRD),
    Image("d", "z", SECOND),
]
Pair = tuple[str, str, float]
FOUND = "content_id string, other string, margin double, similarity double, crowded boolean"


DAYS = {"x": FIRST, "y": SECOND, "z": SECOND}


def settled(
    spark: SparkSession,
    stored: Iterable[Pair],
    found: Iterable[Pair],
    asked: Iterable[str],
    before: Sequence[Image] = IMAGES,
) -> list[tuple[object, ...]]:
    """The candidates after a search; `before` are the images of the search before it."""
    days = {
        str(image.content): min(each.dt for each in before if each.content == image.content)
        for image in before
    }
    kept = dated_candidates(spark, stored, days)
    return sorted(
        (row.left_content, row.right_content, row.similarity, row.dt)
        for row in applied(kept, delta_of(spark, kept, found, asked, before)).collect()
    )


def delta_of(
    spark: SparkSession,
    stored: DataFrame,
    found: Iterable[Pair],
    asked: Iterable[str],
    before: Sequence[Image] = IMAGES,
) -> changes.Delta:
    was, now = (snapshot_of(embeddings(spark, images)) for images in (before, IMAGES))
    asking = frame(spark, [(content,) for content in asked], "content_id string")
    touched = changes.touched(was, now, [FIRST, SECOND, THIRD]).select("content_id")
    return replace_candidates(
        stored,
        Found(asking, frame(spark, [(*pair, pair[2], False) for pair in found], FOUND), 0),
        changes.dated(asking.union(touched).distinct(), was, now),
        now,
        MODEL,
        PROJECTION,
    )


def test_a_candidate_lives_on_the_later_of_the_first_days_of_its_contents(
    spark: SparkSession,
) -> None:
    assert settled(spark, [], [("x", "y", 0.9), ("x", "z", 0.8)], ["x"]) == [
        ("x", "y", 0.9, SECOND),
        ("x", "z", 0.8, SECOND),
    ]


def test_a_pair_that_both_days_found_is_stored_once(spark: SparkSession) -> None:
    assert settled(spark, [("x", "y", 0.9)], [("x", "y", 0.9)], ["y"]) == [("x", "y", 0.9, SECOND)]


def test_a_search_replaces_the_earlier_candidates_of_its_contents(spark: SparkSession) -> None:
    stored = [("x", "y", 0.9), ("y", "z", 0.7)]
    assert settled(spark, stored, [], ["x"]) == [("y", "z", 0.7, SECOND)]


def test_candidates_of_vanished_contents_disappear(spark: SparkSession) -> None:
    stored = [("gone", "y", 0.9), ("x", "y", 0.9)]
    before = [*IMAGES, Image("e", "gone", FIRST)]
    assert settled(spark, stored, [], [], before) == [("x", "y", 0.9, SECOND)]


def test_a_candidate_moves_with_the_first_day_of_its_content(spark: SparkSession) -> None:
    before = [image for image in IMAGES if image.image_id != "d"]
    assert settled(spark, [("x", "z", 0.9), ("x", "y", 0.8)], [], [], before) == [
        ("x", "y", 0.8, SECOND),
        ("x", "z", 0.9, SECOND),
    ]


def test_an_untouched_candidate_stays_as_it_is(spark: SparkSession) -> None:
    stored = dated_candidates(spark, [("x", "y", 0.9)], DAYS)
    delta = delta_of(spark, stored, [("x", "z", 0.8)], ["z"])
    assert delta.removed.collect() == []
    assert [row.right_content for row in delta.added.collect()] == ["z"]


def test_a_pair_that_one_side_proposes_among_all_its_neighbours_is_not_crowded(
    spark: SparkSession,
) -> None:
    found = [
        ("x", "y", 0.9, 0.9, True),
        ("y", "x", 0.9, 0.9, False),
        ("x", "z", 0.8, 0.8, True),
        ("z", "x", 0.8, 0.8, True),
    ]
    stored = dated_candidates(spark, [], {})
    snapshot = snapshot_of(embeddings(spark, IMAGES))
    asked = frame(spark, [("x",), ("y",), ("z",)], "content_id string")
    touched = changes.dated(asked, snapshot, snapshot)
    delta = replace_candidates(
        stored,
        Found(asked, frame(spark, found, FOUND), 0),
        touched,
        snapshot,
        MODEL,
        PROJECTION,
    )
    chosen = delta.added.select("left_content", "right_content", "crowded", "model", "projection")
    assert sorted(map(tuple, chosen.collect())) == [
        ("x", "y", False, MODEL, PROJECTION),
        ("x", "z", True, MODEL, PROJECTION),
    ]


def asked(
    spark: SparkSession,
    stored: DataFrame,
    *touched: tuple[str, str | None, str | None],
    **given: bool,
) -> list[str]:
    """The contents that ask first, in a lake of `x`, `y` and `z`."""
    present = frame(spark, [("x",), ("y",), ("z",)], "content_id string")
    rows = frame(spark, touched, "content_id string, was string, now string")
    asking = contents_to_ask(rows, present, stored, **({"everything": False} | given))
    return sorted(row.content_id for row in asking.collect())


def test_new_contents_ask_and_others_do_not(spark: SparkSession) -> None:
    stored = dated_candidates(spark, [("x", "y", 0.9)], DAYS)
    new, moved, gone = ("z", None, SECOND), ("x", FIRST, SECOND), ("w", FIRST, None)
    assert asked(spark, stored, new, moved, gone) == ["z"]
    assert asked(spark, stored) == []
    assert asked(spark, stored, new, everything=True) == ["x", "y", "z"]


def test_members_of_a_crowd_ask_again_and_all_contents_after_a_loss(spark: SparkSession) -> None:
    crowd = dated_candidates(spark, [("x", "y", 0.9)], DAYS).withColumn("crowded", F.lit(True))
    assert asked(spark, crowd, ("x", FIRST, SECOND), ("z", FIRST, SECOND)) == ["x"]
    lost = dated_candidates(spark, [("w", "x", 0.9)], DAYS | {"w": FIRST})
    lost = lost.withColumn("crowded", F.lit(True))
    assert asked(spark, lost, ("w", FIRST, None)) == ["x", "y", "z"]
