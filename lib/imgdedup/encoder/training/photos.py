"""Photographs packed for training: one array of small squares, read once."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imgdedup.decode import ByteBudget, Decoder
from imgdedup.failures import ImageFailure

SIDE = 144  # pixels of a stored square: a tenth of its area still gives a view of 45 pixels
_MAX_PIXELS = 178_956_970
_BUDGET = 512 << 20

Read = Callable[[], bytes]  # the bytes of one image file; raises ImageFailure


class Packed(NamedTuple):
    """`squares` (n, SIDE, SIDE, 3) uint8, read as they are needed, and why others are missing."""

    squares: np.ndarray
    failures: dict[str, int]  # images left out, by reason


def pack(images: Iterable[Read], path: Path, threads: int) -> Packed:
    """Decode all images to squares in the file `path` (.npy); what cannot be read is counted."""
    decoder = Decoder(SIDE, SIDE, 85, _MAX_PIXELS, ByteBudget(_BUDGET))
    failures: Counter[str] = Counter()
    squares: list[np.ndarray] = []

    def decoded(read: Read) -> np.ndarray | str:
        try:
            return decoder.decode(read()).square
        except ImageFailure as failure:
            return failure.code

    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(decoded, images):
            if isinstance(found, str):
                failures[found] += 1
            else:
                squares.append(found)
    with path.open("wb") as file:
        np.save(file, np.stack(squares) if squares else np.empty((0, SIDE, SIDE, 3), np.uint8))
    return Packed(np.load(path, mmap_mode="r"), dict(failures))
