"""Iceberg tables, written by the library with a catalog in one file, and then given their times."""

import json
import struct
import zlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.typedef import Record
from pyroaring import BitMap64

WAREHOUSE = "two words 100%25 \u00e9"  # Iceberg escapes nothing


def catalog(folder: Path) -> SqlCatalog:
    """A catalog in a file of a folder; its tables lie below a folder in it."""
    places = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/{WAREHOUSE}"}
    found = SqlCatalog("tests", **places)
    found.create_namespace_if_not_exists("n")
    return found


def folder_of(table: Table) -> Path:
    """The folder of a table."""
    return Path(table.location().removeprefix("file://"))


def current(table: Table) -> Path:
    """The file of a table's current metadata."""
    return Path(table.metadata_location.removeprefix("file://"))


def at(table: Table, *times: str) -> None:
    """Give the snapshots of a table, in order, the times at which they were committed, in UTC."""
    file = current(table)
    document: dict[str, Any] = json.loads(file.read_text())
    moments = [_milliseconds(time) for time in times]
    listed: Sequence[str] = ("snapshots", "snapshot-log")
    for name in listed:
        for entry, moment in zip(document[name], moments, strict=True):
            entry["timestamp-ms"] = moment
    document["last-updated-ms"] = moments[-1]
    file.write_text(json.dumps(document))


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(f"{time}+00:00").timestamp() * 1000)


class _Deletes(ManifestWriterV2):
    """Writes a manifest that lists files of deletes."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES


def vector(path: str, rows: Sequence[int]) -> bytes:
    """A file of Puffin with a deletion vector for one data file."""
    bitmap = bytes.fromhex("d1d33964") + bytes(BitMap64(rows).serialize())
    blob = struct.pack(">I", len(bitmap)) + bitmap + struct.pack(">I", zlib.crc32(bitmap))
    described = {
        "type": "deletion-vector-v1",
        "fields": [],
        "snapshot-id": -1,
        "sequence-number": -1,
        "offset": 4,
        "length": len(blob),
        "properties": {"referenced-data-file": path, "cardinality": str(len(rows))},
    }
    footer = json.dumps({"blobs": [described]}).encode()
    return b"PFA1" + blob + b"PFA1" + footer + struct.pack("<II", len(footer), 0) + b"PFA1"


def add_deletes(
    table: Table, deletes: pa.Table | bytes, by_columns: Sequence[int] | None = None
) -> None:
    """Commit a file of deletes: by positions, or by the values of the columns with these ids.

    It is a table, or a file of Puffin. The library reads such files, but writes none.
    """
    folder, number = folder_of(table), 7
    if isinstance(deletes, bytes):
        (folder / "data/deletes").write_bytes(deletes)
    else:
        pq.write_table(deletes, folder / "data/deletes")
    file = DataFile.from_args(
        content=DataFileContent.EQUALITY_DELETES
        if by_columns
        else DataFileContent.POSITION_DELETES,
        file_path=f"{table.location()}/data/deletes",
        file_format=FileFormat.PUFFIN if isinstance(deletes, bytes) else FileFormat.PARQUET,
        partition=Record(),
        record_count=1,
        file_size_in_bytes=(folder / "data/deletes").stat().st_size,
        equality_ids=by_columns,
    )
    metadata = f"{table.location()}/metadata"
    output = table.io.new_output(f"{metadata}/deletes.avro")
    with _Deletes(table.spec(), table.schema(), output, number, "deflate") as manifest:
        added = ManifestEntryStatus.ADDED
        manifest.add(ManifestEntry.from_args(status=added, snapshot_id=number, data_file=file))
    before = table.current_snapshot()
    assert before is not None
    assert before.sequence_number is not None
    sequence = before.sequence_number + 1
    output = table.io.new_output(f"{metadata}/list.avro")
    with write_manifest_list(2, output, number, before.snapshot_id, sequence, "deflate") as listed:
        listed.add_manifests([*before.manifests(table.io), manifest.to_manifest_file()])
    document = json.loads(current(table).read_text())
    moment = document["last-updated-ms"]
    snapshot = document["snapshots"][-1] | {"snapshot-id": number, "sequence-number": sequence}
    document["snapshots"].append(snapshot | {"manifest-list": f"{metadata}/list.avro"})
    document["snapshot-log"].append({"snapshot-id": number, "timestamp-ms": moment})
    document |= {"current-snapshot-id": number, "last-sequence-number": sequence}
    document["refs"]["main"]["snapshot-id"] = number
    current(table).write_text(json.dumps(document))
