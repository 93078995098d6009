"""A Delta table as the manifest: which version is read, what is read of it, and what is torn."""

import os
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from imgdedup.errors import Missing, UserError
from imgdedup.lake import Lake
from tests.spark.delta_tables import (
    FIELDS,
    add,
    commit,
    field,
    inline_vector,
    metadata,
    protocol,
    vector_in_file,
)
from tests.spark.manifests import DAY, Scan, images, manifest, names


def at(table: Path, **times: str) -> None:
    """Give the commits of versions (v0, v1, ...) the times at which their files were written."""
    for version, time in times.items():
        moment = datetime.fromisoformat(f"{time}+00:00").timestamp()
        file = table / "_delta_log" / f"{int(version[1:]):020d}.json"
        os.utime(file, (moment, moment))


def test_a_table_is_read_as_of_the_day(lake: Lake, scanned: Scan, tmp_path: Path) -> None:
    table = tmp_path / "two words 100% é#?"
    write_deltalake(table, images("ab"))
    write_deltalake(table, images("c"), mode="append")
    DeltaTable(table).delete("image_id = 'a'")
    write_deltalake(table, images("d", price=[1.5]), mode="append", schema_mode="merge")
    times = {"v0": "2026-01-01T00:00:00", "v1": "2026-01-01T23:59:59"}
    at(table, **times, v2="2026-01-02T00:00:00", v3="2026-01-03T09:00:00")
    details = {"source": str(table), "table": "Delta", "snapshot": 1}
    outcome = scanned(table, "2026-01-01")
    assert outcome.details == {**details, "snapshot_time": "2026-01-01T23:59:59Z"}
    assert (outcome.rows_out, names(lake, "2026-01-01")) == (3, "abc")
    scanned(table, "2026-01-02")
    assert names(lake, "2026-01-02") == "bc"
    scanned(table, "2026-01-04")
    found = {(row.image_id, row.price) for row in manifest(lake, "2026-01-04").collect()}
    assert found == {("b", None), ("c", None), ("d", 1.5)}
    scanned(table, "2026-01-01", snapshot="latest")
    assert names(lake, "2026-01-01") == "bcd"
    scanned(table, "2026-01-01", snapshot="0")
    assert names(lake, "2026-01-01") == "ab"


def test_a_day_before_the_first_version_is_missing(
    lake: Lake, scanned: Scan, tmp_path: Path
) -> None:
    commit(
        tmp_path / "t",
        0,
        protocol(),
        metadata(FIELDS),
        add(tmp_path / "t", "a.parquet", images("a")),
    )
    with pytest.raises(
        Missing, match=r"no version of 2025-12-31 or before.* is of 2026-01-01T12:00:00Z"
    ):
        scanned(tmp_path / "t", "2025-12-31")
    with pytest.raises(UserError, match="has no version 7: its versions are 0 to 0"):
        scanned(tmp_path / "t", DAY, snapshot="7")
    assert lake.days("manifest") == []


def test_a_time_that_a_commit_states_goes_before_that_of_its_file(
    lake: Lake, scanned: Scan, tmp_path: Path
) -> None:
    table = tmp_path / "copied"
    for version, stated in enumerate(["2026-01-01", "2026-01-02", "2026-01-03"]):
        moment = int(datetime.fromisoformat(f"{stated}T01:00:00+00:00").timestamp() * 1000)
        first = [protocol(), metadata(FIELDS)] if not version else []
        info = {"commitInfo": {"inCommitTimestamp": moment, "operation": "WRITE"}}
        name = "abc"[version]
        rows = add(table, f"{name}.parquet", images(name))
        commit(table, version, info, *first, rows, at="2026-02-01T00:00:00")
    scanned(table, DAY)
    assert names(lake) == "ab"


def test_a_log_that_was_cleaned_up_is_read_from_its_checkpoint(
    lake: Lake, scanned: Scan, tmp_path: Path
) -> None:
    table = tmp_path / "t"
    for name in "abcd":
        write_deltalake(table, images(name), mode="append")
        if name == "b":
            DeltaTable(table).create_checkpoint()
    days = {f"v{number}": f"2026-01-0{number + 1}T12:00:00" for number in range(4)}
    at(table, **days)
    (table / "_delta_log" / f"{0:020d}.json").unlink()
    scanned(table, "2026-01-03")
    assert names(lake, "2026-01-03") == "abc"
    with pytest.raises(Missing, match=r"no version of 2026-01-01 or before.*2026-01-02T12:00:00Z"):
        scanned(table, "2026-01-01")


@pytest.mark.parametrize("kind", ["string", "date"])
def test_a_column_dt_chooses_the_rows_of_the_day(
    lake: Lake, scanned: Scan, tmp_path: Path, kind: str
) -> None:
    fields = [*FIELDS, field("dt", kind), field("kind of", "string")]
    table = tmp_path / "t"
    files = [
        add(table, "1/a.parquet", images("ab"), None, dt="2026-01-01", **{"kind of": "x"}),
        add(table, "2/a.parquet", images("cd"), None, dt=DAY, **{"kind of": "a=b/c"}),
        add(table, "3/a.parquet", images("e"), None, dt=DAY, **{"kind of": None}),
    ]
    commit(table, 0, protocol(), metadata(fields, ["dt", "kind of"]), *files)
    outcome = scanned(table, DAY)
    assert manifest(lake).columns == ["image_id", "uri", "kind of"]
    found = {(row.image_id, row["kind of"]) for row in manifest(lake).collect()}
    assert found == {("c", "a=b/c"), ("d", "a=b/c"), ("e", None)}
    assert outcome.rows_out == 3
    with pytest.raises(Missing, match="no rows dt=2026-01-03 in its version 0 of 2026-01-01T12"):
        scanned(table, "2026-01-03")


@pytest.mark.parametrize("inline", [True, False])
def test_rows_of_a_deletion_vector_are_not_read(
    lake: Lake, scanned: Scan, tmp_path: Path, inline: bool
) -> None:
    table = tmp_path / "t"
    vector = inline_vector([1, 3]) if inline else vector_in_file(table, [1, 3])
    given = metadata(FIELDS, **{"delta.enableDeletionVectors": "true"})
    commit(
        table,
        0,
        protocol("deletionVectors"),
        given,
        add(table, "a.parquet", images("abcd"), vector),
    )
    scanned(table, DAY)
    assert names(lake) == "ac"


def test_columns_are_called_as_the_table_calls_them(
    lake: Lake, scanned: Scan, tmp_path: Path
) -> None:
    table = tmp_path / "t"
    fields = [
        field(
            name,
            "string",
            **{"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"c{number}"},
        )
        for number, name in enumerate(["image_id", "uri", "who made it"], 1)
    ]
    mapped = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "3"}
    rows = images("a", who=["me"]).rename_columns(["c1", "c2", "c3"])
    commit(
        table,
        0,
        protocol("columnMapping"),
        metadata(fields, **mapped),
        add(table, "a.parquet", rows),
    )
    scanned(table, DAY)
    assert manifest(lake).collect() == [("a", "/a", "me")]


def test_every_type_reaches_the_manifest(lake: Lake, scanned: Scan, tmp_path: Path) -> None:
    table = tmp_path / "t"
    kinds = {
        "moment": pa.array([1], pa.timestamp("us", "UTC")),
        "clock": pa.array([1], pa.timestamp("us")),
        "price": pa.array([1], pa.decimal128(38, 10)),
        "tags": pa.array([["x", None]]),
        "size": pa.array([{"w": 1, "note": "n", "raw": b"r"}]),
        "by": pa.array([[("k", ["v"])]], pa.map_(pa.string(), pa.list_(pa.string()))),
        "content": pa.array([b"x"]),
        "small": pa.array([1], pa.int8()),
    }
    write_deltalake(table, images("a", **kinds))
    scanned(table, DAY, snapshot="latest")
    assert dict(manifest(lake).dtypes) == {
        "image_id": "string",
        "uri": "string",
        "moment": "timestamp",
        "clock": "timestamp_ntz",
        "price": "decimal(38,10)",
        "tags": "array<string>",
        "size": "struct<w:bigint,note:string,raw:binary>",
        "by": "map<string,array<string>>",
        "content": "binary",
        "small": "tinyint",
    }
    (row,) = manifest(lake).collect()
    assert (row.tags, row["size"], row.by) == (["x", None], (1, "n", b"r"), {"k": ["v"]})


def test_relative_uris_are_read_below_the_table(lake: Lake, scanned: Scan, tmp_path: Path) -> None:
    table = tmp_path / "t"
    rows = pa.table({"image_id": ["a", "b"], "uri": ["x/a.jpg", "/b.jpg"]})
    commit(table, 0, protocol(), metadata(FIELDS), add(table, "a.parquet", rows))
    scanned(table, DAY)
    assert sorted(row.uri for row in manifest(lake).collect()) == ["/b.jpg", f"{table}/x/a.jpg"]


def test_a_sound_table_without_rows_is_a_day_without_images(
    lake: Lake, scanned: Scan, tmp_path: Path
) -> None:
    commit(tmp_path / "t", 0, protocol(), metadata(FIELDS))
    assert scanned(tmp_path / "t", DAY).rows_out == 0
    assert manifest(lake).columns == ["image_id", "uri"]
