"""A picture as the comparison sees it: its thumbnail, decoded on demand, and its features."""

import io
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from PIL import Image

from imgdedup.geometry.features import Features

_SIGNATURE = 16  # cells each way
_GRAY = 10  # levels between the channels that compression leaves in a gray picture
_GRAY_SHARE = 0.995


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture: `thumbnail` is an image file, `width` and `height` are its true pixels.

    `packed` are its features as `Features.to_bytes` gives them. `second` is the same picture on its
    second ground, if it is transparent.
    """

    thumbnail: bytes
    width: int
    height: int
    packed: bytes
    second: "Picture | None" = None

    @cached_property
    def rgb(self) -> np.ndarray:
        """The thumbnail's pixels, uint8, (height, width, 3)."""
        return _decoded(self.thumbnail)

    @cached_property
    def luma(self) -> np.ndarray:
        """The thumbnail's luma, uint8, (height, width)."""
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY))

    @cached_property
    def features(self) -> Features:
        """Its local features."""
        return Features.from_bytes(self.packed, max(self.luma.shape))

    @cached_property
    def mirrored(self) -> Features:
        """The features of its mirror image."""
        return self.features.mirrored(self.luma.shape[1])

    @cached_property
    def is_gray(self) -> bool:
        """Whether the picture has no colour."""
        red, green, blue = cv2.split(self.rgb)
        most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
        return bool((most - least <= _GRAY).mean() >= _GRAY_SHARE)

    @cached_property
    def signature(self) -> np.ndarray:
        """The luma of the whole frame in 16 x 16 cells, float32."""
        cells = cv2.resize(self.luma, (_SIGNATURE, _SIGNATURE), interpolation=cv2.INTER_AREA)
        return np.asarray(cells, dtype=np.float32)


def _decoded(thumbnail: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(thumbnail)) as image:
        return np.asarray(image.convert("RGB"))
