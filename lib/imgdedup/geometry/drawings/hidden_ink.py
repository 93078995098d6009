"""Finds the ink of a transparent picture that a ground of its own colour hides.

White letters beside black ones show on black. On white nothing tells that they were there. So a
copy on white is no copy of the whole drawing.
"""

import cv2
import numpy as np

_LIKE = 6  # levels by which ink may differ from the ground that hides it
_OPAQUE, _CLEAR = 128, 16  # of 255: an opacity that shows ink, and one that shows nothing
_STROKE = np.ones((2, 2), np.uint8)  # pixels: smaller things are traces of soft edges
_LEAST = 16  # pixels of a hidden stroke
# Of the long side: the width of an outline. One around a sticker, in the colour of the ground, may
# go: what it goes around still shows.
_OUTLINE = 0.03


def hides_ink(white: np.ndarray, black: np.ndarray, *, on_white: bool) -> bool:
    """Whether a transparent picture has strokes that cannot be told from its ground.

    The picture is uint8, (height, width, 3), once on `white` and once on `black`. What is hidden
    has the colour of the ground and no other ink around it. It is a stroke when it stands alone, or
    is farther from the ink that shows than an outline.
    """
    opacity = _opacity(white, black)
    apart = (255 - white if on_white else black).max(axis=2)
    like_ground, ink = apart <= _LIKE, opacity >= _OPAQUE
    hidden = ink & like_ground & _around(opacity <= _CLEAR, like_ground)
    strokes = cv2.morphologyEx(hidden.astype(np.uint8), cv2.MORPH_OPEN, _STROKE) > 0
    if strokes.sum() < _LEAST:
        return False
    shows = ink & ~like_ground
    nearest = cv2.distanceTransform((~shows).astype(np.uint8), cv2.DIST_L2, 3)
    far = nearest > _OUTLINE * max(ink.shape)
    alone = ink & ~_around(shows, ink)
    _, _, sizes, _ = cv2.connectedComponentsWithStats((strokes & (far | alone)).astype(np.uint8))
    return bool((sizes[1:, cv2.CC_STAT_AREA] >= _LEAST).any())


def level_behind(
    white: np.ndarray, black: np.ndarray, opaque: np.ndarray, matrix: np.ndarray
) -> float:
    """The median level of an opaque picture where a transparent one, as for `hides_ink`, is clear.

    `matrix`, (3, 3), takes the pixels of the transparent picture to those of the opaque one.
    """
    clear = (_opacity(white, black) <= _CLEAR).astype(np.uint8)
    height, width = opaque.shape[:2]
    there = cv2.warpPerspective(clear, matrix, (width, height), flags=cv2.INTER_NEAREST) > 0
    return float(np.median(opaque[there] if there.any() else opaque))


def _opacity(white: np.ndarray, black: np.ndarray) -> np.ndarray:
    """0 to 255, (height, width): the more opaque, the less of the ground is seen."""
    return np.asarray(255 - cv2.subtract(white, black).mean(axis=2))


def _around(some: np.ndarray, within: np.ndarray) -> np.ndarray:
    """The pixels, bool, of the connected regions of `within` that hold a pixel of `some`."""
    _, regions = cv2.connectedComponents(within.astype(np.uint8))
    held = np.bincount(regions[some & within], minlength=int(regions.max()) + 1) > 0
    held[0] = False
    return np.asarray(held[regions])
