"""What an encoder is made from."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EncoderSettings:
    """Which network, on which device, in which numbers.

    `weights` is "builtin", a torchvision name, a path or a URI. `input_size` is the side of the
    input in pixels; 0 takes the side that the weights name.
    """

    weights: str
    input_size: int
    batch_size: int
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "bf16", "fp32"]
