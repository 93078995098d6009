"""The marker in each partition that says it is complete: its files, and a digest of its rows.

It is written into a partition before that becomes visible, and comes and goes with it. Readers of
Parquet pass over it, as over every name that starts with an underscore.
"""

import hashlib
import json
from collections.abc import Sequence

from imgdedup.lake.digests import Digest
from imgdedup.lake.files import Files

MARKER = "_complete.json"


def data(names: Sequence[str]) -> list[str]:
    """Those of the names in a partition that are files of rows."""
    return [name for name in names if name.endswith(".parquet") and name[0] not in "._"]


def mark(files: Files, folder: str, digest: Digest) -> None:
    """Say that the partition in `folder` is complete with the rows of this digest."""
    held = {**digest._asdict(), "files": data(files.names(folder))}
    files.write(f"{folder}/{MARKER}", json.dumps(held))


def digest(files: Files, folder: str) -> Digest | None:
    """The digest of a partition by its marker; None when it has none."""
    text = files.read(f"{folder}/{MARKER}")
    if text is None:
        return None
    held = json.loads(text)
    return Digest(held["rows"], held.get("hash"))  # markers had none once


def rows(files: Files, folder: str) -> int | None:
    """The rows of a partition by its marker; None when it has none."""
    found = digest(files, folder)
    return None if found is None else found.rows


def version(files: Files, folder: str) -> str:
    """A name for what a partition holds. Spark never gives two files one name."""
    return hashlib.sha256("\n".join(data(files.names(folder))).encode()).hexdigest()[:16]


def fault(files: Files, folder: str) -> str | None:
    """What is wrong with a partition of ours, in words; None when it is whole."""
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
