"""The values of the manifests' own columns by which keepers are ranked, beside the snapshot.

The snapshot holds them. So search notices a value that changed, though no file changed, and the
content is touched.
"""

from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from imgdedup.config import ColumnKey
from imgdedup.errors import TryAgain
from imgdedup.lake import Lake
from imgdedup.lake.schemas import MANIFEST, SNAPSHOT
from imgdedup.relations.preference import (
    column_keys,
    preference,
    require_columns,
    require_one_kind,
)
from imgdedup.settling.progress import read_progress

NO_IMAGE = "no image"  # the rules of a search when no image has an embedding


def rules_with(own: str, order: Sequence[str]) -> str:
    """The rules of a stage whose result depends on who is kept: its `own`, and the order."""
    return f"{own}{_ranked(order)}"


def require_same_order(lake: Lake, order: Sequence[str]) -> None:
    """Raise TryAgain unless the stages before `group` settled with this order of keepers.

    The snapshot has the columns that search was told. The originals of a pair were compared because
    verify took one of the two for the keeper.
    """
    searched, verified = (read_progress(lake, stage).rules for stage in ("search", "verify"))
    if column_keys(order) and searched != NO_IMAGE and not searched.endswith(_ranked(order)):
        raise TryAgain(
            "group.keeper_order names other columns than when search ran: run search again"
        )
    if verified and not verified.endswith(_ranked(order)):
        raise TryAgain(
            "group.keeper_order is another one than when verify compared originals: "
            "run verify again"
        )


def _ranked(order: Sequence[str]) -> str:
    return f", keepers by {' '.join(order)}"


def with_preference(
    lake: Lake, rows: DataFrame, days: Iterable[str], keys: Sequence[ColumnKey]
) -> DataFrame:
    """Rows of a snapshot, of these `days`, with the values that the manifests have for `keys`.

    Raises UserError that names a column which a manifest lacks, or which has no order.
    """
    named = sorted({key.name for key in keys})
    alike: dict[StructType, list[str]] = {}
    for day in sorted(set(days) & set(lake.days("manifest"))):
        schema = lake.read_day("manifest", day).schema
        types = {field.name: field.dataType for field in schema}
        require_columns(keys, types, f"the manifest of {day}")
        columns = [MANIFEST["image_id"], *(StructField(name, types[name]) for name in named)]
        alike.setdefault(StructType(columns), []).append(day)
    found = None
    for schema, some in alike.items():
        types = {field.name: field.dataType for field in schema}
        values = lake.read_columns("manifest", schema, some).select(
            "image_id",
            "dt",
            preference(keys, types).cast(SNAPSHOT["preference"].dataType).alias("preference"),
        )
        found = values if found is None else found.unionByName(values)
    if found is None:
        return rows
    return rows.drop("preference").join(found, ["image_id", "dt"], "left").select(*rows.columns)


def check_kinds(snapshot: DataFrame, keys: Sequence[ColumnKey]) -> None:
    """Raise UserError when a column of `keys` holds values of another kind on another day."""
    kinds = F.transform("preference", lambda value: value["kind"]).alias("kinds")
    told = snapshot.where("preference IS NOT NULL").select("dt", kinds).distinct().collect()
    require_one_kind(keys, [(row["dt"], row["kinds"]) for row in told])
