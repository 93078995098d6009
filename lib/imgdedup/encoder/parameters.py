"""A network's parameters, however they were stored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imgdedup.encoder.ranges import Ranges

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Weights:
    """A network's parameters and what its input must look like.

    Exactly one of `state` (a ResNet-50 state_dict, float32) and `script` (a TorchScript module)
    is set. `input_size` is pixels; `mean` and `std` are per RGB channel, for values in 0-1.
    `digest` is the SHA-256 of the parameters as stored. `pooling` is the power of the mean over the
    places of a picture. `root` is the degree of the root that is then taken of each value. 1 and 1
    are the plain mean of torchvision's network. A script has its own pooling. `ranges` tell how to
    compute in int8, where that has been measured.
    """

    name: str
    digest: str
    input_size: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    pooling: float = 1.0
    root: float = 1.0
    state: dict[str, np.ndarray] | None = None
    script: "torch.jit.ScriptModule | None" = None
    ranges: Ranges | None = None
