"""The total order of keepers: which of several images is the one to keep."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# For each key: why a keeper is better, in words, and the value that is less for the better image.
ORDER = {
    "pixels": ("has more pixels", "-CAST(width AS LONG) * height"),
    "bytes": ("has more bytes", "-size_bytes"),
    "day": ("came on an earlier day", "day"),
}


def ranked_images(snapshot: DataFrame, order: Sequence[str]) -> DataFrame:
    """Every image of a snapshot with its `rank`, a struct that is less for the better keeper.

    `order` names the keys of the total order, first key first. The least `image_id` decides last.
    The key `day` is the first day on which the image had this content. Gives `image_id`,
    `content_id`, `dt`, `rank`.
    """
    columns = ["image_id", "content_id", "width", "height", "size_bytes", "dt"]
    first = snapshot.groupBy("image_id", "content_id").agg(F.min("dt").alias("day"))
    keys = [F.expr(ORDER[name][1]).alias(name) for name in order]
    return (
        snapshot.select(*columns)
        .join(first, ["image_id", "content_id"])
        .select("image_id", "content_id", "dt", F.struct(*keys, "image_id").alias("rank"))
    )


def best_ranks(ranked: DataFrame) -> DataFrame:
    """For each `content_id` the rank of its best image, `best`."""
    return ranked.groupBy("content_id").agg(F.min("rank").alias("best"))
