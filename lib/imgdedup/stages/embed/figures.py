"""The figures of an embed run: where its rows come from, and which images failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.errors import UserError


def metrics() -> list[Column]:
    """Aggregates of the embedded rows, to be observed while they are written."""
    return [
        F.sum("model_seconds").alias("model_seconds"),
        F.sum("task_seconds").alias("task_seconds"),
        F.count_if(F.col("embedding").isNotNull()).alias("embedded"),
        F.count_if("reused").alias("reused"),
        F.array_sort(F.collect_set("model")).alias("models"),
    ]


def require_same_model(models: Sequence[str]) -> str | None:
    """The model that all rows share, None for no rows; UserError when the workers differ."""
    if len(models) > 1:
        raise UserError(
            f"the executors embedded with different models ({', '.join(models)}), and their "
            "embeddings cannot be compared: let them run on machines of one kind, or set "
            "embed.device and embed.precision"
        )
    return models[0] if models else None


def count_failures(embeddings: DataFrame) -> dict[str, int]:
    """Rows by failure code, commonest first."""
    counts = embeddings.where("failure IS NOT NULL").groupBy("failure").count().collect()
    return {row["failure"]: row["count"] for row in sorted(counts, key=lambda r: (-r["count"], r))}


def failed_images(embeddings: DataFrame) -> DataFrame:
    """The images of a day that have a failure: `image_id`."""
    return embeddings.where("failure IS NOT NULL").select("image_id")


def count_healed(failed_before: DataFrame, embeddings: DataFrame) -> int:
    """How many of the images that had a failure have an embedding now."""
    fine = embeddings.where("failure IS NULL")
    return fine.join(failed_before, "image_id", "left_semi").count()


def figures(
    observed: Mapping[str, Any], failed: Mapping[str, int], healed: int
) -> dict[str, object]:
    """The figures of a run: where its rows come from, and the model's share of the tasks' time."""
    busy, total = observed["model_seconds"] or 0.0, observed["task_seconds"] or 0.0
    return {
        "embedded": observed["embedded"],
        "reused": observed["reused"],
        "healed": healed,
        "failures": ", ".join(f"{code} {count}" for code, count in failed.items()) or "none",
        "model_share": f"{busy / total:.2f}" if total else "0",
        "model_seconds": f"{busy:.1f}",
    }
