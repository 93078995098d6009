"""Finds leakage: images that have a copy under another value of a manifest's column.

A copy is direct: another image with the same content, or an image of a content that a near pair
joins with it. Chains of pairs do not count. Images of one content have the same copies, so copies
are found by content and value, and never image by image. A content has the best `_MOST` of its
values; how many there are stands beside.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.lake import Lake, Staged
from imgdedup.lake.schemas import LEAKAGE, MANIFEST
from imgdedup.relations.contents import only, standing
from imgdedup.relations.sides import beside, both_ways
from imgdedup.settling.absence import present, read_absent
from imgdedup.settling.changes import Delta
from imgdedup.settling.settlement import Settlement

DATASET = "leakage"
_MOST = 50  # values of a content that have a row
_WITNESS = ["kind", "similarity", "edit"]
_VALUES = StructField("values", ArrayType(StringType()))
_VALUELESS = (ArrayType, MapType, StructType, BinaryType)


def stage_leakage(
    settlement: Settlement, affected: DataFrame, columns: Sequence[str], run_id: str
) -> Staged:
    """Stage the days of `leakage` that change; without `columns`, its removal.

    `affected` (`content_id`) are contents whose images, values or pairs may have changed. Raises
    UserError when no manifest has a column, or its values cannot be compared.
    """
    lake = settlement.lake
    if not columns:
        return lake.stage_removal(DATASET, [])
    near = lake.read("pairs").where("kind = 'near'")
    if settlement.everything:
        stored, concerned = lake.read(DATASET, []), affected
    else:
        stored = lake.read(DATASET)
        partners = _partners(near, affected)
        witnessed = only(stored, affected, "other_content").select("content_id")
        concerned = _contents(affected, partners, witnessed)
    close = beside(near, concerned)
    wanted = _contents(concerned, _partners(close, concerned))
    images = present(only(settlement.snapshot, wanted), read_absent(lake)).localCheckpoint()
    found = find_leakage(with_values(lake, images, columns), close, concerned, run_id)
    delta = Delta(only(stored, concerned), found.localCheckpoint(), ["image_id", "content_id"])
    return settlement.stage_delta(DATASET, delta)


def find_leakage(
    images: DataFrame, near: DataFrame, concerned: DataFrame, run_id: str
) -> DataFrame:
    """The rows of `leakage`, with `dt`, for the images of `concerned` contents (`content_id`).

    `images` are the rows of `with_values` of these contents and of their partners. `near` are the
    near pairs of these contents.
    """
    classes = images.groupBy("content_id", "column_name", "value").agg(
        F.min(standing()).alias("first")
    )
    same = concerned.select(
        "content_id",
        F.col("content_id").alias("other_content"),
        F.lit("exact").alias("kind"),
        F.lit(1.0).alias("similarity"),
        F.lit("exact copy").alias("edit"),
    )
    joined = only(both_ways(near, "content_id", "other_content", *_WITNESS), concerned)
    copies = same.unionByName(joined)
    others = classes.withColumnsRenamed({"content_id": "other_content", "value": "other_value"})
    found = copies.join(others, "other_content").select(
        "content_id",
        "column_name",
        "other_value",
        F.struct(
            (F.col("kind") != "exact").alias("is_near"),
            (-F.col("similarity")).alias("rank"),
            "first",
            "other_content",
            *_WITNESS,
        ).alias("best"),
    )
    of_content = Window.partitionBy("content_id", "column_name")
    number = F.row_number().over(of_content.orderBy("best", "other_value"))
    witnesses = (
        found.groupBy("content_id", "column_name", "other_value")
        .agg(F.min("best").alias("best"))
        .withColumn("values", F.count(F.lit(1)).over(of_content))
        .withColumn("number", number)
        .where(f"number <= {_MOST}")
    )
    return (
        images.join(witnesses, ["content_id", "column_name"])
        .where("NOT value <=> other_value")
        .withColumn("others", F.col("values") - 1)  # the image's own value is one of them
        .withColumn("other_id", F.col("best.first.image_id"))
        .withColumn("other_dt", F.col("best.first.dt"))
        .withColumns({name: F.col(f"best.{name}") for name in ("other_content", *_WITNESS)})
        .withColumn("run_id", F.lit(run_id))
        .select(*LEAKAGE.names, "dt")
    )


def with_values(lake: Lake, images: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Each image of a snapshot once for each column: `column_name`, `value`, as text.

    Raises UserError when no manifest has a column, or its values cannot be compared.
    """
    days = {row["dt"] for row in images.select("dt").distinct().collect()}
    stored = lake.days("manifest")
    types = {day: _types(lake, day, columns) for day in sorted(days & set(stored))}
    for column in columns:
        lacking = [day for day, known in types.items() if column not in known]
        if types and len(lacking) == len(types):
            _require_somewhere(lake, column, stored)
        if lacking:
            say(
                f'group: {len(lacking)} manifests lack the column "{column}" '
                f"({', '.join(lacking[:3])}): their images have no value in leakage"
            )
    values = _values(lake, types, columns)
    named = F.map_from_arrays(
        F.array(*(F.lit(name) for name in columns)),
        F.coalesce("values", F.array(*(_nothing() for _ in columns))),
    )
    return images.join(values, ["image_id", "dt"], "left").select(
        "image_id", "content_id", "dt", F.explode(named).alias("column_name", "value")
    )


def _partners(near: DataFrame, contents: DataFrame) -> DataFrame:
    both = both_ways(near, "content_id", "other")
    return only(both, contents).select(F.col("other").alias("content_id"))


def _contents(*parts: DataFrame) -> DataFrame:
    """Each content of several frames once."""
    first, *rest = (part.select("content_id") for part in parts)
    for part in rest:
        first = first.union(part)
    return first.distinct().localCheckpoint()


def _types(lake: Lake, day: str, columns: Sequence[str]) -> dict[str, DataType]:
    """The types of those `columns` that the manifest of a day has."""
    found = {}
    for field in lake.read_day("manifest", day).schema:
        if field.name not in columns:
            continue
        if isinstance(field.dataType, _VALUELESS):
            raise UserError(
                f'group.leakage_columns names the column "{field.name}", and in the manifest of '
                f"{day} it is {field.dataType.simpleString()}: only numbers, texts, truth values, "
                "dates and times have values to compare"
            )
        found[field.name] = field.dataType
    return found


def _require_somewhere(lake: Lake, column: str, days: Sequence[str]) -> None:
    """Raise UserError unless the manifest of one of `days` has a column."""
    for day in reversed(days):
        names = lake.read_day("manifest", day).columns
        if column in names:
            return
    raise UserError(
        f'group.leakage_columns names the column "{column}", and no manifest has such a column; '
        f"that of {days[0]} has {', '.join(names)}"
    )


def _values(
    lake: Lake, types: Mapping[str, Mapping[str, DataType]], columns: Sequence[str]
) -> DataFrame:
    """The values of all images of some days: `image_id`, `dt`, and an array of `values`."""
    alike: dict[StructType, list[str]] = {}
    for day, known in types.items():
        fields = [
            StructField(name, kind) for name, kind in sorted(known.items(), key=itemgetter(0))
        ]
        alike.setdefault(StructType(fields), []).append(day)
    own = MANIFEST["image_id"]
    found = lake.frame([], StructType([own, StructField("dt", StringType()), _VALUES]))
    for schema, days in alike.items():
        others = [field for field in schema if field.name != own.name]
        rows = lake.read_columns("manifest", StructType([own, *others]), days)
        values = [_text(name) if name in schema.names else _nothing() for name in columns]
        rows = rows.select("image_id", "dt", F.array(*values).alias("values"))
        found = found.unionByName(rows)
    return found


def _text(name: str) -> Column:
    return F.col(f"`{name.replace('`', '``')}`").cast("string")


def _nothing() -> Column:
    return F.lit(None).cast("string")
