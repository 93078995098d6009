"""The total order of keepers: which of several images is the one to keep."""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.config import ColumnKey, column_key

# The real side of a picture, in steps of a quarter of an octave: differences below are not seen. An
# image that an earlier version embedded has no `detail`. All its pixels count as real.
_SIDE = "SQRT(CAST(width AS DOUBLE) * height)"
_REAL = f"COALESCE(detail, {_SIDE})"
# Enlargements, and photographs that are soft throughout, have less than 0.72 of their side. Where
# all pixels are real, smaller differences tell a part, or a reduced copy, from the whole picture.
_EXTENT = f"IF({_REAL} > 0.75 * {_SIDE}, ROUND(LOG2({_REAL}) * 16), 0)"


class Key(NamedTuple):
    """A key of the order of keepers. Of what an earlier version left out, the least is taken."""

    words: str  # why a keeper is better
    value: str  # SQL: less for the better image, and never null


_KEYS = {
    "frames": Key("has more frames", "-COALESCE(frames, 1)"),
    "detail": Key("shows finer detail", f"-ROUND(LOG2({_REAL}) * 4)"),
    "bars": Key("has smaller bars", "FLOOR(COALESCE(bars, 0) * 10)"),
    "alpha": Key("is transparent", "IF(COALESCE(has_alpha, FALSE), 0, 1)"),
    "colour": Key("has more colour", "-COALESCE(tones, 3)"),
    "extent": Key("is larger, and all of it is real", f"-{_EXTENT}"),
    "lossless": Key("is compressed without loss", "IF(COALESCE(quality, 0) = 100, 0, 1)"),
    "quality": Key("is compressed less", "-FLOOR(COALESCE(quality, 0) / 10)"),
    "pixels": Key("has more pixels", "-CAST(width AS LONG) * height"),
    "bytes": Key("has more bytes", "-size_bytes"),
    "link": Key("is no link", "IF(COALESCE(is_link, FALSE), 1, 0)"),
    "day": Key("came on an earlier day", "day"),
}


# What decoding tells of a content. A day that an earlier version embedded does not know it.
_MARKS = ("frames", "has_alpha", "detail", "bars", "tones", "quality")


def keys_of(order: Sequence[str]) -> dict[str, Key]:
    """The keys that an order names, by their names in a rank. A column has two of them."""
    keys, columns = {}, 0
    for name in order:
        if (column := column_key(name)) is None:
            keys[name] = _KEYS[name]
            continue
        of, words = f"GET(preference, {columns})", _words(column)
        keys[f"number_{columns}"] = Key(words, f"COALESCE({of}.number, DOUBLE('Infinity'))")
        keys[f"text_{columns}"] = Key(words, f"COALESCE({of}.text, '')")
        columns += 1
    return keys


def _words(column: ColumnKey) -> str:
    if column.value is not None:
        return f"has {column.name} = {column.value}"
    return f"has the {'greater' if column.descending else 'lesser'} {column.name}"


def ranked_images(snapshot: DataFrame, order: Sequence[str]) -> DataFrame:
    """Every image of a snapshot with its `rank`, a struct that is less for the better keeper.

    `order` names the keys of the total order, first key first. The least `image_id` decides last.
    The key `day` is the first day on which the image had this content. Gives `image_id`,
    `content_id`, `dt`, `rank`.
    """
    first = snapshot.groupBy("image_id", "content_id").agg(F.min("dt").alias("day"))
    marks = snapshot.groupBy("content_id").agg(*(F.max(name).alias(name) for name in _MARKS))
    keys = [F.expr(key.value).alias(name) for name, key in keys_of(order).items()]
    return (
        snapshot.drop(*_MARKS)
        .join(marks, "content_id")
        .join(first, ["image_id", "content_id"])
        .select("image_id", "content_id", "dt", F.struct(*keys, "image_id").alias("rank"))
    )


def best_ranks(ranked: DataFrame) -> DataFrame:
    """For each `content_id` the rank of its best image, `best`."""
    return ranked.groupBy("content_id").agg(F.min("rank").alias("best"))
