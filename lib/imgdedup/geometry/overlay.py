"""Finds overlays on a picture: captions, logos and bars, in a few flat tones.

All functions take a thinned `Shared`, in the raster of the windows of its `Agreement`.
"""

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.geometry.agreement import Agreement, Shared, line

_DRAWN_OVER = 50.0  # levels by which an overlay differs from the picture below it
_TONE = 20  # levels either way that count as one tone
_LEAST_DRAWN = 4  # pixels
_LEAST_OVERLAY, _SOLID = 0.01, np.ones((3, 3), np.uint8)  # of the pixels
_AROUND = np.ones((5, 5), np.uint8)  # a window that disagrees is wider than its centre
_BLACK, _WHITE = 6.0, 249.0  # beyond these levels, an edit may have cut off
_LEAST_CLEAR, _FITTING, _LEAST_GAIN = 15, 0.8, 0.1  # pixels; share of them that fit; of contrast


def is_covered(shared: Shared, found: Agreement, config: VerifyConfig) -> bool:
    """Whether the pictures disagree only where something is drawn over one of them.

    The rest must agree very well. The part that disagrees must have two tones, like letters on a
    bar or letters with an outline.
    """
    if found.typical < config.overlay_correlation or found.disagreeing > config.overlay_share:
        return False
    doubtful = cv2.dilate(found.doubtful.astype(np.uint8), _AROUND) > 0
    sound = shared.shown & ~doubtful
    if not sound.any():
        return False
    gain, offset = line(shared.fine[sound], shared.coarse[sound])
    apart = np.abs(shared.coarse - (gain * shared.fine + offset))
    drawn = shared.shown & doubtful & (apart > _DRAWN_OVER)
    return _tones_of(shared, drawn) >= config.overlay_tones


def drawn_pixels(shared: Shared) -> np.ndarray:
    """The pixels, bool, (height, width), that no change of brightness and contrast makes alike.

    Bars and large letters hide all texture beneath them, so no window disagrees there.
    """
    clear = shared.shown & (np.minimum(shared.fine, shared.coarse) > _BLACK)
    clear &= np.maximum(shared.fine, shared.coarse) < _WHITE
    fine, coarse = shared.fine[clear], shared.coarse[clear]
    none = np.zeros_like(shared.shown)
    if len(fine) < _LEAST_CLEAR:
        return none
    gain, offset = line(fine, coarse)
    missed = np.abs(gain * fine + offset - coarse)
    most = missed <= np.quantile(missed, _FITTING)
    gain, offset = line(fine[most], coarse[most])
    if gain < _LEAST_GAIN:
        return none
    # Both ways: a level that was cut off at black or white follows only from the other picture.
    forth = np.clip(gain * shared.fine + offset, 0, 255) - shared.coarse
    back = np.clip((shared.coarse - offset) / gain, 0, 255) - shared.fine
    apart = np.minimum(np.abs(forth), np.abs(back))
    drawn: np.ndarray = shared.shown & (apart > _DRAWN_OVER)
    return drawn


def is_overlay(shared: Shared, drawn: np.ndarray, config: VerifyConfig) -> bool:
    """Whether the drawn pixels are an overlay: enough pixels, and few enough tones."""
    solid = cv2.erode(drawn.astype(np.uint8), _SOLID)  # an edge that a blur moved is thin
    if solid.sum() < _LEAST_OVERLAY * shared.shown.sum():
        return False
    return _tones_of(shared, drawn) >= config.overlay_tones


def is_graphic(shared: Shared, config: VerifyConfig) -> bool:
    """Whether both pictures consist of two tones: paper and ink, say."""
    tones = min(_two_tones(shared.coarse[shared.shown]), _two_tones(shared.fine[shared.shown]))
    return tones >= config.graphic_tones


def _two_tones(levels: np.ndarray) -> float:
    """The share of pixels in the two commonest tones; 0 when there are too few pixels to tell."""
    if len(levels) < _LEAST_DRAWN:
        return 0.0
    counts = np.bincount(levels.astype(int).clip(0, 255), minlength=256)
    reach = np.ones(2 * _TONE + 1)
    first = np.convolve(counts, reach, "same")
    top = int(first.argmax())
    counts[max(0, top - _TONE) : top + _TONE + 1] = 0
    second = np.convolve(counts, reach, "same").max()
    return float((first[top] + second) / len(levels))


def _tones_of(shared: Shared, drawn: np.ndarray) -> float:
    """The larger share in two tones of the two pictures: that of the picture drawn over."""
    return max(_two_tones(shared.coarse[drawn]), _two_tones(shared.fine[drawn]))
