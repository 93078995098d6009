"""Reuse: contents that already have an embedding, and how new rows get that embedding.

The workers of a node share a file with 16 bytes of the hash of each such content. A worker leaves
the row of a known content without an embedding. The row then gets its columns from a stored row. A
day is read in full only when a content is taken from it. Of every other day only narrow columns are
read.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.config import EmbedConfig
from imgdedup.images.decode import fingerprint
from imgdedup.relations.prefixes import NO_PREFIXES, SharedPrefixes, share

_TAKEN = (
    "format",
    "width",
    "height",
    "frames",
    "has_alpha",
    "detail",
    "bars",
    "tones",
    "quality",
    "embedding",
    "local",
    "features",
    "thumbnail",
    "second_thumbnail",
    "second_features",
)


@dataclass(frozen=True)
class Known:
    """The contents that have an embedding, by the fingerprint of the model that made it."""

    contents: Mapping[str, SharedPrefixes] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.contents.values()))

    def by(self, model: str) -> np.ndarray:
        """The prefixes of the contents that `model` embedded, for `holds`."""
        return self.contents[model].open() if model in self.contents else NO_PREFIXES


def usable(embeddings: DataFrame, config: EmbedConfig) -> DataFrame:
    """The rows of `embeddings` that a run with this configuration would write again as they are."""
    pixels = F.col("width").cast("long") * F.col("height")
    return embeddings.where(
        F.col("failure").isNull()
        & (F.col("decoder") == fingerprint(config))
        & (pixels <= config.max_pixels)
    )


def find_known(embeddings: DataFrame, dt: str, config: EmbedConfig) -> Known:
    """Find the contents in `embeddings` (all days, with `dt`) that a run for `dt` can reuse.

    At most `reuse_contents` rows of whole days count: first `dt` itself, then the latest days.
    """
    if not config.reuse_contents:
        return Known()
    rows = usable(embeddings, config)
    counts: Counter[str] = Counter()
    models: Counter[str] = Counter()
    for row in rows.groupBy("dt", "model").count().collect():
        counts[row["dt"]] += row["count"]
        models[row["model"]] += row["count"]
    near = rows.where(F.col("dt").isin(choose_days(counts, dt, config.reuse_contents)))
    return Known(
        {
            model: share(
                near.where(F.col("model") == model).select(F.col("content_id").alias("hash")), most
            )
            for model, most in models.items()
        }
    )


def choose_days(counts: Mapping[str, int], dt: str, most: int) -> list[str]:
    """Choose days that together hold at most `most` rows: first `dt`, then the latest.

    `counts` are the rows of each day.
    """
    days: list[str] = []
    for day in sorted(counts, key=lambda day: (day == dt, day), reverse=True):
        most -= counts[day]
        if most < 0:
            break
        days.append(day)
    return days


def fill_reused(
    embedded: DataFrame, read: Callable[[], DataFrame], dt: str, config: EmbedConfig
) -> DataFrame:
    """Give the reused rows among `embedded` the stored columns of their content.

    The images are embedded first, and `read` gives `embeddings` only then, because another run may
    replace the files of its day meanwhile. A row whose content is no longer stored is missing from
    the result.
    """
    done = embedded.localCheckpoint(storageLevel=StorageLevel.DISK_ONLY)
    rows = usable(read(), config)
    left_out = done.where("reused")
    stored = find_places(left_out, rows, dt).localCheckpoint()
    days = [row["dt"] for row in stored.select("dt").distinct().collect()]
    pictures = (
        rows.where(F.col("dt").isin(days))
        .withColumnRenamed("image_id", "stored_as")
        .join(stored, ["dt", "stored_as", "content_id", "model"])
        .select("content_id", "model", *_TAKEN)
    )
    taken = left_out.drop(*_TAKEN).join(pictures, ["content_id", "model"])
    return done.where("NOT reused").unionByName(taken)


def find_places(left_out: DataFrame, usable: DataFrame, dt: str) -> DataFrame:
    """One stored row of each content: of `dt` itself, else of the latest day."""
    wanted = left_out.select("content_id", "model").distinct()
    place = F.struct((F.col("dt") == dt).alias("own"), "dt", F.col("image_id").alias("stored_as"))
    return (
        usable.select("content_id", "model", place.alias("place"))
        .join(wanted, ["content_id", "model"])
        .groupBy("content_id", "model")
        .agg(F.max("place").alias("place"))
        .select("content_id", "model", "place.dt", "place.stored_as")
    )
