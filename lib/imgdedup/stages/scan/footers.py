"""The schemas of a manifest's Parquet files, read from their footers.

Files are grouped by schema, since Spark reads files of one schema together. What no reading could
bring together, or what Spark cannot read at all, is refused here and named.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from imgdedup.errors import UserError, first_line
from imgdedup.stages.scan.folders import open_file
from imgdedup.stages.scan.texts import literal

_AT_ONCE = 16  # footers read in parallel, since an object store answers slowly
_MOST_DIGITS = 38  # of Spark's decimals


class Group(NamedTuple):
    """Files of one schema, by their paths or uris."""

    schema: pa.Schema
    files: list[str]


def group_by_schema(files: Sequence[str], manifest: str) -> list[Group]:
    """Group Parquet files by their schemas, without metadata, in the order of the files.

    Raises UserError for a file that cannot be read, for a type that Spark does not read, and for
    a column that a file has twice.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        schemas = list(pool.map(lambda file: _schema(file, manifest), files))
    groups: dict[str, Group] = {}
    for file, schema in zip(files, schemas, strict=True):
        key = schema.to_string(show_field_metadata=False)
        groups.setdefault(key, Group(schema, [])).files.append(file)
    found = list(groups.values())
    for group in found:
        _require_readable(group, manifest)
        if twice := [name for name, n in Counter(group.schema.names).items() if n > 1]:
            raise UserError(f'the manifest {manifest} has two columns "{twice[0]}": rename one')
    return found


def require_names_apart(names: Iterable[str], manifest: str) -> None:
    """Raise UserError for columns whose names differ only in case: Spark and SQL mix them up."""
    spelled: dict[str, str] = {}
    for name in names:
        other = spelled.setdefault(name.lower(), name)
        if other != name:
            raise UserError(
                f'the manifest {manifest} has the columns "{other}" and "{name}", which differ '
                "only in case: rename one of them"
            )


def _schema(file: str, manifest: str) -> pa.Schema:
    try:
        with open_file(file) as opened:
            found = pq.ParquetFile(opened).schema
            return _as_spark_reads(found, found.to_arrow_schema().remove_metadata())
    except (OSError, ValueError, pa.ArrowException) as error:
        where = "" if file == manifest else f": {file}"
        raise UserError(
            f"the manifest {manifest} is no Parquet that can be read{where} ({first_line(error)})"
        ) from None


def _as_spark_reads(found: pq.ParquetSchema, schema: pa.Schema) -> pa.Schema:
    """The schema with the timestamps that Spark writes by default, INT96, as Spark reads them."""
    old = {
        found.column(place).name
        for place in range(len(found))
        if found.column(place).physical_type == "INT96"
    }
    instant = pa.timestamp("us", "UTC")
    return pa.schema([f.with_type(instant) if f.name in old else f for f in schema])


def _require_readable(group: Group, manifest: str) -> None:
    for field in group.schema:
        if (kind := unreadable(field.type)) is not None:
            raise UserError(
                f'Spark cannot read the column "{field.name}" of the manifest {manifest}, because '
                f"it holds {kind}: leave it out, or write it as another type"
                f"{_conversion(field, kind, group.files)}"
            )


# What DuckDB makes of a type that Spark does not read. Of others it would lose digits or the zone.
_CASTS = {"halffloat": "FLOAT", "timestamp[ns]": "TIMESTAMP", "time": "VARCHAR", "uuid": "VARCHAR"}


def _conversion(field: pa.Field, kind: pa.DataType, files: Sequence[str]) -> str:
    cast = next((cast for name, cast in _CASTS.items() if name in str(kind)), None)
    if cast is None or field.type != kind or "tz=" in str(kind) or len(files) > 1:
        return ""
    name = '"' + field.name.replace('"', '""') + '"'
    sql = (
        f"COPY (SELECT * REPLACE ({name}::{cast} AS {name}) FROM {literal(files[0])}) "
        "TO 'manifest.parquet'"
    )
    return f" with  duckdb -c {shlex.quote(sql)}"


def unreadable(kind: pa.DataType) -> pa.DataType | None:
    """The type, or the one inside it, that Spark does not read; None when Spark reads it."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind if kind.extension_name == "arrow.uuid" else unreadable(kind.storage_type)
    wrong = (
        types.is_float16(kind)
        or types.is_time(kind)
        or (types.is_decimal(kind) and kind.precision > _MOST_DIGITS)
        or (types.is_timestamp(kind) and kind.unit == "ns")
    )
    if wrong:
        return kind
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return next((found for found in map(unreadable, inner) if found is not None), None)


def require_common_types(groups: Sequence[Group], manifest: str) -> None:
    """Raise UserError for a column whose types in several files have no common one."""
    first: dict[str, tuple[pa.DataType, str]] = {}
    for group in groups:
        for field in group.schema:
            if types.is_null(field.type):
                continue
            kind, file = first.setdefault(field.name, (field.type, group.files[0]))
            if not _have_common_type(kind, field.type):
                raise UserError(
                    f'the column "{field.name}" of the manifest {manifest} is {kind} in {file}, '
                    f"and {field.type} in {group.files[0]}: give it one type in all files"
                )
            if _rank(field.type) > _rank(kind):
                first[field.name] = field.type, group.files[0]


def _have_common_type(one: pa.DataType, other: pa.DataType) -> bool:
    """Tell whether one type holds the values of both without loss.

    A 64-bit integer has more digits than a double. Texts and numbers are never mixed.
    """
    one, other = _plain(one), _plain(other)
    if one == other:
        return True
    if types.is_nested(one) and types.is_nested(other):
        return _have_common_fields(one, other)
    if types.is_null(one) or types.is_null(other):  # in a nested type; Spark reads nulls as int
        return types.is_integer(one) or types.is_integer(other)
    if types.is_integer(one) and types.is_integer(other):
        return True
    numbers = (one, other)
    if any(map(types.is_floating, numbers)):
        return all(types.is_floating(kind) or _bits(kind) <= 32 for kind in numbers)
    if all(types.is_decimal(kind) for kind in numbers):
        scale = max(kind.scale for kind in numbers)
        return max(kind.precision - kind.scale for kind in numbers) + scale <= _MOST_DIGITS
    return False


def _have_common_fields(one: pa.DataType, other: pa.DataType) -> bool:
    if types.is_struct(one) and types.is_struct(other):
        shared = {field.name for field in one} & {field.name for field in other}
        pairs = [(one.field(name).type, other.field(name).type) for name in shared]
    elif types.is_map(one) and types.is_map(other):
        pairs = [(one.key_type, other.key_type), (one.item_type, other.item_type)]
    elif one.num_fields == other.num_fields == 1:  # lists, however they are laid out
        pairs = [(one.field(0).type, other.field(0).type)]
    else:
        return False
    return all(_have_common_type(*pair) for pair in pairs)


def _bits(kind: pa.DataType) -> int:
    return int(kind.bit_width) if types.is_integer(kind) else 64


def _rank(kind: pa.DataType) -> int:
    """The wider of two numbers has the greater rank."""
    kind = _plain(kind)
    if types.is_integer(kind) or types.is_floating(kind):
        return int(kind.bit_width) + (types.is_floating(kind) and 1)
    return 0


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type that Spark sees: the ways to lay texts and bytes out are one."""
    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if (
        types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    ):
        return pa.binary()
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    return kind
