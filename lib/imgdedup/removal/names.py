"""What the uri of an image says: its normal form, its folder, its source, and whether it can move.

The scanned folder is what stands before the `image_id` in the uri. The uris of another manifest
need not end so. There the deepest folder that holds all images of the disk or bucket stands in.
A source is the first folder below that. A day in the name of the scanned folder becomes `{dt}`,
so that the folders of several days are one source.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from imgdedup.errors import ImageFailure
from imgdedup.removal.local_files import uri_of
from imgdedup.sources import QUARANTINE, local_path, source_of

_MOVABLE = ("file", "s3", "gs", "abfs")


@dataclass(frozen=True)
class Name:
    """Where an image is, by its uri."""

    uri: str  # in its normal form
    home: str  # uri of the folder or prefix whose quarantine takes the file
    source: str


def normal(uri: str) -> str:
    """A uri in its normal form: of a local file its absolute path, links not followed."""
    path = local_path(uri)
    if path is not None:
        return uri_of(os.path.abspath(path))
    try:
        return source_of(uri).whole.place.key
    except ImageFailure:
        return uri


def fault(uri: str, file_key: str | None) -> str | None:
    """Why a file cannot be moved, by its uri and `file_key`; None when it can."""
    if file_key is None:
        return "an earlier version embedded it, or its file was never read"
    if not file_key:
        return "its bytes are in the manifest"
    scheme = file_key.partition(":")[0]
    if scheme not in _MOVABLE:
        return f"nothing here moves files behind {scheme}:"
    if _is_member(uri, file_key):
        return "it is a member of an archive"
    if "/../" in uri or "//" in uri.partition("://")[2] or uri.endswith("/"):
        return "its uri is not in its normal form"
    if f"/{QUARANTINE}/" in f"{file_key} {uri}":
        return "it is in a quarantine already"
    return None


def keeper_fault(file_key: str | None) -> str | None:
    """Why the file of a keeper cannot be checked; None when it can."""
    if file_key is None:
        return "its keeper is not in the tables"
    if file_key.partition(":")[0] not in (*_MOVABLE, "hdfs"):
        return "its keeper is in no folder and no store, so it cannot be checked"
    if f"/{QUARANTINE}/" in file_key:
        return "its keeper is in a quarantine"
    return None


def _is_member(uri: str, file_key: str) -> bool:
    if file_key.startswith("file:"):
        return "#" in file_key  # a `#` in the name of a file is escaped there
    try:
        return source_of(uri).member is not None
    except ImageFailure:
        return True


def name_of(uri: str, image_id: str, days: Iterable[str], common: Mapping[str, str]) -> Name:
    """The name of an image. `common` has the folder of all images by `address_of`."""
    place = normal(uri)
    folder = place.rpartition("/")[0]
    base = _scanned(place, image_id)
    is_scanned = base is not None
    if base is None:
        base = common.get(address_of(place), folder)
        base = base if f"{folder}/".startswith(f"{base}/") else folder
    first = folder.removeprefix(base).lstrip("/").partition("/")[0]
    below = f"{base}/{first}" if first else base
    source = f"{_dated(base, days)}/{first}" if first else _dated(base, days)
    home = base if is_scanned else below
    return Name(place, f"{home}/" if home == "file://" else home, source)


def _scanned(place: str, image_id: str) -> str | None:
    """The scanned folder; None when the uri does not end in the id."""
    steps = image_id.count("/") + 1
    parts = place.rsplit("/", steps)
    tail = "/".join(parts[1:])
    if place.startswith("file:"):
        tail = unquote_to_bytes(tail).decode("utf-8", "backslashreplace")
    return parts[0] if len(parts) > steps and tail == image_id and "//" not in tail else None


def _dated(base: str, days: Iterable[str]) -> str:
    for day in days:
        base = base.replace(day, "{dt}")
    return base


def address_of(uri: str) -> str:
    """The scheme and authority of a uri: the disk, or the bucket."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
