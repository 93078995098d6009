"""Finds overlays on a picture: captions, logos and bars, in a few flat tones.

All functions but `beneath` take a thinned `Shared`, in the raster of the windows of its
`Agreement`.
"""

from dataclasses import replace

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.geometry.agreement import STRIDE, Agreement, Shared, line

_DRAWN_OVER = 50.0  # levels by which an overlay differs from the picture below it
_TONE = 20  # levels either way that count as one tone
_LEAST_DRAWN = 4  # pixels
_LEAST_OVERLAY, _SOLID = 0.01, np.ones((3, 3), np.uint8)  # of the pixels
_AROUND = np.ones((5, 5), np.uint8)  # a window that disagrees is wider than its centre
_BLACK, _WHITE = 6.0, 249.0  # beyond these levels, an edit may have cut off
_ON_TOP = 40.0  # levels by which letters on a picture differ from it, their soft edges included
_SOFTENED, _STROKE = 0.8, np.ones((2, 2), np.uint8)  # pixels: lines thinner than that are traces
_BESIDE = np.ones((9, 9), np.uint8)  # what the smoothing of an agreement carries out of a letter
_SOUND, _SOUND_FIT, _ROUNDS = 200, 0.7, 3  # pixels; share of them that a line must fit
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


def beneath(shared: Shared, found: Agreement, config: VerifyConfig) -> Shared | None:
    """The shared part without what lies on top of it; None unless that has two tones.

    Large letters reach into most windows, so the windows cannot tell what lies below. The pixels
    can: those of the picture below follow one line from the levels of the other picture.
    """
    apart = _missed(shared, _sound(shared, found))
    if apart is None:
        return None
    drawn = (cv2.GaussianBlur(apart, (0, 0), _SOFTENED) > _ON_TOP) & shared.shown
    strokes = cv2.morphologyEx(drawn.astype(np.uint8), cv2.MORPH_OPEN, _STROKE)
    if _tones_of(shared, strokes > 0) < config.overlay_tones:
        return None
    covered = (cv2.dilate(strokes, _BESIDE) > 0) & shared.shown
    if covered.sum() > config.overlay_share * shared.shown.sum():
        return None
    return replace(shared, shown=shared.shown & ~covered)


def _sound(shared: Shared, found: Agreement) -> np.ndarray:
    """The pixels, bool, (height, width), away from windows that disagree; all if these are few."""
    doubtful = cv2.dilate(found.doubtful.astype(np.uint8), _AROUND)
    doubtful = doubtful.repeat(STRIDE, axis=0).repeat(STRIDE, axis=1)
    height, width = shared.shown.shape
    sound: np.ndarray = shared.shown & (doubtful[:height, :width] == 0)
    return sound if sound.sum() >= _SOUND else shared.shown


def _missed(shared: Shared, sound: np.ndarray) -> np.ndarray | None:
    """How far the pictures' levels are from one line; None when no line rises enough."""
    fine, coarse = shared.fine[sound], shared.coarse[sound]
    gain, offset = line(fine, coarse)
    for _ in range(_ROUNDS):
        missed = np.abs(gain * fine + offset - coarse)
        fits = missed <= np.quantile(missed, _SOUND_FIT)
        gain, offset = line(fine[fits], coarse[fits])
    return _apart(shared, gain, offset) if gain >= _LEAST_GAIN else None


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
    drawn: np.ndarray = shared.shown & (_apart(shared, gain, offset) > _DRAWN_OVER)
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


def _apart(shared: Shared, gain: float, offset: float) -> np.ndarray:
    # Both ways: a level that was cut off at black or white follows only from the other picture.
    forth = np.clip(gain * shared.fine + offset, 0, 255) - shared.coarse
    back = np.clip((shared.coarse - offset) / gain, 0, 255) - shared.fine
    return np.asarray(np.minimum(np.abs(forth), np.abs(back)))


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
