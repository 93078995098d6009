"""Says which edited versions of a picture count as copies: the switches of `[verify]`.

Whether two pictures show the same is no matter of taste. Whether a mirrored print of a photograph
is a copy of it depends on what the pictures are for. So the comparison looks only for maps that the
switches allow, and what it finds has to pass them, too.
"""

import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.geometry.explanation import WHOLE, Explanation

_UPRIGHT = 10.0  # degrees: a page that lay askew on the scanner is not turned


def may_be_copies(left: int, right: int, config: VerifyConfig) -> bool:
    """Whether the numbers of frames of two pictures allow that one is a copy of the other."""
    return left == right or (config.animations and min(left, right) == 1)


def is_allowed_frame(matrix: np.ndarray, config: VerifyConfig) -> bool:
    """Whether a map (3, 3) of whole frames, as `frames` yields it, is allowed."""
    mirrored = np.linalg.det(matrix[:2, :2]) < 0
    upright = matrix[1, 1] > abs(matrix[1, 0])  # what is up stays up
    return bool((config.mirrored or not mirrored) and (config.turned or upright))


def is_allowed(found: Explanation, config: VerifyConfig) -> bool:
    """Whether pictures that agree, with this explanation, count as copies."""
    return (
        (config.mirrored or not found.mirrored)
        and (config.turned or abs(found.rotation) <= _UPRIGHT)
        and (config.recoloured or not found.recoloured)
        and (config.grayscale or not found.grayscale)
        and (config.overlaid or not found.overlaid)
        and found.shown >= min(config.cropped, WHOLE)
    )
