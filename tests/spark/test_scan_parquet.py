"""Manifests as lakes hold them: several schemas, folders of partitions, awkward names and types."""

import shlex
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from imgdedup.config import ScanConfig
from imgdedup.errors import UserError
from imgdedup.lake import Lake
from tests.spark.parquet_manifests import CONFIG, DAY, read, rows, write


def test_a_parquet_manifest_is_read_with_all_its_columns(
    spark: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path / "one.parquet", ["a", "b"], price=[1.5, 2.5])
    write(tmp_path / "flat" / "part-0.parquet", ["a"], price=[1.5])
    write(tmp_path / "flat" / "part-1.parquet", ["b"], price=[2.5])
    for name in (
        "one.parquet",
        "flat",
        "flat/",
        "fl*",
        "flat/part-0.parquet,{}/flat/part-1.parquet",
    ):
        manifest = read(spark, f"{tmp_path}/{name.format(tmp_path)}")
        assert sorted(manifest.collect()) == [("a", "/a", 1.5), ("b", "/b", 2.5)]


def test_a_column_that_some_files_lack_is_null_in_their_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path / "0.parquet", ["a"])
    write(tmp_path / "1.parquet", ["b"], label=["x"])
    write(tmp_path / "2.parquet", ["c"], label=pa.array([None]))  # of no type, as pandas writes it
    assert [row["label"] for row in rows(read(spark, tmp_path))] == [None, "x", None]


@pytest.mark.parametrize(
    ("narrow", "wide", "type"),
    [
        (pa.array([7], pa.int32()), pa.array([2**40], pa.int64()), "bigint"),
        (pa.array([2.5], pa.float32()), pa.array([0.1], pa.float64()), "double"),
        (pa.array([7], pa.int32()), pa.array([0.5], pa.float64()), "double"),
        (
            pa.array([Decimal("1.5")], pa.decimal128(4, 1)),
            pa.array([Decimal("100000.25")], pa.decimal128(8, 2)),
            "decimal(8,2)",
        ),
        (pa.array(["x"]), pa.array(["y"]).dictionary_encode(), "string"),
        (pa.array([b"x"]), pa.array([b"y"], pa.large_binary()), "binary"),
    ],
)
def test_the_wider_of_two_types_is_taken(
    spark: SparkSession, tmp_path: Path, narrow: pa.Array, wide: pa.Array, type: str
) -> None:
    write(tmp_path / "0.parquet", ["a"], value=narrow)
    write(tmp_path / "1.parquet", ["b"], value=wide)
    manifest = read(spark, tmp_path)
    assert dict(manifest.dtypes)["value"] == type
    assert [row["value"] for row in rows(manifest)] == [narrow[0].as_py(), wide[0].as_py()]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([1]), pa.array(["1"])),
        (pa.array([2**60]), pa.array([0.5])),  # a double has fewer digits
        (pa.array([date(2026, 1, 1)]), pa.array(["2026-01-01"])),
        (pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("us", "UTC"))),
    ],
)
def test_types_without_a_common_one_are_refused_by_column_and_file(
    spark: SparkSession, tmp_path: Path, one: pa.Array, other: pa.Array
) -> None:
    write(tmp_path / "0.parquet", ["a"], value=one)
    write(tmp_path / "1.parquet", ["b"], value=other)
    with pytest.raises(UserError, match=r'column "value" of .* in .*0\.parquet, and .*1\.parquet'):
        read(spark, tmp_path)


def test_structs_of_several_files_are_united(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", ["a"], exif=[{"iso": 100}])
    write(tmp_path / "1.parquet", ["b"], exif=[{"iso": 200, "lens": "50mm"}])
    found = [row["exif"].asDict() for row in rows(read(spark, tmp_path))]
    assert found == [{"iso": 100, "lens": None}, {"iso": 200, "lens": "50mm"}]


def test_columns_of_folders_travel(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "source=web" / "year=2026" / "p.parquet", ["a"])
    write(tmp_path / "source=two%20words%2F" / "year=2025" / "x" / "p.parquet", ["b"], label=["x"])
    write(tmp_path / "source=__HIVE_DEFAULT_PARTITION__" / "year=2025" / "p.parquet", ["c"])
    manifest = read(spark, tmp_path)
    assert dict(manifest.dtypes)["year"] == "int"
    assert [(row["source"], row["year"], row["label"]) for row in rows(manifest)] == [
        ("web", 2026, None),
        ("two words/", 2025, "x"),
        (None, 2025, None),
    ]


def test_the_folder_of_the_day_is_no_column(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "source=a" / f"dt={DAY}" / "p.parquet", ["a"])
    write(tmp_path / "source=a" / "dt=2025-01-01" / "p.parquet", ["b"])
    assert rows(read(spark, tmp_path)) == [{"image_id": "a", "uri": "/a", "source": "a"}]


def test_folders_with_different_columns_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "source=a" / "p.parquet", ["a"])
    write(tmp_path / "source=b" / "year=2026" / "p.parquet", ["b"])
    with pytest.raises(UserError, match="give different columns"):
        read(spark, tmp_path)


AWKWARD = ["exif.iso", "a`b", "two words", "semi;colon", "ümläut", "quote\"'", "a.b.c", "{x}", " "]


def test_columns_of_any_name_reach_the_lake_and_come_back(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    write(tmp_path / "m" / "0.parquet", ["a", "b"], **{name: [1, 2] for name in AWKWARD})
    write(tmp_path / "m" / "1.parquet", ["c"], **{"exif.iso": [3]})
    for _ in range(2):
        manifest = read(spark, tmp_path / "m")
        assert lake.replace("manifest", DAY, manifest, expected_rows=3) == 3
    stored = lake.read_day("manifest", DAY)
    assert set(stored.columns) == {"image_id", "uri", *AWKWARD}
    assert [row["exif.iso"] for row in rows(stored)] == [1, 2, 3]


def test_columns_that_differ_only_in_case_are_refused_by_name(
    spark: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path / "one.parquet", ["a"], Width=[1], width=[2])
    write(tmp_path / "two" / "0.parquet", ["a"], Width=[1])
    write(tmp_path / "two" / "1.parquet", ["b"], width=[1])
    write(tmp_path / "hive" / "Source=x" / "0.parquet", ["a"], source=["x"])
    for name in ("one.parquet", "two", "hive"):
        with pytest.raises(UserError, match=r'columns "(?i:(width|source)" and "\1)"'):
            read(spark, tmp_path / name)


@pytest.mark.parametrize(
    ("values", "kind", "is_converted"),
    [
        (pa.array([time(1, 2)], pa.time64("us")), "time64", True),
        (pa.array([1000], pa.int64()).cast(pa.time64("ns")), "time64", True),
        (pa.array([np.float16(1)]), "halffloat", True),
        (pa.array([Decimal("1.5")], pa.decimal256(50, 2)), "decimal256", False),
        (pa.array([1], pa.timestamp("ns")), "timestamp", True),
        (pa.array([1], pa.timestamp("ns", "UTC")), "timestamp", False),
        (pa.array([b"0123456789abcdef"], pa.uuid()), "uuid", True),
        (pa.array([{"at": [time(1, 2)]}]), "time64", False),
    ],
)
def test_a_type_that_spark_cannot_read_is_named_with_its_column(
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    values: pa.Array,
    kind: str,
    is_converted: bool,
) -> None:
    (tmp_path / "it's $HOME").mkdir()
    write(tmp_path / "it's $HOME" / "0.parquet", ["a"], **{"it's": values})
    with pytest.raises(UserError, match=f'Spark cannot read the column "it\'s" .*{kind}') as told:
        read(spark, tmp_path / "it's $HOME")
    command = str(told.value).partition("  ")[2]
    assert bool(command) == is_converted
    if is_converted:
        monkeypatch.chdir(tmp_path)
        duckdb.sql(shlex.split(command)[2])
        assert rows(read(spark, tmp_path / "manifest.parquet"))[0]["image_id"] == "a"


def test_a_damaged_file_is_named(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", ["a"])
    whole = (tmp_path / "0.parquet").read_bytes()
    (tmp_path / "1.parquet").write_bytes(whole[:-7])
    with pytest.raises(UserError, match=r"no Parquet that can be read: .*1\.parquet"):
        read(spark, tmp_path)


def test_paths_that_look_like_patterns_are_read(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "a[1]{b}*?" / "k=1" / "x y,z.parquet", ["a"])
    assert rows(read(spark, tmp_path / "a[1]{b}*?")) == [{"image_id": "a", "uri": "/a", "k": 1}]


def uris(spark: SparkSession, folder: Path, config: ScanConfig = CONFIG) -> list[str]:
    return [row["uri"] for row in rows(read(spark, folder, config))]


def test_relative_uris_lie_below_the_manifest(spark: SparkSession, tmp_path: Path) -> None:
    given = ["a.jpg", "b/./c d.jpg", "../e.jpg", "./f:1.jpg", "g.h:1.jpg", "./s.TAR#../i.jpg"]
    given += ["/h.jpg", "file:///i.jpg", "s3://b/j.jpg", "C:\\k.jpg", "data:l", "\\\\server\\m.jpg"]
    table = pa.table({"image_id": [f"{n:02}" for n in range(len(given))], "uri": given})
    (tmp_path / "m").mkdir()
    pq.write_table(table, tmp_path / "m" / "0.parquet")
    below = ["a.jpg", "b/c d.jpg", "../e.jpg", "f:1.jpg", "g.h:1.jpg", "s.TAR#../i.jpg"]
    expected = [f"{tmp_path}/m/{name}" for name in below] + given[6:]
    assert uris(spark, tmp_path / "m") == uris(spark, tmp_path / "m" / "0.parquet") == expected
    store = ScanConfig("auto", "s3://b/x/y", "day", skip_hidden=True, follow_links_outside=False)
    keys = [f"x/y/{name}" for name in below]
    keys[2] = "x/e.jpg"
    assert uris(spark, tmp_path / "m", store) == [f"s3://b/{key}" for key in keys] + given[6:]
