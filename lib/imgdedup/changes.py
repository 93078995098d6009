"""What has changed since a stage last settled its tables, and how a change becomes partitions.

A day costs what it changes. So `search` keeps a listing of the images its candidates were made of,
and compares; from stage to stage goes which contents are touched; and of a table only the rows of
touched contents are made anew, and only their partitions written.

`touched` are contents with the first day they were listed on: `content_id`, `was` (at the last
settlement; null: not there) and `now` (null: gone).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup import settled
from imgdedup.datasets import Lake, Staged
from imgdedup.errors import TryAgain
from imgdedup.schemas import LISTING, LISTING_DATASET


@dataclass(frozen=True)
class Delta:
    """The rows of a table that go, and those that come; both with `dt`."""

    removed: DataFrame
    added: DataFrame
    key: Sequence[str]  # columns that tell the rows of one day apart


def listing(embeddings: DataFrame) -> DataFrame:
    """The images that have an embedding: the columns of LISTING, and `dt`."""
    return embeddings.where("failure IS NULL").select(*LISTING.names, "dt")


def first_days(listed: DataFrame) -> DataFrame:
    """For each `content_id` the first `day` it was listed on."""
    return listed.groupBy("content_id").agg(F.min("dt").alias("day"))


@dataclass(frozen=True)
class View:
    """What a search settles: the images as they were and as they are, as listings."""

    rules: str
    everything: bool  # nothing of what is stored holds any more
    before: DataFrame
    after: DataFrame
    touched: DataFrame
    days: list[str]  # of `after`
    anew: list[str]  # those whose listing is made anew
    postponed: list[str]  # those embedded since `index`: their own run settles them
    versions: dict[str, str]  # of the partitions of `embeddings` that `after` is made of

    def check(self, days: Sequence[str]) -> None:
        """Raise TryAgain when one of the run's own `days` is not in the index."""
        late = sorted(set(days) & set(self.postponed))
        if late:
            raise TryAgain(
                f"the index lacks contents of {', '.join(late)}, which were embedded since it was "
                "filled: run index again"
            )

    def dated(self, contents: DataFrame) -> DataFrame:
        """Distinct contents (`content_id`) as touched ones."""
        return dated(contents, self.before, self.after)


def view(lake: Lake, rules: str, held: set[str], anew: bool) -> View:
    """How `embeddings` differs from what the last search has settled.

    `held` are the contents of the index; a day that has others waits. `anew`: settle everything.
    """
    past, versions = settled.by(lake, "search"), lake.versions("embeddings")
    everything = anew or past.rules != rules
    before = lake.read(LISTING_DATASET)
    changed = sorted(versions) if everything else past.changed(versions)
    fresh = listing(lake.read("embeddings", changed))
    found: pa.Table = fresh.select("content_id", "dt").distinct().toArrow()
    keys, days = (found[name].to_pylist() for name in ("content_id", "dt"))
    postponed = {day for key, day in zip(keys, days, strict=True) if key not in held}
    stale = sorted(set(changed) - postponed)
    after = before.where(~F.col("dt").isin(stale)).unionByName(fresh.where(F.col("dt").isin(stale)))
    known = set(lake.days(LISTING_DATASET))
    present = sorted((versions.keys() - postponed) | (known & postponed))
    made_of = {
        day: past.versions.get(day, "") if day in postponed else versions[day] for day in present
    }
    return View(
        rules,
        everything,
        before,
        after,
        touched(before, after, None if everything else stale),
        present,
        sorted(set(stale) & set(present)),
        sorted(postponed),
        made_of,
    )


def touched(before: DataFrame, after: DataFrame, days: Sequence[str] | None) -> DataFrame:
    """The contents of which an image came, went or changed on one of `days`; None: all there are.

    `before` and `after` are listings.
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
    """Distinct contents as touched ones, by the listings before and after."""
    was, now = (first_days(only(rows, contents)) for rows in (before, after))
    return (
        contents.join(was.withColumnRenamed("day", "was"), "content_id", "left")
        .join(now.withColumnRenamed("day", "now"), "content_id", "left")
        .localCheckpoint()
    )


def together(waiting: DataFrame | None, more: DataFrame) -> DataFrame:
    """Touched contents that wait for a stage, and some more."""
    if waiting is None:
        return more
    days = [F.min(name).alias(name) for name in ("was", "now")]
    return waiting.unionByName(more).groupBy("content_id").agg(*days)


def only(rows: DataFrame, contents: DataFrame, column: str = "content_id") -> DataFrame:
    """The rows whose content, in `column`, is among `contents` (`content_id`)."""
    wanted = contents.select(F.col("content_id").alias(column))
    return rows.join(wanted, column, "left_semi").select(*rows.columns)


def beside(pairs: DataFrame, contents: DataFrame) -> DataFrame:
    """The pairs of which at least one content is among `contents` (`content_id`)."""
    left = contents.select(F.col("content_id").alias("left_content"), F.lit(True).alias("on_left"))
    right = contents.select(
        F.col("content_id").alias("right_content"), F.lit(True).alias("on_right")
    )
    found = pairs.join(left, "left_content", "left").join(right, "right_content", "left")
    return found.where("on_left OR on_right").select(*pairs.columns)


def since(contents: DataFrame) -> Column:
    """A condition on `dt` that holds for every row of a pair of touched `contents`.

    A pair lives on the later of two days, so not before the first day of either content.
    """
    earliest = contents.agg(F.min(F.least("was", "now"))).collect()[0][0]
    return F.lit(False) if earliest is None else F.col("dt") >= earliest


def staged(lake: Lake, dataset: str, delta: Delta, days: Sequence[str], whole: bool) -> Staged:
    """Write the partitions that a delta changes; `days` are those that the dataset is to have.

    `whole`: all that is stored goes.
    """
    gone = lake.stage_gone(dataset, days)
    if whole:
        return lake.stage(dataset, delta.added, days) + gone
    changed = delta.removed.select("dt").union(delta.added.select("dt")).distinct().collect()
    affected = {row["dt"] for row in changed} | (set(days) - set(lake.days(dataset)))
    kept = lake.read(dataset, sorted(affected))
    kept = kept.join(delta.removed.select(*delta.key, "dt"), [*delta.key, "dt"], "left_anti")
    rows = kept.select(*delta.added.columns).unionByName(delta.added)
    return lake.stage(dataset, rows, affected & set(days)) + gone
