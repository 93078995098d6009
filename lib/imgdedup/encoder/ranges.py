"""The ranges of what goes into the convolutions: all that int8 needs besides the weights.

They are measured once, on photographs, by `calibration`. A small file beside the weights holds
them. A convolution that the file does not name computes in floating point.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path

from imgdedup.encoder import layout

_SUFFIX = ".ranges.json"


@dataclass(frozen=True)
class Ranges:
    """The largest inputs of convolutions, by the names of the convolutions.

    `weights` is the SHA-256 of the weights as stored, and `photographs` the number of those that
    the ranges were measured on.
    """

    weights: str
    photographs: int
    high: Mapping[str, float]

    @cached_property
    def fingerprint(self) -> str:
        """A hash over everything that decides the values."""
        return hashlib.sha256(repr(sorted(self.high.items())).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the file that `loads` reads."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def beside(weights: str) -> str:
    """Where the ranges of the weights at this path or URI are."""
    folder, slash, name = weights.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}{_SUFFIX}"


def loads(data: bytes, digest: str) -> Ranges:
    """Read the ranges of the weights with this SHA-256.

    Raises ValueError, whose text is for the user, when the bytes are something else.
    """
    try:
        content = json.loads(data)
        high = {str(name): float(value) for name, value in content["high"].items()}
        found = Ranges(str(content["weights"]), int(content["photographs"]), high)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("it is damaged") from None
    if not all(isfinite(value) and value > 0 for value in high.values()):
        raise ValueError("it is damaged")
    if high.keys() - {convolution.name for convolution in layout.convolutions()}:
        raise ValueError("it names layers that ResNet-50 does not have")
    if found.weights != digest:
        raise ValueError("it was measured for other weights")
    return found
