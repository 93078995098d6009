"""The figures of an embed run: where its rows come from, and which images failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.errors import FAILURES, TRANSIENT, TryAgain, UserError


def metrics() -> list[Column]:
    """Aggregates of the embedded rows, to be observed while they are written."""
    return [
        F.sum("model_seconds").alias("model_seconds"),
        F.sum("task_seconds").alias("task_seconds"),
        F.count_if(F.col("embedding").isNotNull()).alias("embedded"),
        F.count_if("reused").alias("reused"),
        F.array_sort(F.collect_set("model")).alias("models"),
        *(F.count_if(F.col("failure") == code).alias(f"{code}_count") for code in FAILURES),
        *(F.min(_uri_of(code)).alias(f"{code}_uri") for code in FAILURES),
    ]


def _uri_of(code: str) -> Column:
    return F.when(F.col("failure") == code, F.col("uri"))


def require_same_model(models: Sequence[str]) -> str | None:
    """The model that all rows share, None for no rows; UserError when the workers differ."""
    if len(models) > 1:
        raise UserError(
            f"the executors embedded with different models ({', '.join(models)}), and their "
            "embeddings cannot be compared: let them run on machines of one kind, or set "
            "embed.device and embed.precision"
        )
    return models[0] if models else None


def require_few_failures(observed: Mapping[str, Any], rows: int, most: float) -> None:
    """Raise an error with the reasons when a greater share than `most` of all `rows` failed.

    The error is TryAgain when the commonest reason may pass, else UserError.
    """
    failed = failures(observed)
    count = sum(failed.values())
    if count <= most * rows:
        return
    reasons = ", ".join(
        f"{n:,} {code} (such as {observed[f'{code}_uri']})" for code, n in failed.items()
    )
    message = (
        f"{count:,} of {rows:,} images failed, more than embed.most_failures allows: {reasons}. "
        "The embeddings of the day stay as they were: mend the cause, and run the day again"
    )
    raise (TryAgain if next(iter(failed)) in TRANSIENT else UserError)(message)


def failures(observed: Mapping[str, Any]) -> dict[str, int]:
    """Rows by failure code, commonest first."""
    counts = {code: observed[f"{code}_count"] for code in FAILURES}
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {code: count for code, count in ordered if count}


def failed_images(embeddings: DataFrame) -> DataFrame:
    """The images of a day that have a failure: `image_id`."""
    return embeddings.where("failure IS NOT NULL").select("image_id")


def count_healed(failed_before: DataFrame, embeddings: DataFrame) -> int:
    """How many of the images that had a failure have an embedding now."""
    fine = embeddings.where("failure IS NULL")
    return fine.join(failed_before, "image_id", "left_semi").count()


def figures(observed: Mapping[str, Any], healed: int) -> dict[str, object]:
    """The figures of a run: where its rows come from, and the model's share of the tasks' time."""
    busy, total = observed["model_seconds"] or 0.0, observed["task_seconds"] or 0.0
    return {
        "embedded": observed["embedded"],
        "reused": observed["reused"],
        "healed": healed,
        "failures": ", ".join(f"{code} {count}" for code, count in failures(observed).items())
        or "none",
        "model_share": f"{busy / total:.2f}" if total else "0",
        "model_seconds": f"{busy:.1f}",
    }
