"""Writes the rows of a table as Parquet beside the lake's datasets, for Spark to read.

The rows pass through the driver in groups of bounded size, so a table may be larger than memory.
"""

from collections.abc import Iterator
from itertools import chain
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
    lake: Lake, batches: Iterator[pa.RecordBatch], schema: pa.Schema
) -> tuple[list[str], int]:
    """Stage rows as files of Parquet in the lake's private folder; return paths and rows.

    No rows make one file without rows.
    """
    groups = _groups(batches, schema)
    paths: list[str] = []
    count = 0
    with TemporaryDirectory(prefix="imgdedup-") as folder:
        first = next(groups, schema.empty_table())
        while first is not None:
            file = Path(folder, f"{len(paths):05d}.parquet")
            count += _write(file, chain([first], groups), schema)
            paths.append(lake.stage_input(file.name, str(file)))
            first = next(groups, None)
    return paths, count


def _write(file: Path, groups: Iterator[pa.Table], schema: pa.Schema) -> int:
    """Write groups until the file has about `FILE_BYTES`; return the rows."""
    count, size = 0, 0
    with pq.ParquetWriter(file, schema, store_schema=False) as writer:
        for rows in groups:
            writer.write_table(rows, row_group_size=max(1, rows.num_rows))
            count, size = count + rows.num_rows, size + rows.nbytes
            if size >= FILE_BYTES:
                break
    return count


def _groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of about `GROUP_BYTES`, with the columns of `schema`."""
    waiting: list[pa.Table] = []
    size = 0
    for batch in batches:
        for part in _parts(pa.table(batch).select(schema.names).cast(schema)):
            waiting.append(part)
            size += part.nbytes
            if size >= GROUP_BYTES:
                yield pa.concat_tables(waiting)
                waiting, size = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _parts(rows: pa.Table) -> Iterator[pa.Table]:
    count = max(1, rows.num_rows * GROUP_BYTES // max(rows.nbytes, 1))
    return (rows.slice(start, count) for start in range(0, rows.num_rows, count))


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
