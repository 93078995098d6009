"""Reads local files, and members of local archives: only regular files, by paths of any length.

A plain path that exists as a whole is taken as it is, whatever is in its name.

A `/./` in a path marks the folder that the file belongs to: the part before the mark, as in rsync.
Such a file is read only when it really lies in that folder, wherever links lead. A scan marks links
in this way.
"""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from imgdedup.errors import ImageFailure
from imgdedup.sources import archives
from imgdedup.sources.members import split
from imgdedup.sources.places import File, place_of
from imgdedup.sources.ranges import Ranges
from imgdedup.sources.schemes import is_foreign

_PIECE = 1 << 20  # bytes per read
_LONGEST = 4095  # bytes of a path that one call of the system takes
# Errors of a network file system whose server is away, and of a process with too many open files.
_TRANSIENT = {
    errno.EAGAIN,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.EMFILE,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENFILE,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_WINDOW = 4096  # bytes: the system itself reads ahead


def local_path(uri: str) -> Path | None:
    """The path of a local uri (a plain path or file:), None for any other scheme."""
    text = _text(uri)
    return None if text is None else Path(text)


def _text(uri: str) -> str | None:
    if uri[:5].lower() == "file:":
        parts = urlsplit(uri)
        # Names are bytes; percent-encoding keeps those that are not UTF-8.
        return _unquote(uri[5:].removeprefix("//").removeprefix(parts.netloc))
    return None if is_foreign(uri) and not _is_a_name(uri) else uri


def _unquote(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _is_a_name(uri: str) -> bool:
    """Tell whether a path that looks like a uri exists."""
    return "://" not in uri and os.path.lexists(uri)


def read(uri: str, max_bytes: int, folders: Sequence[str] | None = None) -> File:
    """Read a local file that lies in one of `folders` (real paths; None: anywhere).

    Of a uri that names a member of an archive, the archive lies there.

    Raises ImageFailure: missing, unreadable, unavailable, forbidden, empty, too_large, truncated.
    """
    try:
        handle, path, member = _open(uri)
        try:
            _check(handle, path, folders)
            if member is None:
                return File(_read(handle, max_bytes), place_of(handle, path))
            name, data = _read_member(handle, path, member, max_bytes)
            return File(data, place_of(handle, path).of_member(name))
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageFailure("missing", uri) from None
    except (OSError, ValueError) as error:
        transient = isinstance(error, OSError) and error.errno in _TRANSIENT
        raise ImageFailure("unavailable" if transient else "unreadable", f"{error}") from None


def _open(uri: str) -> tuple[int, str, str | None]:
    """Open a file: its handle, its path, and the name of the member that the uri names."""
    archive, member = split(uri)
    path = _text(archive) or ""
    if member is None:
        return open_path(path, os.O_PATH), path, None
    if path != archive:  # a file: uri
        return open_path(path, os.O_PATH), path, _unquote(member)
    try:
        return open_path(uri, os.O_PATH), uri, None
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
    return open_path(path, os.O_PATH), path, member


def open_path(path: str, flags: int) -> int:
    """Open as `os.open` does, by a path of any length; the system's own limit is 4,095 bytes."""
    if len(os.fsencode(path)) <= _LONGEST:
        return os.open(path, flags)
    folder, rest = None, path
    while len(os.fsencode(rest)) > _LONGEST:
        # A character is up to four bytes.
        cut = rest.rfind("/", 1, _LONGEST // 4)
        if cut < 0:
            break  # the name is too long for any system: `os.open` raises
        folder, rest = _step(folder, rest[:cut]), rest[cut:].lstrip("/")
    try:
        return os.open(rest, flags, dir_fd=folder)
    finally:
        if folder is not None:
            os.close(folder)


def _step(folder: int | None, path: str) -> int:
    try:
        return os.open(path, os.O_PATH | os.O_DIRECTORY, dir_fd=folder)
    finally:
        if folder is not None:
            os.close(folder)


def _check(handle: int, path: str, folders: Sequence[str] | None) -> None:
    """Refuse a file at another place, and a file that is not regular.

    Devices and pipes have side effects and no end.
    """
    if folders is not None:
        _check_place(handle, path, folders, "embed.allowed_sources")
    own, mark, _ = path.partition("/./")
    if mark:
        _check_place(handle, path, [os.path.realpath(own or "/")], "scan.follow_links_outside")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise ImageFailure("unreadable", f"{path} is no regular file")


def _check_place(handle: int, path: str, folders: Sequence[str], key: str) -> None:
    try:
        real = os.readlink(f"/proc/self/fd/{handle}")
    except OSError as error:  # the path is longer than the system reports
        raise ImageFailure(
            "forbidden", f"{path} lies at no path that can be told: {error}"
        ) from None
    if not any(real.startswith(f"{folder.rstrip('/')}/") for folder in folders):
        raise ImageFailure("forbidden", f"{path} is {real}, against {key}")


def _read(handle: int, max_bytes: int) -> bytes:
    # Believe the size. Files of /proc say 0, and some of them never end or block for ever.
    size = os.fstat(handle).st_size
    if not size:
        raise ImageFailure("empty", "0 bytes")
    if size > max_bytes:
        raise ImageFailure("too_large", f"{size:,} bytes")
    # Only now open the file for reading: the same file, even if its name was changed meanwhile.
    with open(f"/proc/self/fd/{handle}", "rb", buffering=0) as file:
        pieces, held = [], 0
        while held <= max_bytes and (piece := file.read(_PIECE)):
            pieces.append(piece)
            held += len(piece)
    if held > max_bytes:
        raise ImageFailure("too_large", f"more than {max_bytes:,} bytes")
    return b"".join(pieces)


class _Opened(Ranges):
    """An open local file."""

    def __init__(self, handle: int) -> None:
        super().__init__(os.fstat(handle).st_size, _WINDOW)
        self._handle = handle

    def _read(self, start: int, length: int) -> bytes:
        data = os.pread(self._handle, length, start)
        while len(data) < length and (more := os.pread(self._handle, length, start + len(data))):
            data += more[: length - len(data)]  # one call takes at most 2 GB
        return data


def _read_member(handle: int, path: str, name: str, max_bytes: int) -> tuple[str, bytes]:
    """The name of a member in its normal form, and its data."""
    status = os.fstat(handle)
    changed = status.st_mtime_ns, status.st_ctime_ns
    identity = status.st_dev, status.st_ino, status.st_size, *changed
    with open(f"/proc/self/fd/{handle}", "rb", buffering=0) as file:
        archive = archives.Archive(path, _Opened(file.fileno()), identity)
        return archives.directories.read(archive, name, max_bytes)
