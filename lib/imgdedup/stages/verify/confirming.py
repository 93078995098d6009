"""Chooses the pairs whose originals are looked at: those on which a removal hangs.

The pairs of a group are assigned as `group` will assign them. Each content that would go hangs on
the pair with its keeper. Where the originals of such a pair differ, the pair is none, and the
contents are assigned again. So the looks are about as many as the removals, and more only where
thumbnails deceive. Of a pair that people call the same, only the files are looked for.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.relations.assignment import STRENGTH, assigned, whole_components
from imgdedup.relations.contents import only
from imgdedup.relations.keepers import best_ranks, ranked_images
from imgdedup.relations.sides import SIDES, beside, either_side
from imgdedup.stages.verify.looking import AGREE, DIFFER, LOOKS, look_at

_MOST_ROUNDS = 50


def confirm(
    edges: DataFrame,
    snapshot: DataFrame,
    lake: Lake,
    config: Config,
    apart: DataFrame | None = None,
) -> DataFrame:
    """Look at the originals of the pairs on which removals hang.

    `edges` are all pairs of some groups (see `pairs_of_groups`): both contents, their `frame_map`,
    the columns STRENGTH, and `originals`, what is known of them. `snapshot` has the images that may
    be kept. `apart` are pairs of contents that people call different. Gives LOOKS of all edges;
    `originals` is null where no removal hangs on the pair. The result depends on the pairs and on
    the order of keepers alone, not on what is known. What is known is not looked at again, unless
    it is unconfirmed.
    """
    edges = edges.withColumnRenamed("originals", "known")
    edges = edges.withColumns(dict.fromkeys(("originals", "originals_detail"), _nothing()))
    edges = edges.localCheckpoint()
    best = _ranks(edges, snapshot, config.group.keeper_order)
    for number in range(_MOST_ROUNDS):
        asked = _hanging(edges, best, apart, every=number > 0).localCheckpoint()
        if asked.isEmpty():
            return edges.select(*LOOKS.names)
        looks = _answers(asked, lake, config).localCheckpoint()
        edges = _with(edges, looks).localCheckpoint()
        if looks.where(F.col("originals") != AGREE).isEmpty():
            return edges.select(*LOOKS.names)
    raise RuntimeError(f"the pairs of originals did not settle in {_MOST_ROUNDS} rounds")


def pairs_of_groups(pairs: DataFrame, touched: DataFrame) -> DataFrame:
    """The pairs of the groups that have a touched content, for `confirm`.

    `pairs` are all pairs that are copies by their thumbnails.
    """
    edges = pairs.select(*SIDES, "frame_map", *STRENGTH, "originals")
    return only(edges, whole_components(edges, touched), SIDES[0])


def _ranks(edges: DataFrame, snapshot: DataFrame, order: Sequence[str]) -> DataFrame:
    members = either_side(edges).distinct()
    return best_ranks(ranked_images(only(snapshot, members), order)).localCheckpoint()


def _hanging(
    edges: DataFrame, best: DataFrame, apart: DataFrame | None, *, every: bool
) -> DataFrame:
    """The pairs of a content with its keeper that were not asked for yet.

    Gives both contents, `frame_map`, `review` and `known`.

    `every` pair of such a content is taken. After a refusal more are likely, and to ask for one
    after the other would take a round each.
    """
    standing = edges.where(F.coalesce("originals", F.lit(AGREE)) == AGREE)
    kept = assigned(standing, best, apart).where("content_id != keeper_content")
    pairs = kept.select(
        F.least("content_id", "keeper_content").alias(SIDES[0]),
        F.greatest("content_id", "keeper_content").alias(SIDES[1]),
        "content_id",
    )
    columns = [*SIDES, "frame_map", "review", "known"]
    open_pairs = edges.where("originals IS NULL").select(*columns)
    hanging = pairs.join(open_pairs, [*SIDES])
    if every:
        return beside(open_pairs, hanging.select("content_id").distinct())
    return hanging.select(*columns)


def _nothing() -> Column:
    return F.lit(None).cast("string")


def _answers(asked: DataFrame, lake: Lake, config: Config) -> DataFrame:
    """What is known of the pairs `asked`, and for the others what a look finds: LOOKS."""
    is_known = F.col("known").isin(AGREE, DIFFER)
    known = asked.where(is_known).select(
        *SIDES, F.col("known").alias("originals"), _nothing().alias("originals_detail")
    )
    new = asked.where(F.coalesce(~is_known, F.lit(True))).drop("known").localCheckpoint()
    return known if new.isEmpty() else known.union(look_at(new, lake, config))


def _with(edges: DataFrame, looks: DataFrame) -> DataFrame:
    """The pairs with what the looks found."""
    found = looks.select(
        *SIDES, F.col("originals").alias("now"), F.col("originals_detail").alias("why")
    )
    joined = edges.join(found, [*SIDES], "left")
    joined = joined.withColumn("originals_detail", F.coalesce("why", "originals_detail"))
    return joined.withColumn("originals", F.coalesce("now", "originals")).select(*edges.columns)
