"""A lake of many contents, as narrow as the steps allow, and the keys of its collection."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

_DAYS = 10
_ROW_GROUP = 4 * 2**20  # bytes: a bucket of keys is read from few of them
MODEL = "synthetic"


@dataclass(frozen=True)
class Stored:
    """Stands in for a collection on a server: its keys are in Parquet, sorted."""

    folder: str

    def connect(self) -> "Stored":
        """No connection is needed."""
        return self

    def close(self) -> None:
        """Nothing to close."""

    def keys(self, least: str = "", below: str = "") -> list[str]:
        """See milvus.client.Collection."""
        bounds = [("content_id", ">=", least), *([("content_id", "<", below)] if below else [])]
        return pq.read_table(self.folder, filters=bounds)["content_id"].to_pylist()

    def delete(self, keys: Sequence[str]) -> None:
        """Nothing is deleted."""


def make(spark: SparkSession, root: Path, contents: int, differing: int, decoder: str) -> Stored:
    """Write `embeddings` without embeddings, and a collection.

    The collection lacks `differing` of the contents, and has as many that the table lacks.
    """
    rows = _hashes(spark, 0, contents).select(
        F.col("id").cast("string").alias("image_id"),
        "content_id",
        F.lit(100).alias("width"),
        F.lit(100).alias("height"),
        F.lit(MODEL).alias("model"),
        F.lit(decoder).alias("decoder"),
        F.format_string("2026-01-%02d", F.col("id") % _DAYS + 1).alias("dt"),
    )
    rows.write.partitionBy("dt").parquet(f"{root}/embeddings")
    keys = _hashes(spark, differing, contents + differing).select("content_id")
    sorted_keys = keys.orderBy("content_id").write.option("parquet.block.size", _ROW_GROUP)
    sorted_keys.parquet(f"{root}/keys")
    return Stored(f"{root}/keys")


def _hashes(spark: SparkSession, first: int, end: int) -> DataFrame:
    hashed = F.sha2(F.col("id").cast("string"), 256)
    return spark.range(first, end).withColumn("content_id", hashed)
