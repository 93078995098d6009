"""Writes `deduplicated` to a Delta table, too: one partition and one commit for each day.

The root says which version of each day was last written there. A commit of Delta and that record
are two steps. After a crash between them, the next run writes the day again, with the same rows.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs, types
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from imgdedup.errors import TryAgain, UserError, one_line
from imgdedup.lake import Lake
from imgdedup.sources import delta_place, local_path, object_store

if TYPE_CHECKING:
    from deltalake import DeltaTable

_DATASET = "deduplicated"
_RECORD = "delta_table.json"  # the table's id, and the version of each day that it has
_ROWS = 1024  # per batch: a row may hold a whole image


def write(lake: Lake, place: str) -> int:
    """Write the days that changed, delete those that vanished; return how many days these are.

    Raises UserError, and changes nothing, when another writer's table is at the place, or other
    files. Raises UserError for a column that has another type in the table. Raises TryAgain when
    the library cannot write.
    """
    uri, options = delta_place(place)
    table = _open(lake, place, uri, options)
    versions = lake.versions(_DATASET)
    written = _written(lake, table)
    stored = set() if table is None else {part["dt"] for part in table.partitions()}
    gone = sorted(day for day in stored if day not in versions)
    stale = [day for day, version in versions.items() if written.get(day) != version]
    for day in gone:
        assert table is not None
        with _writing(place):
            table.delete(f"dt = '{day}'")
    days = {day: version for day, version in written.items() if day in versions}
    for day in stale:
        _write_day(lake, day, place, uri, options)
        days[day] = versions[day]
        _record(lake, uri, options, days)
    return len(gone) + len(stale)


def _open(lake: Lake, place: str, uri: str, options: dict[str, str]) -> "DeltaTable | None":
    """The table at the place, None where nothing is yet."""
    try:
        table = _table(uri, options)
        description = None if table is None else table.metadata().description
    except Exception as error:
        raise UserError(f"cannot open the Delta table {place}: {one_line(error)}") from error
    if table is None:
        _require_empty(place)
    elif description != _description(lake):
        raise UserError(
            f"group.delta_table: {place} is a Delta table that was not written from {lake.root}: "
            "give the path of a new folder"
        )
    return table


def _table(uri: str, options: dict[str, str]) -> "DeltaTable | None":
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return DeltaTable(uri, storage_options=options)
    except TableNotFoundError:
        return None


def _require_empty(place: str) -> None:
    path = local_path(place)
    system, key = object_store(place) if path is None else (fs.LocalFileSystem(), str(path))
    if system.get_file_info(fs.FileSelector(key, allow_not_found=True)):
        raise UserError(
            f"group.delta_table: {place} is no Delta table, and not empty: give the path of a new "
            "folder"
        )


def _description(lake: Lake) -> str:
    """What marks a table as written from this root."""
    path = local_path(lake.root)
    return f"imgdedup: {lake.root if path is None else os.path.abspath(path)}"


def _written(lake: Lake, table: "DeltaTable | None") -> Mapping[str, str]:
    """The version of each day that the table has, by the root's record of this table."""
    text = lake.read_text(_RECORD)
    record = json.loads(text) if text else {}
    if table is None or record.get("id") != str(table.metadata().id):
        return {}
    days: dict[str, str] = record["days"]
    return days


def _record(lake: Lake, uri: str, options: dict[str, str], days: Mapping[str, str]) -> None:
    table = _table(uri, options)
    assert table is not None
    text = json.dumps({"id": str(table.metadata().id), "days": days})
    lake.publish(lake.stage_text(_RECORD, text))


def _write_day(lake: Lake, day: str, place: str, uri: str, options: dict[str, str]) -> None:
    from deltalake import write_deltalake

    rows = lake.read_day(_DATASET, day)
    schema = to_arrow_schema(rows.schema, timezone="UTC")
    table = _table(uri, options)
    if table is not None:
        _require_types(schema, pa.schema(table.schema().to_arrow()), day, place)
    dated = schema.append(pa.field("dt", pa.string()))
    with _writing(place):
        write_deltalake(
            uri,
            pa.RecordBatchReader.from_batches(dated, _batches(rows, schema, day)),
            partition_by=["dt"],
            mode="overwrite",
            predicate=f"dt = '{day}'",
            schema_mode="merge",
            name=_DATASET,
            description=_description(lake),
            storage_options=options,
        )


def _batches(rows: DataFrame, schema: pa.Schema, day: str) -> Iterator[pa.RecordBatch]:
    """The rows of a partition from its files, with the column `dt`."""
    for file in rows.inputFiles():
        path = local_path(file)
        system, key = (
            object_store(unquote(file)) if path is None else (fs.LocalFileSystem(), str(path))
        )
        with system.open_input_file(key) as stream:
            # Spark writes times in a type that Arrow takes for nanoseconds, of fewer years.
            parquet = pq.ParquetFile(stream, coerce_int96_timestamp_unit="us")
            for batch in parquet.iter_batches(_ROWS):
                part = pa.table(batch).select(schema.names).cast(schema)
                dates = pa.array([day] * part.num_rows, pa.string())
                yield from part.append_column("dt", dates).to_batches()


def _require_types(schema: pa.Schema, stored: pa.Schema, day: str, place: str) -> None:
    """Refuse a column that the library would cast, as texts to numbers, or whose name it knows."""
    known = {name.lower(): name for name in stored.names}
    for field in schema:
        name = known.get(field.name.lower(), field.name)
        if name != field.name:
            raise UserError(
                f'the column "{field.name}" of {day} is "{name}" in the Delta table {place}: '
                "spell it in one way in all manifests"
            )
        if name in stored.names and not _holds(stored.field(name), field):
            raise UserError(
                f'the column "{name}" of {day} is {field.type}, and {stored.field(name).type} in '
                f"the Delta table {place}: give it one type in all manifests, or set "
                "group.delta_table to a new folder"
            )


def _holds(stored: pa.Field, given: pa.Field) -> bool:
    one, other = (from_arrow_schema(pa.schema([field])).fields[0] for field in (stored, given))
    if one.dataType.simpleString() == other.dataType.simpleString():
        return True
    both = stored.type, given.type
    alike = all(map(types.is_integer, both)) or all(map(types.is_floating, both))
    return bool(alike and stored.type.bit_width > given.type.bit_width)


@contextmanager
def _writing(place: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise TryAgain(
            f"the Delta table {place} could not be written: {one_line(error)}; the tables under "
            "the root are whole, and the next run writes what is missing"
        ) from error
