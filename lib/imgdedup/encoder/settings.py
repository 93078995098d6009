"""The settings of an encoder."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EncoderSettings:
    """Which network runs, on which device, and in which precision.

    `weights` is "builtin", a torchvision name, a path or a URI. `input_size` is the side of the
    input in pixels; 0 takes the side that the weights name.
    """

    weights: str
    input_size: int
    batch_size: int
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "int8", "bf16", "fp32"]
