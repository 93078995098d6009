"""What a manifest's own columns say of an image, for the order of keepers.

`group.keeper_order` may name columns. Their values are turned into numbers and texts that are less
for the better image, so that all types of columns are compared in one way.
"""

import sys
from collections.abc import Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from imgdedup.config import ColumnKey, column_key
from imgdedup.errors import UserError

_LAST = float("inf")  # the number of null
_KINDS: Sequence[tuple[tuple[type[DataType], ...], str]] = (
    ((NumericType,), "numbers"),
    ((StringType,), "texts"),
    ((BooleanType,), "truth values"),
    ((DateType,), "dates"),
    ((TimestampType, TimestampNTZType), "times"),
)
_MATCH = "matches"  # of a key `column:NAME=VALUE`, whose columns may be of any of these kinds
_DIGITS, _REVERSED = "0123456789ABCDEF", "FEDCBA9876543210"
_PAST_DIGITS = "G"  # ends a reversed text, so that of two texts that begin alike the longer is less


def column_keys(order: Sequence[str]) -> list[ColumnKey]:
    """The columns that an order of keepers names, in this order."""
    return [key for name in order if (key := column_key(name)) is not None]


def require_columns(keys: Sequence[ColumnKey], types: Mapping[str, DataType], where: str) -> None:
    """Raise UserError when a manifest lacks a column of `keys`, or one of them has no order.

    `types` are the types of the manifest's columns. `where` names the manifest.
    """
    for key in keys:
        said = f'group.keeper_order names the column "{key.name}"'
        if key.name not in types:
            raise UserError(f"{said}, and {where} has no such column; it has {', '.join(types)}")
        kind = _kind(types[key.name])
        if kind is None:
            raise UserError(
                f"{said}, and in {where} it is {types[key.name].simpleString()}: only numbers, "
                "texts, truth values, dates and times have an order"
            )
        if key.value is not None and kind == "numbers" and _number(key.value) is None:
            raise UserError(f'{said}, and in {where} it holds numbers, not "{key.value}"')


def preference(keys: Sequence[ColumnKey], types: Mapping[str, DataType]) -> Column:
    """For each key a struct of `kind`, `number` and `text`; the latter are less if better.

    `types` are the types of the manifest's columns, as `require_columns` allows them. Numbers are
    compared as doubles. Null comes last.
    """
    return F.array(*(_entry(key, types[key.name]) for key in keys))


def require_one_kind(keys: Sequence[ColumnKey], found: Sequence[tuple[str, list[str]]]) -> None:
    """Raise UserError when a column holds one kind of values on some days and another on others.

    `found` are days, each with the kinds of `keys` on it.
    """
    for place, key in enumerate(keys):
        days: dict[str, list[str]] = {}
        for day, kinds in sorted(found):
            days.setdefault(kinds[place], []).append(day)
        if len(days) > 1:
            told = ", and ".join(f"{kind} on {', '.join(on[:5])}" for kind, on in days.items())
            raise UserError(
                f'group.keeper_order names the column "{key.name}", and it holds {told}: give it '
                "one type in all manifests"
            )


def _kind(of: DataType) -> str | None:
    return next((name for types, name in _KINDS if isinstance(of, types)), None)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _entry(key: ColumnKey, of: DataType) -> Column:
    column, kind = F.col(f"`{key.name.replace('`', '``')}`"), str(_kind(of))
    if key.value is not None:
        if kind == "numbers":
            is_it = column.cast("double") == F.lit(_number(key.value))
        else:
            text = column.cast("string")
            is_it = text == F.lit(key.value.lower() if kind == "truth values" else key.value)
        return _struct(_MATCH, F.when(is_it, 0.0).otherwise(1.0), F.lit(""))
    if kind == "texts":
        text = _reversed(column) if key.descending else column
        return _struct(kind, F.when(column.isNotNull(), 0.0), F.coalesce(text, F.lit("")))
    number = column.cast("double")
    if kind == "dates":
        number = F.unix_date(column).cast("double")
    elif kind == "times":
        number = F.unix_micros(column.cast("timestamp")).cast("double")
    number = F.when(~F.isnan(number), -number if key.descending else number)
    number = F.when(number.isNotNull(), F.least(number, F.lit(sys.float_info.max)))
    return _struct(kind, number, F.lit(""))


def _struct(kind: str, number: Column, text: Column) -> Column:
    number = F.coalesce(number, F.lit(_LAST))
    return F.struct(F.lit(kind).alias("kind"), number.alias("number"), text.alias("text"))


def _reversed(column: Column) -> Column:
    """A text whose order is the reverse of that of the column's texts."""
    digits = F.hex(F.encode(column, "UTF-8"))
    return F.concat(F.translate(digits, _DIGITS, _REVERSED), F.lit(_PAST_DIGITS))
