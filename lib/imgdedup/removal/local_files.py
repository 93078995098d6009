"""Files of this machine: what they hold, and renames that never overwrite.

A symbolic link is read through and moved as a link. Its target stays where it is.
"""

import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from imgdedup.removal.faults import Kept
from imgdedup.sources import QUARANTINE, open_path

_HERE = -100  # AT_FDCWD
_NO_REPLACE = 1  # RENAME_NOREPLACE
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_UNKNOWN = {errno.EINVAL, errno.ENOSYS}  # a file system, or a kernel, that cannot do it in one step


def path_of(uri: str) -> str:
    """The path of a file: uri."""
    return os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))


def uri_of(path: str) -> str:
    """The file: uri of an absolute path."""
    return Path(path).as_uri()


def digest_of(path: str) -> str:
    """The SHA-256 of the regular file that a path leads to; Kept when it is none, or OSError."""
    handle = open_path(path, os.O_PATH)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Kept("it is no regular file any more")
        with open(f"/proc/self/fd/{handle}", "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        os.close(handle)


def identity(path: str) -> tuple[int, ...]:
    """What changes when a name gets another file, or a file other bytes; OSError."""
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def rename_new(source: str, target: str) -> None:
    """Rename a file or link, unless `target` exists: FileExistsError. Other OSErrors as they come.

    Where one step cannot do it, `target` becomes a second name first, and then `source` goes.
    """
    number = _renamed(source, target)
    if number in _UNKNOWN:
        os.link(source, target, follow_symlinks=False)
        os.unlink(source)
    elif number:
        raise OSError(number, os.strerror(number), source)
    for folder in {os.path.dirname(source), os.path.dirname(target)}:
        sync_folder(folder)


def _renamed(source: str, target: str) -> int:
    """Rename in one step; the number of the error, or 0."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return errno.ENOSYS
    failed = rename(_HERE, os.fsencode(source), _HERE, os.fsencode(target), _NO_REPLACE)
    return ctypes.get_errno() if failed else 0


def require_own_place(path: str, home: str) -> None:
    """Raise Kept when a link below `home` leads to the folder of a path.

    A file that is reached so has its name in another folder.
    """
    folder = os.path.dirname(path)
    below = os.path.relpath(folder, home)
    if os.path.realpath(folder) != os.path.normpath(f"{os.path.realpath(home)}/{below}"):
        raise Kept("it is reached through a linked folder")


def quarantine_of(path: str, home: str, plan_id: str) -> str:
    """The path of a file in the quarantine of `home`, on the file system that holds the file.

    Where another file system is mounted below `home`, its uppermost folder has the quarantine.
    Raises OSError.
    """
    top = os.path.dirname(path)
    device = os.stat(top).st_dev
    while top != home and os.stat(os.path.dirname(top)).st_dev == device:
        top = os.path.dirname(top)
    return f"{top.rstrip('/')}/{QUARANTINE}/{plan_id}/{os.path.relpath(path, top)}"


def make_quarantine(target: str) -> None:
    """Make the folders that take `target`, for the owner alone; OSError, and Kept for a link."""
    top, _, rest = target.rpartition(f"/{QUARANTINE}/")
    box = f"{top}/{QUARANTINE}"
    if not os.path.lexists(box):
        os.mkdir(box, 0o700)
    if not os.path.isdir(box):
        raise Kept(f"its quarantine is no folder: {box}")
    inner = os.path.dirname(rest)
    try:
        os.makedirs(f"{box}/{inner}", exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Kept("another file is at its place in the quarantine") from None
    if os.path.realpath(f"{box}/{inner}") != f"{os.path.realpath(top)}/{QUARANTINE}/{inner}":
        raise Kept("a link stands in its quarantine")


def clear_quarantine(target: str, remove: Callable[[str], None] = os.rmdir) -> None:
    """Remove the folders of the quarantine above `target` that are empty."""
    folder = os.path.dirname(target)
    while f"/{QUARANTINE}" in folder:
        try:
            remove(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


def exists(path: str) -> bool:
    """Whether there is a file, or a link to nothing; OSError when that cannot be known."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    return True


def has_quarantine(target: str) -> bool:
    """Whether the folder of the plan, in the quarantine that `target` is in, can be seen."""
    top, _, rest = target.rpartition(f"/{QUARANTINE}/")
    return os.path.isdir(f"{top}/{QUARANTINE}/{rest.partition('/')[0]}")


def are_two_names(path: str, other: str) -> bool:
    """Whether two paths are two names of one file, so that one of them can go; of a link its own.

    Two ways to one name, such as through a linked or a mounted folder, are not two names.
    """
    try:
        found, second = os.lstat(path), os.lstat(other)
        in_one_folder = os.path.samefile(os.path.dirname(path), os.path.dirname(other))
    except OSError:
        return False
    return os.path.samestat(found, second) and found.st_nlink > 1 and not in_one_folder


def sync_folder(folder: str) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
