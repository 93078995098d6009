"""The folder of the report, on a local disk or in an object store.

The pages of a report lie in a folder of their own, named by what they hold. `index.html` leads to
that folder, and is written last. So a writer that is killed leaves the old report or the new one.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from pyarrow import fs

FOLDER = "report"
INDEX = "index.html"
THUMBNAILS = "thumbnails"
_PAGES = re.compile(r"pages-[0-9a-f]{16}")
_THUMBNAIL = re.compile(rf"{THUMBNAILS}/[0-9a-f]{{2}}/([0-9a-f]{{64}})\.jpg")
_ABANDONED = timedelta(days=1)  # then no writer and no reader needs a file any more
_TYPES = {  # what a store says to the browser
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "jpg": "image/jpeg",
}


class Output:
    """The folder `report` under a root, through a file system of Arrow."""

    def __init__(self, system: fs.FileSystem, root: str) -> None:
        self._system = system
        self._folder = f"{root}/{FOLDER}"
        self._files: dict[str, fs.FileInfo] = {}
        self._made: set[str] = set()  # folders of a local disk
        chosen = fs.FileSelector(self._folder, recursive=True, allow_not_found=True)
        for info in system.get_file_info(chosen):
            if info.is_file:
                self._files[info.path.removeprefix(f"{self._folder}/")] = info

    def thumbnails(self) -> set[str]:
        """The contents whose thumbnail is there, and not empty."""
        found = ((_THUMBNAIL.fullmatch(name), info) for name, info in self._files.items())
        return {match[1] for match, info in found if match and info.size}

    def add_thumbnail(self, content: str, data: bytes) -> None:
        """Write the thumbnail of a content."""
        self._write(thumbnail_of(content), data)

    def publish(self, pages: Mapping[str, str], index: str, contents: set[str]) -> None:
        """Write pages and static files by name, then the index, then remove what is left over.

        The index leads to `folder_of(pages)`. `contents` are those whose thumbnails are shown.
        """
        folder = folder_of(pages)
        for name, text in sorted(pages.items()):
            self._write(f"{folder}/{name}", text.encode("utf-8", "backslashreplace"))
        self._replace(INDEX, index.encode("utf-8", "backslashreplace"))
        self._clean(folder, contents)

    def _write(self, name: str, data: bytes) -> None:
        """Write a file, unless it is there with as many bytes: its name says what it holds."""
        known = self._files.get(name)
        if known is None or known.size != len(data):
            self._replace(name, data)

    def _replace(self, name: str, data: bytes) -> None:
        """Write a file that appears whole; an object of a store always does."""
        path = f"{self._folder}/{name}"
        local = isinstance(self._system, fs.LocalFileSystem)
        folder = path.rpartition("/")[0]
        if local and folder not in self._made:
            self._system.create_dir(folder, recursive=True)
            self._made.add(folder)
        metadata = {"Content-Type": _TYPES[name.rpartition(".")[2]]}
        target = f"{path}.{uuid4().hex[:8]}.tmp" if local else path
        with self._system.open_output_stream(
            target, compression=None, metadata=None if local else metadata
        ) as stream:
            stream.write(data)
        if local:
            _move(self._system, target, path)

    def _clean(self, folder: str, contents: set[str]) -> None:
        """Remove pages and thumbnails that no report has needed for a day."""
        before = datetime.now(UTC) - _ABANDONED
        old: set[str] = set()
        young = {folder}
        for name, info in self._files.items():
            pages, thumbnail = _PAGES.match(name), _THUMBNAIL.fullmatch(name)
            is_old = info.mtime is not None and info.mtime < before
            if pages:
                (old if is_old else young).add(pages[0])
            elif is_old and (name.endswith(".tmp") or (thumbnail and thumbnail[1] not in contents)):
                self._system.delete_file(info.path)
        for pages_folder in sorted(old - young):
            self._system.delete_dir(f"{self._folder}/{pages_folder}")


def _move(system: fs.FileSystem, source: str, target: str) -> None:
    system.move(source, target)


def thumbnail_of(content: str) -> str:
    """The name of a thumbnail, in one of 256 folders."""
    return f"{THUMBNAILS}/{content[:2]}/{content}.jpg"


def folder_of(pages: Mapping[str, str]) -> str:
    """The folder of some pages: its name is a digest of all of them."""
    digest = sha256()
    for name, text in sorted(pages.items()):
        data = text.encode("utf-8", "backslashreplace")
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return f"pages-{digest.hexdigest()[:16]}"
