"""Touched contents, and how a change of rows becomes a change of partitions.

A content is touched when an image of it came, went or changed. Touched contents are rows of
`content_id`, `was` and `now`: the first day of the content when the stage last settled (null: it
was not there), and its first day at present (null: it is gone). A stage computes only the rows of
touched contents again, and writes only the partitions of those rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.lake import Lake, Staged
from imgdedup.relations.contents import only


@dataclass(frozen=True)
class Delta:
    """The rows that leave a table, and the rows that enter it. Both have `dt`."""

    removed: DataFrame
    added: DataFrame
    key: Sequence[str]  # columns that tell the rows of one day apart


def first_days(snapshot: DataFrame) -> DataFrame:
    """For each `content_id` the first `day` on which a snapshot has it."""
    return snapshot.groupBy("content_id").agg(F.min("dt").alias("day"))


def touched(before: DataFrame, after: DataFrame, days: Sequence[str] | None) -> DataFrame:
    """The contents of which an image came, went or changed on one of `days`; None: all contents.

    `before` and `after` are snapshots.
    """
    if days is None:
        found = before.select("content_id").union(after.select("content_id"))
    else:
        old, new = (
            rows.where(F.col("dt").isin(list(days))).withColumn("sign", F.lit(sign))
            for rows, sign in ((before, -1), (after, 1))
        )
        both = old.unionByName(new).groupBy(*after.columns)
        found = both.agg(F.sum("sign").alias("more")).where("more != 0").select("content_id")
    return dated(found.distinct(), before, after)


def dated(contents: DataFrame, before: DataFrame, after: DataFrame) -> DataFrame:
    """Distinct contents as touched contents, by the snapshots before and after."""
    was, now = (first_days(only(rows, contents)) for rows in (before, after))
    # A column of its own: Spark cannot join checkpointed contents of a snapshot with the snapshot.
    own = contents.select(F.col("content_id").alias("content_id"))
    return (
        own.join(was.withColumnRenamed("day", "was"), "content_id", "left")
        .join(now.withColumnRenamed("day", "now"), "content_id", "left")
        .localCheckpoint()
    )


def touched_by(contents: DataFrame, snapshot: DataFrame) -> DataFrame:
    """Present contents (`content_id`) whose pairs changed, as touched contents."""
    return dated(contents.select("content_id").distinct(), snapshot, snapshot)


def together(waiting: DataFrame | None, more: DataFrame) -> DataFrame:
    """Join the touched contents that wait for a stage with `more`: each content once."""
    if waiting is None:
        return more
    days = [F.min(name).alias(name) for name in ("was", "now")]
    return waiting.unionByName(more).groupBy("content_id").agg(*days)


def since(touched: DataFrame) -> Column:
    """A condition on `dt` that holds for every pair with a touched content.

    A pair lives on the later day of its two contents, so not before the first day of either.
    """
    earliest = touched.agg(F.min(F.least("was", "now"))).collect()[0][0]
    return F.lit(False) if earliest is None else F.col("dt") >= earliest


def stage_delta(
    lake: Lake, dataset: str, delta: Delta, days: Sequence[str], *, everything: bool
) -> Staged:
    """Stage the partitions that a delta changes.

    Afterwards the dataset has just `days`. `everything`: no stored row stays.
    """
    removal = lake.stage_removal(dataset, days)
    if everything:
        return lake.stage_days(dataset, delta.added, days) + removal
    changed = delta.removed.select("dt").union(delta.added.select("dt")).distinct().collect()
    affected = {row["dt"] for row in changed} | (set(days) - set(lake.days(dataset)))
    kept = lake.read(dataset, sorted(affected))
    kept = kept.join(delta.removed.select(*delta.key, "dt"), [*delta.key, "dt"], "left_anti")
    rows = kept.select(*delta.added.columns).unionByName(delta.added)
    return lake.stage_days(dataset, rows, affected & set(days)) + removal
