"""What a manifest must have: its columns, their types, and sound rows."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, StringType

from imgdedup.errors import UserError
from imgdedup.lake.schemas import MANIFEST

_NAMED = 5  # faulty rows named in an error


def require_sound(manifest: DataFrame, location: str) -> DataFrame:
    """Return the manifest as it is; raise UserError that names a fault and its place."""
    require_types(manifest, location)
    _require_no_row(manifest.where("image_id IS NULL"), "uri", f"{location}: image_id is null")
    _require_no_row(manifest.where("uri IS NULL"), "image_id", f"{location}: uri is null")
    repeated = manifest.groupBy("image_id").count().where("count > 1")
    _require_no_row(repeated, "image_id", f"{location}: image_id is not unique")
    return manifest


def require_types(manifest: DataFrame, location: str) -> None:
    """Raise UserError when a column is missing, has another type, or is called `dt`."""
    types = {field.name: field.dataType for field in manifest.schema.fields}
    for field in MANIFEST.fields:
        if field.name not in types:
            raise UserError(
                f'the manifest {location} has no column "{field.name}"; '
                f"its columns are {', '.join(types)}"
            )
    wanted = {"image_id": StringType(), "uri": StringType(), "content": BinaryType()}
    for name, kind in wanted.items():
        if types.get(name, kind) != kind:
            raise UserError(
                f'the column "{name}" of the manifest {location} is {types[name].simpleString()}, '
                f"not {kind.simpleString()}"
            )
    if (day := next((name for name in types if name.lower() == "dt"), None)) is not None:
        raise UserError(
            f'the manifest {location} has a column "{day}", the name of the partition: rename it'
        )


def _require_no_row(rows: DataFrame, name: str, fault: str) -> None:
    found = rows.select(F.col(name)).sort(name).limit(_NAMED + 1).collect()
    if found:
        names = ", ".join(" ".join(str(row[0]).splitlines()) for row in found[:_NAMED])
        more = ", ..." if len(found) > _NAMED else ""
        raise UserError(f"wrong manifest {fault} ({name}: {names}{more})")
