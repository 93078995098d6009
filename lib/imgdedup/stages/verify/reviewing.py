"""What people said of candidates, in place of what the rules say.

`reviews` are the verdicts of people on contents that are there: both contents, `verdict`, what a
look at the files found of a pair that they call the same (`originals`, `originals_detail`), and the
`model` of its contents. None: there are none.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.relations.assignment import STRENGTH
from imgdedup.relations.reviews import DIFFERENT, SAME
from imgdedup.relations.sides import SIDES, only_pairs

_LOOKED = ("originals", "originals_detail")


def edges_of(verdicts: DataFrame, reviews: DataFrame | None) -> DataFrame:
    """The pairs on which removals may hang: both contents, `frame_map`, STRENGTH, and `_LOOKED`.

    Of `verdicts` these are the copies by their thumbnails, except those that people call different.
    Those that people call the same join them.
    """
    columns = [*SIDES, "frame_map", *STRENGTH, *_LOOKED]
    if reviews is None:
        return verdicts.where("duplicate").withColumn("review", _nothing()).select(*columns)
    return with_reviews(verdicts, F.col("duplicate"), reviews, [*SIDES]).select(*columns)


def with_reviews(
    verdicts: DataFrame, is_copy: Column, reviews: DataFrame, key: list[str]
) -> DataFrame:
    """The `verdicts` for which `is_copy` holds, unless people call the two different.

    The pairs that people call the same join them, with what the verdict on them says, if there is
    one, but with their own `_LOOKED`. Adds `review`. `key` are the columns of a pair.
    """
    said = reviews.select(*key, "verdict", *(F.col(name).alias(f"own_{name}") for name in _LOOKED))
    is_same = F.col("verdict") == SAME
    joined = verdicts.join(said, key, "full_outer")
    joined = joined.where(is_same | (F.col("verdict").isNull() & is_copy))
    for name in _LOOKED:
        value = F.when(is_same, F.col(f"own_{name}")).otherwise(F.col(name))
        joined = joined.withColumn(name, value)
    return joined.withColumn("review", F.col("verdict")).select(*verdicts.columns, "review")


def apart_of(reviews: DataFrame | None) -> DataFrame | None:
    """The pairs (both contents) that people call different."""
    return None if reviews is None else reviews.where(F.col("verdict") == DIFFERENT).select(*SIDES)


def forgotten(verdicts: DataFrame, reviews: DataFrame) -> DataFrame:
    """Looks that take back what was found of reviewed pairs before they were reviewed.

    Else the verdict on a pair would depend on when the pair was reviewed. Gives both contents,
    `_LOOKED` and `review`, all null, and `news`.
    """
    known = only_pairs(verdicts.where("originals IS NOT NULL"), reviews)
    nothing = [_nothing().alias(name) for name in (*_LOOKED, "review")]
    return known.select(*SIDES, *nothing, F.lit(True).alias("news"))


def looked(reviews: DataFrame | None, looks: DataFrame | None) -> DataFrame | None:
    """The reviews with what was found of them now.

    `looks` have both contents, `_LOOKED` and `review`. None: no original was looked at.
    """
    if reviews is None:
        return None
    if looks is None:
        return reviews.withColumns(dict.fromkeys(_LOOKED, _nothing()))
    found = looks.where(F.col("review").isNotNull()).select(
        *SIDES,
        *(F.col(name).alias(f"now_{name}") for name in _LOOKED),
        F.lit(True).alias("is_found"),
    )
    joined = reviews.join(found, [*SIDES], "left")
    for name in _LOOKED:
        value = F.when(F.col("is_found"), F.col(f"now_{name}")).otherwise(F.col(name))
        joined = joined.withColumn(name, value)
    return joined.select(*reviews.columns).localCheckpoint()


def _nothing() -> Column:
    return F.lit(None).cast("string")
