"""What a day changes is told from listings, and only the partitions it changes are written."""

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup import changes, settled
from imgdedup.datasets import Lake
from imgdedup.errors import TryAgain
from imgdedup.schemas import LISTING_DATASET
from imgdedup.settled import Settled
from tests.spark.tables import Image, dated_candidates, embeddings, frame, rows_of

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
DAYS = {"x": FIRST, "y": SECOND, "z": THIRD}


def listed(spark: SparkSession, *images: Image) -> DataFrame:
    return changes.listing(embeddings(spark, images))


def embed(spark: SparkSession, lake: Lake, dt: str, *images: Image) -> None:
    lake.replace("embeddings", dt, embeddings(spark, images).drop("dt"))


def settle(lake: Lake, held: set[str], rules: str = "rules") -> changes.View:
    """What a search does of its listing."""
    view = changes.view(lake, rules, held, anew=False)
    lake.publish(
        lake.stage(LISTING_DATASET, view.after, view.anew)
        + lake.stage_gone(LISTING_DATASET, view.days)
        + settled.staged(lake, "search", Settled(view.rules, view.versions))
    )
    return view


def test_touched_are_contents_of_which_an_image_came_went_or_changed(spark: SparkSession) -> None:
    before = [
        Image("a", "stays", FIRST),
        Image("b", "goes", FIRST),
        Image("c", "moves", FIRST),
        Image("d", "renamed", FIRST),
        Image("e", "elsewhere", THIRD),
    ]
    after = [
        Image("a", "stays", FIRST),
        Image("c", "moves", SECOND),
        Image("other", "renamed", FIRST),
        Image("f", "comes", SECOND),
    ]
    found = changes.touched(listed(spark, *before), listed(spark, *after), [FIRST, SECOND])
    assert [tuple(row.values()) for row in rows_of(found)] == [
        ("comes", None, SECOND),
        ("goes", FIRST, None),
        ("moves", FIRST, SECOND),
        ("renamed", FIRST, FIRST),
    ]


def test_the_first_day_of_a_content_counts_days_that_did_not_change(spark: SparkSession) -> None:
    rows = listed(spark, Image("a", "x", FIRST))
    more = listed(spark, Image("a", "x", FIRST), Image("b", "x", SECOND))
    found = changes.touched(rows, more, [SECOND])
    assert rows_of(found) == [{"content_id": "x", "was": FIRST, "now": FIRST}]


def test_a_view_sees_a_day_once(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST), Image("broken", None, FIRST))
    view = settle(lake, {"x"})
    assert view.everything
    assert rows_of(view.touched) == [{"content_id": "x", "was": None, "now": FIRST}]
    embed(spark, lake, SECOND, Image("b", "y", SECOND))
    view = settle(lake, {"x", "y"})
    assert not view.everything
    assert (view.days, view.anew) == ([FIRST, SECOND], [SECOND])
    assert rows_of(view.touched) == [{"content_id": "y", "was": None, "now": SECOND}]
    view = settle(lake, {"x", "y"})
    assert view.anew == []
    assert rows_of(view.touched) == []
    assert settle(lake, {"x", "y"}, "other rules").everything


def test_a_day_that_the_index_lacks_waits_for_its_own_run(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST))
    settle(lake, {"x"})
    embed(spark, lake, FIRST, Image("a", "new", FIRST))
    embed(spark, lake, SECOND, Image("b", "y", SECOND))
    view = settle(lake, {"x", "y"})
    assert view.postponed == [FIRST]
    assert sorted(row["content_id"] for row in rows_of(view.after)) == ["x", "y"]
    view.check([SECOND])
    with pytest.raises(TryAgain, match=f"lacks contents of {FIRST}.*run index again"):
        view.check([FIRST, SECOND])
    view = settle(lake, {"new", "y"})
    assert view.postponed == []
    assert [row["content_id"] for row in rows_of(view.touched)] == ["new", "x"]


def test_a_day_that_is_gone_takes_its_contents_along(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST))
    embed(spark, lake, SECOND, Image("b", "y", SECOND))
    settle(lake, {"x", "y"})
    lake.publish(lake.stage_gone("embeddings", [FIRST]))
    view = settle(lake, {"x", "y"})
    assert view.days == lake.days(LISTING_DATASET) == [FIRST]
    assert rows_of(view.touched) == [{"content_id": "y", "was": SECOND, "now": None}]


def test_a_delta_writes_the_partitions_of_its_rows_alone(spark: SparkSession, lake: Lake) -> None:
    pairs = [("x", "y", 0.9), ("x", "z", 0.8), ("y", "z", 0.7)]
    stored = dated_candidates(spark, pairs, DAYS)
    lake.publish(lake.stage("candidates", stored, DAYS.values()))
    delta = changes.Delta(
        lake.read("candidates").where("right_content = 'z' AND left_content = 'x'"),
        dated_candidates(spark, [("x", "w", 0.6)], DAYS | {"w": FIRST}),
        ["left_content", "right_content"],
    )
    staged = changes.staged(lake, "candidates", delta, [*DAYS.values()], whole=False)
    assert staged.days("candidates") == [FIRST, THIRD]
    lake.publish(staged)
    found = lake.read("candidates").select("left_content", "right_content", "dt")
    assert [tuple(row.values()) for row in rows_of(found)] == [
        ("w", "x", FIRST),
        ("x", "y", SECOND),
        ("y", "z", THIRD),
    ]
    nothing = changes.Delta(found.limit(0), stored.limit(0), delta.key)
    assert changes.staged(lake, "candidates", nothing, [*DAYS.values()], False).moves == []
    # A day that is new gets an empty partition, one that is no more loses its own.
    staged = changes.staged(lake, "candidates", nothing, [FIRST, SECOND, "2026-01-04"], False)
    assert staged.days("candidates") == ["2026-01-04", THIRD]


def test_pairs_are_looked_for_since_the_first_day_of_what_is_touched(spark: SparkSession) -> None:
    days = frame(spark, [(FIRST,), (SECOND,), (THIRD,)], "dt string")
    for rows, found in (
        ([("a", None, SECOND), ("b", THIRD, None)], [SECOND, THIRD]),
        ([("a", FIRST, SECOND)], [FIRST, SECOND, THIRD]),
        ([], []),
    ):
        touched = frame(spark, rows, "content_id string, was string, now string")
        assert [row.dt for row in days.where(changes.since(touched)).sort("dt").collect()] == found


def test_touched_contents_wait_together(spark: SparkSession, lake: Lake) -> None:
    assert settled.waiting(lake, "verify") is None
    columns = "content_id string, was string, now string"
    first = frame(spark, [("a", None, SECOND), ("b", FIRST, FIRST)], columns)
    lake.publish(settled.queued(lake, "verify", changes.together(None, first)))
    more = frame(spark, [("a", SECOND, None), ("c", None, THIRD)], columns)
    waiting = settled.waiting(lake, "verify")
    lake.publish(settled.queued(lake, "verify", changes.together(waiting, more)))
    waiting = settled.waiting(lake, "verify")
    assert waiting is not None
    assert rows_of(waiting) == [
        {"content_id": "a", "was": SECOND, "now": SECOND},
        {"content_id": "b", "was": FIRST, "now": FIRST},
        {"content_id": "c", "was": None, "now": THIRD},
    ]
    lake.publish(settled.queued(lake, "verify", None))
    assert settled.waiting(lake, "verify") is None


def test_only_and_beside_choose_rows_by_content(spark: SparkSession) -> None:
    wanted = frame(spark, [("x",)], "content_id string")
    pairs = dated_candidates(
        spark, [("x", "y", 0.9), ("a", "x", 0.8), ("y", "z", 0.7)], DAYS | {"a": FIRST}
    )
    assert [row["left_content"] for row in rows_of(changes.beside(pairs, wanted))] == ["a", "x"]
    rows = listed(spark, Image("a", "x", FIRST), Image("b", "y", FIRST))
    found = changes.only(rows, wanted)
    assert found.columns == rows.columns
    assert [row.image_id for row in found.collect()] == ["a"]
    assert changes.only(pairs, wanted, "left_content").where(F.col("left_content") != "x").isEmpty()
