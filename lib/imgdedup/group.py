"""group: groups of duplicates, their keepers, and what is left without the removed images.

A group is what pairs connect. Within it images are taken in a total order: the first that no
earlier keeper is paired with becomes a keeper, the others go with the first keeper they are
paired with. So every removal has a pair with its own keeper as witness, and no two keepers are
a pair.
"""

from collections.abc import Sequence

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from imgdedup import changes, ranks
from imgdedup.components import connected_components
from imgdedup.contents import both_ways
from imgdedup.schemas import GROUPS

_LAST = "has the lesser image_id"
_ASSIGNED = "component STRING, content_id STRING, keeper_content STRING"
# What a removal takes over from the pair that is its witness.
_WITNESS = ["similarity", "margin", "inliers", "correlation", "overlap", "edit"]


def concerned(touched: DataFrame, stored: DataFrame, pairs: DataFrame) -> DataFrame:
    """The contents whose groups have to be formed anew, `content_id`: whole groups, old and new.

    `touched` are contents whose images or pairs changed, `stored` the groups until now, `pairs`
    those of now. A group of theirs may fall apart, or join that of a new partner. Any other pair of
    a member was there before, and its two contents are of one group.
    """
    near = both_ways(pairs.where("kind = 'near'"), "content_id", "other")
    changed = touched.select("content_id").distinct()
    partners = changes.only(near, changed).select(F.col("other").alias("content_id"))
    reached = changed.union(partners)
    former = changes.only(stored, reached).select("group_id")
    members = stored.join(former, "group_id", "left_semi").select("content_id")
    return reached.union(members).distinct().localCheckpoint()


def groups(listing: DataFrame, pairs: DataFrame, order: Sequence[str], run_id: str) -> DataFrame:
    """The columns of `groups` and `dt`: one row per day and image that has a duplicate.

    `listing` and `pairs` are all there is of the contents they hold. `order` names the keys of the
    total order of keepers, first key first; the least `image_id` decides at last.
    """
    listed = ranks.listed(listing, order)
    best = ranks.best(listed)
    near = pairs.where("kind = 'near'")
    witnesses = both_ways(near, "content_id", "keeper_content", *_WITNESS)
    grouped = _with_keepers(listed, _assigned(near, best), best)
    group = Window.partitionBy("group_key")
    # Nor is an image removed for itself when its file changed from one day to another.
    is_keeper = F.col("image_id") == F.col("keeper_id")
    is_exact = F.col("content_id") == F.col("keeper_content")
    return (
        grouped.withColumn("group_id", F.min("image_id").over(group))
        .withColumn("last_id", F.max("image_id").over(group))
        .where("group_id < last_id")  # an image alone, listed on several days, is no group
        .withColumn("is_keeper", is_keeper)
        .withColumn("kind", F.when(~is_keeper, F.when(is_exact, "exact").otherwise("near")))
        .join(witnesses, ["content_id", "keeper_content"], "left")
        .withColumn("similarity", F.when(~is_keeper & is_exact, 1.0).otherwise(F.col("similarity")))
        .withColumn("edit", F.when(~is_keeper & is_exact, "exact copy").otherwise(F.col("edit")))
        .withColumn("reason", _reason(order))
        .withColumn("run_id", F.lit(run_id))
        .select(*GROUPS.names, "dt")
    )


def without_removed(manifest: DataFrame, groups: DataFrame) -> DataFrame:
    """One day's manifest without the images that are not keepers in the same day's groups."""
    return manifest.join(groups.where("NOT is_keeper").select("image_id"), "image_id", "left_anti")


def counts(groups: DataFrame) -> dict[str, int]:
    """How many groups there are, and rows that are keepers and that are removed."""
    totals = groups.agg(
        F.countDistinct("group_id").alias("groups"),
        F.count_if("is_keeper").alias("keepers"),
        F.count_if(~F.col("is_keeper")).alias("removed"),
    ).collect()
    return totals[0].asDict()


def _assigned(near: DataFrame, best: DataFrame) -> DataFrame:
    """The keeper content of every content that has a near pair, with its group's `component`."""
    edges = near.select(F.col("left_content").alias("a"), F.col("right_content").alias("b"))
    components = connected_components(edges).withColumnRenamed("node", "a")
    return (
        edges.join(components, "a")
        .join(best.toDF("a", "a_rank"), "a")
        .join(best.toDF("b", "b_rank"), "b")
        .groupBy("component")
        .applyInPandas(assign_keepers, _ASSIGNED)
    )


def assign_keepers(edges: pd.DataFrame) -> pd.DataFrame:
    """Choose the keepers of one component.

    `edges`: `component`, contents `a` and `b`, their `a_rank` and `b_rank` (structs as dicts, all
    distinct, less is better). Gives a row per content: its `keeper_content`, itself for a keeper.
    """
    ranks = dict(zip(edges.a, edges.a_rank, strict=True))
    ranks |= dict(zip(edges.b, edges.b_rank, strict=True))
    neighbours: dict[str, list[str]] = {content: [] for content in ranks}
    for a, b in zip(edges.a, edges.b, strict=True):
        neighbours[a].append(b)
        neighbours[b].append(a)
    keepers: dict[str, str] = {}
    for content in sorted(ranks, key=lambda name: tuple(ranks[name].values())):
        if content not in keepers:
            keepers[content] = content
            for other in neighbours[content]:
                keepers.setdefault(other, content)
    table = pd.DataFrame(list(keepers.items()), columns=["content_id", "keeper_content"])
    table.insert(0, "component", edges.component.iloc[0])
    return table


def _with_keepers(listed: DataFrame, assigned: DataFrame, best: DataFrame) -> DataFrame:
    """Listed images with `keeper_content`, `keeper_id`, `keeper_rank` and `group_key`."""
    keeper = best.select(
        F.col("content_id").alias("keeper_content"),
        F.col("best").alias("keeper_rank"),
        F.col("best.image_id").alias("keeper_id"),
    )
    return (
        listed.join(assigned, "content_id", "left")
        .withColumn("keeper_content", F.coalesce("keeper_content", "content_id"))
        .withColumn("group_key", F.coalesce("component", "content_id"))
        .join(keeper, "keeper_content")
    )


def _reason(order: Sequence[str]) -> Column:
    """Why an image is kept or removed, in words."""
    why: Column = F.lit(_LAST)
    for name in reversed(order):
        better = F.col(f"keeper_rank.{name}") < F.col(f"rank.{name}")
        same = F.col(f"keeper_rank.{name}") == F.col(f"rank.{name}")
        why = F.when(better, ranks.ORDER[name][0]).when(same, why)
    removed = F.concat(F.col("kind"), F.lit(" copy; its keeper "), why)
    return F.when(F.col("is_keeper"), "keeper").otherwise(removed)
