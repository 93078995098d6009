"""The total order of keepers: which of several images is the one to keep."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# What the keeper does better, and the value by which a lesser one comes first.
ORDER = {
    "pixels": ("has more pixels", "-CAST(width AS LONG) * height"),
    "bytes": ("has more bytes", "-size_bytes"),
    "day": ("came on an earlier day", "day"),
}


def listed(images: DataFrame, order: Sequence[str]) -> DataFrame:
    """Every image of a listing with its `rank`, a struct that is less for the better keeper.

    `order` names the keys of the total order, first key first; the least `image_id` decides at
    last. The day that counts is the first on which the image had this content. Gives `image_id`,
    `content_id`, `dt`, `rank`.
    """
    columns = ["image_id", "content_id", "width", "height", "size_bytes", "dt"]
    first = images.groupBy("image_id", "content_id").agg(F.min("dt").alias("day"))
    keys = [F.expr(ORDER[name][1]).alias(name) for name in order]
    return (
        images.select(*columns)
        .join(first, ["image_id", "content_id"])
        .select("image_id", "content_id", "dt", F.struct(*keys, "image_id").alias("rank"))
    )


def best(listed: DataFrame) -> DataFrame:
    """For each `content_id` the rank of its best image, `best`."""
    return listed.groupBy("content_id").agg(F.min("rank").alias("best"))
