"""Small tables for the tests: rows of `embeddings`, `candidates` and verdicts in few words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.lake.schemas import CANDIDATES, EMBEDDINGS, VERDICTS
from imgdedup.settling.changes import Delta
from imgdedup.stages.verify import verdicts as judged

MODEL = "model"
PROJECTION = "projection"
DT = StructField("dt", StringType())
FINDINGS: dict[str, Any] = {  # of a pair of copies, unless a test says otherwise
    "duplicate": True,
    "inliers": 40,
    "correlation": 0.875,
    "overlap": 1.0,
    "wider": "left",
    "scale": 0.5,
    "rotation": 90.0,
    "mirrored": True,
    "crop_left": 0.125,
    "crop_top": 0.25,
    "crop_right": 0.75,
    "crop_bottom": 1.0,
    "brightness": 1.5,
    "contrast": 0.5,
    "grayscale": False,
    "edit": "mirrored, cropped to 47%",
    "frame_map": [0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
    "originals": "agree",
    "originals_detail": None,
    "verifier": "verifier",
    "left_decoder": "decoder",
    "right_decoder": "decoder",
}


@dataclass(frozen=True)
class Image:
    """One row of `embeddings`; without a content the image could not be read."""

    image_id: str
    content: str | None
    dt: str
    width: int = 100
    height: int = 100
    size_bytes: int = 1000
    model: str = MODEL
    embedding: tuple[float, ...] = (1.0, 0.0)
    local: bytes | None = None
    features: bytes | None = b""
    thumbnail: bytes = b"thumbnail"
    decoder: str = "decoder"
    frames: int | None = 1
    has_alpha: bool | None = False
    file_key: str | None = None
    inode: str | None = None
    is_link: bool | None = None
    detail: float | None = None
    bars: float | None = None
    tones: int | None = None
    quality: int | None = None


def frame(
    spark: SparkSession, rows: Iterable[Sequence[Any]], schema: StructType | str
) -> DataFrame:
    """A frame of rows, without a Python worker to make them; `schema` may be its DDL."""
    fields = StructType.fromDDL(schema) if isinstance(schema, str) else schema
    assert isinstance(fields, StructType)
    table = pa.Table.from_pylist(
        [dict(zip(fields.names, row, strict=True)) for row in rows],
        schema=to_arrow_schema(fields, timezone="UTC"),
    )
    return spark.createDataFrame(table, fields)


def embeddings(spark: SparkSession, images: Iterable[Image]) -> DataFrame:
    """The dataset `embeddings` with `dt`."""
    rows = [
        (
            image.image_id,
            f"file:///{image.image_id}",
            image.content,
            "PNG" if image.content else None,
            image.width if image.content else None,
            image.height if image.content else None,
            image.frames if image.content else None,
            image.has_alpha if image.content else None,
            image.size_bytes if image.content else None,
            image.file_key,
            image.inode,
            image.is_link,
            image.detail,
            image.bars,
            image.tones,
            image.quality,
            list(image.embedding) if image.content else None,
            image.local if image.content else None,
            image.features if image.content else None,
            image.thumbnail if image.content else None,
            None,
            None,
            None if image.content else "missing",
            None if image.content else "no such file",
            image.model,
            image.decoder,
            image.dt,
        )
        for image in images
    ]
    return frame(spark, rows, StructType([*EMBEDDINGS.fields, DT]))


def candidates(
    spark: SparkSession,
    pairs: Iterable[tuple[str, str, float]],
    model: str = MODEL,
    projection: str = PROJECTION,
    crowded: bool = False,
) -> DataFrame:
    """The dataset `candidates`, the lesser content on the left; margin and similarity are equal."""
    rows = [
        (min(a, b), max(a, b), similarity, similarity, crowded, model, projection)
        for a, b, similarity in pairs
    ]
    return frame(spark, rows, CANDIDATES)


def dated_candidates(
    spark: SparkSession, pairs: Iterable[tuple[str, str, float]], days: Mapping[str, str]
) -> DataFrame:
    """The dataset `candidates` with `dt`, the later of the first `days` of both contents."""
    rows = [
        (*sorted([a, b]), similarity, similarity, False, MODEL, PROJECTION, max(days[a], days[b]))
        for a, b, similarity in pairs
    ]
    return frame(spark, rows, StructType([*CANDIDATES.fields, DT]))


def applied(stored: DataFrame, delta: Delta) -> DataFrame:
    """A table after a delta."""
    key = [*delta.key, "dt"]
    kept = stored.join(delta.removed.select(*key), key, "left_anti")
    return kept.select(*delta.added.columns).unionByName(delta.added)


def verdicts(
    spark: SparkSession,
    pairs: Iterable[tuple[str, str]],
    model: str = MODEL,
    **findings: Any,
) -> DataFrame:
    """The dataset `verdicts`, the lesser content on the left."""
    found = FINDINGS | findings | {"model": model}
    rows = [found | {"left_content": min(pair), "right_content": max(pair)} for pair in pairs]
    return frame(spark, ([row[name] for name in VERDICTS.names] for row in rows), VERDICTS)


def copies(
    spark: SparkSession,
    pairs: Iterable[tuple[str, str, float]],
    model: str = MODEL,
    **findings: Any,
) -> DataFrame:
    """Pairs of contents, all found to be copies, as `verdicts.copies_of` gives them."""
    given = list(pairs)
    found = verdicts(spark, {(min(a, b), max(a, b)) for a, b, _ in given}, model, **findings)
    return judged.copies_of(candidates(spark, given, model), found)


def rows_of(table: DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries, sorted by their texts."""
    found = [row.asDict(recursive=True) for row in table.collect()]
    return sorted(found, key=repr)
