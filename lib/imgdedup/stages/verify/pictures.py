"""The picture of a content, as a row of `embeddings` describes it."""

from collections.abc import Mapping
from typing import Any

from imgdedup.geometry.picture import Picture

PICTURE = (
    "thumbnail",
    "width",
    "height",
    "features",
    "second_thumbnail",
    "second_features",
    "frames",
)


def picture_of(row: Mapping[str, Any]) -> Picture:
    """The picture that the columns PICTURE of a row describe, on one ground or on two."""
    size = row["width"], row["height"]
    frames = row["frames"] or 1  # an earlier version did not count them
    second = None
    if row["second_thumbnail"] is not None:
        second = Picture(row["second_thumbnail"], *size, row["second_features"], frames=frames)
    return Picture(row["thumbnail"], *size, row["features"], second, frames)
