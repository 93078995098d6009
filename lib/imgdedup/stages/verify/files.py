"""The bytes of contents, from where `embed` read them.

These are the uris of a content, or the column `content` of its manifest. Bytes that are no longer
those of the content do not count.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.errors import ImageFailure
from imgdedup.lake import Lake
from imgdedup.relations.contents import embedded, only
from imgdedup.sources import Reader

_MOST_URIS = 5  # of one content, that are tried
_KEPT = 4  # files that a worker remembers


def files_of(lake: Lake, wanted: DataFrame) -> DataFrame:
    """Where the bytes of contents are: `content_id`, `uris`, latest first, and `content`."""
    rows = only(embedded(lake.read("embeddings")), wanted)
    rows = rows.select("content_id", "dt", "image_id", "uri").localCheckpoint()
    latest = F.sort_array(F.collect_set(F.struct("dt", "image_id", "uri")), asc=False)
    uris = F.slice(F.array_distinct(F.transform(latest, lambda row: row["uri"])), 1, _MOST_URIS)
    found = rows.groupBy("content_id").agg(uris.alias("uris"))
    stored = None
    for (day,) in rows.select("dt").distinct().collect():
        manifest = lake.read_day("manifest", day)
        if "content" in manifest.columns:
            of_day = manifest.select("image_id", "content", F.lit(day).alias("dt"))
            stored = of_day if stored is None else stored.unionByName(of_day)
    if stored is None:
        return found.withColumn("content", F.lit(None).cast("binary"))
    kept = rows.join(stored.where("content IS NOT NULL"), ["image_id", "dt"])
    first = kept.groupBy("content_id").agg(
        F.min_by("content", F.struct("dt", "image_id")).alias("content")
    )
    return found.join(first, "content_id", "left")


def holds(reader: Reader, uri: str, content_id: str) -> bool:
    """Whether the file at `uri` has the bytes of a content."""
    try:
        return _is(reader.read(uri), content_id)
    except ImageFailure:
        return False


class Files:
    """The bytes of contents; the latest ones are remembered."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: dict[str, bytes] = {}

    def of(self, content_id: str, side: Mapping[str, Any], name: str) -> bytes:
        """The bytes of a content. Raises ImageFailure when no place has them any more."""
        if content_id not in self._kept:
            found = self._read(content_id, side[f"{name}_uris"], side[f"{name}_content"])
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[content_id] = found
        return self._kept[content_id]

    def _read(self, content_id: str, uris: list[str | None], content: bytes | None) -> bytes:
        failure = None
        if content is not None and _is(content, content_id):
            return content
        for uri in uris:
            if uri is None:
                continue
            try:
                data = self._reader.read(uri)
            except ImageFailure as error:
                failure = failure or error
            else:
                if _is(data, content_id):
                    return data
                failure = failure or ImageFailure("missing", f"{uri} has other bytes now")
        raise failure or ImageFailure("missing", "the manifest has other bytes now")


def _is(data: bytes, content_id: str) -> bool:
    return hashlib.sha256(data).hexdigest() == content_id
