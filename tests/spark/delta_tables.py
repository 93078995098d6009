"""Delta tables written by hand, after the protocol: with features that the library only reads."""

import base64
import json
import os
import struct
import uuid
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyroaring import BitMap64

_MAGIC = 1681511377  # of the portable bitmap of a deletion vector
_BASE85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
Action = dict[str, Any]


def field(name: str, kind: Any, **metadata: object) -> dict[str, Any]:
    """A column of a Delta schema."""
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


FIELDS = [field("image_id", "string"), field("uri", "string")]


def protocol(*features: str) -> Action:
    """The protocol, with the features that a reader needs."""
    if not features:
        return {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
    needed = {"readerFeatures": features, "writerFeatures": features}
    return {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **needed}}


def metadata(
    fields: Sequence[Mapping[str, Any]], by: Sequence[str] = (), **configuration: str
) -> Action:
    """The schema, the partition columns and the properties of a table."""
    return {
        "metaData": {
            "id": "00000000-0000-0000-0000-000000000000",
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps({"type": "struct", "fields": fields}),
            "partitionColumns": by,
            "configuration": configuration,
            "createdTime": 0,
        }
    }


def add(
    table: Path, name: str, rows: pa.Table, deleted: Action | None = None, **partition: str | None
) -> Action:
    """Write a data file, and give the action that adds it, with the vector of deleted rows."""
    file = table / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, file)
    action = {
        "path": name,
        "partitionValues": partition,
        "size": file.stat().st_size,
        "modificationTime": 0,
        "dataChange": True,
        "stats": json.dumps({"numRecords": rows.num_rows}),
    }
    return {"add": action | ({"deletionVector": deleted} if deleted else {})}


def inline_vector(rows: Sequence[int]) -> Action:
    """A deletion vector that stands in the log itself."""
    data = _bitmap(rows)
    text = _z85(data + b"\0" * (-len(data) % 4))
    kind = {"storageType": "i", "pathOrInlineDv": text}
    return {**kind, "sizeInBytes": len(data), "cardinality": len(rows)}


def vector_in_file(table: Path, rows: Sequence[int]) -> Action:
    """Write a deletion vector in a file of its own, and give what names it."""
    name, data = uuid.uuid4(), _bitmap(rows)
    length, checksum = struct.pack(">i", len(data)), struct.pack(">I", zlib.crc32(data))
    table.mkdir(parents=True, exist_ok=True)
    (table / f"deletion_vector_{name}.bin").write_bytes(b"\1" + length + data + checksum)
    kind = {"storageType": "u", "pathOrInlineDv": _z85(name.bytes), "offset": 1}
    return {**kind, "sizeInBytes": len(data), "cardinality": len(rows)}


def commit(table: Path, version: int, *actions: Action, at: str = "2026-01-01T12:00:00") -> Path:
    """Write a commit whose file was written at a time, in UTC; return the file."""
    file = table / "_delta_log" / f"{version:020d}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(action)}\n" for action in actions))
    moment = datetime.fromisoformat(f"{at}+00:00").timestamp()
    os.utime(file, (moment, moment))
    return file


def _bitmap(rows: Sequence[int]) -> bytes:
    return struct.pack("<i", _MAGIC) + bytes(BitMap64(rows).serialize())


def _z85(data: bytes) -> str:
    return base64.b85encode(data).decode().translate(str.maketrans(_BASE85, _Z85))
