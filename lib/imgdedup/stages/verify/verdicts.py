"""Verdicts: what verify decided of the candidates, by which rules and on which thumbnails.

A verdict is keyed by what was compared: the two contents, the model, the rules, and the decoders
that made the two thumbnails. When one of these changes, the candidate is decided again.
"""

import hashlib
from dataclasses import astuple, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.config import VerifyConfig
from imgdedup.lake.schemas import VERDICTS
from imgdedup.relations.contents import only, standing
from imgdedup.relations.reviews import BY_REVIEW
from imgdedup.relations.sides import SIDES, either_side
from imgdedup.stages.verify.reviewing import with_reviews

_RULES = 14  # changes whenever the same settings would decide or explain differently
_KEY = [*SIDES, "model"]
# Thumbnails agree, and the originals were not seen to differ.
IS_COPY = "duplicate AND NOT originals <=> 'differ'"


def fingerprint(config: VerifyConfig) -> str:
    """The name of the rules: equal fingerprints give equal verdicts on equal thumbnails."""
    # Neither how the work is cut nor the name of a preset changes a verdict.
    rules = replace(config, preset="any", block_contents=1)
    return hashlib.sha256(repr((_RULES, *astuple(rules))).encode()).hexdigest()[:12]


def find_undecided(
    candidates: DataFrame, known: DataFrame, snapshot: DataFrame, verifier: str
) -> DataFrame:
    """The candidates without a verdict by these rules on the present thumbnails.

    Gives both contents, `model` and `dt`. `known` are verdicts. `snapshot` names the decoders of
    the present thumbnails. A day that was embedded since the search does not count: its contents
    are touched, and their pairs made again, when a search settles that day.
    """
    wanted = either_side(candidates).distinct()
    decoder = F.min_by("decoder", standing())
    decoders = only(snapshot, wanted).groupBy("content_id").agg(decoder)
    present = candidates.select(*_KEY, "dt")
    for side in ("left", "right"):
        of_side = decoders.toDF(f"{side}_content", f"present_{side}")
        present = present.join(of_side, f"{side}_content", "left")
    decided = known.where(F.col("verifier") == verifier).select(
        *_KEY, "left_decoder", "right_decoder"
    )
    found = present.join(decided, _KEY, "left")
    stands = _same_decoder("left") & _same_decoder("right")
    return found.where(~stands).select(*_KEY, "dt")


def merge_verdicts(known: DataFrame, decided: DataFrame, candidates: DataFrame) -> DataFrame:
    """One verdict on each candidate, `decided` now or `known`, with the `dt` of the candidate."""
    present = candidates.select(*_KEY, "dt")
    kept = known.select(*VERDICTS.names).join(decided.select(*_KEY), _KEY, "left_anti")
    return kept.unionByName(decided).join(present, _KEY)


def with_looks(verdicts: DataFrame, looks: DataFrame) -> DataFrame:
    """The verdicts with what the second looks found: `looks` has both contents and two columns."""
    found = looks.select(
        *SIDES,
        F.col("originals").alias("now"),
        F.col("originals_detail").alias("why"),
        F.lit(True).alias("looked"),
    )
    joined = verdicts.join(found, [*SIDES], "left")
    for column, new in (("originals", "now"), ("originals_detail", "why")):
        value = F.when(F.col("looked"), F.col(new)).otherwise(F.col(column))
        joined = joined.withColumn(column, value)
    return joined.select(*verdicts.columns)


def copies_of(
    candidates: DataFrame, verdicts: DataFrame, reviews: DataFrame | None = None
) -> DataFrame:
    """The candidates that are copies, with evidence and explanation, and `review`.

    What people said of a pair (see `reviewing`) goes before its verdict. A pair that they call the
    same need be no candidate.
    """
    scores = candidates.select(*_KEY, "similarity", "margin")
    decided = verdicts.select(*VERDICTS.names)
    if reviews is None:
        copies = scores.join(decided.where(IS_COPY), _KEY)
        return copies.withColumn("review", F.lit(None).cast("string"))
    found = with_reviews(scores.join(decided, _KEY), F.expr(IS_COPY), reviews, _KEY)
    edit = F.when(F.col("review").isNotNull(), F.coalesce("edit", F.lit(BY_REVIEW)))
    return found.withColumn("edit", edit.otherwise(F.col("edit")))


def _same_decoder(side: str) -> Column:
    """Whether a verdict saw the present thumbnail of a side; false when there is no verdict.

    The snapshot of an earlier version names no decoder, until its day is embedded again.
    """
    present, seen = F.col(f"present_{side}"), F.col(f"{side}_decoder")
    return seen.isNotNull() & (present.isNull() | (present == seen))
