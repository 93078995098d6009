"""The stage: finds the rows of a day's manifest, checks them, and writes `manifest`."""

from pyspark.sql import DataFrame, SparkSession

from imgdedup.config import ScanConfig
from imgdedup.errors import UserError
from imgdedup.relations.preference import column_keys, require_columns
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.settlement import is_repairing
from imgdedup.sources import reader_of
from imgdedup.stages.scan import parquet, tables, uris
from imgdedup.stages.scan.finding import Images, Parquet, Table, find, is_of_days
from imgdedup.stages.scan.images import listing
from imgdedup.stages.scan.rows import require_sound, require_types


def run(run: Run) -> Outcome:
    """Find the rows of the manifest, check them, and write `manifest`."""
    lake, location = run.lake, run.manifest.replace("{dt}", run.dt)
    if is_repairing(lake):
        return Outcome(0, 0, details={"repair": "manifests stay as they are"})
    if not location:
        own = lake.path("manifest", run.dt)
        manifest = require_sound(lake.read_day("manifest", run.dt), own)
        _require_columns(run, manifest, own)
        rows = manifest.count()
        return Outcome(rows, rows, details={"source": own})
    manifest, details = _read(run, location)
    _require_columns(run, manifest, location)
    rows = manifest.count()
    written = lake.replace("manifest", run.dt, manifest, expected_rows=rows)
    return Outcome(rows, written, details={"source": location, **details})


def _read(run: Run, location: str) -> tuple[DataFrame, dict[str, object]]:
    """The manifest that a location holds, checked, and what `runs` records of it."""
    config = run.config.scan
    found = find(location, run.dt, config)
    if isinstance(found, Images):
        return _list(run, location, found)
    if isinstance(found, Table):
        rows, details = tables.read(run, found)
        require_types(rows, location)
        resolved = uris.resolve(rows, config.relative_to or found.location)
        return require_sound(resolved, location), details
    if not all(map(is_of_days, found.places)):
        _require_one_day(run, location)
    return read_parquet(run.spark, found, location, config), {}


def _require_one_day(run: Run, location: str) -> None:
    if len(run.days) > 1 and "{dt}" not in run.manifest:
        raise UserError(
            f"{location} would be every day of the range: write {{dt}} where the day stands"
        )


def _list(run: Run, location: str, found: Images) -> tuple[DataFrame, dict[str, object]]:
    _require_one_day(run, location)
    reader_of(run.config.embed).check(location)
    manifest = run.spark.createDataFrame(listing(found.tree, run.config.scan)).coalesce(1)
    return manifest, {"hidden": found.tree.hidden, "linked_folders": found.tree.linked_folders}


def read_parquet(
    spark: SparkSession, found: Parquet, location: str, config: ScanConfig
) -> DataFrame:
    """A manifest of Parquet files, checked, with absolute uris; UserError when it is refused."""
    frames = []
    for place, rows in zip(found.places, parquet.read(spark, found.places, location), strict=True):
        require_types(rows, location)
        frames.append(uris.resolve(rows, config.relative_to or place.base))
    return require_sound(parquet.union(frames, location), location)


def _require_columns(run: Run, manifest: DataFrame, location: str) -> None:
    """Raise UserError when the manifest lacks a column that the order of keepers names."""
    types = {field.name: field.dataType for field in manifest.schema.fields}
    keys = column_keys(run.config.group.keeper_order)
    require_columns(keys, types, f"the manifest {location}")
