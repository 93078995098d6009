"""What a location holds: images, a manifest in Parquet files, or a table of another format."""

import mimetypes
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from imgdedup.config import ScanConfig
from imgdedup.errors import Missing, UserError
from imgdedup.stages.scan.folders import Tree, exists, first_bytes, is_file, walk
from imgdedup.stages.scan.places import Place, is_pattern, matching, split
from imgdedup.stages.scan.texts import TEXTS, refuse_texts

_PARTITION = re.compile(r"([^/=]+)=([^/]*)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_HUDI = ".hoodie/hoodie.properties"
_DELTA = "_delta_log"
_LOG = re.compile(r"(?<![^/])(_delta_log/|metadata/[^/]+\.metadata\.json)")
_DEEP = 10  # folders of a table above one of its files, at most
_ENDINGS = (".parquet", ".parq", ".pq")
_ICEBERG = re.compile(r"metadata/[^/]+\.metadata\.json(\.gz)?")
_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"  # the first bytes of a file
_SNIFFED = 20  # files without an ending that are opened to see whether they are Parquet


@dataclass(frozen=True)
class Images:
    """A folder or prefix of images."""

    tree: Tree


@dataclass(frozen=True)
class Parquet:
    """A manifest in files of Parquet, in one place or several."""

    places: list[Place]


@dataclass(frozen=True)
class Table:
    """A table whose format has a log of its own."""

    location: str  # its folder
    format: str  # Delta, Iceberg or Hudi
    metadata: str = ""  # of Iceberg: the name of a file in the folder `metadata`, when it was given


def find(location: str, dt: str, config: ScanConfig) -> Images | Parquet | Table:
    """Find out what a location holds for a day.

    Raises Missing when there is nothing there, or no partition for the day. Raises UserError for
    what nothing here reads, with what to do.
    """
    places = split(location)
    if len(places) == 1 and not is_pattern(location):
        return _find_one(location, dt, config)
    found = []
    for place in places:
        if is_pattern(place):
            names = matching(place, config)
            holds: Images | Parquet | Table = Parquet(
                [_parquet(place, names.base, names.names, dt)]
            )
        else:
            holds = _find_one(place, dt, config)
        if not isinstance(holds, Parquet):
            raise UserError(
                f"{place} is no Parquet: only Parquet files are read from several places"
            )
        found += holds.places
    return Parquet(found)


def _find_one(location: str, dt: str, config: ScanConfig) -> Images | Parquet | Table:
    if is_file(location):
        return _of_file(location.rstrip("/"))
    tree = walk(location, config)
    base = location.rstrip("/")
    if config.format == "images":
        return Images(tree)
    return _table_in(base, tree) or _manifest_in(location, dt, config, tree) or Images(tree)


def _table_in(base: str, tree: Tree) -> Table | None:
    if exists(f"{base}/{_HUDI}"):
        return Table(base, "Hudi")
    if any(name.startswith(f"{_DELTA}/") for name in tree.names) or exists(f"{base}/{_DELTA}"):
        return Table(base, "Delta")
    return Table(base, "Iceberg") if any(map(_ICEBERG.fullmatch, tree.names)) else None


def _manifest_in(location: str, dt: str, config: ScanConfig, tree: Tree) -> Parquet | None:
    """The manifest in a folder; None when the folder holds images."""
    base = location.rstrip("/")
    parquet = _parquet_names(base, tree.names)
    if not parquet:
        if location.endswith(".parquet") or config.format == "manifest":
            raise UserError(f"the manifest {location} has no Parquet file")
        refuse_texts(location, tree.names)
        return None
    if config.format == "auto" and (image := next(filter(_is_image, tree.names), None)):
        if not all(map(_is_in_partitions, parquet)):
            return None
        raise UserError(
            f"{location} holds both images ({image}) and Parquet ({parquet[0]}): give the Parquet "
            'file as the manifest, or set scan.format to "images" or to "manifest"'
        )
    _refuse_tables_within(tree)
    _refuse_tables_of([base])
    if tree.linked_folders:
        raise UserError(
            f"the manifest {location} has links to folders, which are not followed: give the "
            "folders themselves, with commas between"
        )
    return Parquet([_of_day(location, base, parquet, dt)])


def _refuse_tables_within(tree: Tree) -> None:
    """Raise UserError when a table lies below a folder: its files are not its rows."""
    for name in tree.names:
        if (log := _LOG.search(name)) is not None:
            inner = f"{tree.location.rstrip('/')}/{name[: log.start()]}"
            raise UserError(f"{tree.location} holds the table {inner}: give the table's folder")


def _refuse_tables_of(folders: Iterable[str]) -> None:
    """Raise UserError when a folder is that of a table, or lies in one; each is asked for once."""
    places = {above: folder for folder in folders for above in _with_those_above(folder)}
    for above, folder in places.items():
        if any(exists(f"{above}/{log}") for log in (_DELTA, "metadata/version-hint.text")):
            raise UserError(f"{folder} belongs to the table {above}: give the folder of the table")


def _with_those_above(folder: str) -> Iterator[str]:
    for _ in range(_DEEP):
        yield folder
        above = folder.rpartition("/")[0]
        if not above or above.endswith("/"):
            return
        folder = above


def _of_file(location: str) -> Parquet | Table:
    base, _, name = location.rpartition("/")
    table, _, folder = base.rpartition("/")
    if _ICEBERG.fullmatch(f"{folder}/{name}"):
        return Table(table, "Iceberg", name)
    require_parquet_file(location)
    _refuse_tables_of([base])
    return Parquet([Place(base if "/" in location else ".", [name])])


def _parquet(location: str, base: str, names: list[str], dt: str) -> Place:
    parquet = _parquet_names(base, names)
    if not parquet:
        raise UserError(f"{location} matches no Parquet file, but {names[0]}")
    if (log := next(filter(_LOG.search, names), None)) is not None:
        raise UserError(f"{location} reaches into a table ({log}): give the folder of the table")
    _refuse_tables_of(f"{base}/{name}".rpartition("/")[0] for name in parquet)
    return _of_day(location, base, parquet, dt)


def _parquet_names(base: str, names: list[str]) -> list[str]:
    """Those names that are Parquet; hidden files and folders, as Spark takes them, are none."""
    seen = [name for name in names if not any(map(_is_hidden, name.split("/")))]
    named = [name for name in seen if name.lower().endswith(_ENDINGS)]
    if named:
        others = (name for name in seen if name not in {*named} and _may_be_parquet(name))
        return sorted([*named, *(name for name in others if _is_parquet(f"{base}/{name}"))])
    bare = [name for name in seen if "." not in name.rpartition("/")[2]]
    if any(map(_is_image, seen)) or not bare:
        return []
    return bare if all(_is_parquet(f"{base}/{name}") for name in bare[:_SNIFFED]) else []


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or (part.startswith("_") and "=" not in part)


def _is_in_partitions(name: str) -> bool:
    """Tell whether a file lies at the top, or in folders `column=value` alone."""
    return all(map(_PARTITION.fullmatch, name.split("/")[:-1]))


def _is_image(name: str) -> bool:
    kind = mimetypes.guess_type(name.rpartition("/")[2])[0] or ""
    return kind.startswith("image/") or name.lower().endswith((".heic", ".heif", ".avif"))


def _may_be_parquet(name: str) -> bool:
    return not _is_image(name) and TEXTS.search(name) is None


def _is_parquet(location: str) -> bool:
    try:
        return first_bytes(location, 4) == _MAGIC
    except UserError:  # a link to nothing, or a file that may not be read: its row gets a failure
        return False


def _of_day(location: str, base: str, names: list[str], dt: str) -> Place:
    """The files of the day, where folders `dt=...` divide them by days, else all."""
    days = {name: day for name in names if (day := partition_values(name).get("dt")) is not None}
    if not any(day and _DAY.fullmatch(day) for day in days.values()):
        return Place(base, names)
    if outside := [name for name in names if name not in days]:
        raise UserError(
            f"the manifest {location} has files outside of its partitions dt=... ({outside[0]}): "
            "move them into the partition of their day"
        )
    chosen = [name for name, day in days.items() if day == dt]
    if not chosen:
        raise Missing(f"the manifest {location} has no partition dt={dt}")
    return Place(base, chosen)


def is_of_days(place: Place) -> bool:
    """Tell whether folders `dt=YYYY-MM-DD` have chosen all files of a place."""
    return all(_DAY.fullmatch(partition_values(name).get("dt") or "") for name in place.names)


def has_odd_folders(name: str) -> bool:
    """Tell whether a path has a folder that repeats a column, has no value, or divides columns."""
    parts = [_PARTITION.fullmatch(part) for part in name.split("/")[:-1]]
    found = [place for place, part in enumerate(parts) if part]
    columns = [part[1] for part in parts if part]
    return (
        len(set(columns)) < len(columns)
        or any(part and not part[2] for part in parts)
        or (bool(found) and found[-1] - found[0] >= len(found))
    )


def partition_values(name: str) -> dict[str, str | None]:
    """The columns that the folders `column=value` of a relative path give, as Hive writes them."""
    found = map(_PARTITION.fullmatch, name.split("/")[:-1])
    values = {unquote(part[1]): unquote(part[2]) for part in found if part}
    return {k: None if v == "__HIVE_DEFAULT_PARTITION__" else v for k, v in values.items()}


def require_manifest_file(location: str) -> None:
    """Raise UserError unless a file is Parquet or the metadata of an Iceberg table."""
    if not _ICEBERG.fullmatch("/".join(location.split("/")[-2:])):
        require_parquet_file(location)


def require_parquet_file(location: str) -> None:
    """Raise UserError unless a file begins as Parquet does; say what to do about other formats."""
    start = first_bytes(location, 4)
    if start != _MAGIC:
        refuse_texts(location, [location.rpartition("/")[2]])
    if start == _ENCRYPTED:
        raise UserError(f"the manifest {location} is encrypted: decrypt it first")
    if start != _MAGIC:
        if location.lower().endswith(".parquet"):
            raise UserError(f"the manifest {location} is no Parquet that can be read")
        raise UserError(f"{location} is a file, and neither Parquet nor a folder of images")
