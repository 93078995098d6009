"""Looks at the originals of pairs, on all workers."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.config import Config
from imgdedup.errors import ImageFailure
from imgdedup.lake import Lake
from imgdedup.relations.reviews import SAME
from imgdedup.relations.sides import SIDES, either_side
from imgdedup.sources import reader_of
from imgdedup.stages.verify.files import Files, files_of
from imgdedup.stages.verify.originals import compare_originals

AGREE, DIFFER, UNCONFIRMED = "agree", "differ", "unconfirmed"
LOOKS = StructType(
    [StructField(name, StringType()) for name in (*SIDES, "originals", "originals_detail")]
)
_PAIRS_A_TASK = 64
_FILE = ("uris", "content")


def look_at(pairs: DataFrame, lake: Lake, config: Config) -> DataFrame:
    """Look at the originals of `pairs` (both contents, `frame_map` and `review`): LOOKS.

    Of a pair that people call the same, the files have to be there, whatever they show.
    """
    wanted = either_side(pairs).distinct().localCheckpoint()
    sides = files_of(lake, wanted).localCheckpoint()
    asked = pairs.select(*SIDES, "frame_map", "review")
    for side in ("left", "right"):
        named = [F.col(name).alias(f"{side}_{name}") for name in _FILE]
        columns = F.col("content_id").alias(f"{side}_content"), F.struct(*named).alias(side)
        asked = asked.join(sides.select(*columns), f"{side}_content")

    def look(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        files = Files(reader_of(config.embed))
        for table in tables:
            rows = [_looked(row, files, config) for row in table.to_pylist()]
            yield pa.RecordBatch.from_pylist(rows, schema=to_arrow_schema(LOOKS))

    tasks = math.ceil(pairs.count() / _PAIRS_A_TASK)
    spread = asked.repartition(max(tasks, 1), "left_content").sortWithinPartitions(*SIDES)
    return spread.mapInArrow(look, LOOKS)


def _looked(row: Mapping[str, Any], files: Files, config: Config) -> dict[str, str | None]:
    result = {side: row[side] for side in SIDES}
    try:
        left, right = (
            files.of(row[f"{side}_content"], row[side], side) for side in ("left", "right")
        )
        if row["review"] == SAME:
            return result | {"originals": AGREE, "originals_detail": None}
        frame_map = np.reshape(row["frame_map"], (3, 3))
        found = compare_originals(left, right, frame_map, config.verify, config.embed.max_pixels)
    except ImageFailure as failure:
        why = f"{failure.code}: {failure.detail}"[:500]
        return result | {"originals": UNCONFIRMED, "originals_detail": why}
    return result | {"originals": AGREE if found.same else DIFFER, "originals_detail": None}
