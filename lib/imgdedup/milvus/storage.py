"""The files of an import, in a storage that the executors and the Milvus server both reach.

A file is named by its keys. So a run that is repeated after a crash writes the same names again.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from imgdedup.config import MilvusConfig
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus.names import KEY, VECTOR
from imgdedup.sources import local_path, object_store

_SCHEMA = pa.schema([(KEY, pa.string()), (VECTOR, pa.list_(pa.float32()))])
_FILE = re.compile(r"[0-9a-f]{32}\.parquet(\.part)?")
_STORAGE = re.compile(r"|/.+|(s3|gs|hdfs|abfs)://[^/?#@\s]+(/.*)?")
_RECORD = "import.json"
_PIECE = 1 << 20  # bytes per write
# What a store says when only a person can mend it.
_REFUSED = re.compile(
    r"ACCESS_DENIED|AccessDenied|NO_SUCH_BUCKET|NoSuchBucket|Permission denied|Read-only"
    r"|HTTP status:? 40[134]|there is no bucket|INVALID_ACCESS_KEY|SIGNATURE"
)


def require_storage(config: MilvusConfig) -> None:
    """Raise UserError unless `import_storage` is an absolute path, a prefix, or empty."""
    if not _STORAGE.fullmatch(config.import_storage):
        raise UserError(
            "milvus.import_storage is neither an absolute path nor a prefix like "
            "s3://bucket/folder, without credentials"
        )


@dataclass(frozen=True)
class ImportRecord:
    """An import that has begun, and that nobody has seen end."""

    attempt: str  # of this import alone
    files: Mapping[str, int]  # the rows of each file, by its name


@dataclass(frozen=True)
class ImportStorage:
    """The folder for the imports into one collection. Spark sends it to its workers."""

    config: MilvusConfig
    collection: str

    def write(self, tables: Iterator[pa.RecordBatch]) -> tuple[str, int] | None:
        """Write keys (string) and vectors (lists of float32) as one file.

        Returns its name and its rows; None when there are no rows.
        """
        digest, rows = hashlib.sha256(), 0
        with tempfile.TemporaryFile() as local:
            with pq.ParquetWriter(local, _SCHEMA) as writer:
                for table in tables:
                    columns = [table.column(0).cast(pa.string()), table.column(1)]
                    writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=_SCHEMA))
                    for key in columns[0].to_pylist():
                        digest.update(f"{key}\n".encode())
                    rows += len(table)
            if not rows:
                return None
            name = f"{digest.hexdigest()[:32]}.parquet"
            local.seek(0)
            self._put(name, local)
        return name, rows

    def path_for_server(self, name: str) -> str:
        """What the server calls a file."""
        prefix, storage = self.config.import_prefix, self.config.import_storage
        if not prefix:
            prefix = storage if local_path(storage) else urlsplit(storage).path.lstrip("/")
        return "/".join(filter(None, [prefix.rstrip("/"), self.collection, name]))

    def begin(self, record: ImportRecord) -> None:
        """Note that an import begins."""
        text = json.dumps({"attempt": record.attempt, "files": dict(record.files)})
        with _plainly(self.config.import_storage):
            self._system.create_dir(self._folder, recursive=True)
            with self._system.open_output_stream(f"{self._folder}/{_RECORD}") as stream:
                stream.write(text.encode())

    def begun(self) -> bool:
        """Tell whether an import began that nobody has seen end."""
        with _plainly(self.config.import_storage):
            found = self._system.get_file_info(f"{self._folder}/{_RECORD}")
            return bool(found.type == fs.FileType.File)

    def clear(self) -> None:
        """Delete the files of imports, and last the note that one began."""
        with _plainly(self.config.import_storage):
            chosen = fs.FileSelector(self._folder, allow_not_found=True)
            found = [info.path for info in self._system.get_file_info(chosen)]
            records = [path for path in found if path.rpartition("/")[2] == _RECORD]
            files = [path for path in found if _FILE.fullmatch(path.rpartition("/")[2])]
            for path in files + records:
                self._system.delete_file(path)

    def _put(self, name: str, content: BinaryIO) -> None:
        """Write a file. It appears whole."""
        with _plainly(self.config.import_storage):
            self._system.create_dir(self._folder, recursive=True)
            is_local = isinstance(self._system, fs.LocalFileSystem)
            path = f"{self._folder}/{name}"
            written = f"{path}.part" if is_local else path  # an object appears whole anyway
            with self._system.open_output_stream(written) as stream:
                while piece := content.read(_PIECE):
                    stream.write(piece)
            if is_local:
                os.replace(written, path)

    @property
    def _place(self) -> tuple[fs.FileSystem, str]:
        storage = self.config.import_storage
        local = local_path(storage)
        return object_store(storage) if local is None else (fs.LocalFileSystem(), str(local))

    @property
    def _system(self) -> fs.FileSystem:
        return self._place[0]

    @property
    def _folder(self) -> str:
        return f"{self._place[1].rstrip('/')}/{self.collection}"


@contextmanager
def _plainly(storage: str) -> Iterator[None]:
    """Raise UserError or TryAgain, in one line, where a store refuses or fails."""
    try:
        yield
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        if isinstance(error, ValueError) or _REFUSED.search(said):
            raise UserError(
                f"cannot use milvus.import_storage, {storage}: {said}: every executor must be able "
                "to write there"
            ) from None
        raise TryAgain(f"milvus.import_storage, {storage}, failed: {said}") from None
