"""Changed rows touch contents, and only partitions with changed rows are written."""

from pyspark.sql import DataFrame, SparkSession

from imgdedup.lake import Lake
from imgdedup.settling import changes
from imgdedup.settling.changes import Delta, stage_delta
from imgdedup.settling.snapshot import snapshot_of
from tests.spark.tables import Image, dated_candidates, embeddings, frame, rows_of

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
DAYS = {"x": FIRST, "y": SECOND, "z": THIRD}
TOUCHED = "content_id string, was string, now string"


def snapshot(spark: SparkSession, *images: Image) -> DataFrame:
    return snapshot_of(embeddings(spark, images))


def test_a_content_is_touched_when_its_images_come_go_or_change(spark: SparkSession) -> None:
    before = [
        Image("a", "stays", FIRST),
        Image("b", "goes", FIRST),
        Image("c", "moves", FIRST),
        Image("d", "renamed", FIRST),
        Image("e", "elsewhere", THIRD),
        Image("g", "decoded", FIRST, decoder="old"),
    ]
    after = [
        Image("a", "stays", FIRST),
        Image("c", "moves", SECOND),
        Image("other", "renamed", FIRST),
        Image("f", "comes", SECOND),
        Image("g", "decoded", FIRST, decoder="new"),
    ]
    found = changes.touched(snapshot(spark, *before), snapshot(spark, *after), [FIRST, SECOND])
    assert [tuple(row.values()) for row in rows_of(found)] == [
        ("comes", None, SECOND),
        ("decoded", FIRST, FIRST),
        ("goes", FIRST, None),
        ("moves", FIRST, SECOND),
        ("renamed", FIRST, FIRST),
    ]


def test_the_first_day_of_a_content_counts_days_that_did_not_change(spark: SparkSession) -> None:
    rows = snapshot(spark, Image("a", "x", FIRST))
    more = snapshot(spark, Image("a", "x", FIRST), Image("b", "x", SECOND))
    found = changes.touched(rows, more, [SECOND])
    assert rows_of(found) == [{"content_id": "x", "was": FIRST, "now": FIRST}]


def test_a_delta_writes_only_the_partitions_of_its_rows(spark: SparkSession, lake: Lake) -> None:
    pairs = [("x", "y", 0.9), ("x", "z", 0.8), ("y", "z", 0.7)]
    stored = dated_candidates(spark, pairs, DAYS)
    lake.publish(lake.stage_days("candidates", stored, DAYS.values()))
    delta = Delta(
        lake.read("candidates").where("right_content = 'z' AND left_content = 'x'"),
        dated_candidates(spark, [("x", "w", 0.6)], DAYS | {"w": FIRST}),
        ["left_content", "right_content"],
    )
    staged = stage_delta(lake, "candidates", delta, [*DAYS.values()], everything=False)
    assert staged.days("candidates") == [FIRST, THIRD]
    lake.publish(staged)
    found = lake.read("candidates").select("left_content", "right_content", "dt")
    assert [tuple(row.values()) for row in rows_of(found)] == [
        ("w", "x", FIRST),
        ("x", "y", SECOND),
        ("y", "z", THIRD),
    ]
    nothing = Delta(found.limit(0), stored.limit(0), delta.key)
    days = [*DAYS.values()]
    assert stage_delta(lake, "candidates", nothing, days, everything=False).moves == []
    # A new day gets an empty partition, and a day that is gone loses its partition.
    days = [FIRST, SECOND, "2026-01-04"]
    staged = stage_delta(lake, "candidates", nothing, days, everything=False)
    assert staged.days("candidates") == ["2026-01-04", THIRD]


def test_pairs_are_looked_for_since_the_first_day_of_a_touched_content(
    spark: SparkSession,
) -> None:
    days = frame(spark, [(FIRST,), (SECOND,), (THIRD,)], "dt string")
    for rows, found in (
        ([("a", None, SECOND), ("b", THIRD, None)], [SECOND, THIRD]),
        ([("a", FIRST, SECOND)], [FIRST, SECOND, THIRD]),
        ([], []),
    ):
        touched = frame(spark, rows, TOUCHED)
        assert [row.dt for row in days.where(changes.since(touched)).sort("dt").collect()] == found


def test_touched_contents_wait_together(spark: SparkSession) -> None:
    first = frame(spark, [("a", None, SECOND), ("b", FIRST, FIRST)], TOUCHED)
    assert changes.together(None, first) is first
    more = frame(spark, [("a", SECOND, None), ("c", None, THIRD)], TOUCHED)
    assert rows_of(changes.together(first, more)) == [
        {"content_id": "a", "was": SECOND, "now": SECOND},
        {"content_id": "b", "was": FIRST, "now": FIRST},
        {"content_id": "c", "was": None, "now": THIRD},
    ]
