"""What the encoders share: passes of one shape, and the name of a model."""

import hashlib
from collections.abc import Sequence

import numpy as np

from imgdedup.encoder.parameters import Weights

# Images of one forward pass on a CPU, which one thread computes. Another number of images or of
# threads sums in another order, and that changes the last bits. So both are fixed. Eight images
# were as fast as more.
CPU_PASS = 8
# A part of the fingerprint. Change it when the same weights would give other values.
_PREPROCESSING = "image without bars squashed to the square, bilinear, v2"


def in_passes(squares: Sequence[np.ndarray], size: int) -> list[Sequence[np.ndarray]]:
    """Divide squares among passes of up to `size`."""
    return [squares[at : at + size] for at in range(0, len(squares), size)]


def padded(squares: Sequence[np.ndarray], size: int, side: int) -> np.ndarray:
    """One array of squares, uint8, (size, side, side, 3). Those that are missing are zero."""
    batch = np.zeros((size, side, side, 3), np.uint8)
    batch[: len(squares)] = squares
    return batch


def name_model(loaded: Weights, side: int, computed: str, *parts: object) -> str:
    """The fingerprint of an encoder.

    `computed` says readably where and how the values are computed. `parts` are whatever else
    decides the bits.
    """
    known = (loaded.digest, loaded.mean, loaded.std, _PREPROCESSING, *parts)
    digest = hashlib.sha256(repr(known).encode()).hexdigest()[:12]
    return f"{loaded.name}-{side}px-{computed}-{digest}"
