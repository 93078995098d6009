"""The convolutions of ResNet-50 by their names in torchvision, and whether weights fit them."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from imgdedup.errors import UserError

STEM = "conv1"
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # inner channels and blocks of each stage
_WIDER = 4  # a block gives so many times its inner channels
_NORM = ("weight", "bias", "running_mean", "running_var")


class Convolution(NamedTuple):
    """A convolution, and the batch norm behind it."""

    name: str
    norm: str
    shape: tuple[int, int, int, int]  # outputs, inputs, height, width
    stride: int


class Block(NamedTuple):
    """A bottleneck: three convolutions, and one beside them where the shape changes.

    The stride is in the 3 x 3 convolution, as in torchvision.
    """

    first: Convolution
    second: Convolution
    third: Convolution
    beside: Convolution | None


def stem() -> Convolution:
    """The first convolution."""
    return Convolution(STEM, "bn1", (64, 3, 7, 7), 2)


def blocks() -> Iterator[Block]:
    """The sixteen blocks in order."""
    given = 64
    for stage, (inner, count) in enumerate(STAGES, 1):
        for number in range(count):
            name = f"layer{stage}.{number}"
            stride = 2 if stage > 1 and number == 0 else 1
            wide = _WIDER * inner
            beside = Convolution(
                f"{name}.downsample.0", f"{name}.downsample.1", (wide, given, 1, 1), stride
            )
            yield Block(
                Convolution(f"{name}.conv1", f"{name}.bn1", (inner, given, 1, 1), 1),
                Convolution(f"{name}.conv2", f"{name}.bn2", (inner, inner, 3, 3), stride),
                Convolution(f"{name}.conv3", f"{name}.bn3", (wide, inner, 1, 1), 1),
                beside if number == 0 else None,
            )
            given = wide


def convolutions() -> Iterator[Convolution]:
    """All convolutions."""
    yield stem()
    for block in blocks():
        yield from (convolution for convolution in block if convolution is not None)


def require_fit(name: str, state: Mapping[str, np.ndarray]) -> None:
    """Raise UserError unless `state` holds the tensors of a ResNet-50, in their shapes.

    The last layer (`fc`) and the counters of training may be there or not. `name` is for the
    message.
    """
    wanted = shapes()
    given = {key for key in state if not key.startswith("fc.")}
    missing = [key for key in wanted if key not in state]
    unknown = sorted(key for key in given - wanted.keys() if not key.endswith("batches_tracked"))
    if missing or unknown:
        raise UserError(
            f"the weights {name} do not fit ResNet-50: {len(missing)} of its tensors are "
            f"missing {missing[:3]}, {len(unknown)} unknown {unknown[:3]}"
        )
    for key, shape in wanted.items():
        if state[key].shape != shape:
            raise UserError(
                f"the weights {name} do not fit ResNet-50: {key} has the shape "
                f"{state[key].shape} in place of {shape}"
            )


def shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for convolution in convolutions():
        shapes[f"{convolution.name}.weight"] = convolution.shape
        shapes |= {f"{convolution.norm}.{part}": convolution.shape[:1] for part in _NORM}
    return shapes
