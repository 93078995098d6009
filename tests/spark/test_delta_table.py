"""`deduplicated` in a Delta table: which days are written, and what is refused."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import TryAgain, UserError
from imgdedup.lake import Lake
from imgdedup.runtime.run import Outcome, Run
from imgdedup.stages import group
from imgdedup.stages.group import delta_table, stage
from tests.spark.manifests import images
from tests.spark.tables import frame

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
GOOD = "image_id string, uri string"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"{tmp_path}/two words/deduplicated"


def put(spark: SparkSession, lake: Lake, dt: str, names: str, more: str = "", *values: Any) -> None:
    """Write a day of `deduplicated` with more columns, of the same values in all rows."""
    rows = [(name, f"/{name}", *values) for name in names]
    lake.replace("deduplicated", dt, frame(spark, rows, GOOD + (f", {more}" if more else "")))


def stored(place: str) -> dict[str, str]:
    """The letters of the images of each day in the Delta table."""
    rows = pa.RecordBatchReader.from_stream(DeltaTable(place).scan()).read_all().to_pylist()
    days = sorted({row["dt"] for row in rows})
    return {day: "".join(sorted(r["image_id"] for r in rows if r["dt"] == day)) for day in days}


def columns(place: str, *names: str) -> set[Sequence[Any]]:
    rows = pa.RecordBatchReader.from_stream(DeltaTable(place).scan()).read_all().to_pylist()
    return {tuple(row[name] for name in names) for row in rows}


@pytest.mark.parametrize("scheme", ["", "file:"])
def test_only_days_that_changed_are_written(
    spark: SparkSession, tmp_path: Path, place: str, scheme: str
) -> None:
    lake = Lake(spark, f"{scheme}{tmp_path}/lake")
    put(spark, lake, FIRST, "ab")
    put(spark, lake, SECOND, "c")
    put(spark, lake, THIRD, "")
    assert delta_table.write(lake, place) == 3
    assert stored(place) == {FIRST: "ab", SECOND: "c"}
    assert DeltaTable(place).metadata().partition_columns == ["dt"]
    version = DeltaTable(place).version()
    assert delta_table.write(lake, place) == 0
    assert DeltaTable(place).version() == version
    put(spark, lake, FIRST, "b")
    put(spark, lake, THIRD, "d")
    assert delta_table.write(lake, place) == 2
    assert stored(place) == {FIRST: "b", SECOND: "c", THIRD: "d"}
    lake.publish(lake.stage_removal("deduplicated", [FIRST, THIRD]))
    put(spark, lake, THIRD, "")
    assert delta_table.write(lake, place) == 2
    assert stored(place) == {FIRST: "b"}


def test_columns_of_every_type_are_added(spark: SparkSession, lake: Lake, place: str) -> None:
    put(spark, lake, FIRST, "a")
    delta_table.write(lake, place)
    more = (
        "n long, tags array<string>, by map<string,int>, box struct<w:int>, raw binary, "
        "at timestamp, clock timestamp_ntz, day date, price decimal(38,10)"
    )
    rows = spark.sql(
        "SELECT 'b' image_id, '/b' uri, 1L n, array('x', null) tags, map('k', 1) by, "
        "named_struct('w', 2) box, X'01' raw, timestamp'9999-12-31 23:59:59.123456' at, "
        "timestamp_ntz'0001-01-01 00:00:00' clock, date'2026-01-01' day, 1.5BD price"
    ).selectExpr("image_id", "uri", *(_cast(column) for column in more.split(", ")))
    lake.replace("deduplicated", SECOND, rows)
    delta_table.write(lake, place)
    table = DeltaTable(place)
    schema = pa.schema(table.schema().to_arrow())
    assert schema.field("at").type == pa.timestamp("us", "UTC")
    assert schema.field("clock").type == pa.timestamp("us")
    reader = pa.RecordBatchReader.from_stream(table.scan(predicate="image_id = 'b'"))
    found = spark.createDataFrame(reader.read_all().cast(schema).drop(["dt"]), rows.schema)
    assert found.collect() == rows.collect()
    assert columns(place, "image_id", "n") == {("a", None), ("b", 1)}


def _cast(column: str) -> str:
    name, kind = column.split(" ", 1)
    return f"CAST({name} AS {kind}) {name}"


def test_a_crash_before_the_record_is_healed_by_the_next_run(
    spark: SparkSession, lake: Lake, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(spark, lake, FIRST, "a")
    put(spark, lake, SECOND, "b")
    with monkeypatch.context() as patched:
        patched.setattr(lake, "publish", lambda staged: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            delta_table.write(lake, place)
    assert stored(place) == {FIRST: "a"}
    put(spark, lake, THIRD, "c")
    lake.publish(lake.stage_removal("deduplicated", [SECOND, THIRD]))
    assert delta_table.write(lake, place) == 3
    assert stored(place) == {SECOND: "b", THIRD: "c"}
    assert delta_table.write(lake, place) == 0


def test_a_table_that_was_deleted_is_written_again(
    spark: SparkSession, lake: Lake, place: str
) -> None:
    put(spark, lake, FIRST, "a")
    delta_table.write(lake, place)
    shutil.rmtree(place)
    assert delta_table.write(lake, place) == 1
    assert stored(place) == {FIRST: "a"}


def test_what_someone_else_wrote_is_refused_and_untouched(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    put(spark, lake, FIRST, "a")
    write_deltalake(tmp_path / "theirs", images("xy"))
    with pytest.raises(UserError, match=r"a Delta table that was not written from .*/lake: give"):
        delta_table.write(lake, f"{tmp_path}/theirs")
    assert DeltaTable(tmp_path / "theirs").version() == 0
    other = Lake(spark, f"{tmp_path}/other")
    put(spark, other, FIRST, "b")
    delta_table.write(other, f"{tmp_path}/out")
    with pytest.raises(UserError, match=r"a Delta table that was not written from .*/lake: give"):
        delta_table.write(lake, f"{tmp_path}/out")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="is no Delta table, and not empty"):
        delta_table.write(lake, f"{tmp_path}/photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["a.jpg"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("n string", "7", '"n" of 2026-01-02 is string, and int32 in the Delta table .*one type'),
        ("n long", 7, '"n" of 2026-01-02 is int64, and int32 in the Delta table'),
        ("N int", 7, '"N" of 2026-01-02 is "n" in the Delta table .*: spell it in one way'),
    ],
)
def test_a_column_that_does_not_fit_is_refused_by_name(
    spark: SparkSession, lake: Lake, place: str, column: str, value: Any, message: str
) -> None:
    put(spark, lake, FIRST, "a", "n int", 1)
    put(spark, lake, SECOND, "b", column, value)
    with pytest.raises(UserError, match=message):
        delta_table.write(lake, place)
    assert stored(place) == {FIRST: "a"}
    put(spark, lake, SECOND, "b", "n short", 7)
    delta_table.write(lake, place)
    assert columns(place, "image_id", "n") == {("a", 1), ("b", 7)}


def test_a_library_that_cannot_write_asks_for_another_try(
    spark: SparkSession, lake: Lake, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(spark, lake, FIRST, "a")
    with monkeypatch.context() as patched:
        patched.setattr("deltalake.write_deltalake", no_answer)
        with pytest.raises(TryAgain, match=r"could not be written: no answer; the tables under"):
            delta_table.write(lake, place)
    assert delta_table.write(lake, place) == 1


def no_answer(*arguments: object, **named: object) -> None:
    raise DeltaError("no answer\n   0: backtrace")


def test_group_writes_the_table_that_the_configuration_names(
    spark: SparkSession,
    lake: Lake,
    settings: Config,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(spark, lake, FIRST, "a")
    monkeypatch.setattr(stage, "_settle", lambda run: Outcome(2, 1, details={"groups": 1}))
    config = replace(settings, group=replace(settings.group, delta_table=place))
    outcome = group.run(Run(spark, lake, FIRST, (FIRST,), "run", config, ""))
    assert outcome == Outcome(2, 1, details={"groups": 1, "delta_days": 1})
    assert stored(place) == {FIRST: "a"}
    assert group.run(Run(spark, lake, FIRST, (FIRST,), "run", settings, "")).details == {
        "groups": 1
    }
