"""A small lake for removal: files, and the tables that a run would write about them.

Files whose bytes begin alike, up to the first `/`, are one group. Its keeper is the file with the
most bytes, then the least name.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from imgdedup.lake.schemas import EMBEDDINGS, GROUPS
from imgdedup.sources import QUARANTINE

DAY = "2026-01-01"


def digest(data: bytes) -> str:
    """The content id of bytes."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Seen:
    """An image that a run has read."""

    image_id: str
    uri: str
    data: bytes
    file_key: str | None
    inode: str | None = None
    is_link: bool = False


def read_folder(data: Path) -> list[Seen]:
    """The files of a folder as scan and embed would read them; quarantines are left out."""
    found = []
    for path in sorted(data.rglob("*")):
        if not path.is_file() or QUARANTINE in path.parts:
            continue
        status = path.stat()
        inode = f"{status.st_dev}:{status.st_ino}" if status.st_nlink > 1 else None
        name, real = str(path.relative_to(data)), path.resolve()
        mark = "/./" if path.is_symlink() else "/"
        uri = f"{data.as_uri()}{mark}{Path('/', name).as_uri()[8:]}"
        link = real != path
        found.append(Seen(name, uri, path.read_bytes(), real.as_uri(), inode, link))
    return found


def read_bucket(system: fs.FileSystem, prefix: str) -> list[Seen]:
    """The objects below a prefix (bucket/folder), likewise."""
    found = []
    for info in system.get_file_info(fs.FileSelector(prefix, recursive=True)):
        if info.type != fs.FileType.File or f"/{QUARANTINE}/" in info.path:
            continue
        with system.open_input_stream(info.path, compression=None) as stream:
            data = stream.read()
        uri = f"s3://{info.path}"
        found.append(Seen(info.path.removeprefix(f"{prefix}/"), uri, data, uri))
    return sorted(found, key=lambda seen: seen.image_id)


def write_tables(
    root: str, days: Mapping[str, list[Seen]], system: fs.FileSystem | None = None
) -> None:
    """Write `embeddings` and `groups` of all days, in place of what was there."""
    system = system or fs.LocalFileSystem()
    groups = _groups(days)
    for day, images in days.items():
        rows = [_embedding(image) for image in images]
        _write(system, f"{root}/embeddings/dt={day}", rows, EMBEDDINGS)
        _write(system, f"{root}/groups/dt={day}", groups[day], GROUPS)


def _embedding(image: Seen) -> dict[str, object]:
    return {
        "image_id": image.image_id,
        "uri": image.uri,
        "content_id": digest(image.data),
        "size_bytes": len(image.data),
        "file_key": image.file_key,
        "inode": image.inode,
        "is_link": image.is_link,
    }


def _groups(days: Mapping[str, list[Seen]]) -> dict[str, list[dict[str, object]]]:
    members: dict[bytes, list[Seen]] = defaultdict(list)
    for images in days.values():
        for image in images:
            members[image.data.partition(b"/")[0]].append(image)
    keepers = {
        group: min(images, key=lambda image: (-len(image.data), image.is_link, image.image_id))
        for group, images in members.items()
    }
    alone = {group for group, images in members.items() if len({m.image_id for m in images}) == 1}
    return {
        day: [
            _row(image, keepers[group])
            for image in images
            for group in [image.data.partition(b"/")[0]]
            if group not in alone
        ]
        for day, images in days.items()
    }


def _row(image: Seen, keeper: Seen) -> dict[str, object]:
    is_same = image.image_id == keeper.image_id
    names = image.file_key == keeper.file_key or (image.inode and image.inode == keeper.inode)
    kind = None if is_same else "exact" if image.data == keeper.data else "near"
    kind = "same_file" if kind and names else kind
    return {
        "image_id": image.image_id,
        "group_id": keeper.image_id,
        "is_keeper": kind in (None, "same_file"),
        "keeper_id": keeper.image_id,
        "content_id": digest(image.data),
        "keeper_content": digest(keeper.data),
        "kind": kind,
        "margin": 0.1,
        "edit": "exact copy" if kind == "exact" else "zoomed 1.40x",
        "reason": f"{kind} copy",
    }


def _write(
    system: fs.FileSystem, folder: str, rows: list[dict[str, object]], schema: StructType
) -> None:
    system.create_dir(folder, recursive=True)
    table = pa.Table.from_pylist(rows, to_arrow_schema(schema))
    pq.write_table(table, f"{folder}/part-0.parquet", filesystem=system)
