"""Search learns what changed by comparing `embeddings` with the snapshot that it settled."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from imgdedup.errors import TryAgain
from imgdedup.lake import Lake
from imgdedup.lake.schemas import SNAPSHOT_DATASET
from imgdedup.settling.settlement import Settlement
from imgdedup.settling.snapshot import SnapshotChange, compare_snapshot
from tests.spark.tables import Image, embeddings, frame, rows_of

FIRST, SECOND = "2026-01-01", "2026-01-02"


def embed(spark: SparkSession, lake: Lake, dt: str, *images: Image) -> None:
    lake.replace("embeddings", dt, embeddings(spark, images).drop("dt"))


def compared(lake: Lake, settlement: Settlement, indexed: set[str]) -> SnapshotChange:
    """Compare with `embeddings`, when the collection holds the contents `indexed`."""
    found = lake.read("embeddings")
    return compare_snapshot(settlement, found, found.where(~F.col("content_id").isin(indexed)))


def settle(
    lake: Lake, indexed: set[str], rules: str = "rules"
) -> tuple[SnapshotChange, Settlement]:
    """Compare and publish the snapshot as a search does."""
    settlement = Settlement(
        lake, "search", rules=rules, reads="embeddings", writes=(SNAPSHOT_DATASET,)
    )
    change = compared(lake, settlement, indexed)
    settlement.publish(
        change.stage(lake), "verify", touched=change.touched, versions=change.versions
    )
    return change, settlement


def test_a_search_sees_a_day_once(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST), Image("broken", None, FIRST))
    change, settlement = settle(lake, {"x"})
    assert settlement.everything
    assert rows_of(change.touched) == [{"content_id": "x", "was": None, "now": FIRST}]
    embed(spark, lake, SECOND, Image("b", "y", SECOND))
    change, settlement = settle(lake, {"x", "y"})
    assert not settlement.everything
    assert (change.days, change.rewritten) == ([FIRST, SECOND], [SECOND])
    assert rows_of(change.touched) == [{"content_id": "y", "was": None, "now": SECOND}]
    change, _ = settle(lake, {"x", "y"})
    assert change.rewritten == []
    assert rows_of(change.touched) == []
    assert settle(lake, {"x", "y"}, "other rules")[1].everything


def test_a_day_that_is_not_indexed_waits_for_its_own_run(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST))
    settle(lake, {"x"})
    embed(spark, lake, FIRST, Image("a", "new", FIRST))
    embed(spark, lake, SECOND, Image("b", "y", SECOND))
    change, _ = settle(lake, {"x", "y"})
    assert change.postponed == [FIRST]
    assert sorted(row["content_id"] for row in rows_of(change.after)) == ["x", "y"]
    change.require_indexed([SECOND])
    with pytest.raises(TryAgain, match=f"lacks contents of {FIRST}.*run index again"):
        change.require_indexed([FIRST, SECOND])
    change, _ = settle(lake, {"new", "y"})
    assert change.postponed == []
    assert [row["content_id"] for row in rows_of(change.touched)] == ["new", "x"]


def test_a_day_that_is_gone_takes_its_contents_along(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST))
    embed(spark, lake, SECOND, Image("b", "y", SECOND))
    settle(lake, {"x", "y"})
    lake.publish(lake.stage_removal("embeddings", [FIRST]))
    change, _ = settle(lake, {"x", "y"})
    assert change.days == lake.days(SNAPSHOT_DATASET) == [FIRST]
    assert rows_of(change.touched) == [{"content_id": "y", "was": SECOND, "now": None}]


def test_a_day_of_another_decoder_touches_its_contents(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST))
    settle(lake, {"x"})
    embed(spark, lake, FIRST, Image("a", "x", FIRST, decoder="new"))
    change, _ = settle(lake, {"x"})
    assert rows_of(change.touched) == [{"content_id": "x", "was": FIRST, "now": FIRST}]


def test_a_snapshot_of_an_earlier_version_has_no_decoder(spark: SparkSession, lake: Lake) -> None:
    embed(spark, lake, FIRST, Image("a", "x", FIRST))
    settle(lake, {"x"})
    earlier = lake.read_day(SNAPSHOT_DATASET, FIRST).drop("decoder")
    earlier.localCheckpoint().write.mode("overwrite").parquet(lake.path(SNAPSHOT_DATASET, FIRST))
    assert rows_of(lake.read(SNAPSHOT_DATASET))[0]["decoder"] is None
    embed(spark, lake, SECOND, Image("b", "y", SECOND))
    settlement = Settlement(lake, "search", rules="rules", reads="embeddings", writes=())
    change = compared(lake, settlement, {"x", "y"})
    assert [row["content_id"] for row in rows_of(change.touched)] == ["y"]
    nothing = frame(spark, [], "content_id string")
    assert rows_of(change.dated(nothing)) == []
