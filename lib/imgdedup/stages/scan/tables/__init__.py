"""Reads a manifest from a table of Delta Lake or Apache Iceberg, as of the day of the run.

The libraries of the formats read the rows. Spark gets them as Parquet, from the lake's staging.
"""

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import types
from pyspark.sql import DataFrame

from imgdedup.errors import Missing, UserError
from imgdedup.runtime.run import Run
from imgdedup.stages.scan.finding import Table
from imgdedup.stages.scan.tables import delta, iceberg
from imgdedup.stages.scan.tables.snapshots import Snapshot, Wanted, reading, shown
from imgdedup.stages.scan.tables.staging import spark_schema, stage

__all__ = ["read"]

_DAY = "dt"  # a column of this name chooses the day, and is no column of the manifest
_OPEN = {"Delta": delta.open_snapshot, "Iceberg": iceberg.open_snapshot}


def read(run: Run, table: Table) -> tuple[DataFrame, dict[str, object]]:
    """The rows of a table for the day of the run, and what `runs` records of it.

    With a column `dt` of texts or dates, the rows of the day. Raises Missing when there are none,
    or no snapshot is old enough. Raises UserError for what the libraries cannot read.
    """
    if table.format not in _OPEN:
        raise UserError(
            f"{table.location} is a table of the format {table.format}: export its present rows to "
            "Parquet, and give these files"
        )
    with reading(table):
        snapshot = _OPEN[table.format](table, Wanted.of(run.config.scan, run.dt))
    schema = spark_schema(snapshot.schema, f"the {table.format} table {table.location}")
    condition = f"{_DAY} = '{run.dt}'" if _has_day(schema) else None
    if condition is not None:
        schema = schema.remove(schema.get_field_index(_DAY))
    paths, count = stage(run.lake, _read(snapshot, table, condition), schema)
    if condition is not None and not count:
        raise Missing(
            f"the {table.format} table {table.location} has no rows dt={run.dt} in its version "
            f"{snapshot.id} of {shown(snapshot.time)}; scan.snapshot chooses another"
        )
    rows = run.spark.read.option("__globPaths__", "false").parquet(*paths)
    details: dict[str, object] = {"table": table.format, "snapshot": snapshot.id}
    return rows, details | {"snapshot_time": shown(snapshot.time)}


def _has_day(schema: pa.Schema) -> bool:
    kind = schema.field(_DAY).type if _DAY in schema.names else pa.null()
    return bool(types.is_large_string(kind) or types.is_date(kind))


def _read(snapshot: Snapshot, table: Table, condition: str | None) -> Iterator[pa.RecordBatch]:
    with reading(table):
        yield from snapshot.batches(condition)
