"""Looks at the originals of pairs, on all workers.

The bytes come from where `embed` read them: the uris of a content, or the column `content` of its
manifest. Bytes that are no longer those of the content do not count.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.config import Config
from imgdedup.failures import ImageFailure
from imgdedup.geometry.grounds import compare_on_grounds
from imgdedup.lake import Lake
from imgdedup.relations.contents import contents, embedded, only
from imgdedup.relations.sides import SIDES, either_side
from imgdedup.sources import Reader, reader_of
from imgdedup.stages.verify.originals import Content, compare_originals
from imgdedup.stages.verify.pictures import PICTURE, picture_of

AGREE, DIFFER, UNCONFIRMED = "agree", "differ", "unconfirmed"
LOOKS = StructType(
    [StructField(name, StringType()) for name in (*SIDES, "originals", "originals_detail")]
)
_MOST_URIS = 5  # of one content, that are tried
_PAIRS_A_TASK = 64
_KEPT = 4  # files that a worker remembers
_FILE = ("uris", "content")


def look_at(pairs: DataFrame, lake: Lake, config: Config) -> DataFrame:
    """Look at the originals of `pairs` (both contents; copies by their thumbnails): LOOKS."""
    wanted = either_side(pairs).distinct().localCheckpoint()
    described = contents(lake.read("embeddings"), *PICTURE, wanted=wanted)
    sides = described.join(_files(lake, wanted), "content_id").localCheckpoint()
    asked = pairs.select(*SIDES)
    for side in ("left", "right"):
        named = [F.col(name).alias(f"{side}_{name}") for name in (*PICTURE, *_FILE)]
        columns = F.col("content_id").alias(f"{side}_content"), F.struct(*named).alias(side)
        asked = asked.join(sides.select(*columns), f"{side}_content")

    def look(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        files = _Files(reader_of(config.embed))
        for table in tables:
            rows = [_looked(row, files, config) for row in table.to_pylist()]
            yield pa.RecordBatch.from_pylist(rows, schema=to_arrow_schema(LOOKS))

    tasks = math.ceil(pairs.count() / _PAIRS_A_TASK)
    spread = asked.repartition(max(tasks, 1), "left_content")
    return spread.mapInArrow(look, LOOKS)


def _files(lake: Lake, wanted: DataFrame) -> DataFrame:
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


class _Files:
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


def _looked(row: Mapping[str, Any], files: _Files, config: Config) -> dict[str, str | None]:
    result = {side: row[side] for side in SIDES}
    one, other = (
        picture_of({name: row[side][f"{side}_{name}"] for name in PICTURE})
        for side in ("left", "right")
    )
    matrix = compare_on_grounds(one, other, config.verify).matrix
    if matrix is None:  # a day was embedded again since these were compared
        return result | {"originals": UNCONFIRMED, "originals_detail": "other thumbnails now"}
    try:
        left, right = (
            Content(files.of(row[f"{side}_content"], row[side], side), picture.size)
            for side, picture in (("left", one), ("right", other))
        )
        found = compare_originals(left, right, matrix, config.verify, config.embed.max_pixels)
    except ImageFailure as failure:
        why = f"{failure.code}: {failure.detail}"[:500]
        return result | {"originals": UNCONFIRMED, "originals_detail": why}
    return result | {"originals": AGREE if found.same else DIFFER, "originals_detail": None}
