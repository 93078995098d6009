"""Opens Iceberg tables with the library `pyiceberg`, by the files of their folder alone.

No catalog is asked. The files are opened as all others are, so that nothing which a table says of
itself, such as the address of a store, changes where credentials go.
"""

import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import fs

from imgdedup.errors import UserError
from imgdedup.sources import local_path, object_store
from imgdedup.stages.scan.finding import Table
from imgdedup.stages.scan.tables.snapshots import Snapshot, Wanted, none_before

if TYPE_CHECKING:
    from pyiceberg.table import StaticTable
    from pyiceberg.table.metadata import TableMetadata

_METADATA = re.compile(r"(?:v(\d+)|(\d+)-[^/]*)(?:\.gz)?\.metadata\.json(?:\.gz)?")
_HINT = "version-hint.text"


def open_snapshot(table: Table, wanted: Wanted) -> Snapshot:
    """Open the snapshot that is wanted.

    Raises Missing when no snapshot is old enough, and UserError when it cannot be read.
    """
    opened = _open(table)
    moments = _moments(opened.metadata)
    if not moments:
        raise UserError(f"the Iceberg table {table.location} has no snapshot: it has no rows yet")
    if wanted.id is not None:
        chosen = _by_id(opened.metadata, wanted.id, table)
    else:
        before = wanted.before
        fitting = [one for one in moments if before is None or one[0] < before]
        if not fitting:
            raise none_before(table, wanted, moments[0][0])
        chosen = fitting[-1]
    return _snapshot(opened, *chosen)


def _open(table: Table) -> "StaticTable":
    from pyiceberg.catalog.noop import NoopCatalog
    from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
    from pyiceberg.serializers import FromInputFile
    from pyiceberg.table import StaticTable

    class Files(PyArrowFileIO):
        """Opens every file as the rest of imgdedup does."""

        def new_input(self, location: str) -> PyArrowFile:
            system, path = _system(location)
            return PyArrowFile(location, path, system)

    location = f"{table.location}/metadata/{table.metadata or _current(table)}"
    files = Files()
    metadata = FromInputFile.table_metadata(files.new_input(location))
    return StaticTable(("imgdedup", "manifest"), metadata, location, files, NoopCatalog("imgdedup"))


def _system(location: str) -> tuple[fs.FileSystem, str]:
    """The file system and path of a location; Iceberg escapes nothing in a local one."""
    if local_path(location) is None:
        return object_store(location)
    return fs.LocalFileSystem(), os.path.abspath(re.sub("^file:/*", "/", location))


def _current(table: Table) -> str:
    """The name of the current metadata.

    The hint names a version, and versions without a gap after it count: a writer may have failed
    before it wrote the hint. Without a hint it is the highest number. If two names have that
    number, the newer file counts.
    """
    system, folder = _system(f"{table.location}/metadata")
    infos = {info.base_name: info for info in system.get_file_info(fs.FileSelector(folder))}
    matches = [match for name in infos if (match := _METADATA.fullmatch(name))]
    if _HINT not in infos and matches:
        return max(matches, key=lambda one: (int(one[1] or one[2]), infos[one[0]].mtime))[0]
    if _HINT not in infos:
        raise UserError(
            f"the Iceberg table {table.location} cannot be read: the names of its metadata have no "
            "numbers; give the current file *.metadata.json as the manifest"
        )
    with system.open_input_stream(f"{folder}/{_HINT}", compression=None) as stream:
        hint = stream.read().decode().strip()
    versions = {int(match[1]): match[0] for match in matches if match[1]}
    if hint.isdigit() and int(hint) in versions:
        return versions[next(n for n in count(int(hint)) if n + 1 not in versions)]
    found = next((name for name in (hint, f"{hint}.metadata.json") if name in infos), None)
    if found is None:
        raise UserError(
            f"the Iceberg table {table.location} cannot be read: its {_HINT} names the version "
            f"{hint}, which is not there"
        )
    return found


def _moments(metadata: "TableMetadata") -> list[tuple[datetime, int]]:
    """When each snapshot became the current one, and its id, in order."""
    log: Sequence[tuple[int, int]]
    log = [(entry.timestamp_ms, entry.snapshot_id) for entry in metadata.snapshot_log]
    current = metadata.current_snapshot()
    if not log and current is not None:
        log = [(current.timestamp_ms, current.snapshot_id)]
    return [(_datetime(moment), number) for moment, number in log]


def _by_id(metadata: "TableMetadata", number: int, table: Table) -> tuple[datetime, int]:
    snapshot = metadata.snapshot_by_id(number)
    if snapshot is None:
        known = ", ".join(str(one.snapshot_id) for one in metadata.snapshots[-5:])
        raise UserError(
            f"the Iceberg table {table.location} has no snapshot {number}: its last are {known}"
        )
    return _datetime(snapshot.timestamp_ms), number


def _snapshot(opened: "StaticTable", moment: datetime, number: int) -> Snapshot:
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    scan = opened.scan(snapshot_id=number)
    schema = schema_to_pyarrow(scan.projection(), include_field_ids=False)

    def batches(condition: str | None) -> Iterator[pa.RecordBatch]:
        from pyiceberg.io.pyarrow import ArrowScan

        chosen = scan.filter(condition) if condition else scan
        reader = ArrowScan(opened.metadata, opened.io, chosen.projection(), chosen.row_filter)
        # One file at a time: the library holds all rows of the files that it is given.
        for file in chosen.plan_files():
            yield from reader.to_record_batches([file])

    return Snapshot(number, moment, schema, batches)


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
