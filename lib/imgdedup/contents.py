"""What several stages ask of `embeddings`: its distinct contents and the model they share."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.errors import UserError


def contents(embeddings: DataFrame) -> DataFrame:
    """Distinct contents that have an embedding: `content_id`, `embedding`."""
    return (
        embeddings.where("failure IS NULL")
        .select("content_id", "embedding")
        .dropDuplicates(["content_id"])
    )


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
