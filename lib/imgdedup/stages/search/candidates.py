"""Which contents ask, what they find, and how the findings change the table of candidates."""

from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.config import SearchConfig
from imgdedup.lake.schemas import CANDIDATES
from imgdedup.relations.contents import only
from imgdedup.relations.sides import apart_from, beside, either_side
from imgdedup.settling import changes
from imgdedup.settling.changes import Delta
from imgdedup.stages.search import crowds
from imgdedup.stages.search.neighbours import NeighbourQuery

_RULES = 2  # changes whenever the same settings would give other candidates, or another snapshot


class Found(NamedTuple):
    """What a search found."""

    asked: DataFrame  # the contents that asked, `content_id`
    pairs: DataFrame  # `content_id`, `other`, `margin`, `similarity`, `crowded`; some pairs twice
    crowded: int  # how many contents were crowded


def rules(projection: str, config: SearchConfig) -> str:
    """What the candidates of given contents depend on beside the order of keepers, in words."""
    return f"{_RULES} {projection}, crowd {config.crowd} {config.crowd_neighbours}"


def contents_to_ask(
    touched: DataFrame, present: DataFrame, stored: DataFrame, *, everything: bool
) -> DataFrame:
    """The contents that ask first, `content_id`.

    `touched` are the touched contents, `present` all contents that have an image (`content_id`),
    and `stored` the candidates so far. All present contents ask when `everything` is done again,
    and when a content is gone that was in a crowd: the rest of the crowd may now propose others.
    Else the new contents ask, and the touched members of crowds, whose rank may have changed.
    """
    gone = touched.where("now IS NULL")
    if everything or crowds.lost_member(stored, gone):
        return present
    new = touched.where("was IS NULL").select("content_id")
    members = crowds.members(stored, touched.where("now IS NOT NULL"))
    return new.union(members).distinct()


def find_candidates(
    asking: DataFrame, present: DataFrame, stored: DataFrame, best: DataFrame, query: NeighbourQuery
) -> Found:
    """Ask for the neighbours of `asking`, and of the contents that their answers change.

    `present` are all contents that have an image (`content_id`), `stored` the candidates so far, of
    the same projection, and `best` the rank of each content as a keeper.
    """
    asked, hits = crowds.ask_concerned(asking, present, stored, query.config.crowd, query.ask)
    crowded = hits.where("crowded").select("content_id").distinct().count()
    pairs = hits.where("proposed").drop("proposed")
    if crowded:
        pivots = query.measure(crowds.pivots(hits, best))
        pairs = pairs.unionByName(pivots.withColumn("crowded", F.lit(True)))
    return Found(asked, pairs, crowded)


def replace_candidates(
    stored: DataFrame,
    found: Found,
    touched: DataFrame,
    after: DataFrame,
    model: str,
    projection: str,
) -> Delta:
    """How a search changes the candidates `stored` (with `dt`).

    The pairs found replace all stored pairs of the contents that asked. The pairs of contents that
    are gone are removed. The pairs of a content whose first day changed move to the new day.
    `touched` are all these contents as touched contents, and `after` is the present snapshot.
    """
    moved = touched.where("NOT was <=> now").select("content_id")
    replaced = found.asked.select("content_id").union(moved).distinct()
    removed = beside(stored.where(changes.since(touched)), replaced).localCheckpoint()
    kept = apart_from(removed, found.asked).select(*CANDIDATES.names)
    pairs = kept.unionByName(_as_candidates(found.pairs, model, projection)).localCheckpoint()
    days = changes.first_days(only(after, either_side(pairs)))
    left = days.withColumnsRenamed({"content_id": "left_content", "day": "left_day"})
    right = days.withColumnsRenamed({"content_id": "right_content", "day": "right_day"})
    added = (
        pairs.join(left, "left_content")
        .join(right, "right_content")
        .select(*CANDIDATES.names, F.greatest("left_day", "right_day").alias("dt"))
    )
    return Delta(removed, added.localCheckpoint(), ["left_content", "right_content"])


def require_filled(vectors: int) -> None:
    """Raise RuntimeError when the collection of this projection holds nothing."""
    if not vectors:
        raise RuntimeError(
            "the collection holds nothing for the present projection: run index again"
        )


def crowded_words(crowded: int, config: SearchConfig) -> str:
    """What to say of contents that could not propose all their neighbours."""
    return (
        f"search: {crowded:,} contents are crowded (more than search.crowd = {config.crowd} "
        f"neighbours): the candidates of each are its {config.crowd_neighbours} nearest and the "
        "best image of its crowd, not all its neighbours"
    )


def _as_candidates(pairs: DataFrame, model: str, projection: str) -> DataFrame:
    """Each pair found, once, as a candidate."""
    return (
        pairs.groupBy(
            F.least("content_id", "other").alias("left_content"),
            F.greatest("content_id", "other").alias("right_content"),
        )
        .agg(
            F.min("similarity").alias("similarity"),
            F.min("margin").alias("margin"),
            # A pair that one side proposes among all its neighbours is not the choice of a crowd.
            F.bool_and("crowded").alias("crowded"),
        )
        .withColumns({"model": F.lit(model), "projection": F.lit(projection)})
        .select(*CANDIDATES.names)
    )
