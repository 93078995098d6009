"""The journal of a plan: what was about to be moved, and what was moved.

Entries are only added. Before files are moved an entry names them and where they go. Afterwards
another entry says which of them were moved. A file that stands in the first one alone was in flight
when a command was killed.

In a folder the journal is one file of JSON lines, each of them on the disk before anything moves.
In an object store each entry is an object with the next number.
"""

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from imgdedup.errors import UserError
from imgdedup.removal.local_files import sync_folder
from imgdedup.removal.roots import Root

Command = Literal["apply", "undo", "purge"]
Where = Literal["data", "quarantine", "gone"]
AFTER: dict[str, Where] = {"apply": "quarantine", "undo": "data", "purge": "gone"}
_AT_ONCE = 16  # objects read in parallel


@dataclass(frozen=True)
class Known:
    """What the journal knows of a file."""

    where: Where
    quarantine: str  # its uri in the quarantine
    at: datetime  # since when
    in_flight: Command | None = None  # a command was killed before it said how the move ended


class Journal:
    """The journal below the folder of a plan. `files` holds what it knows, by the uri of a file."""

    def __init__(self, root: Root, folder: str) -> None:
        self._log: _Log = (
            _Lines(f"{folder}/_journal.jsonl")
            if root.is_local
            else _Objects(root, f"{folder}/_journal")
        )
        self.files: dict[str, Known] = {}
        for entry in self._log.read():
            try:
                self._take(entry)
            except (KeyError, ValueError, TypeError, AttributeError):
                raise _damaged(f"{folder}/_journal") from None

    def begin(self, command: Command, targets: Mapping[str, str]) -> None:
        """Say which files are about to move, each with its uri in the quarantine."""
        self._add({"begin": command, "files": dict(targets)})

    def end(self, command: Command, where: Mapping[str, Where], left: Mapping[str, str]) -> None:
        """Say where these files are now, and why some did not move."""
        self._add({"end": command, "where": dict(where), "left": dict(left)})

    def settle(self, where: Mapping[str, Where]) -> None:
        """Say where the files are that were in flight."""
        self._add({"end": "settle", "where": dict(where)})

    def in_flight(self) -> dict[str, Known]:
        """The files of which it is not known how their move ended."""
        return {uri: known for uri, known in self.files.items() if known.in_flight}

    def held(self, where: Where) -> dict[str, Known]:
        """The files that are there."""
        return {uri: known for uri, known in self.files.items() if known.where == where}

    def _add(self, entry: dict[str, Any]) -> None:
        entry = {"at": datetime.now(UTC).isoformat(), **entry}
        self._log.append(json.dumps(entry))
        self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        at = datetime.fromisoformat(entry["at"]).astimezone(UTC)
        for uri, quarantine in entry.get("files", {}).items():
            old = self.files.get(uri)
            where, since = (old.where, old.at) if old else ("data", at)
            self.files[uri] = Known(where, quarantine, since, entry["begin"])
        for uri, where in entry.get("where", {}).items():
            old = self.files[uri]
            self.files[uri] = Known(where, old.quarantine, old.at if where == old.where else at)


class _Log(Protocol):
    def read(self) -> Iterator[dict[str, Any]]: ...

    def append(self, line: str) -> None: ...


class _Lines:
    """A file of lines, of which the last may be torn."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> Iterator[dict[str, Any]]:
        try:
            with open(self._path, "rb") as file:
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        for line in whole.splitlines():
            yield _entry(line, self._path)

    def append(self, line: str) -> None:
        with open(self._path, "ab+") as file:
            _cut(file.fileno())
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(os.path.dirname(self._path))


def _cut(handle: int) -> None:
    """Cut off what a killed process wrote of a line."""
    size = end = os.fstat(handle).st_size
    while end and os.pread(handle, 1, end - 1) != b"\n":
        end -= 1
    if end < size:
        os.ftruncate(handle, end)


class _Objects:
    """A prefix of numbered objects."""

    def __init__(self, root: Root, prefix: str) -> None:
        self._texts = root.texts
        self._prefix = prefix
        names = [name for name in self._texts.names(prefix) if name.endswith(".json")]
        self._names = sorted(names)
        self._last = int(self._names[-1].removesuffix(".json")) if names else 0

    def read(self) -> Iterator[dict[str, Any]]:
        paths = [f"{self._prefix}/{name}" for name in self._names]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for path, text in zip(paths, pool.map(self._texts.read, paths), strict=True):
                yield _entry((text or "").encode(), path)

    def append(self, line: str) -> None:
        self._last += 1
        self._texts.write(f"{self._prefix}/{self._last:09d}.json", line)


def _entry(line: bytes, path: str) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        raise _damaged(path) from None
    return entry


def _damaged(path: str) -> UserError:
    return UserError(
        f"the journal {path} is damaged: restore it from a backup before anything else"
    )
