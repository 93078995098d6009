"""Reads Parquet through Arrow, in Python workers: from stores for which Spark has no connector."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_type, to_arrow_schema
from pyspark.sql.types import (
    DataType,
    DateType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from imgdedup.stages.scan.folders import open_file

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ROWS, _HEAVY_ROWS = 1000, 16  # rows that a worker holds at once; those with bytes may be large


def type_of(values: Sequence[str | None]) -> DataType:
    """The type of a column that folders give, by its values: int, date or string."""
    found = [value for value in values if value is not None]
    if found and all(map(_INTEGER.fullmatch, found)):
        return IntegerType() if max(abs(int(value)) for value in found) < 2**31 else LongType()
    return DateType() if found and all(map(_is_date, found)) else StringType()


def read(
    spark: SparkSession,
    files: Mapping[str, Mapping[str, str | None]],
    schema: pa.Schema,
    folders: Sequence[StructField],
) -> DataFrame:
    """Read files of one schema: the columns of `schema`, and those of `folders`.

    `files` are paths or uris, each with the values that its folders give.
    """
    fields = [StructField(field.name, from_arrow_type(_plain(field.type))) for field in schema]
    names = [field.name for field in folders]
    rows = [{"file": file, "values": [values[n] for n in names]} for file, values in files.items()]
    listed = pa.schema([("file", pa.string()), ("values", pa.list_(pa.string()))])
    table = spark.createDataFrame(pa.Table.from_pylist(rows, listed)).repartition(len(rows))
    whole = StructType([*fields, *folders])
    target = to_arrow_schema(whole, timezone="UTC")
    return table.mapInArrow(_reader(target, len(fields)), whole)


def _reader(
    target: pa.Schema, own: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What a worker does; the first `own` columns of `target` are those of the files."""
    columns = target.names[:own]
    batch_rows = _HEAVY_ROWS if any(map(types.is_binary, target.types)) else _ROWS

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for row in (row for batch in batches for row in batch.to_pylist()):
            with open_file(row["file"]) as file:
                for rows in pq.ParquetFile(file).iter_batches(batch_rows, columns=columns):
                    table = pa.Table.from_batches([rows]).select(columns)
                    for field, value in zip(list(target)[own:], row["values"], strict=True):
                        column = pa.repeat(pa.scalar(value, pa.string()), len(table))
                        table = table.append_column(field.name, column)
                    yield from table.cast(target).to_batches()

    return read


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type that Spark would read: of dictionaries that of their values, and of nulls int.

    Spark has no unsigned integers, and takes the next larger type.
    """
    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_unsigned_integer(kind):
        larger = {8: pa.int16(), 16: pa.int32(), 32: pa.int64()}
        return larger.get(kind.bit_width, pa.decimal128(20))
    if types.is_binary_view(kind):
        return pa.binary()
    return pa.int32() if types.is_null(kind) else kind


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False
