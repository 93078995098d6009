"""What the lake promises: whole partitions, unchanged days left alone, staging invisible."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructType

from imgdedup.errors import UserError
from imgdedup.lake import Busy, Lake, commit
from imgdedup.lake.digests import conform
from imgdedup.lake.schemas import CANDIDATES, DATASETS, EMBEDDINGS, PAIRS
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


def publish(lake: Lake, rows: DataFrame, *days: str) -> list[str]:
    """Publish the rows as the partitions of `days`; return the days that changed."""
    staged = lake.stage_days("pairs", rows, days)
    lake.publish(staged)
    return staged.days("pairs")


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
    # Other readers find the columns, too.
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
    both = (DAY, OTHER)
    first = pairs(spark, "run 1", ("a", DAY), ("b", OTHER), ("c", OTHER))
    assert publish(lake, first, *both) == [DAY, OTHER]
    before = stored_files(lake, "pairs")
    # Another run id and another order of rows and files are no change.
    same = pairs(spark, "run 2", ("c", OTHER), ("b", OTHER), ("a", DAY)).repartition(3)
    assert publish(lake, same, *both) == []
    assert stored_files(lake, "pairs") == before
    assert publish(lake, pairs(spark, "run 3", ("a", DAY), ("b", OTHER)), *both) == [OTHER]
    after = stored_files(lake, "pairs")
    assert {file for file in before if f"dt={DAY}" in file} == set(before) & set(after)
    assert rows_of(lake.read("pairs").select("left_id", "run_id", "dt")) == [
        {"left_id": "a", "run_id": "run 1", "dt": DAY},
        {"left_id": "b", "run_id": "run 3", "dt": OTHER},
    ]


def test_a_replaced_partition_of_the_same_rows_stays(spark: SparkSession, lake: Lake) -> None:
    lake.replace("candidates", DAY, candidates(spark, [FIRST, SECOND]))
    before = stored_files(lake, "candidates")
    assert lake.replace("candidates", DAY, candidates(spark, [SECOND, FIRST])) == 2
    assert stored_files(lake, "candidates") == before
    assert lake.replace("candidates", DAY, candidates(spark, [FIRST])) == 1
    assert not stored_files(lake, "candidates").keys() & before.keys()


def test_a_manifest_with_another_column_is_another_manifest(
    spark: SparkSession, lake: Lake
) -> None:
    lake.replace("manifest", DAY, frame(spark, [("a", "/a")], "image_id string, uri string"))
    more = frame(spark, [("a", "/a", None)], "image_id string, uri string, price int")
    lake.replace("manifest", DAY, more)
    assert lake.read_day("manifest", DAY).columns == ["image_id", "uri", "price"]
    # Spark hashes no maps, so a manifest with maps is always written again.
    maps = frame(
        spark, [("a", "/a", {"x": 1})], "image_id string, uri string, tags map<string,int>"
    )
    for _ in range(2):
        lake.replace("manifest", DAY, maps)
        assert [row.tags for row in lake.read_day("manifest", DAY).collect()] == [{"x": 1}]


def test_rows_of_other_days_are_left_alone(spark: SparkSession, lake: Lake) -> None:
    publish(lake, pairs(spark, "run", ("a", DAY), ("b", OTHER)), DAY, OTHER)
    assert publish(lake, pairs(spark, "run", ("c", DAY), ("d", OTHER)), DAY) == [DAY]
    assert sorted(row.left_id for row in lake.read("pairs").collect()) == ["b", "c"]


def test_a_repeated_row_is_a_change(spark: SparkSession, lake: Lake) -> None:
    publish(lake, pairs(spark, "run", ("a", DAY)), DAY)
    assert publish(lake, pairs(spark, "run", ("a", DAY), ("a", DAY)), DAY) == [DAY]


def test_days_that_lost_their_rows_become_empty(spark: SparkSession, lake: Lake) -> None:
    both = (DAY, OTHER)
    publish(lake, pairs(spark, "run", ("a", DAY), ("b", OTHER)), *both)
    assert publish(lake, pairs(spark, "run", ("a", DAY)), *both) == [OTHER]
    assert lake.read_day("pairs", OTHER).collect() == []
    assert publish(lake, pairs(spark, "run"), *both) == [DAY]
    assert lake.days("pairs") == [DAY, OTHER]
    assert lake.read("pairs").collect() == []
    # An empty day that stays empty is no change. A new empty day is a change.
    assert publish(lake, pairs(spark, "run"), DAY, OTHER, THIRD) == [THIRD]
    assert lake.read_day("pairs", THIRD).collect() == []


def test_days_that_are_gone_disappear(spark: SparkSession, lake: Lake) -> None:
    publish(lake, pairs(spark, "run", ("a", DAY), ("b", OTHER)), DAY, OTHER)
    staged = lake.stage_removal("pairs", [OTHER, THIRD])
    assert staged.days("pairs") == [DAY]
    assert lake.days("pairs") == [DAY, OTHER]
    lake.publish(staged)
    assert lake.days("pairs") == [OTHER]


def test_nothing_staged_is_visible_before_it_is_published(spark: SparkSession, lake: Lake) -> None:
    publish(lake, pairs(spark, "run", ("a", DAY)), DAY)
    staged = lake.stage_days("pairs", pairs(spark, "run", ("b", DAY), ("c", OTHER)), [DAY, OTHER])
    assert [row.left_id for row in lake.read_staged("pairs", OTHER, staged).collect()] == ["c"]
    assert lake.days("pairs") == [DAY]
    assert [row.left_id for row in lake.read("pairs").collect()] == ["a"]
    # A reader of the whole root, which knows nothing of staging, does not see it either.
    found = spark.read.option("recursiveFileLookup", "true").parquet(lake.root)
    assert [row.left_id for row in found.collect()] == ["a"]
    lake.publish(staged)
    assert sorted(row.left_id for row in lake.read("pairs").collect()) == ["b", "c"]
    assert staged_files(lake) == []


def test_the_staged_files_of_a_killed_run_are_deleted(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    lake.stage_days("pairs", pairs(spark, "killed", ("a", DAY)), [DAY])
    other = Lake(spark, lake.root, "another writer")
    other.stage_days("pairs", pairs(spark, "beside it", ("b", DAY)), [DAY])
    assert len(staged_files(lake)) == 2
    again = Lake(spark, lake.root)
    again.stage_days("pairs", pairs(spark, "run", ("c", DAY)), [DAY])
    with again.alone(), again.claimed():
        assert len(staged_files(lake)) == 2  # its own file, and that of the other writer
    assert lake.days("pairs") == []


def test_two_writers_of_one_name_exclude_each_other(spark: SparkSession, lake: Lake) -> None:
    other = Lake(spark, lake.root, "another writer")
    with lake.claimed():
        lake.stage_days("pairs", pairs(spark, "run", ("a", DAY)), [DAY])
        with pytest.raises(Busy, match="writer, process"), Lake(spark, lake.root).claimed():
            pass
        with other.claimed():
            assert other.replace("candidates", DAY, candidates(spark, [FIRST])) == 1
        with other.alone(), pytest.raises(Busy, match="another writer"):
            lake.publish(lake.stage_days("pairs", pairs(spark, "run", ("a", DAY)), [DAY]))
        assert len(staged_files(lake)) == 1


def test_a_writer_finishes_the_commit_of_a_killed_writer(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = lake.stage_days(
        "pairs", pairs(spark, "killed", ("a", DAY), ("b", OTHER)), [DAY, OTHER]
    )
    with monkeypatch.context() as patch:
        patch.setattr(commit, "make_move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lake.publish(staged)
    assert lake.days("pairs") == []
    with Lake(spark, lake.root, "another writer").claimed():
        assert lake.days("pairs") == [DAY, OTHER]
        assert sorted(row.left_id for row in lake.read("pairs").collect()) == ["a", "b"]


def test_a_partition_says_how_many_rows_and_which_files_it_has(
    spark: SparkSession, lake: Lake
) -> None:
    assert lake.fault("pairs", DAY) == "it is missing"
    publish(lake, pairs(spark, "run", ("a", DAY), ("b", DAY)), DAY, OTHER)
    assert (lake.marked_rows("pairs", DAY), lake.marked_rows("pairs", OTHER)) == (2, 0)
    assert lake.rows("pairs") == 2
    assert lake.fault("pairs", DAY) is None
    version = lake.versions("pairs")[DAY]
    (file,) = Path(lake.path("pairs", DAY)).glob("*.parquet")
    shutil.copy(file, file.with_name("stray.parquet"))
    assert lake.fault("pairs", DAY) == "0 of its 1 files are missing, 1 are not its own"
    assert lake.versions("pairs")[DAY] != version
    file.unlink()
    assert lake.fault("pairs", DAY) == "1 of its 1 files are missing, 1 are not its own"
    # A damaged partition is written again.
    assert publish(lake, pairs(spark, "run", ("a", DAY), ("b", DAY)), DAY) == [DAY]
    assert lake.fault("pairs", DAY) is None


def test_a_marker_without_a_digest_is_taken_for_another_partition(
    spark: SparkSession, lake: Lake
) -> None:
    publish(lake, pairs(spark, "run", ("a", DAY)), DAY)
    marker = Path(lake.path("pairs", DAY), "_complete.json")
    found = json.loads(marker.read_text())
    del found["hash"]
    marker.write_text(json.dumps(found))
    assert lake.marked_rows("pairs", DAY) == 1
    assert publish(lake, pairs(spark, "run", ("a", DAY)), DAY) == [DAY]
    assert publish(lake, pairs(spark, "run", ("a", DAY)), DAY) == []


def test_runs_are_added_never_replaced(spark: SparkSession, lake: Lake) -> None:
    row = frame(
        spark,
        [("r", "scan", "failed", None, 1.0, None, None, 5, None, {"a": "b"}, {}, "why")],
        DATASETS["runs"],
    )
    lake.append_run(DAY, row)
    lake.append_run(DAY, row)
    assert [found.details for found in lake.read_day("runs", DAY).collect()] == [{"a": "b"}] * 2
