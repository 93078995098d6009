"""The distinct contents of `embeddings`, and the model that all of them share."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup.errors import UserError
from imgdedup.space.vectors import bytes_matrix, matrix

DESCRIBED = ("embedding", "local")  # the columns that an image is placed by


def embedded(embeddings: DataFrame) -> DataFrame:
    """The rows that have an embedding."""
    return embeddings.where("failure IS NULL")


def contents(embeddings: DataFrame, *columns: str, wanted: DataFrame | None = None) -> DataFrame:
    """One row of each content that has an embedding: `content_id` and `columns`.

    The row of a content is that of its earliest day, and of its least `image_id` on that day.
    `wanted` (`content_id`) restricts the contents. Wide columns are then read only from the days
    that hold the chosen rows.
    """
    rows = embedded(embeddings)
    narrow = rows.select("content_id", "dt", "image_id")
    if wanted is not None:
        narrow = only(narrow, wanted)
    place = F.min(standing()).alias("place")
    chosen = narrow.groupBy("content_id").agg(place).select("content_id", "place.*")
    if wanted is not None:
        chosen = chosen.localCheckpoint()
        days = [row["dt"] for row in chosen.select("dt").distinct().collect()]
        rows = rows.where(F.col("dt").isin(days))
    read = rows.select("content_id", "dt", "image_id", *columns)
    return read.join(chosen, ["content_id", "dt", "image_id"], "left_semi").select(
        "content_id", *columns
    )


def standing() -> Column:
    """The order in which rows stand for their content: the least of a content is its row."""
    return F.struct("dt", "image_id")


def only(rows: DataFrame, contents: DataFrame, column: str = "content_id") -> DataFrame:
    """The rows whose content, in `column`, is among `contents` (`content_id`)."""
    wanted = contents.select(F.col("content_id").alias(column))
    return rows.join(wanted, column, "left_semi").select(*rows.columns)


def without(rows: DataFrame, contents: DataFrame) -> DataFrame:
    """The rows (`content_id`) whose content is not among `contents` (`content_id`)."""
    return rows.join(contents.select("content_id"), "content_id", "left_anti").select(*rows.columns)


def count_contents(embeddings: DataFrame) -> int:
    """The number of distinct contents that have an embedding."""
    return embedded(embeddings).select("content_id").distinct().count()


def from_keys(spark: SparkSession, keys: Sequence[str]) -> DataFrame:
    """The contents of these keys, `content_id`."""
    return spark.createDataFrame(pa.table({"content_id": pa.array(keys, pa.string())}))


def sample(contents: DataFrame, most: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """At most `most` of the contents: their keys and descriptions, both (n, values).

    The descriptions are the embeddings, float32, and the local descriptors, int8. `contents` have
    `content_id` and DESCRIBED. The sample is fair, and does not depend on the order of the rows.
    """
    chosen = contents.orderBy(F.xxhash64("content_id"), "content_id").limit(most)
    table: pa.Table = chosen.select("content_id", *DESCRIBED).toArrow()
    return table["content_id"].to_pylist(), *descriptions(table)


def descriptions(table: pa.Table | pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """The columns DESCRIBED of a table, as `Projection.project` takes them."""
    embedding, local = (
        column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        for column in (table[name] for name in DESCRIBED)
    )
    return matrix(embedding), bytes_matrix(local)


def require_one_model(embeddings: DataFrame) -> str | None:
    """The fingerprint of the model that all embeddings share. None: there are no embeddings.

    Raises UserError that names the days of each model when there are several models.
    """
    found = (
        embedded(embeddings)
        .groupBy("model")
        .agg(F.array_sort(F.collect_set("dt")).alias("days"))
        .sort("model")
        .collect()
    )
    if not found:
        return None
    if len(found) > 1:
        models = "; ".join(f"{row.model}: {', '.join(row.days[:5])}" for row in found)
        raise UserError(
            f"the days were embedded with different models ({models}), and their embeddings "
            "cannot be compared: run the days of the old one again, or use another root"
        )
    return str(found[0].model)
