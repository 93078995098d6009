"""The lake: one Parquet dataset per name under a root, one partition per data day.

`Lake` is its one door. Other packages import from here, and the schemas from `lake.schemas`.
"""

from imgdedup.lake.lake import Lake, Staged
from imgdedup.lake.lock import Busy

__all__ = ["Busy", "Lake", "Staged"]
