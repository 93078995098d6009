"""How the rows of a table reach Spark: in groups of bounded size, beside the lake's datasets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import UserError
from imgdedup.lake import Lake
from imgdedup.runtime.run import Run, run_locked
from imgdedup.stages import scan
from imgdedup.stages.scan.tables import staging

DAY = "2026-01-02"
SCHEMA = pa.schema([("image_id", pa.large_string()), ("content", pa.large_binary())])


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def batches(count: int, alive: list[int]) -> Iterator[pa.RecordBatch]:
    """Batches of ten rows, 1,000 bytes each; `alive` gets how many were asked for."""
    for number in range(count):
        alive.append(number)
        names = [f"{number} {row}" for row in range(10)]
        yield pa.record_batch(
            [pa.array(names), pa.array([bytes(1000)] * 10)], ["image_id", "content"]
        )


@pytest.mark.parametrize("scheme", ["", "file:"])
def test_rows_are_staged_in_small_groups_and_several_files(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(staging, "GROUP_BYTES", 15_000)
    monkeypatch.setattr(staging, "FILE_BYTES", 50_000)
    lake, asked = Lake(spark, f"{scheme}{tmp_path}/lake"), list[int]()
    paths, rows = staging.stage(lake, batches(20, asked), SCHEMA)
    assert (rows, len(asked)) == (200, 20)
    assert all(path.startswith(f"{scheme}{tmp_path}/lake/.imgdedup/staging/") for path in paths)
    found = [pq.ParquetFile(path.removeprefix("file:")) for path in paths]
    groups = [file.metadata.row_group(n) for file in found for n in range(file.num_row_groups)]
    assert len(found) > 3
    assert max(group.num_rows for group in groups) <= 20
    read = spark.read.parquet(*paths)
    assert read.dtypes == [("image_id", "string"), ("content", "binary")]
    assert len({row.image_id for row in read.collect()}) == 200


def test_a_batch_that_is_larger_than_a_group_is_divided(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "GROUP_BYTES", 2_500)
    paths, rows = staging.stage(lake, batches(1, []), SCHEMA)
    (file,) = map(pq.ParquetFile, paths)
    assert rows == 10
    assert max(file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)) <= 4


def test_what_was_staged_is_deleted_with_the_run_and_after_a_crash(
    spark: SparkSession, settings: Config, tmp_path: Path
) -> None:
    table, root = tmp_path / "t", tmp_path / "lake"
    write_deltalake(table, pa.table({"image_id": ["a"], "uri": ["/a"]}))
    killed = Lake(spark, str(root), f"scan-{DAY}")
    staging.stage(killed, batches(1, []), SCHEMA)
    staged = root / ".imgdedup/staging"
    assert [path.suffix for path in files_below(staged)] == [".parquet"]
    config = replace(settings, scan=replace(settings.scan, snapshot="latest"))
    lake = Lake(spark, str(root), f"scan-{DAY}")
    run_locked("scan", scan.run, Run(spark, lake, DAY, (DAY,), "run", config, str(table)))
    assert files_below(staged) == []
    assert [row.image_id for row in lake.read_day("manifest", DAY).collect()] == ["a"]


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (pa.timestamp("ns"), r"timestamp\[ns\]"),
        (pa.list_(pa.time64("us")), r"time64\[us\]"),
        (pa.struct([("half", pa.float16())]), "halffloat"),
    ],
)
def test_a_type_that_spark_does_not_read_is_refused_by_name(kind: pa.DataType, named: str) -> None:
    with pytest.raises(
        UserError, match=rf'the column "odd" of the table t, because it holds {named}'
    ):
        staging.spark_schema(pa.schema([("image_id", pa.string()), ("odd", kind)]), "the table t")


def test_names_that_differ_in_case_alone_are_refused() -> None:
    with pytest.raises(UserError, match='the columns "Size" and "size"'):
        staging.spark_schema(pa.schema([("Size", pa.int8()), ("size", pa.int8())]), "the table t")


def test_every_layout_of_texts_and_lists_becomes_the_widest() -> None:
    found = staging.spark_schema(
        pa.schema(
            [
                ("view", pa.string_view()),
                ("coded", pa.dictionary(pa.int8(), pa.string())),
                ("deep", pa.list_(pa.struct([("raw", pa.binary_view())]))),
                ("by", pa.map_(pa.string(), pa.list_(pa.string_view()))),
            ]
        ),
        "the table t",
    )
    assert found.field("view").type == found.field("coded").type == pa.large_string()
    assert found.field("deep").type.value_type.field("raw").type == pa.large_binary()
    assert found.field("by").type.item_type == pa.large_list(pa.large_string())
