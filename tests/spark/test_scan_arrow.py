"""A manifest in a store for which Spark has no connector is read by Arrow, to the same rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql.types import DateType, IntegerType, LongType, StringType

from imgdedup.stages.scan import arrow
from tests.spark.parquet_manifests import read, rows, write


def test_the_types_of_folders_are_told_by_their_values() -> None:
    assert arrow.type_of(["2026", None, "-7"]) == IntegerType()
    assert arrow.type_of(["2026-01-31"]) == DateType()
    assert arrow.type_of(["12345678901", "1"]) == LongType()
    for values in (["1", "x"], ["2026-01-32"], ["1" * 20], ["٣"], [None], []):
        assert arrow.type_of(values) == StringType()


def test_arrow_reads_the_rows_that_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    one, other = tmp_path / "m/s=a/y=1/0.parquet", tmp_path / "m/s=b%20c/y=2/1.parquet"
    typed = pa.array(["x", "y"]).dictionary_encode()
    write(one, ["a", "b"], n=[1, 2], content=[b"1", None], kind=typed)
    write(other, ["c", "d"], n=[3, 4], content=[b"3", b""], kind=typed)
    by_spark = read(spark, f"{tmp_path}/m")
    files = {str(one): {"s": "a", "y": "1"}, str(other): {"s": "b c", "y": "2"}}
    folders = [by_spark.schema["s"], by_spark.schema["y"]]
    schema = pq.read_schema(one).remove_metadata()
    by_arrow = arrow.read(spark, files, schema, folders)
    assert by_arrow.schema == by_spark.schema
    assert rows(by_arrow) == rows(by_spark)
