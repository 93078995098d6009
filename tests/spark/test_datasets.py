"""The lake's promises: whole partitions, unchanged days left alone, staging out of sight."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructType

from imgdedup.datasets import Lake, conform
from imgdedup.errors import UserError
from imgdedup.schemas import CANDIDATES, DATASETS, EMBEDDINGS, PAIRS
from tests.spark.tables import DT, FINDINGS, Image, candidates, embeddings, frame, rows_of

DAY, OTHER, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
FIRST = ("a", "b", 0.99)
SECOND = ("a", "c", 0.98)


def pairs(spark: SparkSession, run_id: str, *days: tuple[str, str]) -> DataFrame:
    """One pair for each (left_id, dt)."""
    schema = StructType([*PAIRS.fields, DT])
    rows = [FINDINGS | {"left_id": left, "run_id": run_id, "dt": dt} for left, dt in days]
    return frame(spark, ([row.get(name) for name in schema.names] for row in rows), schema)


def stored_files(lake: Lake, dataset: str) -> dict[str, tuple[int, int]]:
    """Inode and time of every file of a dataset, by its path."""
    files = Path(lake.root, dataset).rglob("*.parquet")
    return {str(file): (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def staged_files(lake: Lake) -> Sequence[Path]:
    return list(Path(lake.root, ".imgdedup").rglob("*.parquet"))


def publish(lake: Lake, dt: str, rows: DataFrame) -> list[str]:
    staged = lake.stage_changed("pairs", dt, rows)
    lake.publish(staged)
    return staged.changed


def test_a_replaced_partition_holds_the_new_rows_alone(spark: SparkSession, lake: Lake) -> None:
    assert lake.replace("candidates", DAY, candidates(spark, [FIRST, SECOND])) == 2
    assert lake.replace("candidates", OTHER, candidates(spark, [FIRST])) == 1
    assert lake.replace("candidates", DAY, candidates(spark, [SECOND]), expected_rows=1) == 1
    assert rows_of(lake.read("candidates").select("right_content", "dt")) == [
        {"right_content": "b", "dt": OTHER},
        {"right_content": "c", "dt": DAY},
    ]
    assert lake.days("candidates") == [DAY, OTHER]
    assert staged_files(lake) == []


def test_an_empty_result_replaces_the_old_rows(spark: SparkSession, lake: Lake) -> None:
    lake.replace("candidates", DAY, candidates(spark, [FIRST]))
    assert lake.replace("candidates", DAY, candidates(spark, [])) == 0
    assert lake.days("candidates") == [DAY]
    assert lake.read_day("candidates", DAY).collect() == []
    assert lake.read("candidates").schema == StructType([*CANDIDATES.fields, DT])
    # Any other reader finds the columns, too.
    assert spark.read.parquet(lake.path("candidates", DAY)).columns == CANDIDATES.names


def test_a_dataset_without_a_declared_schema_keeps_its_columns(
    spark: SparkSession, lake: Lake
) -> None:
    manifest = frame(spark, [], "image_id string, uri string, price decimal(9,2)")
    lake.replace("manifest", DAY, manifest)
    assert lake.read_day("manifest", DAY).schema == manifest.schema


def test_a_partition_of_an_unexpected_size_is_not_swapped_in(
    spark: SparkSession, lake: Lake
) -> None:
    lake.replace("candidates", DAY, candidates(spark, [FIRST]))
    before = stored_files(lake, "candidates")
    with pytest.raises(RuntimeError, match=r"1 rows written where 2 were expected"):
        lake.replace("candidates", DAY, candidates(spark, [SECOND]), expected_rows=2)
    with pytest.raises(RuntimeError, match="expected"):
        lake.replace("candidates", OTHER, candidates(spark, [SECOND]), expected_rows=2)
    assert stored_files(lake, "candidates") == before
    assert lake.days("candidates") == [DAY]


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_a_missing_dataset_reads_as_no_rows_of_its_schema(lake: Lake, dataset: str) -> None:
    missing = lake.read(dataset)
    assert missing.schema == StructType([*DATASETS[dataset].fields, DT])
    assert missing.collect() == []
    assert lake.days(dataset) == []


def test_a_missing_partition_is_the_users_error(spark: SparkSession, lake: Lake) -> None:
    lake.replace("candidates", OTHER, candidates(spark, [FIRST]))
    with pytest.raises(UserError, match=rf'candidates/dt={DAY}: run the stage .* "candidates"'):
        lake.read_day("candidates", DAY)


def test_only_folders_of_days_are_days(spark: SparkSession, lake: Lake) -> None:
    lake.replace("candidates", DAY, candidates(spark, [FIRST]))
    for name in ("_temporary", "dt=latest", "notes", f".dt={OTHER}"):
        Path(lake.root, "candidates", name).mkdir()
    assert lake.days("candidates") == [DAY]


def test_columns_are_selected_and_ordered(spark: SparkSession) -> None:
    table = frame(spark, [(7, "b", "a")], "extra int, uri string, image_id string")
    schema = StructType().add("image_id", StringType()).add("uri", StringType())
    assert conform(table, schema).columns == ["image_id", "uri"]


def test_columns_that_are_missing_or_of_another_type_are_named(spark: SparkSession) -> None:
    table = embeddings(spark, [Image("a", "x", DAY)])
    wrong = table.drop("uri").withColumn("width", table.width.cast("long"))
    with pytest.raises(TypeError, match=r"uri \(None.*width \(LongType") as caught:
        conform(wrong, EMBEDDINGS)
    assert "height" not in str(caught.value)


def test_days_whose_rows_are_the_same_are_not_rewritten(spark: SparkSession, lake: Lake) -> None:
    assert publish(lake, DAY, pairs(spark, "run 1", ("a", DAY), ("b", OTHER), ("c", OTHER))) == [
        DAY,
        OTHER,
    ]
    before = stored_files(lake, "pairs")
    # Another run id, another order of rows and files: nothing of it is a change.
    same = pairs(spark, "run 2", ("c", OTHER), ("b", OTHER), ("a", DAY)).repartition(3)
    assert publish(lake, DAY, same) == []
    assert stored_files(lake, "pairs") == before
    assert publish(lake, DAY, pairs(spark, "run 3", ("a", DAY), ("b", OTHER))) == [OTHER]
    after = stored_files(lake, "pairs")
    assert {file for file in before if f"dt={DAY}" in file} == set(before) & set(after)
    assert rows_of(lake.read("pairs").select("left_id", "run_id", "dt")) == [
        {"left_id": "a", "run_id": "run 1", "dt": DAY},
        {"left_id": "b", "run_id": "run 3", "dt": OTHER},
    ]


def test_a_repeated_row_is_a_change(spark: SparkSession, lake: Lake) -> None:
    publish(lake, DAY, pairs(spark, "run", ("a", DAY)))
    assert publish(lake, DAY, pairs(spark, "run", ("a", DAY), ("a", DAY))) == [DAY]


def test_days_that_lost_their_rows_become_empty(spark: SparkSession, lake: Lake) -> None:
    publish(lake, OTHER, pairs(spark, "run", ("a", DAY), ("b", OTHER)))
    assert publish(lake, OTHER, pairs(spark, "run", ("a", DAY))) == [OTHER]
    assert lake.read_day("pairs", OTHER).collect() == []
    assert publish(lake, OTHER, pairs(spark, "run")) == [DAY]
    assert lake.days("pairs") == [DAY, OTHER]
    assert lake.read("pairs").collect() == []
    # An empty day that stays empty is no change.
    assert publish(lake, OTHER, pairs(spark, "run")) == []


def test_the_day_of_the_run_exists_afterwards(spark: SparkSession, lake: Lake) -> None:
    assert publish(lake, THIRD, pairs(spark, "run", ("a", DAY))) == [DAY, THIRD]
    assert lake.read_day("pairs", THIRD).collect() == []


def test_nothing_staged_is_visible_before_it_is_published(spark: SparkSession, lake: Lake) -> None:
    publish(lake, DAY, pairs(spark, "run", ("a", DAY)))
    staged = lake.stage_changed("pairs", DAY, pairs(spark, "run", ("b", DAY), ("c", OTHER)))
    assert rows_of(staged.rows.select("left_id", "dt")) == [
        {"left_id": "b", "dt": DAY},
        {"left_id": "c", "dt": OTHER},
    ]
    assert lake.days("pairs") == [DAY]
    assert [row.left_id for row in lake.read("pairs").collect()] == ["a"]
    # A reader of the whole root, which knows nothing of staging, does not meet it either.
    found = spark.read.option("recursiveFileLookup", "true").parquet(lake.root)
    assert [row.left_id for row in found.collect()] == ["a"]
    lake.publish(staged)
    assert sorted(row.left_id for row in lake.read("pairs").collect()) == ["b", "c"]
    assert staged_files(lake) == []


def test_a_run_that_was_stopped_leaves_no_obstacle(spark: SparkSession, lake: Lake) -> None:
    lake.stage_changed("pairs", DAY, pairs(spark, "killed", ("a", DAY)))
    old = Path(lake.root, ".imgdedup/staging/candidates", f"dt={DAY}.old")
    old.mkdir(parents=True)
    (old / "part.parquet").touch()
    lake.replace("candidates", DAY, candidates(spark, [FIRST]))
    assert publish(lake, DAY, pairs(spark, "run", ("b", DAY))) == [DAY]
    assert [row.left_id for row in lake.read("pairs").collect()] == ["b"]
    assert staged_files(lake) == []


def test_runs_are_added_never_replaced(spark: SparkSession, lake: Lake) -> None:
    row = frame(
        spark,
        [("r", "scan", "failed", None, 1.0, None, None, 5, None, {"a": "b"}, {}, "why")],
        DATASETS["runs"],
    )
    lake.append_run(DAY, row)
    lake.append_run(DAY, row)
    assert [found.details for found in lake.read_day("runs", DAY).collect()] == [{"a": "b"}] * 2
