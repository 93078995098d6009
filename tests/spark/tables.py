"""Small tables for the tests: rows of `embeddings`, `candidates` and `manifest` in few words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.schemas import CANDIDATES, EMBEDDINGS

MODEL = "model"
DT = StructField("dt", StringType())


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
            image.size_bytes if image.content else None,
            list(image.embedding) if image.content else None,
            b"thumbnail" if image.content else None,
            None if image.content else "missing",
            None if image.content else "no such file",
            image.model,
            image.dt,
        )
        for image in images
    ]
    return frame(spark, rows, StructType([*EMBEDDINGS.fields, DT]))


def candidates(
    spark: SparkSession, pairs: Iterable[tuple[str, str, float]], model: str = MODEL
) -> DataFrame:
    """The dataset `candidates`, the lesser content on the left."""
    rows = [(min(a, b), max(a, b), similarity, model) for a, b, similarity in pairs]
    return frame(spark, rows, CANDIDATES)


def rows_of(table: DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries, in an order of their own."""
    found = [row.asDict(recursive=True) for row in table.collect()]
    return sorted(found, key=repr)
