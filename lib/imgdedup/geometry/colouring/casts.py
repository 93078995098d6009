"""Tells whether an edit has changed the colours of a whole picture: a turned hue, a tint, sepia.

Brightness, contrast and saturation move each colour towards gray, or away from it, all by one
factor. Compression moves it either way. So neither turns the plane of colours as a whole, nor
shifts it. The turn and the shift are those of all pixels together, so noise takes no part.

A colour is Cb and Cr of ITU-R 601-2, in levels.
"""

import numpy as np

from imgdedup.geometry.colouring.laid import Laid

_LEAST, _LEAST_SHARE = 200, 0.02  # pixels with all their channels, and their share of the shown
_TURNED, _SHIFTED = 12.0, 3.0  # degrees; levels: twice what a JPEG of quality 30 does, and more
_STEADY = 1e-3  # levels squared: keeps the rule defined where all pixels have one colour


def have_other_cast(laid: Laid, shown: np.ndarray) -> bool:
    """Whether two pictures have other colours.

    `shown`, bool, in the raster of a thinned `Shared`, marks the pixels that count.
    """
    whole = shown & laid.whole
    if whole.sum() < max(_LEAST, _LEAST_SHARE * shown.sum()):
        return False
    first, second = (_colours(picture[whole]) for picture in laid.softened)
    turn = np.angle(np.vdot(first, second), deg=True)
    return bool(abs(turn) > _TURNED or _shift(first, second) > _SHIFTED)


def _colours(pixels: np.ndarray) -> np.ndarray:
    """The colours of pixels (n, 3) as complex numbers, (n,): gray is 0."""
    red, green, blue = pixels.T.astype(np.float64)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.asarray(0.564 * (blue - luma) + 0.713j * (red - luma))


def _shift(first: np.ndarray, second: np.ndarray) -> float:
    """The mean distance that one affine rule moves the colours, one factor for all aside."""
    terms = np.stack([first.real, first.imag, np.ones(len(first))], axis=1)
    square = terms.T @ terms + _STEADY * np.eye(3)
    ruled = terms @ np.linalg.solve(square, terms.T @ second)
    paler, richer = sorted(
        (first, ruled), key=lambda colours: float(np.vdot(colours, colours).real)
    )
    factor = max(0.0, np.vdot(richer, paler).real) / max(np.vdot(richer, richer).real, _STEADY)
    return float(np.abs(paler - factor * richer).mean())
