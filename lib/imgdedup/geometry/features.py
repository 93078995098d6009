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
_PLACE = np.dtype([("x", "<f4"), ("y", "<f4"), ("size", "<f4"), ("angle", "<f4")])
_LENGTH = 128  # of a descriptor
# Mirroring a patch reverses its rows of cells across the feature's own axis, and every direction.
_MIRRORED = np.arange(_LENGTH).reshape(4, 4, 8)[::-1, :, -np.arange(8) % 8].ravel()


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one picture, strongest first.

    `points` are pixels, float32, (n, 2); `sizes` pixels, float32, (n,); `angles` radians, float32,
    (n,), clockwise as the y axis points down; `descriptors` are SIFT's, uint8, (n, 128).
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
        return np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-6))

    def mirrored(self, width: int) -> "Features":
        """The features of the left-right mirror image of a picture of this width."""
        points = self.points.copy()
        points[:, 0] = width - 1 - points[:, 0]
        return Features(points, self.sizes, np.pi - self.angles, self.descriptors[:, _MIRRORED])

    def to_bytes(self) -> bytes:
        """The features in 144 bytes each."""
        places = np.empty(len(self), _PLACE)
        places["x"], places["y"] = self.points.T
        places["size"], places["angle"] = self.sizes, self.angles
        return places.tobytes() + self.descriptors.tobytes()

    @staticmethod
    def from_bytes(data: bytes) -> "Features":
        """Features as `to_bytes` wrote them."""
        count = len(data) // (_PLACE.itemsize + _LENGTH)
        places = np.frombuffer(data, _PLACE, count)
        descriptors = np.frombuffer(data, np.uint8, offset=count * _PLACE.itemsize)
        points = np.stack([places["x"], places["y"]], axis=1)
        return Features(
            points, places["size"], places["angle"], descriptors.reshape(count, _LENGTH)
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
    return Features(
        (centres + 0.5) * ratio - 0.5,  # pixel centres lie at whole numbers in both sizes
        np.array([feature.size for feature in found], np.float32) * ratio.mean(),
        np.radians(np.array([feature.angle for feature in found], np.float32)),
        np.asarray(descriptors[order] if found else [], np.uint8).reshape(-1, _LENGTH),
    )


def _working_size(width: int, height: int) -> tuple[int, int]:
    longest = max(width, height)
    scale = min(1.0, _LONG_SIDE / longest)
    if longest < _SHORTEST_LONG_SIDE:
        scale = min(_SHORTEST_LONG_SIDE / longest, _MOST_ENLARGED)
    return max(1, round(width * scale)), max(1, round(height * scale))
