"""Crowds: contents with too many neighbours to list them all.

Thousands of variants of one image, or of look-alikes, have a square of pairs. A crowded content
lists its nearest neighbours only, so that a crowd costs rows in proportion to its size. Crowded
contents that these join are one crowd, and each gets a pair with the crowd's pivot, its best
image in the order of keepers: what verify confirms of them is one group around one keeper.

What a crowded content lists depends on its whole crowd, so whoever may list something else after
a search is asked again. The tables are then those of one search of all contents, with one
exception: of a crowded content only the nearest are looked at, so a pair that it has at the far
edge of its neighbourhood, with a content that has no other neighbour in the crowd, is found when
the crowd was there first and not when it came later.
"""

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup import changes
from imgdedup.components import connected_components
from imgdedup.contents import both_ways, either_side


def lost_one(stored: DataFrame, gone: DataFrame) -> bool:
    """Tell whether contents are gone (`content_id`) from a lake that has crowds.

    Who is left may now list what nobody listed, so that all have to be asked.
    """
    if stored.where("crowded").isEmpty():
        return False
    return not changes.beside(stored, gone).isEmpty()


def members(stored: DataFrame, touched: DataFrame) -> DataFrame:
    """Those of the touched contents that are crowded, or listed by one that is."""
    return changes.only(touched.select("content_id"), either_side(stored.where("crowded")))


def ask_all_concerned(
    asking: DataFrame,
    held: DataFrame,
    stored: DataFrame,
    crowd: int,
    ask: Callable[[DataFrame], DataFrame],
) -> tuple[DataFrame, DataFrame]:
    """Ask, then ask again whose own list the answers change, until there is none.

    `asking` and `held` have `content_id`; `ask` gives the hits of contents (see `search.Index`).
    Returns the contents asked and all hits.
    """
    before = both_ways(stored, "content_id", "other", "crowded")
    asked = asking.select("content_id").distinct().localCheckpoint()
    hits = ask(asked).localCheckpoint()
    while True:
        concerned = _concerned(hits, before, asked, crowd)
        more = concerned.join(held.select("content_id"), "content_id", "left_semi")
        more = more.localCheckpoint()
        if more.isEmpty():
            return asked, hits
        hits = hits.unionByName(ask(more)).localCheckpoint()
        asked = asked.unionByName(more).localCheckpoint()


def pivots(hits: DataFrame, best: DataFrame) -> DataFrame:
    """The pairs (`content_id`, `other`) of the members of each crowd with its pivot.

    `best` has `content_id` and its rank, `best`.
    """
    crowded = hits.where("crowded")
    members = crowded.select(F.col("content_id").alias("b")).distinct()
    edges = crowded.where("listed").select(
        F.col("content_id").alias("a"), F.col("other").alias("b")
    )
    components = connected_components(edges.join(members, "b", "left_semi").select("a", "b"))
    ranked = components.join(best.withColumnRenamed("content_id", "node"), "node")
    chosen = ranked.groupBy("component").agg(F.min_by("node", "best").alias("pivot"))
    return (
        components.join(chosen, "component")
        .where("node != pivot")
        .select(F.col("node").alias("content_id"), F.col("pivot").alias("other"))
    )


def _concerned(hits: DataFrame, before: DataFrame, asked: DataFrame, crowd: int) -> DataFrame:
    """The contents not asked yet whose list the hits may change.

    `before` are the stored candidates, both ways. A content that lists all its neighbours is
    changed by nothing but its new pairs, which the other side lists. The others are the
    neighbours, found or stored, of the crowded contents asked; those hit that were crowded
    before, which a stored row tells; and those hit that have now become so.
    """
    crowded = hits.where("crowded")
    near = crowded.select(F.col("other").alias("content_id"))
    partners = before.join(crowded.select("content_id"), "content_id", "left_semi")
    reached = partners.select(F.col("other").alias("content_id"))
    hit = hits.select(F.col("other").alias("content_id"), F.col("content_id").alias("other"))
    known = before.join(hit.select("content_id"), "content_id", "left_semi")
    were = known.where("crowded").select("content_id")
    together = known.select("content_id", "other").unionByName(hit).distinct()
    become = together.groupBy("content_id").count().where(F.col("count") > crowd)
    return (
        near.unionByName(reached)
        .unionByName(were)
        .unionByName(become.select("content_id"))
        .distinct()
        .join(asked, "content_id", "left_anti")
    )
