"""A manifest in a store for which Spark has no connector is read by Arrow, to the same rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DateType, IntegerType, StringType

from imgdedup.config import ScanConfig
from imgdedup.stages.scan import arrow
from imgdedup.stages.scan.finding import Parquet, find
from imgdedup.stages.scan.stage import read_parquet

CONFIG = ScanConfig("auto", "", "day", skip_hidden=True, follow_links_outside=False)


def write(file: Path, ids: list[str], **columns: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    data = {"image_id": ids, "uri": [f"photos/{name}" for name in ids], **columns}
    pq.write_table(pa.table(data), file)


def read(spark: SparkSession, location: str) -> DataFrame:
    found = find(location, "2026-01-01", CONFIG)
    assert isinstance(found, Parquet)
    return read_parquet(spark, found, location, CONFIG)


def rows(manifest: DataFrame) -> list[Mapping[str, Any]]:
    return [row.asDict(recursive=True) for row in manifest.sort("image_id").collect()]


def test_the_types_of_folders_are_told_by_their_values() -> None:
    assert arrow.type_of(["2026", None, "-7"]) == IntegerType()
    assert arrow.type_of(["2026-01-31"]) == DateType()
    for values in (["1", "x"], ["2026-01-32"], ["12345678901"], [None], []):
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
    expected = [{**row, "uri": row["uri"].removeprefix(f"{tmp_path}/m/")} for row in rows(by_spark)]
    assert rows(by_arrow) == expected
