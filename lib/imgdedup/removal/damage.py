"""Files of a root that are damaged: one line that names the file, for what libraries raise."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from imgdedup.errors import UserError
from imgdedup.removal.roots import Root
from imgdedup.report.tables import files_of

_OF_CONTENT = (
    *(pa.ArrowException, duckdb.Error, FileNotFoundError),
    *(ValueError, KeyError, TypeError, AttributeError),
)
_OF_PARQUET = re.compile(r"thrift|corrupt|parquet|end of stream", re.IGNORECASE)


@contextmanager
def naming(path: str, advice: str) -> Iterator[None]:
    """Raise UserError for errors that tell that a file is damaged; others pass."""
    try:
        yield
    except Exception as error:
        if is_damage(error):
            raise UserError(f"{path} is damaged: {advice}") from None
        raise


@contextmanager
def naming_tables(root: Root, tables: Iterable[str]) -> Iterator[None]:
    """Likewise for the files of tables, of which the damaged one is looked for then."""
    try:
        yield
    except Exception as error:
        if not is_damage(error):
            raise
        for table in tables:
            for path in files_of(root.system, f"{root.folder}/{table}"):
                with naming(path, "run that day again, or restore the file from a backup"):
                    _read_through(root, path)
        raise


def is_damage(error: Exception) -> bool:
    """Whether an error tells of the content of a file, and not of a disk or a network."""
    if isinstance(error, _OF_CONTENT):
        return True
    return isinstance(error, OSError) and bool(
        error.errno is None and _OF_PARQUET.search(str(error))
    )


def _read_through(root: Root, path: str) -> None:
    with root.system.open_input_file(path) as source:
        for _ in pq.ParquetFile(source).iter_batches():
            pass
