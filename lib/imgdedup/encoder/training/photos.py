"""Packs photographs for training into one array of small squares, so that each is read once."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from imgdedup.config import EmbedConfig
from imgdedup.errors import ImageFailure
from imgdedup.images.decode import decoder_of

SIDE = 144  # pixels of a stored square: a tenth of its area still gives a view of 45 pixels

Read = Callable[[], bytes]  # the bytes of one image file; raises ImageFailure


class Packed(NamedTuple):
    """Packed photographs: `squares`, (n, SIDE, SIDE, 3) uint8, are read from disk when needed."""

    squares: np.ndarray
    failures: dict[str, int]  # images left out, by reason


def pack(images: Iterable[Read], path: Path, config: EmbedConfig, threads: int) -> Packed:
    """Decode all images to squares in the file `path` (.npy), and count the unreadable ones."""
    decoder = replace(decoder_of(config, SIDE), thumbnail_size=SIDE)
    failures: Counter[str] = Counter()
    shape = (0, SIDE, SIDE, 3)

    def decoded(read: Read) -> np.ndarray | str:
        try:
            return decoder.decode(read()).square
        except ImageFailure as failure:
            return failure.code

    with ThreadPoolExecutor(threads) as pool, path.open("wb") as file:
        _write_header(file, shape)
        for found in pool.map(decoded, images):
            if isinstance(found, str):
                failures[found] += 1
            else:
                file.write(found.tobytes())
                shape = (shape[0] + 1, *shape[1:])
        file.seek(0)
        _write_header(file, shape)
    return Packed(np.load(path, mmap_mode="r"), dict(failures))


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header of a .npy file. NumPy leaves room in it for more rows."""
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
