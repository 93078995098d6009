"""Reads members of archives by their directories, which a process keeps."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

from imgdedup.errors import ImageFailure
from imgdedup.sources import tars, zips
from imgdedup.sources.members import Changed, Directory, Member, kind_of, normal_name
from imgdedup.sources.ranges import Ranges

_ARCHIVES = 256  # whose directories are kept
_MEMBERS = 300_000  # of all of them, and the latest directory whatever its size: some 100 MB


class _Format(NamedTuple):
    read_on: Callable[[Directory, Ranges, float], None]
    read: Callable[[Ranges, Member], bytes]


_FORMATS = {"tar": _Format(tars.read_on, tars.read), "zip": _Format(zips.read_on, zips.read)}


class Archive(NamedTuple):
    """An open archive. `identity` is another one once the file has changed."""

    path: str
    file: Ranges
    identity: Hashable


class Directories:
    """The directories of the archives that were read last; safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Directory] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self, archive: Archive, name: str, max_bytes: int, ends: float = float("inf")
    ) -> tuple[str, bytes]:
        """The name of a member in its normal form, and its data.

        One read takes them, once there is a directory. Threads that need the same directory wait
        for it, until `ends` (of time.monotonic) at the latest.

        Raises ImageFailure: missing, unreadable, empty, too_large, truncated. Raises OSError when
        the archive cannot be read, and TimeoutError when it takes too long.
        """
        kind = kind_of(archive.path)
        form, key = _FORMATS[kind], (kind, archive.identity)
        for _ in range(2):
            directory = self._of(key, archive.file, form, ends)
            member = _found(archive.path, directory, name, max_bytes)
            try:
                data = form.read(archive.file, member)
            except Changed:
                self._renew(key, directory)
                continue
            if len(data) < member.size:
                raise ImageFailure("truncated", f"{archive.path} ends within {name}")
            return member.name, data
        raise ImageFailure(
            "unreadable", f"{archive.path} is damaged at {name}, or changes while it is read"
        )

    def progress(self) -> int:
        """A number that changes while headers of tars are read."""
        with self._lock:
            return sum(directory.position for directory in self._kept.values())

    def _of(self, key: Hashable, file: Ranges, form: _Format, ends: float) -> Directory:
        """The whole directory of an archive."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = Directory()
            self._kept.move_to_end(key)
            directory = self._kept[key]
        if directory.is_complete:
            return directory
        wait = min(max(0.0, ends - time.monotonic()), threading.TIMEOUT_MAX)
        if not directory.lock.acquire(timeout=wait):
            raise TimeoutError("another thread still reads the headers of the archive")
        try:
            if not directory.is_complete:
                form.read_on(directory, file, ends)
        finally:
            directory.lock.release()
        self._forget()
        return directory

    def _renew(self, key: Hashable, directory: Directory) -> None:
        """Begin another directory in place of one that does not fit, but only once."""
        with self._lock:
            if self._kept.get(key) is directory and not directory.is_second:
                self._kept[key] = Directory(is_second=True)

    def _forget(self) -> None:
        """Forget the directories that were used longest ago."""
        with self._lock:
            members = sum(len(directory.members) for directory in self._kept.values())
            while len(self._kept) > 1 and (len(self._kept) > _ARCHIVES or members > _MEMBERS):
                _, directory = self._kept.popitem(last=False)
                members -= len(directory.members)


def _found(path: str, directory: Directory, name: str, max_bytes: int) -> Member:
    """The member of this name, if it can be read. Raises ImageFailure."""
    member = directory.members.get(normal_name(name))
    if member is None and directory.damage:
        raise ImageFailure("unreadable", f"{path} {directory.damage}")
    if member is None:
        raise ImageFailure("missing", f"{path} has no member {name}")
    if member.refusal:
        raise ImageFailure("unreadable", f"{name} in {path} {member.refusal}")
    if not member.size:
        raise ImageFailure("empty", "0 bytes")
    size = max(member.size, member.packed)
    if size > max_bytes:
        raise ImageFailure("too_large", f"{size:,} bytes")
    return member


directories = Directories()  # of this process
