"""The lake: one Parquet dataset per name under a root, one partition per data day.

`Lake` is its one door, and `frame_of` makes its small frames. Other packages import from here, and the schemas from `lake.schemas`.
"""

from imgdedup.lake.frames import frame_of
from imgdedup.lake.lake import Lake, Staged
from imgdedup.lake.lock import Busy

__all__ = ["Busy", "Lake", "Staged", "frame_of"]
