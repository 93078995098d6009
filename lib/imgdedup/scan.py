"""scan: what images there are, as a manifest.

A folder or an object-store prefix is listed; a Parquet manifest of the user's is taken as it is
once its rows are known to be sound.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import fs
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, StringType

from imgdedup.config import ScanConfig
from imgdedup.errors import UserError
from imgdedup.schemas import MANIFEST
from imgdedup.sources import local_path, object_store

_NAMED = 5  # faulty rows named in an error
LISTING = pa.schema([("image_id", pa.string()), ("uri", pa.string())])


@dataclass(frozen=True)
class Listing:
    """The files of a folder: `table` has the columns of LISTING, ordered by `image_id`."""

    table: pa.Table
    hidden: int  # names left out because they start with a dot
    linked_folders: int  # links to folders, which are not followed


def is_parquet(location: str) -> bool:
    """Whether `location` is a Parquet manifest rather than images.

    It is when its name ends in .parquet, or when it is a folder that holds Parquet files, at its
    top or in partitions `dt=...`. Raises UserError when it is neither folder nor Parquet file.
    """
    path = local_path(location)
    if location.rstrip("/").endswith(".parquet"):
        return True
    if path is None:
        return any(name.endswith(".parquet") for name in _remote_names(location))
    if path.is_file():
        raise UserError(f"{location} is a file, neither a folder of images nor a .parquet file")
    if not path.is_dir():
        raise UserError(f"there is no folder {location}")
    return any(path.glob("*.parquet")) or any(path.glob("dt=*/*.parquet"))


def read_parquet(spark: SparkSession, location: str, dt: str) -> DataFrame:
    """The user's Parquet manifest of one data day, checked.

    Of a manifest partitioned by `dt` it is the day's partition. Raises UserError when there is
    none, when it cannot be read, and for what `check_manifest` refuses.
    """
    path = local_path(location)
    if path is not None and not path.exists():
        raise UserError(f"there is no manifest {location}")
    if path is not None and any(path.glob("dt=*")):
        location = f"{location.rstrip('/')}/dt={dt}"
        if not (path / f"dt={dt}").is_dir():
            raise UserError(f"the manifest has no partition {location}")
    try:
        manifest = spark.read.parquet(location)
    except PySparkException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the manifest {location} cannot be read: {reason}") from None
    return check_manifest(manifest, location)


def list_images(location: str, config: ScanConfig) -> Listing:
    """List every file below a folder or prefix; `image_id` is the path relative to it.

    Files of every kind are listed: what is no image becomes a row with a failure, so that nothing
    is left out by its name. Raises UserError when the location cannot be listed or has no file.
    """
    path = local_path(location)
    listing = _list_remote(location, config) if path is None else _list_local(path, config)
    if not len(listing.table):
        raise UserError(f"there is no file in {location}: nothing to look at")
    return listing


def check_manifest(manifest: DataFrame, location: str) -> DataFrame:
    """Return the manifest as it is, or raise UserError that names what is wrong and where."""
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
    if "dt" in types:
        raise UserError(
            f'the manifest {location} has a column "dt", the name of the partition: rename it'
        )
    _refuse_rows(manifest.where("image_id IS NULL"), "uri", f"{location}: image_id is null")
    _refuse_rows(manifest.where("uri IS NULL"), "image_id", f"{location}: uri is null")
    repeated = manifest.groupBy("image_id").count().where("count > 1")
    _refuse_rows(repeated, "image_id", f"{location}: image_id is not unique")
    return manifest


def _refuse_rows(rows: DataFrame, name: str, fault: str) -> None:
    found = rows.select(F.col(name)).sort(name).limit(_NAMED + 1).collect()
    if found:
        names = ", ".join(str(row[0]) for row in found[:_NAMED])
        more = ", ..." if len(found) > _NAMED else ""
        raise UserError(f"wrong manifest {fault} ({name}: {names}{more})")


def _list_local(folder: Path, config: ScanConfig) -> Listing:
    counts = {"hidden": 0, "linked": 0}
    files = sorted(_walk(os.path.abspath(folder), config, counts))
    root = os.path.abspath(folder)
    ids = [_text(os.path.relpath(name, root)) for name in files]
    uris = [Path(name).as_uri() for name in files]
    if len(set(ids)) < len(ids):
        raise UserError(f"{folder} has file names that differ only in bytes that are not UTF-8")
    table = pa.table([ids, uris], schema=LISTING).sort_by("image_id")
    return Listing(table, counts["hidden"], counts["linked"])


def _walk(folder: str, config: ScanConfig, counts: dict[str, int]) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise UserError(f"cannot list the folder {folder}: {error.strerror}") from None
    for entry in entries:
        if config.skip_hidden and entry.name.startswith("."):
            counts["hidden"] += 1
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, config, counts)
        elif entry.is_symlink() and os.path.isdir(entry.path):
            counts["linked"] += 1
        elif entry.is_symlink() or entry.is_file():
            yield entry.path


def _text(name: str) -> str:
    """A file name as text; bytes that are not UTF-8 become backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _list_remote(location: str, config: ScanConfig) -> Listing:
    base = location.rstrip("/")
    names = sorted(_remote_names(location))
    visible = [
        name
        for name in names
        if not (config.skip_hidden and any(part.startswith(".") for part in name.split("/")))
    ]
    uris = [f"{base}/{name}" for name in visible]
    return Listing(pa.table([visible, uris], schema=LISTING), len(names) - len(visible), 0)


def _remote_names(location: str) -> Iterator[str]:
    """Keys below a prefix, relative to it."""
    try:
        system, prefix = object_store(location)
        found = system.get_file_info(fs.FileSelector(prefix, recursive=True))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot list {location}: {error}") from None
    base = prefix.strip("/")
    for info in found:
        if info.type == fs.FileType.File:
            yield info.path.strip("/").removeprefix(base).lstrip("/")
