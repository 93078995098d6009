"""A picture as the comparison sees it: its thumbnail, decoded on demand, and its features."""

import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from PIL import Image

from imgdedup.geometry.features import Features

_SIGNATURE = 16  # cells each way
_GRAY = 10  # levels between the channels that compression leaves in a gray picture
_GRAY_SHARE = 0.995
_ACROSS, _DOWN = (0.0, 1.0), (0.0, 0.6)  # weights of brightness from edge to edge


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture: `thumbnail` is an image file, `width` and `height` are its true pixels.

    `packed` are its features as `Features.to_bytes` gives them. `second` is the same picture on its
    second ground, if it is transparent. `frames` counts those of an animation, or pages.
    """

    thumbnail: bytes
    width: int
    height: int
    packed: bytes
    second: "Picture | None" = None
    frames: int = 1

    @cached_property
    def rgb(self) -> np.ndarray:
        """The thumbnail's pixels, uint8, (height, width, 3)."""
        return _decoded(self.thumbnail)

    @cached_property
    def luma(self) -> np.ndarray:
        """The thumbnail's luma, uint8, (height, width)."""
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the thumbnail."""
        height, width = self.luma.shape
        return width, height

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
        return has_no_colour(self.rgb)

    @cached_property
    def signature(self) -> np.ndarray:
        """The luma of the whole frame in 16 x 16 cells, float32."""
        cells = cv2.resize(self.luma, (_SIGNATURE, _SIGNATURE), interpolation=cv2.INTER_AREA)
        return np.asarray(cells, dtype=np.float32)

    @cached_property
    def rank(self) -> tuple[Any, ...]:
        """Which of two pictures comes first, whichever is left: more pixels, or brighter.

        Brightness counts more to the right and to the bottom, so that turned and mirrored pictures
        differ in it. Another encoding changes it little. Bytes decide only between equal pixels.
        """
        height, width = self.luma.shape
        across = self.luma.mean(axis=0) @ np.linspace(*_ACROSS, width) / width
        down = self.luma.mean(axis=1) @ np.linspace(*_DOWN, height) / height
        second = self.second.rank if self.second else ()
        pixels = self.width * self.height
        return pixels, round(across + down, 3), self.thumbnail, self.packed, *second


def has_no_colour(pixels: np.ndarray) -> bool:
    """Whether pixels, uint8, (height, width, 3), are gray, as far as compression leaves them so."""
    red, green, blue = cv2.split(pixels)
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return bool((most - least <= _GRAY).mean() >= _GRAY_SHARE)


def _decoded(thumbnail: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(thumbnail)) as image:
        return np.asarray(image.convert("RGB"))
