"""Compares the thumbnails of candidates by geometry, on all workers.

The contents fall into buckets, and a block is a pair of buckets. The task of a block gets the
candidates between its two buckets, with the pictures that they need. So no task holds more than a
few thousand pictures, and no picture travels more often than it has candidates. `embed` has found
the features of each picture.
"""

import math

import cv2
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from imgdedup.config import VerifyConfig
from imgdedup.geometry.comparison import Verdict
from imgdedup.geometry.grounds import compare_on_grounds
from imgdedup.geometry.picture import Picture
from imgdedup.geometry.registration import of_frames
from imgdedup.lake.schemas import VERDICTS
from imgdedup.relations.contents import contents
from imgdedup.relations.sides import SIDES, either_side
from imgdedup.stages.verify.pictures import PICTURE, picture_of

_LEAST_BUCKETS, _MOST_BUCKETS = 3, 256
_FEW = 32  # contents that one task compares sooner than several tasks would
_MOST_PARTITIONS = 512
# The columns of a verdict that the comparison of thumbnails gives.
_LATER = ("model", "verifier", "originals", "originals_detail")
_DECIDED = StructType([field for field in VERDICTS if field.name not in _LATER])


def decide(
    undecided: DataFrame, embeddings: DataFrame, config: VerifyConfig, verifier: str
) -> DataFrame:
    """Decide the `undecided` candidates (both contents and `model`): the columns of `VERDICTS`.

    The `undecided` are read several times.
    """
    count = either_side(undecided).distinct().count()
    least = _LEAST_BUCKETS if count > _FEW else 1
    buckets = min(max(math.ceil(count / config.block_contents), least), _MOST_BUCKETS)
    partitions = min(buckets * (buckets + 1) // 2, _MOST_PARTITIONS)
    placed = undecided.withColumn("block", _block(buckets))
    pictures = _pictures(placed, embeddings, partitions)

    def compare_block(pairs: pa.Table, pictures: pa.Table) -> pa.Table:
        return _compared(pairs, pictures, config)

    asked = placed.drop("model").repartition(partitions, "block").groupBy("block")
    decided = asked.cogroup(pictures.groupBy("block")).applyInArrow(compare_block, _DECIDED)
    return (
        decided.join(undecided, [*SIDES])
        .withColumn("verifier", F.lit(verifier))
        .withColumns(dict.fromkeys(("originals", "originals_detail"), F.lit(None).cast("string")))
        .select(*VERDICTS.names)
    )


def _block(buckets: int) -> Column:
    """The number of the block of a pair: its two buckets, whichever is left."""
    left, right = (F.pmod(F.xxhash64(side), F.lit(buckets)) for side in SIDES)
    return (F.least(left, right) * buckets + F.greatest(left, right)).cast("int")


def _pictures(placed: DataFrame, embeddings: DataFrame, partitions: int) -> DataFrame:
    """The pictures, once for each block that needs them."""
    needed = either_side(placed, "block")
    wanted = needed.groupBy("content_id").agg(F.collect_set("block").alias("blocks"))
    return (
        contents(embeddings, *PICTURE, "decoder", wanted=wanted)
        .join(wanted, "content_id")
        .withColumn("block", F.explode("blocks"))
        .drop("blocks")
        .repartition(partitions, "block")
    )


def _compared(pairs: pa.Table, pictures: pa.Table, config: VerifyConfig) -> pa.Table:
    cv2.setNumThreads(1)
    described, decoders = {}, {}
    for row in pictures.to_pylist():
        if row["features"] is None:
            raise RuntimeError(
                f"the content {row['content_id']} has no local features, since an earlier version "
                "embedded it: run all days again with a refit (parameter refit of the DAG, "
                "make run REFIT=1)"
            )
        described[row["content_id"]] = picture_of(row)
        decoders[row["content_id"]] = row["decoder"]
    rows = []
    for pair in pairs.to_pylist():
        left, right = pair["left_content"], pair["right_content"]
        if not {left, right} <= described.keys():
            raise RuntimeError(
                f"the candidate {left}, {right} has a content that is gone from embeddings since "
                "the search: run the day that was embedded meanwhile, then this one again"
            )
        compared = {"left_decoder": decoders[left], "right_decoder": decoders[right]}
        row = {"left_content": left, "right_content": right} | compared
        rows.append(row | _found(described[left], described[right], config))
    return pa.Table.from_pylist(rows, schema=to_arrow_schema(_DECIDED))


def _found(left: Picture, right: Picture, config: VerifyConfig) -> dict[str, object]:
    verdict = compare_on_grounds(left, right, config)
    row = _row(verdict)
    if verdict.matrix is not None:
        row["frame_map"] = of_frames(verdict.matrix, left.size, right.size).ravel().tolist()
    return row


def _row(verdict: Verdict) -> dict[str, object]:
    """A verdict as columns, rounded to the precision of the map."""
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
