"""Local features of a picture, computed once for the picture and its mirror image together.

SIFT: David Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, compared
as in Arandjelović and Zisserman, "Three things everyone should know to improve object retrieval",
CVPR 2012 (RootSIFT).
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

_MOST = 300  # features of a picture, the strongest
_LONG_SIDE = 224  # pixels at which features are looked for
_SHORTEST_LONG_SIDE = 134  # smaller pictures are enlarged to it: SIFT finds nothing in an icon
_MOST_ENLARGED = 4.0
_CONTRAST = 0.01  # a quarter of SIFT's usual threshold: dark and pale copies have faint features
_EDGES = 15
# A stored feature: place, size and direction in 65,535ths of the long side and of a whole turn.
_PLACE = np.dtype([("x", "<u2"), ("y", "<u2"), ("size", "<u2"), ("angle", "<u2")])
_FINE = 65_535
_LENGTH = 128  # of a descriptor
_LEVELS, _HIGHEST = 15, 0.3  # of a value of a RootSIFT descriptor: four bits; few are higher
_STORED = _PLACE.itemsize + _LENGTH // 2  # bytes of a feature
# Mirroring a patch reverses its rows of cells across the feature's own axis, and every direction.
MIRRORED = np.arange(_LENGTH).reshape(4, 4, 8)[::-1, :, -np.arange(8) % 8].ravel()
# A part of the fingerprints of what is made from features. Change it when `extract` changes.
VERSION = 1


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one picture, strongest first.

    `points` are pixels, float32, (n, 2); `sizes` pixels, float32, (n,); `angles` radians, float32,
    (n,), clockwise as the y axis points down; `descriptors` are RootSIFT's in 16 levels, uint8,
    (n, 128).
    """

    points: np.ndarray
    sizes: np.ndarray
    angles: np.ndarray
    descriptors: np.ndarray

    def __len__(self) -> int:
        """The number of features."""
        return len(self.points)

    @cached_property
    def unit(self) -> np.ndarray:
        """RootSIFT descriptors, float32, (n, 128): rows of length one."""
        values = self.descriptors.astype(np.float32)
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)

    def mirrored(self, width: int) -> "Features":
        """The features of the left-right mirror image of a picture of this width."""
        points = self.points.copy()
        points[:, 0] = width - 1 - points[:, 0]
        return Features(points, self.sizes, np.pi - self.angles, self.descriptors[:, MIRRORED])

    def to_bytes(self, long_side: int) -> bytes:
        """The features of a picture of this long side, in pixels, in 72 bytes each."""
        places = np.empty(len(self), _PLACE)
        places["x"], places["y"] = _fine((self.points + 0.5) / long_side).T
        places["size"] = _fine(self.sizes / long_side)
        places["angle"] = _fine(self.angles / (2 * np.pi) % 1)
        pairs = self.descriptors.reshape(len(self), _LENGTH // 2, 2)
        return places.tobytes() + (pairs[:, :, 0] | pairs[:, :, 1] << 4).tobytes()

    @staticmethod
    def from_bytes(data: bytes, long_side: int) -> "Features":
        """Features as `to_bytes` wrote them, at another long side of the same picture."""
        count = len(data) // _STORED
        places = np.frombuffer(data, _PLACE, count)
        pairs = np.frombuffer(data, np.uint8, offset=count * _PLACE.itemsize)
        descriptors = np.stack([pairs & _LEVELS, pairs >> 4], axis=1)
        shares = np.stack([places["x"], places["y"]], axis=1).astype(np.float32) / _FINE
        return Features(
            shares * long_side - 0.5,
            places["size"].astype(np.float32) * (long_side / _FINE),
            places["angle"].astype(np.float32) * (2 * np.pi / _FINE),
            descriptors.reshape(count, _LENGTH),
        )


def extract(luma: np.ndarray) -> Features:
    """Find the features of a picture (uint8, (height, width)); a plain one has none."""
    height, width = luma.shape
    shape = _working_size(width, height)
    if shape != (width, height):
        shrinks = max(shape) < max(width, height)
        way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        luma = cv2.resize(luma, shape, interpolation=way)
    sift = cv2.SIFT.create(
        _MOST, contrastThreshold=_CONTRAST, edgeThreshold=_EDGES, enable_precise_upscale=True
    )
    found, descriptors = sift.detectAndCompute(luma, None)
    # OpenCV gives features in no order, and too many when several are equally strong.
    order = np.argsort([-feature.response for feature in found], kind="stable")[:_MOST]
    found = [found[place] for place in order]
    ratio = np.array([width / shape[0], height / shape[1]], np.float32)
    centres = np.array([feature.pt for feature in found], np.float32).reshape(-1, 2)
    values = np.asarray(descriptors[order] if found else [], np.float32).reshape(-1, _LENGTH)
    return Features(
        (centres + 0.5) * ratio - 0.5,  # pixel centres lie at whole numbers in both sizes
        np.array([feature.size for feature in found], np.float32) * ratio.mean(),
        np.radians(np.array([feature.angle for feature in found], np.float32)),
        _in_levels(np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-6))),
    )


def _in_levels(roots: np.ndarray) -> np.ndarray:
    """RootSIFT descriptors in `_LEVELS`: on 1,800 pairs no verdict in a thousand changed."""
    return np.minimum(np.round(roots * (_LEVELS / _HIGHEST)), _LEVELS).astype(np.uint8)


def _fine(shares: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.clip(shares, 0, 1) * _FINE), np.uint16)


def _working_size(width: int, height: int) -> tuple[int, int]:
    longest = max(width, height)
    scale = min(1.0, _LONG_SIDE / longest)
    if longest < _SHORTEST_LONG_SIDE:
        scale = min(_SHORTEST_LONG_SIDE / longest, _MOST_ENLARGED)
    return max(1, round(width * scale)), max(1, round(height * scale))
