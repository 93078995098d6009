"""The pairs of images for which decided pairs of contents stand.

Verify compares contents. People have images, and several images may have one content.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.lake.schemas import PAIRS, VERDICTS
from imgdedup.relations.files import shared_files

# The columns that a pair of images takes from its pair of contents: evidence and explanation.
_SCORES = ["similarity", "margin"]
_FINDINGS = [
    name
    for name in PAIRS.names
    if name in VERDICTS.names and name not in ("left_content", "right_content", "model")
]
_SAID = ("review", "model")
_SWAPPED = ("id", "content")  # the columns of a side, `left_` or `right_`


def images_of(snapshot: DataFrame) -> DataFrame:
    """Each image and content once: `image_id`, `content_id`, `model`, `day` of the first row.

    `file` is the least `image_id` of the images that have their file in common, null for a file of
    one name.
    """
    days = snapshot.groupBy("image_id", "content_id", "model").agg(F.min("dt").alias("day"))
    return days.join(shared_files(snapshot), ["image_id", "content_id"], "left")


def count_kinds(pairs: DataFrame) -> dict[str, int]:
    """The number of pairs of each kind."""
    return {row["kind"]: row["count"] for row in pairs.groupBy("kind").count().collect()}


def make_pairs(near: DataFrame, images: DataFrame, run_id: str) -> DataFrame:
    """Make the pairs of images: the columns of `pairs`, and `dt`, the later of the two days.

    `near` are the candidates that are copies, and `images` is the result of `images_of`. The least
    `image_id` represents a content. Exact copies are a star around it, and a near pair joins the
    least ids of two contents. The names of one file are a star of their own around the least. When
    both ids of a pair are one image, whose file changed from one day to another, the next copy of
    either content stands in. An image makes no pair with itself.
    """
    centres = images.groupBy("content_id", "model").agg(
        F.min("image_id").alias("centre_id"), F.min_by("day", "image_id").alias("centre_day")
    )
    copies = images.join(centres, ["content_id", "model"]).where("image_id != centre_id")
    rows = _near(near, centres, copies).unionByName(
        _exact(copies, images), allowMissingColumns=True
    )
    wider = F.when(F.col("wider") == "left", F.col("left_id")).when(
        F.col("wider") == "right", F.col("right_id")
    )
    forward = F.col("left_id") < F.col("right_id")

    def ordered(side: str, other: str) -> list[Column]:
        """The columns of a side, once the lesser `image_id` is on the left."""
        return [
            F.when(forward, F.col(f"{side}_{name}"))
            .otherwise(F.col(f"{other}_{name}"))
            .alias(f"{side}_{name}")
            for name in _SWAPPED
        ]

    return rows.select(
        *ordered("left", "right"),
        *ordered("right", "left"),
        "kind",
        *_SCORES,
        *_FINDINGS,
        wider.alias("wider_id"),
        *_SAID,
        F.lit(run_id).alias("run_id"),
        F.greatest("left_day", "right_day").alias("dt"),
    ).select(*PAIRS.names, "dt")


def _exact(copies: DataFrame, images: DataFrame) -> DataFrame:
    """A pair of each further image of a content with the centre of its file or of the content."""
    first_names = images.where("image_id = file").select(
        "content_id", "model", "file", F.col("day").alias("file_day")
    )
    is_name = F.coalesce(F.col("image_id") != F.col("file"), F.lit(False))
    return copies.join(first_names, ["content_id", "model", "file"], "left").select(
        F.when(is_name, F.col("file")).otherwise(F.col("centre_id")).alias("left_id"),
        F.col("image_id").alias("right_id"),
        F.col("content_id").alias("left_content"),
        F.col("content_id").alias("right_content"),
        F.when(is_name, F.col("file_day")).otherwise(F.col("centre_day")).alias("left_day"),
        F.col("day").alias("right_day"),
        F.when(is_name, "same_file").otherwise("exact").alias("kind"),
        F.lit(1.0).alias("similarity"),
        F.when(is_name, "same file").otherwise("exact copy").alias("edit"),
        "model",
    )


def _near(near: DataFrame, centres: DataFrame, copies: DataFrame) -> DataFrame:
    """The near pairs of the contents that still exist, as the present model sees them."""
    seconds = copies.groupBy("content_id", "model").agg(
        F.min("image_id").alias("next_id"), F.min_by("day", "image_id").alias("next_day")
    )
    both = centres.join(seconds, ["content_id", "model"], "left")

    def representatives(side: str) -> DataFrame:
        names = ("centre_id", "centre_day", "next_id", "next_day")
        columns = [F.col(name).alias(f"{side}_{name}") for name in names]
        return both.select("model", F.col("content_id").alias(f"{side}_content"), *columns)

    joined = (
        near.select("left_content", "right_content", *_SCORES, "wider", *_FINDINGS, *_SAID)
        .join(representatives("left"), ["left_content", "model"])
        .join(representatives("right"), ["right_content", "model"])
    )
    apart = F.col("left_centre_id") != F.col("right_centre_id")
    left_by_centre = apart | F.col("right_next_id").isNotNull()
    right_by_centre = apart | ~left_by_centre

    def chosen(side: str, by_centre: Column, name: str) -> Column:
        value = F.when(by_centre, F.col(f"{side}_centre_{name}"))
        return value.otherwise(F.col(f"{side}_next_{name}")).alias(f"{side}_{name}")

    return joined.select(
        *(chosen("left", left_by_centre, name) for name in ("id", "day")),
        *(chosen("right", right_by_centre, name) for name in ("id", "day")),
        "left_content",
        "right_content",
        F.lit("near").alias("kind"),
        *_SCORES,
        "wider",
        *_FINDINGS,
        *_SAID,
    ).where("left_id IS NOT NULL AND right_id IS NOT NULL")
