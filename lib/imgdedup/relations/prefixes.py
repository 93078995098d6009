"""Sets of SHA-256 hashes that each node keeps once, in a file that its workers map into memory.

A set is the first 16 bytes of each hash, sorted, one after the other. Spark sorts them, and the
driver writes the file piece by piece. Spark ships the file to each executor. So a set of any size
takes a few MB of the driver and of a worker: the pages of the file are the system's, and shared.
"""

import math
import os
import uuid
from dataclasses import dataclass

import numpy as np
from pyspark import SparkFiles
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_BYTES = 16  # of 32: chance gives no two contents the same 16
NO_PREFIXES = np.empty(0, f"S{_BYTES}")
_PIECE = 50_000  # prefixes that the driver gets at once, at most and on average
_BASE = 16  # the pieces go by hexadecimal digits


@dataclass(frozen=True)
class SharedPrefixes:
    """A set of hashes: the name of its file, as Spark ships it, and the size of the set."""

    name: str = ""
    size: int = 0

    def __len__(self) -> int:
        return self.size

    def open(self) -> np.ndarray:
        """Map the file on this node: the sorted prefixes, S16, (size,), for `holds`."""
        return np.memmap(SparkFiles.get(self.name), NO_PREFIXES.dtype, "r") if self else NO_PREFIXES


NOTHING = SharedPrefixes()


def share(hashes: DataFrame, most: int) -> SharedPrefixes:
    """Ship a set of hashes to all nodes.

    `hashes` have `hash`, 64 hexadecimal digits, perhaps repeated; there are at most `most` of them.
    """
    name = f"prefixes-{uuid.uuid4().hex}"
    # Here Spark puts what it ships, so it makes no copy. The folder ends with the session.
    path = os.path.join(SparkFiles.getRootDirectory(), name)
    size = 0
    with open(path, "wb") as file:
        for row in _pieces(hashes, most).toLocalIterator():
            size += file.write(row["prefixes"])
    if not size:
        os.remove(path)
        return NOTHING
    hashes.sparkSession.sparkContext.addFile(path)
    return SharedPrefixes(name, size // _BYTES)


def holds(prefixes: np.ndarray, digest: bytes) -> bool:
    """Tell whether a set, as `SharedPrefixes.open` gives it, has this SHA-256."""
    prefix = digest[:_BYTES].rstrip(b"\0")  # as numpy gives its strings back
    place = np.searchsorted(prefixes, prefix)
    return bool(place < len(prefixes) and prefixes[place] == prefix)


def _pieces(hashes: DataFrame, most: int) -> DataFrame:
    """The set in pieces, in order: `prefixes`, binary. Pieces share the first digits of a hash."""
    digits = max(0, math.ceil(math.log(max(most, 1) / _PIECE, _BASE)))
    text = F.sort_array(F.collect_set(F.substring("hash", 1, 2 * _BYTES)))
    pieces = hashes.groupBy(F.substring("hash", 1, digits).alias("start")).agg(
        F.unhex(F.array_join(text, "")).alias("prefixes")
    )
    return pieces.orderBy("start") if digits else pieces
