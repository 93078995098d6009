"""The few operations on files and folders that the lake needs, on a local disk or through Hadoop.

The operations serve the files around the tables: markers, journal, lock, and the renaming of whole
partitions. Spark itself reads and writes the tables.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

# Hadoop's file systems that rename a folder in one step. Object stores copy file by file.
_RENAMES = ("file", "hdfs", "viewfs", "webhdfs", "abfs", "abfss")


class Texts(Protocol):
    """Small files of text by path, and all that a lock needs."""

    @property
    def renames(self) -> bool:
        """Whether a folder is renamed in one step."""

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder; no names when the folder is missing or a file."""

    def read(self, path: str) -> str | None:
        """The text of a file; None when it is missing."""

    def write(self, path: str, text: str) -> None:
        """Write or replace a file. A new file appears whole."""

    def create(self, path: str, text: str) -> bool:
        """Write a new file; False when the file exists already."""

    def delete(self, path: str) -> None:
        """Delete a file or a folder with all it holds."""


class Files(Texts, Protocol):
    """Files and folders by path. A missing one is an error only where a method says so."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""

    def read_bytes(self, path: str) -> bytes:
        """The bytes of a file; OSError when it cannot be read."""

    def move(self, source: str, target: str) -> None:
        """Move a file or folder to a path that does not exist yet; OSError when that fails."""

    def copy(self, source: str, target: str) -> None:
        """Copy a file."""

    def put(self, source: str, target: str) -> None:
        """Move a file of this machine, by its plain path, to a path of this file system."""


def files_of(spark: SparkSession, root: str) -> Files:
    """The files under `root`, a plain local path or a URI that Hadoop knows."""
    return HadoopFiles(spark, root) if "://" in root or root[:5] == "file:" else LocalFiles()


class LocalFiles:
    """Plain paths of this machine."""

    renames = True

    def exists(self, path: str) -> bool:
        """See Files."""
        return os.path.lexists(path)

    def names(self, folder: str) -> list[str]:
        """See Files."""
        try:
            return sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str) -> str | None:
        """See Files."""
        try:
            return Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def read_bytes(self, path: str) -> bytes:
        """See Files."""
        return Path(path).read_bytes()

    def write(self, path: str, text: str) -> None:
        """See Files."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    def create(self, path: str, text: str) -> bool:
        """See Files."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
        return True

    def move(self, source: str, target: str) -> None:
        """See Files."""
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(source, target)

    def copy(self, source: str, target: str) -> None:
        """See Files."""
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)

    def put(self, source: str, target: str) -> None:
        """See Files."""
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.move(source, target)

    def delete(self, path: str) -> None:
        """See Files."""
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)


class HadoopFiles:
    """Every file system that Hadoop knows, reached through the session's JVM."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        self._jvm: Any = spark.sparkContext._jvm
        self._conf = spark.sparkContext._jsc.hadoopConfiguration()
        self._fs = self._path(root).getFileSystem(self._conf)
        self.renames = self._fs.getUri().getScheme() in _RENAMES

    def exists(self, path: str) -> bool:
        """See Files."""
        with _os_errors():
            return bool(self._fs.exists(self._path(path)))

    def names(self, folder: str) -> list[str]:
        """See Files."""
        with _os_errors():
            if not self._fs.exists(self._path(folder)) or self._fs.isFile(self._path(folder)):
                return []
            found = self._fs.listStatus(self._path(folder))
            return sorted(status.getPath().getName() for status in found)

    def read(self, path: str) -> str | None:
        """See Files."""
        try:
            return self.read_bytes(path).decode()
        except OSError:
            if self.exists(path):
                raise
            return None

    def read_bytes(self, path: str) -> bytes:
        """See Files."""
        read_all: Any = self._jvm.org.apache.commons.io.IOUtils.toByteArray
        with _os_errors():
            stream = self._fs.open(self._path(path))
            try:
                return bytes(read_all(stream))
            finally:
                stream.close()

    def write(self, path: str, text: str) -> None:
        """See Files."""
        # An object appears only when it is complete. A lock must never be missing, even briefly.
        if not self.renames or self.exists(path):
            self._put(path, text, overwrite=True)
        else:
            self._put(f"{path}.tmp", text, overwrite=True)
            self.move(f"{path}.tmp", path)

    def create(self, path: str, text: str) -> bool:
        """See Files."""
        try:
            self._put(path, text, overwrite=False)
        except OSError as error:
            if "AlreadyExists" in str(error) or self.exists(path):
                return False
            raise
        return True

    def move(self, source: str, target: str) -> None:
        """See Files."""
        place = self._path(target)
        with _os_errors():
            self._fs.mkdirs(place.getParent())
            if not self._fs.rename(self._path(source), place):
                raise OSError(f"cannot move {source} to {target}")

    def copy(self, source: str, target: str) -> None:
        """See Files."""
        paths = self._path(source), self._path(target)
        with _os_errors():
            self._jvm.org.apache.hadoop.fs.FileUtil.copy(
                self._fs, paths[0], self._fs, paths[1], False, self._conf
            )

    def put(self, source: str, target: str) -> None:
        """See Files."""
        with _os_errors():
            self._fs.copyFromLocalFile(
                True, True, self._path(f"file://{source}"), self._path(target)
            )

    def delete(self, path: str) -> None:
        """See Files."""
        with _os_errors():
            self._fs.delete(self._path(path), True)

    def _put(self, path: str, text: str, overwrite: bool) -> None:
        with _os_errors():
            stream = self._fs.create(self._path(path), overwrite)
            try:
                stream.write(bytearray(text.encode()))
            finally:
                stream.close()

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)


@contextmanager
def _os_errors() -> Iterator[None]:
    try:
        yield
    except Py4JJavaError as error:
        raise OSError(str(error.java_exception)) from None
