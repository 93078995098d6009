"""Checks rows against a schema, and computes digests: equal sets of rows have equal digests."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructField, StructType

_OF_A_RUN = "run_id"
_MICROSECONDS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"
_WHOLE = {  # JSON that says all that a value holds
    "ignoreNullFields": "false",
    "timestampFormat": _MICROSECONDS,
    "timestampNTZFormat": _MICROSECONDS,
}


class Digest(NamedTuple):
    """Identifies a set of rows, whatever their order and whichever run wrote them."""

    rows: int
    hash: str | None  # of the columns and all rows; None: such rows cannot be compared


def digests(rows: DataFrame, *, foreign: bool = False) -> dict[str, Digest]:
    """Return the digest of the rows of each `dt`; days without rows are left out.

    `foreign` rows have columns of the user, of any type; `run_id` is a column like the others.
    """
    left_out = {"dt"} if foreign else {"dt", _OF_A_RUN}
    fields = [field for field in rows.schema if field.name not in left_out]
    compared = _of_any_type(fields) if foreign else [F.col(field.name) for field in fields]
    hashed = F.xxhash64(*compared) if _hashable(rows.schema) else F.lit(0)
    total = F.sum(hashed.cast("decimal(38,0)"))
    found = rows.groupBy("dt").agg(F.count(F.lit(1)).alias("rows"), total.alias("total")).collect()
    return {row["dt"]: _digest(rows.schema, row["rows"], row["total"]) for row in found}


def _of_any_type(fields: Sequence[StructField]) -> list[Column]:
    """What has to be hashed, so that no two different rows of such columns have one hash.

    The hash of several columns leaves nulls out, and does not see where a list ends.
    """
    columns = [F.col(f"`{field.name.replace('`', '``')}`") for field in fields]
    nulls = F.concat(*(F.when(column.isNull(), "0").otherwise("1") for column in columns))
    nested = (ArrayType, StructType)
    return [nulls] + [
        F.to_json(F.struct(column), _WHOLE) if isinstance(field.dataType, nested) else column
        for field, column in zip(fields, columns, strict=True)
    ]


def no_rows(schema: StructType) -> Digest:
    """The digest of no rows of a schema."""
    return _digest(schema, 0, Decimal(0))


def _digest(schema: StructType, rows: int, total: Decimal) -> Digest:
    if not _hashable(schema):
        return Digest(rows, None)
    columns = [
        (field.name, field.dataType.simpleString()) for field in schema if field.name != "dt"
    ]
    return Digest(rows, hashlib.sha256(repr((columns, int(total))).encode()).hexdigest()[:32])


def _hashable(schema: StructType) -> bool:
    """Tell whether Spark can hash all columns. Spark cannot hash maps."""
    return "map<" not in schema.simpleString()


def conform(rows: DataFrame, schema: StructType) -> DataFrame:
    """Select the columns of `schema` in order; TypeError names those missing or of another type."""
    have = {field.name: field.dataType for field in rows.schema.fields}
    wrong = [
        f"{field.name} ({have.get(field.name)}, not {field.dataType})"
        for field in schema.fields
        if have.get(field.name) != field.dataType
    ]
    if wrong:
        raise TypeError(f"columns do not fit the dataset: {', '.join(wrong)}")
    return rows.select(*(F.col(field.name) for field in schema.fields))
