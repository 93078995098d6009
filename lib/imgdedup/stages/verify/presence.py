"""Finds the images that would be kept, though their file no longer has their content.

Equal bytes need no look at a picture. But no exact copy must go for a file that is gone, or that
holds another picture by now.
"""

import math
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.relations.contents import embedded, only
from imgdedup.relations.keepers import ranked_images
from imgdedup.settling.absence import ABSENT
from imgdedup.sources import Reader, reader_of
from imgdedup.stages.verify.files import holds

_CONTENTS_A_TASK = 256


def find_absent(wanted: DataFrame, snapshot: DataFrame, lake: Lake, config: Config) -> DataFrame:
    """The images of `wanted` contents that come before the first one whose file is there: ABSENT.

    Images are taken in the order of keepers, so that few files are read. A content of one image is
    left out: who looks at its pair reads its file. So is a content of which no file can be read:
    its images are equal, and none can be told to be better than the others.
    """
    ranked = ranked_images(only(snapshot, wanted), config.group.keeper_order)
    images = ranked.groupBy(*ABSENT.names).agg(F.min("rank").alias("rank"))
    several = images.groupBy("content_id").count().where("count > 1").select("content_id")
    several = several.localCheckpoint()
    number = several.count()
    if not number:
        return lake.frame([], ABSENT)
    places = only(embedded(lake.read("embeddings")), several).groupBy(*ABSENT.names)
    placed = places.agg(F.max_by(F.struct("uri", "file_key"), "dt").alias("place"))
    listed = (
        images.join(placed, ABSENT.names)
        .groupBy("content_id")
        .agg(F.sort_array(F.collect_list(F.struct("rank", "image_id", "place.*"))).alias("images"))
        .select("content_id", F.transform("images", lambda image: image.dropFields("rank")))
        .toDF("content_id", "images")
    )

    def check(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        reader = reader_of(config.embed)
        for table in tables:
            rows = [
                {"content_id": row["content_id"], "image_id": image_id}
                for row in table.to_pylist()
                for image_id in before_the_first(row["content_id"], row["images"], reader)
            ]
            yield pa.RecordBatch.from_pylist(rows, schema=to_arrow_schema(ABSENT))

    tasks = math.ceil(number / _CONTENTS_A_TASK)
    return listed.repartition(tasks, "content_id").mapInArrow(check, ABSENT)


def before_the_first(
    content_id: str, images: list[dict[str, str | None]], reader: Reader
) -> list[str | None]:
    """The ids of the images before the first one that has the content; none without a first.

    An image has `image_id`, `uri` and `file_key`.
    """
    before: list[str | None] = []
    for image in images:
        uri = image["uri"]
        is_carried = image["file_key"] == "" or uri is None  # its bytes are in the manifest
        if is_carried or holds(reader, str(uri), content_id):
            return before
        before.append(image["image_id"])
    return []
