"""verify: which candidates are copies, decided by geometry on the thumbnails, and explained.

The contents fall into buckets, and a block is a pair of buckets: its task gets the candidates
between the two with the pictures they need. So no task holds more than a few thousand pictures,
none is described more than once, and none travels more often than it has candidates.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import astuple, replace

import cv2
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from imgdedup.config import EmbedConfig, VerifyConfig
from imgdedup.contents import either_side, some
from imgdedup.geometry.comparison import Verdict, compare
from imgdedup.geometry.picture import Picture
from imgdedup.schemas import VERDICTS

_RULES = 4  # changes whenever the same settings would decide or explain differently
_LEAST_BUCKETS, _MOST_BUCKETS = 3, 256
_FEW = 32  # contents whose comparison is sooner done by one task than cut into several
_MOST_PARTITIONS = 512
_SIDES = ("left_content", "right_content")
_DESCRIBED = (
    "content_id STRING, thumbnail BINARY, width INT, height INT, features BINARY, blocks ARRAY<INT>"
)
# What the comparison itself gives of a verdict.
_DECIDED = StructType([field for field in VERDICTS if field.name not in ("model", "verifier")])


def fingerprint(config: VerifyConfig, pictures: EmbedConfig) -> str:
    """Names the rules: verdicts of equal fingerprints on the same contents are equal."""
    rules = replace(config, block_contents=1)  # how the work is cut changes no verdict
    seen = (_RULES, pictures.thumbnail_size, pictures.thumbnail_quality, *astuple(rules))
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:12]


def undecided(candidates: DataFrame, known: DataFrame, verifier: str) -> DataFrame:
    """The candidates on which these rules have not decided yet: both contents and `model`."""
    decided = known.where(F.col("verifier") == verifier).select(*_SIDES, "model")
    return candidates.select(*_SIDES, "model").join(decided, [*_SIDES, "model"], "left_anti")


def decide(
    undecided: DataFrame, embeddings: DataFrame, config: VerifyConfig, verifier: str
) -> DataFrame:
    """The columns of `VERDICTS`, one row for each of the `undecided`."""
    pairs = undecided.localCheckpoint()
    contents = either_side(pairs).distinct().count()
    least = _LEAST_BUCKETS if contents > _FEW else 1
    buckets = min(max(math.ceil(contents / config.block_contents), least), _MOST_BUCKETS)
    partitions = min(buckets * (buckets + 1) // 2, _MOST_PARTITIONS)
    placed = pairs.withColumn("block", _block(buckets))
    pictures = _pictures(placed, embeddings, partitions)

    def compare_block(pairs: pa.Table, pictures: pa.Table) -> pa.Table:
        return _compared(pairs, pictures, config)

    asked = placed.drop("model").repartition(partitions, "block").groupBy("block")
    decided = asked.cogroup(pictures.groupBy("block")).applyInArrow(compare_block, _DECIDED)
    return (
        decided.join(pairs, [*_SIDES])
        .withColumn("verifier", F.lit(verifier))
        .select(*VERDICTS.names)
    )


def merged(known: DataFrame, decided: DataFrame, candidates: DataFrame) -> DataFrame:
    """The verdicts on these candidates, `known` or `decided` now, with their candidate's `dt`."""
    present = candidates.select(*_SIDES, "model", "dt")
    # What was known by other rules is decided anew, so each candidate has one verdict.
    kept = known.select(*VERDICTS.names).join(
        decided.select(*_SIDES, "model"), [*_SIDES, "model"], "left_anti"
    )
    return kept.unionByName(decided).join(present, [*_SIDES, "model"])


def duplicates(candidates: DataFrame, verdicts: DataFrame) -> DataFrame:
    """The candidates that are copies, with evidence and explanation."""
    found = verdicts.where("duplicate").select(*VERDICTS.names)
    scores = candidates.select(*_SIDES, "model", "similarity", "margin")
    return scores.join(found, [*_SIDES, "model"])


def _block(buckets: int) -> Column:
    """The number of the block of a pair: its two buckets, whichever is left."""
    left, right = (F.pmod(F.xxhash64(side), F.lit(buckets)) for side in _SIDES)
    return (F.least(left, right) * buckets + F.greatest(left, right)).cast("int")


def _pictures(placed: DataFrame, embeddings: DataFrame, partitions: int) -> DataFrame:
    """The described pictures, once for each block that needs them."""
    needed = either_side(placed, "block")
    wanted = needed.groupBy("content_id").agg(F.collect_set("block").alias("blocks"))
    return (
        some(embeddings, wanted, "thumbnail", "width", "height")
        .join(wanted, "content_id")
        .repartition(partitions, "content_id")
        .mapInArrow(_describe, _DESCRIBED)
        .withColumn("block", F.explode("blocks"))
        .drop("blocks")
        .repartition(partitions, "block")
    )


def _describe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    cv2.setNumThreads(1)  # Spark runs a task on each core
    for batch in batches:
        features = [
            Picture.describe(row["thumbnail"], row["width"], row["height"]).packed
            for row in batch.select(["thumbnail", "width", "height"]).to_pylist()
        ]
        columns = {name: batch[name] for name in ("content_id", "thumbnail", "width", "height")}
        yield pa.RecordBatch.from_pydict(
            {**columns, "features": pa.array(features, pa.binary()), "blocks": batch["blocks"]}
        )


def _compared(pairs: pa.Table, pictures: pa.Table, config: VerifyConfig) -> pa.Table:
    cv2.setNumThreads(1)
    described = {
        row["content_id"]: Picture(row["thumbnail"], row["width"], row["height"], row["features"])
        for row in pictures.to_pylist()
    }
    rows = []
    for pair in pairs.to_pylist():
        left, right = pair["left_content"], pair["right_content"]
        if not {left, right} <= described.keys():
            raise RuntimeError(
                f"the candidate {left}, {right} has a content that is gone from embeddings since "
                "the search: run the day that was embedded meanwhile, then this one again"
            )
        verdict = compare(described[left], described[right], config)
        rows.append({"left_content": left, "right_content": right} | _row(verdict))
    return pa.Table.from_pylist(rows, schema=to_arrow_schema(_DECIDED))


def _row(verdict: Verdict) -> dict[str, object]:
    """A verdict as columns, rounded to what the map is good for."""
    row: dict[str, object] = {
        "duplicate": verdict.duplicate,
        "inliers": verdict.inliers,
        "correlation": round(verdict.correlation, 4),
        "overlap": round(verdict.overlap, 4),
    }
    if (found := verdict.explanation) is not None:
        edges = zip(("left", "top", "right", "bottom"), found.crop, strict=True)
        row |= {f"crop_{edge}": round(share, 4) for edge, share in edges}
        row |= {
            "wider": found.wider,
            "scale": round(found.scale, 4),
            "rotation": round(found.rotation, 2),
            "mirrored": found.mirrored,
            "brightness": round(found.brightness, 3),
            "contrast": round(found.contrast, 3),
            "grayscale": found.grayscale,
            "edit": found.edit,
        }
    return row
