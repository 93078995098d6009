"""Crowds: contents with too many neighbours to propose them all.

Thousands of variants of one image, or of look-alikes, have a square of pairs. So a crowded content
proposes only its nearest neighbours, and a crowd costs rows in proportion to its size. Crowded
contents that their proposals connect form one crowd. The pivot of a crowd is its best image in the
order of keepers. Each member gets a pair with the pivot. So the pairs that verify confirms form one
group around one keeper.

The proposals of a crowded content depend on its whole crowd. So a search also asks for every
content whose proposals may have changed. The tables are then those of one search of all contents,
with one exception. A search looks only at the nearest neighbours of a crowded content. A neighbour
at the far edge may have no other neighbour in the crowd. The search finds its pair when the crowd
was there first. It does not find the pair when the crowd came later.
"""

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.relations.components import connected_components
from imgdedup.relations.contents import only
from imgdedup.relations.sides import beside, both_ways, either_side


def lost_member(stored: DataFrame, gone: DataFrame) -> bool:
    """Tell whether `gone` contents (`content_id`) had candidates in a lake that has crowds.

    Then the remaining contents may propose neighbours that no content proposed before.
    """
    if stored.where("crowded").isEmpty():
        return False
    return not beside(stored, gone).isEmpty()


def members(stored: DataFrame, touched: DataFrame) -> DataFrame:
    """The touched contents that are crowded, or that a crowded content proposes."""
    return only(touched.select("content_id"), either_side(stored.where("crowded")))


def ask_concerned(
    asking: DataFrame,
    present: DataFrame,
    stored: DataFrame,
    crowd: int,
    ask: Callable[[DataFrame], DataFrame],
) -> tuple[DataFrame, DataFrame]:
    """Ask for contents, then for the contents whose proposals the answers change, and so on.

    `asking` and `present` have `content_id`. `ask` gives the hits of contents (see
    `NeighbourQuery`). Returns the contents asked and all hits.
    """
    before = both_ways(stored, "content_id", "other", "crowded")
    asked = asking.select("content_id").distinct().localCheckpoint()
    hits = ask(asked).localCheckpoint()
    while True:
        concerned = _concerned(hits, before, asked, crowd)
        more = only(concerned, present).localCheckpoint()
        if more.isEmpty():
            return asked, hits
        hits = hits.unionByName(ask(more)).localCheckpoint()
        asked = asked.unionByName(more).localCheckpoint()


def pivots(hits: DataFrame, best: DataFrame) -> DataFrame:
    """The pairs (`content_id`, `other`) of the members of each crowd with its pivot.

    `best` has `content_id` and its rank, `best`.
    """
    crowded = hits.where("crowded")
    edges = crowded.where("proposed").select(
        F.col("content_id").alias("left"), F.col("other").alias("right")
    )
    components = connected_components(only(edges, crowded, "right"))
    ranked = components.join(best.withColumnRenamed("content_id", "node"), "node")
    chosen = ranked.groupBy("component").agg(F.min_by("node", "best").alias("pivot"))
    return (
        components.join(chosen, "component")
        .where("node != pivot")
        .select(F.col("node").alias("content_id"), F.col("pivot").alias("other"))
    )


def _concerned(hits: DataFrame, before: DataFrame, asked: DataFrame, crowd: int) -> DataFrame:
    """The contents not asked yet whose proposals the hits may change.

    `before` are the stored candidates, both ways. A content that is not crowded proposes all its
    neighbours. Only new pairs change its proposals, and the asked contents propose those. So three
    kinds of contents have to ask, too:

    - the neighbours, found or stored, of crowded contents that were asked;
    - hit contents that were crowded before, as a stored row says;
    - hit contents that have become crowded now.
    """
    crowded = hits.where("crowded")
    near = crowded.select(F.col("other").alias("content_id"))
    partners = only(before, crowded)
    reached = partners.select(F.col("other").alias("content_id"))
    hit = hits.select(F.col("other").alias("content_id"), F.col("content_id").alias("other"))
    known = only(before, hit)
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
