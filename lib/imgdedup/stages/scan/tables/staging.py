"""Writes the rows of a table as Parquet beside the lake's datasets, for Spark to read.

The rows pass through the driver in groups of bounded size, so a table may be larger than memory.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from imgdedup.errors import UserError
from imgdedup.lake import Lake
from imgdedup.stages.scan.footers import require_names_apart, unreadable

GROUP_BYTES = 32 << 20  # of rows in memory, and in one row group
FILE_BYTES = 256 << 20  # of rows in one file


def spark_schema(schema: pa.Schema, name: str) -> pa.Schema:
    """The columns as they are staged, in layouts that hold texts of any total length.

    `name` is the table's, for messages. Raises UserError for a type that Spark does not read.
    """
    for field in schema:
        if (kind := unreadable(field.type)) is not None:
            raise UserError(
                f'Spark cannot read the column "{field.name}" of {name}, because it holds {kind}: '
                "write it as another type, or give a table without it"
            )
    require_names_apart(schema.names, name)
    return pa.schema([pa.field(field.name, _wide(field.type)) for field in schema])


def stage(
    lake: Lake, batches: Iterable[pa.RecordBatch], schema: pa.Schema
) -> tuple[list[str], int]:
    """Stage rows as files of Parquet in the lake's private folder; return paths and rows.

    No rows make one file without rows.
    """
    with TemporaryDirectory(prefix="imgdedup-") as folder:
        files = _Files(lake, schema, Path(folder))
        for _ in map(files.add, batches):  # no name keeps a batch while the next one is made
            pass
        files.close()
    return files.paths, files.rows


class _Files:
    """Writes rows to files, in groups of about `GROUP_BYTES`, and stages each file."""

    def __init__(self, lake: Lake, schema: pa.Schema, folder: Path) -> None:
        self._lake = lake
        self._schema = schema
        self._folder = folder
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._file_bytes = 0
        self.paths: list[str] = []
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        rows = pa.table(batch).select(self._schema.names)
        count = max(1, rows.num_rows * GROUP_BYTES // max(rows.nbytes, 1))
        for start in range(0, rows.num_rows, count):
            part = rows.slice(start, count).cast(self._schema)
            self._waiting.append(part)
            self._waiting_bytes += part.nbytes
            if self._waiting_bytes >= GROUP_BYTES:
                self._write_group()
        if count < rows.num_rows and self._waiting:
            self._write_group()  # a slice keeps all of a large batch in memory

    def close(self) -> None:
        """Write what waits, or a file without rows when there was none."""
        if self._waiting or not self.paths:
            self._write_group()
        self._end_file()

    def _write_group(self) -> None:
        group = pa.concat_tables([self._schema.empty_table(), *self._waiting])
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, self._schema, store_schema=False)
        self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self.rows += group.num_rows
        self._file_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        if self._file_bytes >= FILE_BYTES:
            self._end_file()

    @property
    def _file(self) -> Path:
        return self._folder / f"{len(self.paths):05d}.parquet"

    def _end_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self.paths.append(self._lake.stage_input(self._file.name, str(self._file)))
            self._writer, self._file_bytes = None, 0


def _wide(kind: pa.DataType) -> pa.DataType:
    """The same type in the layout with the widest offsets, which any other can be cast to."""
    if types.is_string(kind) or types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary(kind) or types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_dictionary(kind):
        return _wide(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.large_list(_inner(kind.value_field))
    if types.is_struct(kind):
        return pa.struct([_inner(kind.field(place)) for place in range(kind.num_fields)])
    if types.is_map(kind):
        return pa.map_(_inner(kind.key_field), _inner(kind.item_field))
    return kind


def _inner(field: pa.Field) -> pa.Field:
    return field.with_type(_wide(field.type)).remove_metadata()
