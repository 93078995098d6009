"""Rows are chosen by content, and one rule says which row stands for a content."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from imgdedup.relations.contents import contents, from_keys, only
from imgdedup.relations.sides import apart_from, beside
from imgdedup.settling.snapshot import snapshot_of
from tests.spark.tables import Image, dated_candidates, embeddings, frame, rows_of

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
DAYS = {"a": FIRST, "x": FIRST, "y": SECOND, "z": THIRD}
PAIRS = [("x", "y", 0.9), ("a", "x", 0.8), ("y", "z", 0.7)]


def test_only_chooses_rows_by_content(spark: SparkSession) -> None:
    wanted = frame(spark, [("x",)], "content_id string")
    images = [Image("a", "x", FIRST), Image("b", "y", FIRST)]
    rows = snapshot_of(embeddings(spark, images))
    found = only(rows, wanted)
    assert found.columns == rows.columns
    assert [row.image_id for row in found.collect()] == ["a"]
    pairs = dated_candidates(spark, PAIRS, DAYS)
    assert {row["left_content"] for row in rows_of(only(pairs, wanted, "left_content"))} == {"x"}


def test_pairs_are_beside_contents_or_apart_from_them(spark: SparkSession) -> None:
    wanted = frame(spark, [("x",)], "content_id string")
    pairs = dated_candidates(spark, PAIRS, DAYS)
    assert [row["left_content"] for row in rows_of(beside(pairs, wanted))] == ["a", "x"]
    (rest,) = rows_of(apart_from(pairs, wanted))
    assert (rest["left_content"], rest["right_content"]) == ("y", "z")
    assert beside(pairs, wanted).columns == apart_from(pairs, wanted).columns == pairs.columns


def test_the_earliest_day_and_then_the_least_id_stand_for_a_content(spark: SparkSession) -> None:
    images = [
        Image("z", "x", FIRST, width=1),
        Image("b", "x", FIRST, width=2),
        Image("a", "x", SECOND, width=3),
        Image("c", "y", THIRD, width=4),
        Image("broken", None, FIRST),
    ]
    table = embeddings(spark, images).orderBy(F.rand(1)).repartition(3)
    every = rows_of(contents(table, "width"))
    assert every == [{"content_id": "x", "width": 2}, {"content_id": "y", "width": 4}]
    chosen = contents(table, "width", wanted=from_keys(spark, ["x", "unknown"]))
    assert rows_of(chosen) == every[:1]
