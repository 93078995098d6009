"""What several stages ask of `embeddings`: its distinct contents and the model they share."""

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
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


def only(contents: DataFrame, keys: list[str]) -> DataFrame:
    """The contents whose `content_id` is among `keys`."""
    wanted = contents.sparkSession.createDataFrame(pa.table({"content_id": keys}))
    return contents.join(wanted, "content_id", "left_semi")


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


def the_one_model(embeddings: DataFrame) -> tuple[str, int] | None:
    """The fingerprint and the dimensions that all embeddings share, None when there are none.

    Raises UserError naming the days of each model when there are several.
    """
    found = (
        embeddings.where("failure IS NULL")
        .groupBy("model", F.size("embedding").alias("dims"))
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
    return found[0].model, found[0].dims
