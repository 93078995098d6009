"""The network that turns images into embeddings: its weights, its devices, its fingerprint.

The only package that imports torch, and it needs no Spark. This module itself imports nothing
heavy: a driver builds an EncoderFactory, the workers call `create`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np


class Encoder(Protocol):
    """Embeds images; an image's embedding depends on no other and on no number of threads."""

    @property
    def side(self) -> int:
        """Input side in pixels."""

    @property
    def batch_size(self) -> int:
        """Images to give it at once, at most and for its best speed."""

    @property
    def fingerprint(self) -> str:
        """Names what decides the bits: weights, preprocessing, precision, kind of device."""

    def encode(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Embed up to `batch_size` squares (uint8, (side, side, 3)): float32, (n, dims)."""


@dataclass(frozen=True)
class EncoderFactory:
    """What crosses to a worker; the network is made there, once per process, when first needed.

    `weights` is "builtin", a torchvision name, a path or a URI; `input_size` is pixels, 0 for
    what the weights bring.
    """

    weights: str
    input_size: int
    batch_size: int
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "bf16", "fp32"]

    def create(self, gpus: Sequence[str], threads: int) -> Sequence[Encoder]:
        """One encoder for each of the devices `gpus` (numbers), or for the CPU with `threads`.

        Raises UserError when the weights or the device cannot be had; that the weights do not fit
        the network, the first `encode` says.
        """
        from imgdedup.encoder.network import create_encoders

        return create_encoders(self, gpus, threads)
