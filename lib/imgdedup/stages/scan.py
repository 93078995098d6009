"""scan: finds the images of a day, and writes them as the manifest.

The stage lists a folder or an object-store prefix. It checks a Parquet manifest of the user, and
takes it as it is.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyarrow import fs
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, StringType

from imgdedup.config import ScanConfig
from imgdedup.errors import Missing, UserError
from imgdedup.lake.schemas import MANIFEST
from imgdedup.relations.preference import column_keys, require_columns
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.settlement import is_repairing
from imgdedup.sources import local_path, object_store, open_path, reader_of

_DAY = re.compile(r"dt=\d{4}-\d\d-\d\d")  # a partition; an image may be named dt=, too
_NAMED = 5  # faulty rows named in an error
LISTING = pa.schema([("image_id", pa.string()), ("uri", pa.string())])


@dataclass(frozen=True)
class Listing:
    """The files of a folder: `table` has the columns of LISTING, ordered by `image_id`."""

    table: pa.Table
    hidden: int  # names left out because they start with a dot
    linked_folders: int  # links to folders, which are not followed


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
    details: dict[str, object] = {"source": location}
    if parquet := find_parquet(location, run.dt):
        manifest = read_parquet(run.spark, parquet)
    else:
        if len(run.days) > 1 and "{dt}" not in run.manifest:
            raise UserError(
                f"{location} would be every day of the range: write {{dt}} where the day stands"
            )
        reader_of(run.config.embed).check(location)
        listing = list_images(location, run.config.scan)
        manifest = run.spark.createDataFrame(listing.table).coalesce(1)
        details |= {"hidden": listing.hidden, "linked_folders": listing.linked_folders}
    _require_columns(run, manifest, location)
    rows = manifest.count()
    written = lake.replace("manifest", run.dt, manifest, expected_rows=rows)
    return Outcome(rows, written, details=details)


def _require_columns(run: Run, manifest: DataFrame, location: str) -> None:
    """Raise UserError when the manifest lacks a column that the order of keepers names."""
    types = {field.name: field.dataType for field in manifest.schema.fields}
    keys = column_keys(run.config.group.keeper_order)
    require_columns(keys, types, f"the manifest {location}")


def find_parquet(location: str, dt: str) -> str | None:
    """The Parquet manifest at `location`, or the day's partition of it; None for images.

    A location is Parquet when its name ends in `.parquet`, or when it is a folder with Parquet
    files or partitions `dt=...` at its top. Raises Missing when there is nothing there, or no
    partition for the day. Raises UserError for any other file.
    """
    path = local_path(location)
    if path is not None and not os.path.exists(path):
        raise Missing(f"there is no folder or file {location}")
    is_named = location.rstrip("/").endswith(".parquet")
    names = _top(location)
    if names is None:
        if not is_named:
            raise UserError(f"{location} is a file, neither a folder of images nor a .parquet file")
        return location
    days = [name for name in names if _DAY.fullmatch(name)]
    day = f"dt={dt}" if f"dt={dt}" in days else max(days, default=None)
    if day and _holds_parquet(_top(f"{location.rstrip('/')}/{day}")):
        if day != f"dt={dt}":
            raise Missing(f"the manifest {location} has no partition dt={dt}")
        return f"{location.rstrip('/')}/{day}"
    return location if is_named or _holds_parquet(names) else None


def _holds_parquet(names: list[str] | None) -> bool:
    return any(name.endswith(".parquet") for name in names or [])


def read_parquet(spark: SparkSession, location: str) -> DataFrame:
    """A Parquet manifest, checked; UserError when it cannot be read or is refused."""
    try:
        manifest = spark.read.parquet(location)
    except (PySparkException, Py4JJavaError):
        raise UserError(f"the manifest {location} is no Parquet that can be read") from None
    return require_sound(manifest, location)


def list_images(location: str, config: ScanConfig) -> Listing:
    """List every file below a folder or prefix; `image_id` is the path relative to it.

    Files of every kind are listed, so that no image is left out because of its name. A file that is
    no image becomes a row with a failure. Raises UserError when the location cannot be listed, and
    Missing when it has no file.
    """
    path = local_path(location)
    listing = _list_remote(location, config) if path is None else _list_local(path, config)
    if not len(listing.table):
        raise Missing(f"there is no file in {location}: nothing to look at")
    return listing


def require_sound(manifest: DataFrame, location: str) -> DataFrame:
    """Return the manifest as it is; raise UserError that names a fault and its place."""
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
    _require_no_row(manifest.where("image_id IS NULL"), "uri", f"{location}: image_id is null")
    _require_no_row(manifest.where("uri IS NULL"), "image_id", f"{location}: uri is null")
    repeated = manifest.groupBy("image_id").count().where("count > 1")
    _require_no_row(repeated, "image_id", f"{location}: image_id is not unique")
    return manifest


def _require_no_row(rows: DataFrame, name: str, fault: str) -> None:
    found = rows.select(F.col(name)).sort(name).limit(_NAMED + 1).collect()
    if found:
        names = ", ".join(str(row[0]) for row in found[:_NAMED])
        more = ", ..." if len(found) > _NAMED else ""
        raise UserError(f"wrong manifest {fault} ({name}: {names}{more})")


def _list_local(folder: Path, config: ScanConfig) -> Listing:
    root = os.path.abspath(folder)
    counts = {"hidden": 0, "linked": 0}
    found = sorted(_walk(root, config, counts))
    ids = [_text(name) for name, _ in found]
    base = Path(root).as_uri().rstrip("/")
    # Mark a link as belonging to the folder, so that reading it does not lead out of the folder.
    marks = ["/./" if is_link and not config.follow_links_outside else "/" for _, is_link in found]
    uris = [
        f"{base}{mark}{quote_from_bytes(os.fsencode(name))}"
        for mark, (name, _) in zip(marks, found, strict=True)
    ]
    if len(set(ids)) < len(ids):
        raise UserError(f"{folder} has file names that differ only in bytes that are not UTF-8")
    table = pa.table([ids, uris], schema=LISTING).sort_by("image_id")
    return Listing(table, counts["hidden"], counts["linked"])


def _walk(root: str, config: ScanConfig, counts: dict[str, int]) -> Iterator[tuple[str, bool]]:
    """The files below a folder: path relative to it, and whether it is a link."""
    waiting = [""]  # a list, not recursion: a tree may be deeper than Python's stack
    while waiting:
        folder = waiting.pop()
        for name, kind in _entries(f"{root}/{folder}"):
            if config.skip_hidden and name.startswith("."):
                counts["hidden"] += 1
            elif kind == "folder":
                waiting.append(f"{folder}{name}/")
            elif kind == "linked folder":
                counts["linked"] += 1
            elif kind != "other":
                yield f"{folder}{name}", kind == "link"


def _entries(folder: str) -> list[tuple[str, str]]:
    """Names and kinds in a folder: folder, linked folder, file, link, other (a pipe, a device)."""
    try:
        handle = open_path(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(handle) as entries:
                return [(entry.name, _kind(entry, handle)) for entry in entries]
        finally:
            os.close(handle)
    except OSError as error:
        raise UserError(f"cannot list the folder {folder}: {error.strerror}") from None


def _kind(entry: os.DirEntry[str], folder: int) -> str:
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    if not entry.is_symlink():
        return "file" if entry.is_file() else "other"
    try:
        target = os.stat(entry.name, dir_fd=folder)
    except OSError:
        return "link"  # a link to nothing or to itself: its row gets a failure
    return "linked folder" if stat.S_ISDIR(target.st_mode) else "link"


def _text(name: str) -> str:
    """A file name as text; bytes that are not UTF-8 become backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _list_remote(location: str, config: ScanConfig) -> Listing:
    base = location.rstrip("/")
    found = _remote(location, recursive=True) or []
    names = sorted(name for name, kind in found if kind == fs.FileType.File)
    visible = [
        name
        for name in names
        if not (config.skip_hidden and any(part.startswith(".") for part in name.split("/")))
    ]
    uris = [f"{base}/{name}" for name in visible]
    return Listing(pa.table([visible, uris], schema=LISTING), len(names) - len(visible), 0)


def _top(location: str) -> list[str] | None:
    """Names of the files and folders at the top of a folder or prefix; None for a file."""
    path = local_path(location)
    if path is None:
        found = _remote(location, recursive=False)
        return None if found is None else [name for name, _ in found]
    return [name for name, _ in _entries(str(path))] if path.is_dir() else None


def _remote(location: str, recursive: bool) -> list[tuple[str, fs.FileType]] | None:
    """The names below a prefix, relative to it, and their kinds; None for an object."""
    try:
        system, prefix = object_store(location)
        if system.get_file_info(prefix).type == fs.FileType.File:
            return None
        found = system.get_file_info(fs.FileSelector(prefix, recursive=recursive))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot list {location}: {error}") from None
    base = prefix.strip("/")
    return [(info.path.strip("/").removeprefix(base).lstrip("/"), info.type) for info in found]
