"""The network that turns images into embeddings: its weights, its devices, its fingerprint.

Only this package imports torch and OpenVINO, and it needs no Spark. This module imports nothing
heavy, because the driver makes an EncoderFactory, and only the workers call `create`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from imgdedup.encoder.settings import EncoderSettings

# `import openvino` reports to Google Analytics that it was imported, and writes to the home folder.
# It does neither where its module for that cannot be imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


class Encoder(Protocol):
    """Embeds images. The embedding of an image depends on no other image and no thread."""

    @property
    def side(self) -> int:
        """Side of the input in pixels."""

    @property
    def batch_size(self) -> int:
        """The largest number of images to give at once, which is also the fastest."""

    @property
    def fingerprint(self) -> str:
        """The name of all that decides the bits: weights, preprocessing, precision, device."""

    def encode(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Embed up to `batch_size` squares (uint8, (side, side, 3)): float32, (n, dims)."""


@dataclass(frozen=True)
class EncoderFactory(EncoderSettings):
    """Makes the encoders of a worker. The factory crosses to the worker, the network does not."""

    def create(self, gpus: Sequence[str], threads: int) -> Sequence[Encoder]:
        """Make one encoder for each device of `gpus` (numbers), or one for the CPU with `threads`.

        Raises UserError when the weights cannot be loaded, or the device is missing. Weights that
        do not fit the network fail in the first `encode`.
        """
        from imgdedup.encoder.choice import create_encoders

        return create_encoders(self, gpus, threads)
