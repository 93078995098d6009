"""The images whose file no longer has their content, beside the tables.

They take no part in pairs and groups: nothing is removed for them, and they stay in `deduplicated`.
"""

from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.lake import Lake, Staged

ABSENT = StructType([StructField(name, StringType()) for name in ("content_id", "image_id")])
_NAME = "absent"


def read_absent(lake: Lake) -> DataFrame:
    """The absent images: the columns of ABSENT."""
    found = lake.read_state(_NAME)
    return lake.frame([], ABSENT) if found is None else found.select(*ABSENT.names)


def stage_absent(lake: Lake, absent: DataFrame) -> Staged:
    """Stage the absent images in place of those before."""
    return lake.stage_state(_NAME, None if absent.isEmpty() else absent)


def present(snapshot: DataFrame, absent: DataFrame) -> DataFrame:
    """The rows of a snapshot whose image is not absent."""
    return snapshot.join(absent, ABSENT.names, "left_anti").select(*snapshot.columns)
