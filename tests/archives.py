"""Tars and zips for tests."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path


def tar_of(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    """Write a tar of these files, and return its path."""
    with tarfile.open(path, "w", format=form, encoding="utf-8", errors="surrogateescape") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip of these files, and return its path."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


MAKERS: dict[str, tuple[str, Callable[[Path, dict[str, bytes]], Path]]] = {
    "pax": ("shard.tar", tar_of),
    "gnu": ("shard.tar", lambda path, files: tar_of(path, files, tarfile.GNU_FORMAT)),
    "stored": ("shard.zip", zip_of),
    "deflated": ("shard.ZIP", lambda path, files: zip_of(path, files, zipfile.ZIP_DEFLATED)),
}


def made(kind: str, folder: Path, files: dict[str, bytes]) -> Path:
    """Write an archive of one of the kinds, and return its path."""
    name, maker = MAKERS[kind]
    return maker(folder / name, files)
