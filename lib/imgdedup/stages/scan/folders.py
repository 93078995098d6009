"""Lists folders of this machine and prefixes of object stores."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from pyarrow import NativeFile, fs

from imgdedup.config import ScanConfig
from imgdedup.errors import Missing, UserError
from imgdedup.sources import QUARANTINE, local_path, object_store, open_path


@dataclass(frozen=True)
class Tree:
    """All files below a folder or prefix: names relative to it, in order.

    Names of local files keep bytes that are not UTF-8, as Python does.
    """

    location: str
    names: list[str]
    links: frozenset[str]  # those names that are symbolic links
    hidden: int  # names left out because they start with a dot
    linked_folders: int  # links to folders, which are not followed


def walk(location: str, config: ScanConfig) -> Tree:
    """List every file below a folder or prefix.

    Raises Missing when nothing is there, and UserError when it cannot be listed.
    """
    path = local_path(location)
    return _walk_store(location, config) if path is None else _walk_local(location, config)


def is_file(location: str) -> bool:
    """Tell whether a place is a file; Missing when nothing is there on this machine."""
    path = local_path(location)
    if path is not None:
        if not os.path.exists(path):
            raise Missing(f"there is no folder or file {location}")
        return not path.is_dir()
    return _info(location)[2].type == fs.FileType.File


def exists(location: str) -> bool:
    """Tell whether there is a file or folder at a path or uri."""
    path = local_path(location)
    if path is not None:
        return path.exists()
    return _info(location)[2].type != fs.FileType.NotFound


def open_file(location: str) -> NativeFile:
    """Open a file for reading at any place in it; OSError or ValueError when that fails."""
    path = local_path(location)
    if path is not None:
        return fs.LocalFileSystem().open_input_file(str(path))
    system, key = object_store(location)
    return system.open_input_file(key)


def first_bytes(location: str, count: int) -> bytes:
    """The first bytes of a file; UserError when it cannot be read."""
    try:
        with open_file(location) as file:
            return bytes(file.read(count))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {location}: {error}") from None


def _walk_local(location: str, config: ScanConfig) -> Tree:
    folder = local_path(location)
    if folder is None or not os.path.exists(folder):
        raise Missing(f"there is no folder or file {location}")
    root = os.path.abspath(folder)
    counts = {"hidden": 0, "linked": 0}
    found = dict(_files(root, config, counts))
    links = frozenset(name for name, is_link in found.items() if is_link)
    return Tree(location, sorted(found), links, counts["hidden"], counts["linked"])


def _files(root: str, config: ScanConfig, counts: dict[str, int]) -> Iterator[tuple[str, bool]]:
    """The files below a folder: path relative to it, and whether it is a link."""
    waiting = [""]  # a list, not recursion: a tree may be deeper than Python's stack
    while waiting:
        folder = waiting.pop()
        for name, kind in _entries(f"{root}/{folder}"):
            if _is_hidden(name, config):
                counts["hidden"] += 1
            elif kind == "folder":
                waiting.append(f"{folder}{name}/")
            elif kind == "linked folder":
                counts["linked"] += 1
            elif kind != "other":
                yield f"{folder}{name}", kind == "link"


def _is_hidden(name: str, config: ScanConfig) -> bool:
    """Tell whether a name is left out. What was removed must not come back from its quarantine."""
    return name == QUARANTINE or (config.skip_hidden and name.startswith("."))


def _entries(folder: str) -> list[tuple[str, str]]:
    """Names and kinds in a folder: folder, linked folder, file, link, other (a pipe, a device)."""
    try:
        handle = open_path(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(handle) as entries:
                return [(entry.name, _kind(entry, handle)) for entry in entries]
        finally:
            os.close(handle)
    except OSError as error:
        raise UserError(f"cannot list the folder {folder}: {error.strerror}") from None


def _kind(entry: os.DirEntry[str], folder: int) -> str:
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    if not entry.is_symlink():
        return "file" if entry.is_file() else "other"
    try:
        target = os.stat(entry.name, dir_fd=folder)
    except OSError:
        return "link"  # a link to nothing or to itself: its row gets a failure
    return "linked folder" if stat.S_ISDIR(target.st_mode) else "link"


def _walk_store(location: str, config: ScanConfig) -> Tree:
    system, prefix, _ = _info(location)
    try:
        found = system.get_file_info(fs.FileSelector(prefix, recursive=True))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot list {location}: {error}") from None
    base = prefix.strip("/")
    names = sorted(
        info.path.strip("/").removeprefix(base).lstrip("/")
        for info in found
        if info.type == fs.FileType.File
    )
    visible = [
        name for name in names if not any(_is_hidden(part, config) for part in name.split("/"))
    ]
    return Tree(location, visible, frozenset(), len(names) - len(visible), 0)


def _info(location: str) -> tuple[fs.FileSystem, str, fs.FileInfo]:
    try:
        system, key = object_store(location)
        return system, key, system.get_file_info(key)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot list {location}: {error}") from None
