"""What several stages ask of `embeddings`: its distinct contents and the model they share."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup.errors import UserError
from imgdedup.vectors import matrix


def contents(embeddings: DataFrame) -> DataFrame:
    """Distinct contents that have an embedding: `content_id`, `embedding`."""
    return (
        embeddings.where("failure IS NULL")
        .select("content_id", "embedding")
        .dropDuplicates(["content_id"])
    )


def some(embeddings: DataFrame, wanted: DataFrame, *columns: str) -> DataFrame:
    """One row of each of the contents `wanted` (`content_id`): `content_id` and `columns`.

    Wide columns are read from the days that hold these contents alone, however many there are.
    """
    readable = embeddings.where("failure IS NULL")
    listed = readable.select("content_id", "dt").join(wanted, "content_id", "left_semi")
    chosen = listed.groupBy("content_id").agg(F.min("dt").alias("dt"))
    days = [row["dt"] for row in chosen.select("dt").distinct().collect()]
    return (
        readable.where(F.col("dt").isin(days))
        .select("content_id", "dt", *columns)
        .join(chosen, ["content_id", "dt"], "left_semi")
        .dropDuplicates(["content_id"])
        .select("content_id", *columns)
    )


def keys_of(rows: DataFrame) -> set[str]:
    """The distinct contents of rows, collected: some 120 bytes of the driver's memory each."""
    found: pa.Table = rows.select("content_id").distinct().toArrow()
    return set(found["content_id"].to_pylist())


def named(spark: SparkSession, keys: Sequence[str]) -> DataFrame:
    """The contents of these keys, `content_id`."""
    return spark.createDataFrame(pa.table({"content_id": pa.array(keys, pa.string())}))


def sample(contents: DataFrame, most: int) -> tuple[list[str], np.ndarray]:
    """At most `most` of the contents: their keys, and their embeddings, float32, (n, values).

    The same ones whatever their order, and a fair sample of them.
    """
    chosen = contents.orderBy(F.xxhash64("content_id"), "content_id").limit(most)
    table: pa.Table = chosen.select("content_id", "embedding").toArrow()
    return table["content_id"].to_pylist(), matrix(table["embedding"].combine_chunks())


def both_ways(pairs: DataFrame, one: str, other: str, *columns: str) -> DataFrame:
    """Pairs of contents from either side: the contents as `one` and `other`, and `columns`."""
    sides = ["left_content", "right_content"]
    there, back = (
        pairs.select(F.col(first).alias(one), F.col(second).alias(other), *columns)
        for first, second in (sides, sides[::-1])
    )
    return there.unionByName(back)


def either_side(pairs: DataFrame, *columns: str) -> DataFrame:
    """The contents of both sides of pairs, `content_id`, each with `columns` of its pair."""
    left, right = (
        pairs.select(F.col(side).alias("content_id"), *columns)
        for side in ("left_content", "right_content")
    )
    return left.union(right)


def the_one_model(embeddings: DataFrame) -> str | None:
    """The fingerprint of the model that all embeddings share, None when there are none.

    Raises UserError naming the days of each model when there are several.
    """
    found = (
        embeddings.where("failure IS NULL")
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
