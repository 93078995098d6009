"""Reading local files: regular ones only, by paths of any length, and links no further than told.

A path that holds `/./` says, as it does to rsync, which folder it belongs to: the part before. Such
a file is read only if it really lies there, wherever links lead. A scan marks links that way.
"""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from imgdedup.failures import ImageFailure

_PIECE = 1 << 20  # bytes per read
_LONGEST = 4095  # bytes of a path that one call of the system takes
# What a network file system says while its server is away, and a process with all files open.
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


def local_path(uri: str) -> Path | None:
    """The path of a local uri (a plain path or file:), None for any other scheme."""
    text = _text(uri)
    return None if text is None else Path(text)


def _text(uri: str) -> str | None:
    if uri[:5].lower() == "file:":
        parts = urlsplit(uri)
        # Names are bytes; percent-encoding keeps those that are not UTF-8.
        raw = unquote_to_bytes(uri[5:].removeprefix("//").removeprefix(parts.netloc))
        return raw.decode("utf-8", "surrogateescape")
    return None if "://" in uri else uri


def read(uri: str, max_bytes: int, folders: Sequence[str] | None = None) -> bytes:
    """All bytes of a local file, which has to lie in one of `folders` (real paths; None: anywhere).

    Raises ImageFailure: missing, unreadable, unavailable, forbidden, empty, too_large.
    """
    try:
        path = _text(uri) or ""
        handle = open_path(path, os.O_PATH)
        try:
            _check(handle, path, folders)
            return _read(handle, max_bytes)
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageFailure("missing", uri) from None
    except (OSError, ValueError) as error:
        transient = isinstance(error, OSError) and error.errno in _TRANSIENT
        raise ImageFailure("unavailable" if transient else "unreadable", f"{error}") from None


def open_path(path: str, flags: int) -> int:
    """As `os.open`, for a path of any length; the system's own limit is 4,095 bytes."""
    if len(os.fsencode(path)) <= _LONGEST:
        return os.open(path, flags)
    folder, rest = None, path
    while len(os.fsencode(rest)) > _LONGEST:
        # A character is up to four bytes.
        cut = rest.rfind("/", 1, _LONGEST // 4)
        if cut < 0:
            break  # a name longer than any: the system says so
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
    """Refuse what is no regular file: devices and pipes have side effects and no end."""
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
    except OSError as error:  # longer than the system tells
        raise ImageFailure(
            "forbidden", f"{path} lies at no path that can be told: {error}"
        ) from None
    if not any(real.startswith(f"{folder.rstrip('/')}/") for folder in folders):
        raise ImageFailure("forbidden", f"{path} is {real}, against {key}")


def _read(handle: int, max_bytes: int) -> bytes:
    # The size is believed: files of /proc say 0, and some of them never end or wait for ever.
    size = os.fstat(handle).st_size
    if not size:
        raise ImageFailure("empty", "0 bytes")
    if size > max_bytes:
        raise ImageFailure("too_large", f"{size:,} bytes")
    # Only now is the file itself opened, the same one whatever became of its name.
    with open(f"/proc/self/fd/{handle}", "rb", buffering=0) as file:
        pieces, held = [], 0
        while held <= max_bytes and (piece := file.read(_PIECE)):
            pieces.append(piece)
            held += len(piece)
    if held > max_bytes:
        raise ImageFailure("too_large", f"more than {max_bytes:,} bytes")
    return b"".join(pieces)
