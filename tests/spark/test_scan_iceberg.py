"""An Iceberg table as the manifest: which snapshot is read, what of it, and what is torn."""

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, DoubleType, LongType, NestedField, StringType

from imgdedup.errors import Missing, UserError
from imgdedup.lake import Lake
from tests.spark.iceberg_tables import add_deletes, at, catalog, current, folder_of, vector
from tests.spark.manifests import DAY, Scan, images, manifest, names


@pytest.fixture
def tables(tmp_path: Path) -> SqlCatalog:
    return catalog(tmp_path)


def two_files(tables: SqlCatalog) -> Table:
    """A table of two snapshots, of one file each."""
    table = tables.create_table("n.t", images("").schema)
    table.append(images("abc"))
    table.append(images("d"))
    at(table, "2026-01-01T12:00:00", "2026-01-02T12:00:00")
    return tables.load_table("n.t")


def test_a_table_is_read_as_of_the_day(lake: Lake, scanned: Scan, tables: SqlCatalog) -> None:
    table = tables.create_table("n.t", images("").schema)
    table.append(images("ab"))
    table.append(images("c"))
    table.delete("image_id = 'a'")
    with table.update_schema() as change:
        change.add_column("price", DoubleType())
        change.rename_column("uri", "link")
    with table.update_schema() as change:
        change.rename_column("link", "uri")
    table.append(images("d", price=[1.5]))
    times = ["2026-01-01T00:00:00", "2026-01-01T23:59:59", "2026-01-02T00:00:00"]
    at(table, *times, "2026-01-03T09:00:00")
    number = table.metadata.snapshots[1].snapshot_id
    outcome = scanned(folder_of(table), "2026-01-01")
    details = {"source": str(folder_of(table)), "table": "Iceberg", "snapshot": number}
    assert outcome.details == {**details, "snapshot_time": "2026-01-01T23:59:59Z"}
    assert (outcome.rows_out, names(lake, "2026-01-01")) == (3, "abc")
    assert manifest(lake, "2026-01-01").columns == ["image_id", "uri"]
    scanned(folder_of(table), "2026-01-02")
    assert names(lake, "2026-01-02") == "bc"
    scanned(folder_of(table), "2026-01-04")
    found = {(row.image_id, row.price) for row in manifest(lake, "2026-01-04").collect()}
    assert found == {("b", None), ("c", None), ("d", 1.5)}
    scanned(folder_of(table), "2026-01-01", snapshot="latest")
    assert names(lake, "2026-01-01") == "bcd"
    scanned(folder_of(table), "2026-01-01", snapshot=str(table.metadata.snapshots[0].snapshot_id))
    assert names(lake, "2026-01-01") == "ab"


def test_a_day_before_the_first_snapshot_is_missing(
    lake: Lake, scanned: Scan, tables: SqlCatalog
) -> None:
    table = two_files(tables)
    with pytest.raises(Missing, match=r"no version of 2025-12-31 or before.*2026-01-01T12:00:00Z"):
        scanned(folder_of(table), "2025-12-31")
    with pytest.raises(UserError, match=r"no snapshot 5: its last are \d+, \d+$"):
        scanned(folder_of(table), DAY, snapshot="5")
    with pytest.raises(UserError, match="has no snapshot: it has no rows yet"):
        scanned(folder_of(tables.create_table("n.empty", images("").schema)), DAY)
    assert lake.days("manifest") == []


@pytest.mark.parametrize(("kind", "day"), [(StringType(), DAY), (DateType(), date(2026, 1, 2))])
def test_a_column_dt_chooses_the_rows_of_the_day(
    lake: Lake, scanned: Scan, tables: SqlCatalog, kind: Any, day: Any
) -> None:
    schema = Schema(
        NestedField(1, "image_id", StringType()),
        NestedField(2, "uri", StringType()),
        NestedField(3, "dt", kind),
        NestedField(4, "kind of", StringType()),
    )
    by = PartitionSpec(*(PartitionField(n, 1000 + n, IdentityTransform(), f"p{n}") for n in (3, 4)))
    table = tables.create_table("n.t", schema, partition_spec=by)
    other = "2026-01-01" if isinstance(day, str) else date(2026, 1, 1)
    table.append(images("abc", dt=[other, day, day], **{"kind of": ["x", "a=b/c", None]}))
    outcome = scanned(folder_of(table), DAY, snapshot="latest")
    assert outcome.rows_out == 2
    assert manifest(lake).columns == ["image_id", "uri", "kind of"]
    found = {(row.image_id, row["kind of"]) for row in manifest(lake).collect()}
    assert found == {("b", "a=b/c"), ("c", None)}
    with pytest.raises(Missing, match="no rows dt=2026-01-03 in its version"):
        scanned(folder_of(table), "2026-01-03", snapshot="latest")


def test_a_wider_type_holds_the_values_of_older_files(
    lake: Lake, scanned: Scan, tables: SqlCatalog
) -> None:
    table = tables.create_table("n.t", images("", size=pa.array([], pa.int32())).schema)
    table.append(images("a", size=pa.array([1], pa.int32())))
    with table.update_schema() as change:
        change.update_column("size", LongType())
    table.append(images("b", size=pa.array([2**40], pa.int64())))
    scanned(folder_of(table), DAY, snapshot="latest")
    assert dict(manifest(lake).dtypes)["size"] == "bigint"
    assert {row["size"] for row in manifest(lake).collect()} == {1, 2**40}


def test_nested_columns_and_times_reach_the_manifest(
    lake: Lake, scanned: Scan, tables: SqlCatalog
) -> None:
    kinds = {
        "moment": pa.array([1], pa.timestamp("us", "UTC")),
        "clock": pa.array([1], pa.timestamp("us")),
        "tags": pa.array([["x", None]]),
        "by": pa.array([[("k", ["v"])]], pa.map_(pa.string(), pa.list_(pa.string()))),
        "content": pa.array([b"x"]),
        "fixed": pa.array([b"xy"], pa.binary(2)),
    }
    rows = images("a", **kinds)
    table = tables.create_table("n.t", rows.schema)
    table.append(rows)
    scanned(folder_of(table), DAY, snapshot="latest")
    kinds_found = dict(manifest(lake).dtypes)
    assert kinds_found == {
        "image_id": "string",
        "uri": "string",
        "moment": "timestamp",
        "clock": "timestamp_ntz",
        "tags": "array<string>",
        "by": "map<string,array<string>>",
        "content": "binary",
        "fixed": "binary",
    }
    (row,) = manifest(lake).collect()
    assert (row.tags, row.by, bytes(row.fixed)) == (["x", None], {"k": ["v"]}, b"xy")


@pytest.mark.parametrize(
    ("kind", "named"),
    [(pa.time64("us"), r"time64\[us\]"), (pa.uuid(), "extension<arrow.uuid>")],
)
def test_a_type_that_spark_does_not_read_is_named(
    scanned: Scan, tables: SqlCatalog, kind: pa.DataType, named: str
) -> None:
    table = tables.create_table("n.t", images("", odd=pa.array([], kind)).schema)
    table.append(images("a", odd=pa.nulls(1, kind)))
    with pytest.raises(UserError, match=f'^Spark cannot read the column "odd" of .*holds {named}'):
        scanned(folder_of(table), DAY, snapshot="latest")


@pytest.mark.parametrize("as_vector", [True, False])
def test_rows_deleted_by_position_are_not_read(
    lake: Lake, scanned: Scan, tables: SqlCatalog, as_vector: bool
) -> None:
    table = two_files(tables)
    (file,) = (task.file for task in table.scan().plan_files() if task.file.record_count == 3)
    places = {"file_path": [file.file_path] * 2, "pos": pa.array([0, 2], pa.int64())}
    add_deletes(table, vector(file.file_path, [0, 2]) if as_vector else pa.table(places))
    scanned(folder_of(table), DAY)
    assert names(lake) == "bd"


def test_deletes_by_values_are_refused_by_name(scanned: Scan, tables: SqlCatalog) -> None:
    table = two_files(tables)
    add_deletes(table, pa.table({"image_id": ["a"]}), [1])
    with pytest.raises(UserError, match=r"cannot be read: .* support equality deletes"):
        scanned(folder_of(table), DAY)


def test_the_current_metadata_is_found(lake: Lake, scanned: Scan, tables: SqlCatalog) -> None:
    table = two_files(tables)
    folder = folder_of(table) / "metadata"
    older = max(folder.glob("00001-*.metadata.json"))
    (folder / "version-hint.text").write_text(f"{older.name}\n")
    scanned(folder_of(table), DAY, snapshot="latest")
    assert names(lake) == "abc"
    (folder / "version-hint.text").write_text("2")
    shutil.copy(older, folder / "v2.metadata.json")
    scanned(folder_of(table), DAY, snapshot="latest")
    assert names(lake) == "abc"
    packed = gzip.compress(current(table).read_bytes())
    (folder / "v3.gz.metadata.json").write_bytes(packed)
    scanned(folder_of(table), DAY, snapshot="latest")
    assert names(lake) == "abcd"
    scanned(older, DAY, snapshot="latest")
    assert names(lake) == "abc"


def test_relative_uris_are_read_below_the_table(
    lake: Lake, scanned: Scan, tables: SqlCatalog
) -> None:
    table = tables.create_table("n.t", images("").schema)
    table.append(pa.table({"image_id": ["a"], "uri": ["x/a.jpg"]}))
    for place in (folder_of(table), current(table)):
        scanned(place, DAY, snapshot="latest")
        assert [row.uri for row in manifest(lake).collect()] == [f"{folder_of(table)}/x/a.jpg"]


def test_a_table_cannot_choose_how_its_files_are_opened(
    lake: Lake, scanned: Scan, tables: SqlCatalog
) -> None:
    table = two_files(tables)
    document = json.loads(current(table).read_text())
    document["properties"] = {"py-io-impl": "not.there.Files", "s3.endpoint": "http://elsewhere"}
    current(table).write_text(json.dumps(document))
    scanned(folder_of(table), DAY)
    assert names(lake) == "abcd"


def without_list(table: Table) -> None:
    for file in (folder_of(table) / "metadata").glob("snap-*.avro"):
        file.unlink()


def without_manifest(table: Table) -> None:
    for file in (folder_of(table) / "metadata").glob("*-m0.avro"):
        file.unlink()


def without_file(table: Table) -> None:
    for file in (folder_of(table) / "data").glob("*.parquet"):
        file.unlink()


def cut_in_half(table: Table) -> None:
    text = current(table).read_text()
    current(table).write_text(text[: len(text) // 2])


def with_lost_hint(table: Table) -> None:
    (folder_of(table) / "metadata/version-hint.text").write_text("9")


@pytest.mark.parametrize(
    "tear", [without_list, without_manifest, without_file, cut_in_half, with_lost_hint]
)
def test_a_torn_table_is_refused_in_one_line_and_the_old_day_stands(
    lake: Lake, scanned: Scan, tables: SqlCatalog, tear: Callable[[Table], None]
) -> None:
    table = two_files(tables)
    scanned(folder_of(table), DAY)
    before = lake.versions("manifest")
    tear(table)
    with pytest.raises(UserError, match=r"^the Iceberg table .* cannot be read: ") as raised:
        scanned(folder_of(table), DAY)
    assert "\n" not in str(raised.value)
    assert lake.versions("manifest") == before
    assert names(lake) == "abcd"
