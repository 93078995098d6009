"""Rules that hold for all files of a manifest: types within types, places, days and folders."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from imgdedup.errors import UserError
from tests.spark.parquet_manifests import read, rows, write


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([[2**60 + 1]]), pa.array([[0.5]])),
        (pa.array([["1"]]), pa.array([[5]])),
        (pa.array([{"x": 7}]), pa.array([{"x": "seven"}])),
        (pa.array([{"x": None}]), pa.array([{"x": "seven"}])),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), pa.array([{"a": 1}])),
    ],
)
def test_nested_values_do_not_change_either(
    spark: SparkSession, tmp_path: Path, one: pa.Array, other: pa.Array
) -> None:
    write(tmp_path / "0.parquet", ["a"], value=one)
    write(tmp_path / "1.parquet", ["b"], value=other)
    for place in (str(tmp_path), f"{tmp_path}/0.parquet,{tmp_path}/1.parquet"):
        with pytest.raises(UserError, match=r'column "value" of .*: give it one type'):
            read(spark, place)


def test_the_files_of_several_places_agree_like_those_of_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path / "0.parquet", ["a"], value=[7], label=pa.array([None]))
    write(tmp_path / "1.parquet", ["b"], value=["007"], label=["x"])
    write(tmp_path / "2.parquet", ["c"], label=["x"])
    write(tmp_path / "3" / "y=1" / "p.parquet", ["d"])
    write(tmp_path / "4" / "y=x" / "p.parquet", ["e"])
    for one, other in (("0.parquet", "1.parquet"), ("3", "4")):
        with pytest.raises(UserError, match="give it one type"):
            read(spark, f"{tmp_path}/{one},{tmp_path}/{other}")
    found = rows(read(spark, f"{tmp_path}/0.parquet,{tmp_path}/2.parquet"))
    assert [(row["value"], row["label"]) for row in found] == [(7, None), (None, "x")]


def test_timestamps_as_spark_writes_them_are_read(spark: SparkSession, tmp_path: Path) -> None:
    taken = datetime(2020, 1, 1, 12, 30)
    frame = spark.createDataFrame([("a", "/a", taken)], "image_id string, uri string, t timestamp")
    old = frame.write.option("outputTimestampType", "INT96")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")
    try:
        old.parquet(f"{tmp_path}/old")
    finally:
        spark.conf.unset("spark.sql.parquet.outputTimestampType")
    stamp = pa.array([taken.replace(tzinfo=UTC)], pa.timestamp("us", "UTC"))
    write(tmp_path / "new" / "0.parquet", ["b"], t=stamp)
    found = rows(read(spark, f"{tmp_path}/old,{tmp_path}/new"))
    assert [row["t"] for row in found] == [taken, taken]


def test_a_column_dt_is_refused_wherever_it_comes_from(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "file.parquet", ["a"], dt=["2026-01-01"])
    write(tmp_path / "upper.parquet", ["a"], DT=["2026-01-01"])
    write(tmp_path / "short" / "dt=20260101" / "p.parquet", ["a"])
    write(tmp_path / "capitals" / "DT=2026-01-01" / "p.parquet", ["a"])
    for name in ("file.parquet", "upper.parquet", "short", "capitals"):
        with pytest.raises(UserError, match=r'has a column "(dt|DT)", the name of the partition'):
            read(spark, tmp_path / name)


@pytest.mark.parametrize("folder", ["a=", "a=1/a=2", "source=web/x/year=2026", "image_id=a"])
def test_folders_that_are_no_columns_are_refused(
    spark: SparkSession, tmp_path: Path, folder: str
) -> None:
    write(tmp_path / folder / "p.parquet", ["a"])
    with pytest.raises(UserError, match=r"cannot be read as columns|folders give it, too"):
        read(spark, tmp_path)
