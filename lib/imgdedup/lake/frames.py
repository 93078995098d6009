"""Makes DataFrames of a few rows without a Python worker: starting one costs seconds of CPU."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType


def frame_of(
    spark: SparkSession, rows: Sequence[Mapping[str, object]], schema: StructType
) -> DataFrame:
    """The DataFrame of these rows, given by the names of the columns of `schema`."""
    table = pa.Table.from_pylist([dict(row) for row in rows], to_arrow_schema(schema))
    return spark.createDataFrame(table, schema)
