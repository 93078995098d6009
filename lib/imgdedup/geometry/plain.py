"""Tells pictures that show something to compare from plain ones.

Any two plain pictures agree: two night shots, or a blank page and a page with a faint watermark.
Such an agreement tells nothing.
"""

import cv2
import numpy as np

from imgdedup.geometry.agreement import agreement, share

_CELLS = 16  # each way
_PATTERN = 2.0  # deviation of the cells, levels, below which a picture has no pattern


def tells(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> bool:
    """Whether two pictures, uint8, (height, width, 3), show enough to tell copies from others.

    So they do when both have a pattern, or texture, or when all their pixels are equal and not all
    of one colour. `matrix`, (3, 3), takes left pixels to right ones.
    """
    if left.shape == right.shape and np.array_equal(left, right):
        return bool((left != left[0, 0]).any())
    one, other = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (left, right))
    if _has_pattern(one) and _has_pattern(other):
        return True
    shared = share(one, other, matrix)
    return shared is not None and agreement(shared) is not None


def _has_pattern(luma: np.ndarray) -> bool:
    cells = cv2.resize(luma, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    return bool(np.asarray(cells, np.float32).std() >= _PATTERN)
