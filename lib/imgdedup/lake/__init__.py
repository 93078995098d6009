"""The lake: one Parquet dataset per name under a root, one partition per data day.

`Lake` is its one door. Other packages import from here, and the schemas from `lake.schemas`.
"""

from imgdedup.lake.files import LocalFiles, Texts
from imgdedup.lake.lake import JOURNAL, LOCK, LOCKS, Lake, Staged
from imgdedup.lake.lock import Busy, exclusive
from imgdedup.lake.partitions import PRIVATE

__all__ = [
    "JOURNAL",
    "LOCK",
    "LOCKS",
    "PRIVATE",
    "Busy",
    "Lake",
    "LocalFiles",
    "Staged",
    "Texts",
    "exclusive",
]
