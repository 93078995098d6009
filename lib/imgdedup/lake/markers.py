"""The marker in each partition that says it is complete: its files, and a digest of its rows.

The marker is written before the partition becomes visible, and moves with the partition. Readers
of Parquet skip it, as they skip every name that starts with an underscore.
"""

import hashlib
import json
from collections.abc import Sequence

from imgdedup.lake.digests import Digest
from imgdedup.lake.files import Files

MARKER = "_complete.json"


def data(names: Sequence[str]) -> list[str]:
    """The names in a partition that are files of rows."""
    return [name for name in names if name.endswith(".parquet") and name[0] not in "._"]


def write(files: Files, folder: str, digest: Digest) -> None:
    """Write the marker: the partition in `folder` is complete and has this digest."""
    marker = {**digest._asdict(), "files": data(files.names(folder))}
    files.write(f"{folder}/{MARKER}", json.dumps(marker))


def digest(files: Files, folder: str) -> Digest | None:
    """The digest of a partition by its marker; None without a marker."""
    text = files.read(f"{folder}/{MARKER}")
    if text is None:
        return None
    marker = json.loads(text)
    return Digest(marker["rows"], marker.get("hash"))  # markers of earlier versions have no hash


def rows(files: Files, folder: str) -> int | None:
    """The number of rows of a partition by its marker; None without a marker."""
    found = digest(files, folder)
    return None if found is None else found.rows


def version(files: Files, folder: str) -> str:
    """A name for the files of a partition. Spark never gives two files one name."""
    return hashlib.sha256("\n".join(data(files.names(folder))).encode()).hexdigest()[:16]


def fault(files: Files, folder: str) -> str | None:
    """What is wrong with a partition that a stage wrote, in words; None when it is whole."""
    text = files.read(f"{folder}/{MARKER}")
    if text is None:
        return "it has no marker of its completeness" if files.exists(folder) else "it is missing"
    wanted, found = set(json.loads(text)["files"]), set(data(files.names(folder)))
    lost, more = len(wanted - found), len(found - wanted)
    return (
        f"{lost} of its {len(wanted)} files are missing, {more} are not its own"
        if (lost or more)
        else None
    )
