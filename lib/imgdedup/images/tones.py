"""How much colour a picture has. What a copy has lost of it does not come back."""

import numpy as np
from PIL import Image

BLACK_AND_WHITE, GRAY, ONE_TONE, COLOURS = range(4)
_CHROMA = 5  # levels that compression leaves in a gray picture
_STEP = 8  # levels of luma that have one tone
_ALL = 0.995  # share of the pixels
# Black and white: levels from either end, and the share of the pixels there. Strong compression
# leaves as many of a page.
_NEAR, _MOST = 64, 0.9


def tones_of(luma: Image.Image, small: Image.Image) -> int:
    """BLACK_AND_WHITE, GRAY, ONE_TONE or COLOURS, of a picture at full size, and of it shrunk, RGB.

    In a picture of one tone, such as sepia, the luma of a pixel tells its colour.
    """
    levels, *chroma = (
        np.asarray(band).ravel() for band in small.reduce(2).convert("YCbCr").split()
    )
    if all(_is_near(values, 128) for values in chroma):
        some = luma.resize(small.size, Image.Resampling.NEAREST).convert("L")
        counts = np.asarray(some.histogram())
        ends = counts[:_NEAR].sum() + counts[-_NEAR:].sum()
        return BLACK_AND_WHITE if ends >= _MOST * counts.sum() else GRAY
    levels = levels // _STEP
    counts = np.maximum(np.bincount(levels), 1)
    tones = [(np.bincount(levels, values) / counts)[levels] for values in chroma]
    has_one = all(_is_near(values, tone) for values, tone in zip(chroma, tones, strict=True))
    return ONE_TONE if has_one else COLOURS


def _is_near(values: np.ndarray, expected: np.ndarray | int) -> bool:
    return bool((np.abs(values.astype(np.float32) - expected) <= _CHROMA).mean() >= _ALL)
