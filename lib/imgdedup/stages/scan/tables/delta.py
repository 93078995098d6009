"""Opens Delta tables with the library `deltalake`.

The time of a version is that of the Delta protocol: the one that its commit states, else the one of
the file that holds the commit.
"""

import json
import os
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate

import pyarrow as pa
from pyarrow import fs

from imgdedup.errors import UserError
from imgdedup.sources import delta_place, local_path, object_store
from imgdedup.stages.scan.finding import Table
from imgdedup.stages.scan.tables.snapshots import Snapshot, Wanted, none_before

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(\..+)?\.(parquet|json)")
_FIRST_LINE = 1 << 20  # bytes in which the first action of a commit ends
# Rows per batch and files at a time: a row may hold a whole image.
_SESSION = {
    "datafusion.execution.batch_size": "1024",
    "datafusion.execution.target_partitions": "1",
}


@dataclass(frozen=True)
class _Commit:
    version: int
    path: str
    written: datetime  # no earlier than that of the commit before


def open_snapshot(table: Table, wanted: Wanted) -> Snapshot:
    """Open the version that is wanted.

    Raises Missing when no version is old enough, and UserError when the log is torn.
    """
    system, path = _system(table.location)
    commits = _commits(system, f"{path}/_delta_log", table)
    if wanted.id is not None:
        chosen = next((commit for commit in commits if commit.version == wanted.id), None)
        if chosen is None:
            raise UserError(
                f"the Delta table {table.location} has no version {wanted.id}: its versions are "
                f"{commits[0].version} to {commits[-1].version}"
            )
    elif wanted.before is None:
        chosen = commits[-1]
    else:
        later = bisect_left(commits, wanted.before, key=partial(_time, system))
        if not later:
            raise none_before(table, wanted, _time(system, commits[0]))
        chosen = commits[later - 1]
    return _open(table, chosen.version, _time(system, chosen))


def _system(location: str) -> tuple[fs.FileSystem, str]:
    path = local_path(location)
    if path is None:
        system, key = object_store(location)
        return system, key.rstrip("/")
    return fs.LocalFileSystem(), os.path.abspath(path)


def _commits(system: fs.FileSystem, log: str, table: Table) -> list[_Commit]:
    """The commits whose versions can be read, in order.

    After a clean-up of the log the first one is that of the first checkpoint.
    """
    infos = sorted(system.get_file_info(fs.FileSelector(log)), key=lambda info: info.base_name)
    found = [(match, info) for info in infos if (match := _COMMIT.fullmatch(info.base_name))]
    if empty := next((info for _, info in found if not info.size), None):
        raise UserError(
            f"the Delta table {table.location} cannot be read: its commit {empty.base_name} is "
            "empty"
        )
    checkpoints = [match for info in infos if (match := _CHECKPOINT.fullmatch(info.base_name))]
    starts = [int(match[1]) for match in checkpoints]
    starts += [0 for match, _ in found[:1] if int(match[1]) == 0]
    written = accumulate((info.mtime.astimezone(UTC) for _, info in found), max)
    commits = [
        _Commit(int(match[1]), info.path, moment)
        for (match, info), moment in zip(found, written, strict=True)
        if int(match[1]) >= min(starts, default=0)
    ]
    if not starts or not commits:
        raise UserError(
            f"the Delta table {table.location} cannot be read: its log has neither its first "
            "commit nor a checkpoint with a commit after it"
        )
    return commits


def _time(system: fs.FileSystem, commit: _Commit) -> datetime:
    with system.open_input_stream(commit.path, compression=None) as stream:
        first = stream.read(_FIRST_LINE).partition(b"\n")[0]
    try:
        stated = json.loads(first)["commitInfo"]["inCommitTimestamp"]
    except (ValueError, KeyError, TypeError):  # a torn commit is found when its version is read
        return commit.written
    return datetime.fromtimestamp(stated / 1000, UTC)


def _open(table: Table, version: int, moment: datetime) -> Snapshot:
    from deltalake import DeltaTable

    uri, options = delta_place(table.location)
    opened = DeltaTable(uri, version=version, storage_options=options)
    schema = pa.schema(opened.schema().to_arrow())

    def batches(condition: str | None) -> Iterator[pa.RecordBatch]:
        from deltalake import QueryBuilder

        query = "SELECT * FROM manifest" + (f" WHERE {condition}" if condition else "")
        session = QueryBuilder(_SESSION).register("manifest", opened)
        yield from pa.RecordBatchReader.from_stream(session.execute(query))

    return Snapshot(version, moment, schema, batches)
