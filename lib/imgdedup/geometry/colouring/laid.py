"""Two pictures laid over each other, prepared once for all that compares their colours."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from imgdedup.geometry.agreement import STRIDE, lay_colours
from imgdedup.geometry.picture import Picture

_SMOOTHED = 2.0  # pixels, standard deviation: evens out what compression does to colours
_DARKEST, _BRIGHTEST = 6, 248  # beyond these levels a channel may have been cut off
_REACH = np.ones((7, 7), np.uint8)  # pixels: how far the smoothing carries such levels


@dataclass(frozen=True, eq=False)
class Laid:
    """Two pictures and the map between their thumbnails, (3, 3), left pixels to right ones."""

    left: Picture
    right: Picture
    matrix: np.ndarray

    @cached_property
    def softened(self) -> tuple[np.ndarray, np.ndarray]:
        """The finer and the coarser one, float32, in the raster of a thinned `Shared`."""
        fine, coarse = self._pictures
        return _softened(fine), _softened(coarse)

    @cached_property
    def whole(self) -> np.ndarray:
        """The pixels, bool, in the same raster, near which no channel may have been cut off."""
        fine, coarse = self._pictures
        return _is_whole(fine) & _is_whole(coarse)

    @cached_property
    def _pictures(self) -> tuple[np.ndarray, np.ndarray]:
        return lay_colours(self.left.rgb, self.right.rgb, self.matrix)


def _softened(picture: np.ndarray) -> np.ndarray:
    soft = cv2.GaussianBlur(picture, (0, 0), _SMOOTHED)[::STRIDE, ::STRIDE]
    return np.ascontiguousarray(soft, dtype=np.float32)


def _is_whole(picture: np.ndarray) -> np.ndarray:
    within = cv2.inRange(picture, (_DARKEST,) * 3, (_BRIGHTEST,) * 3)
    return np.asarray(cv2.erode(within, _REACH) > 0)[::STRIDE, ::STRIDE]
