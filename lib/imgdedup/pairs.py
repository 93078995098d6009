"""The pairs of images that decided pairs of contents stand for.

Contents are compared; images are what people have, several of them with one content.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.schemas import PAIRS, VERDICTS

# What a pair of images takes over from its pair of contents: evidence and explanation.
_SCORES = ["similarity", "margin"]
_FINDINGS = [
    name
    for name in PAIRS.names
    if name in VERDICTS.names and name not in ("left_content", "right_content", "model")
]


def images(listing: DataFrame) -> DataFrame:
    """Every image and content once: `image_id`, `content_id`, `model`, `day` it first came."""
    return listing.groupBy("image_id", "content_id", "model").agg(F.min("dt").alias("day"))


def kinds(pairs: DataFrame) -> dict[str, int]:
    """Pairs by kind."""
    return {row["kind"]: row["count"] for row in pairs.groupBy("kind").count().collect()}


def pairs(near: DataFrame, listed: DataFrame, run_id: str) -> DataFrame:
    """The columns of `pairs` and `dt`, the later of a pair's two days.

    `near` are the candidates that are copies, `listed` is the result of `images`. A content is
    represented by its least `image_id`: exact copies are a star around it, and a near pair joins
    the two least ids. Where these are one image, whose file changed from one day to another, the
    next copy of either content stands in; an image makes no pair with itself.
    """
    centres = listed.groupBy("content_id", "model").agg(
        F.min("image_id").alias("centre_id"), F.min_by("day", "image_id").alias("centre_day")
    )
    copies = listed.join(centres, ["content_id", "model"]).where("image_id != centre_id")
    rows = _near(near, centres, copies).unionByName(_exact(copies), allowMissingColumns=True)
    forward = F.col("a_id") < F.col("b_id")

    def ordered(left: str, right: str, name: str) -> list[Column]:
        return [
            F.when(forward, F.col(left)).otherwise(F.col(right)).alias(f"left_{name}"),
            F.when(forward, F.col(right)).otherwise(F.col(left)).alias(f"right_{name}"),
        ]

    return rows.select(
        *ordered("a_id", "b_id", "id"),
        *ordered("a_content", "b_content", "content"),
        "kind",
        *_SCORES,
        *_FINDINGS,
        F.when(F.col("wider") == "left", F.col("a_id"))
        .when(F.col("wider") == "right", F.col("b_id"))
        .alias("wider_id"),
        "model",
        F.lit(run_id).alias("run_id"),
        F.greatest("a_day", "b_day").alias("dt"),
    ).select(*PAIRS.names, "dt")


def _exact(copies: DataFrame) -> DataFrame:
    """A pair of each further image of a content with the content's centre."""
    return copies.select(
        F.col("centre_id").alias("a_id"),
        F.col("image_id").alias("b_id"),
        F.col("content_id").alias("a_content"),
        F.col("content_id").alias("b_content"),
        F.col("centre_day").alias("a_day"),
        F.col("day").alias("b_day"),
        F.lit("exact").alias("kind"),
        F.lit(1.0).alias("similarity"),
        F.lit("exact copy").alias("edit"),
        "model",
    )


def _near(near: DataFrame, centres: DataFrame, copies: DataFrame) -> DataFrame:
    """Near pairs of the contents that still exist, as the present model sees them."""
    seconds = copies.groupBy("content_id", "model").agg(
        F.min("image_id").alias("next_id"), F.min_by("day", "image_id").alias("next_day")
    )
    both = centres.join(seconds, ["content_id", "model"], "left")

    def side(letter: str) -> DataFrame:
        names = ("centre_id", "centre_day", "next_id", "next_day")
        columns = [F.col(name).alias(f"{letter}_{name}") for name in names]
        return both.select("model", F.col("content_id").alias(f"{letter}_content"), *columns)

    joined = (
        near.select("left_content", "right_content", *_SCORES, "wider", *_FINDINGS, "model")
        .withColumnsRenamed({"left_content": "a_content", "right_content": "b_content"})
        .join(side("a"), ["a_content", "model"])
        .join(side("b"), ["b_content", "model"])
    )
    apart = F.col("a_centre_id") != F.col("b_centre_id")
    from_a = apart | F.col("b_next_id").isNotNull()  # a is represented by its centre
    from_b = apart | ~from_a

    def chosen(letter: str, centre: Column, name: str) -> Column:
        value = F.when(centre, F.col(f"{letter}_centre_{name}"))
        return value.otherwise(F.col(f"{letter}_next_{name}")).alias(f"{letter}_{name}")

    return joined.select(
        *(chosen("a", from_a, name) for name in ("id", "day")),
        *(chosen("b", from_b, name) for name in ("id", "day")),
        "a_content",
        "b_content",
        F.lit("near").alias("kind"),
        *_SCORES,
        "wider",
        *_FINDINGS,
        "model",
    ).where("a_id IS NOT NULL AND b_id IS NOT NULL")
