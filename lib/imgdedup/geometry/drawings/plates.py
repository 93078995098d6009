"""Tells a plate with letters: a bar with a caption, or a badge with a firm's initial.

A plate has one even ink out to its outline, and letters of another ink inside. A ball or a dish may
be as even, but has no letters.
"""

import numpy as np

from imgdedup.geometry.drawings.inks import Change
from imgdedup.geometry.drawings.masks import box_of, dilated, eroded, filled
from imgdedup.geometry.drawings.writing import Strokes, is_writing, strokes_of

_ALIKE = np.array([16, 36, 36], np.float32)  # levels: the ink of a plate with what JPEG did to it
_EVEN, _EVEN_SHARE = 8, 0.8  # levels of luma; share of the plate
_RIM, _LEAST = 0.95, 30  # share of the outline that has the ink; pixels
_EXPLAINED = 0.8
_NEW = 0.5  # share of the plate that the other picture lacks
_CLEAR = 40  # levels between letters and plate
_LETTER = 0.6  # of the strongest letter: pixels that are not softened
_LETTERS = 0.012, 0.45  # share of the plate
_THIN, _THICK, _UNEVEN = 0.1, 0.5, 0.5  # of the strokes of letters, relative to their height
_CONVEX = 0.92  # of the convex hull
_OUTLINED = 0.8  # times the gradient that the other picture has along the outline
_EDGED, _EDGE = 0.3, 35.0  # share of the sides of a bar with an edge; levels
_TO_FRAME = 6, 0.03  # pixels, and share of the sides
_IN_CORNER = 4, 0.06


Beyond = tuple[int, int, int, int]


def has_plate(change: Change, beyond: Beyond) -> bool:
    """Whether what changed is a badge, or lies within a bar.

    `beyond` tells how many pixels the picture goes on to the left, above, to the right and below.
    """
    outline = dilated(change.pixels) & ~eroded(change.pixels)
    is_on_top = change.gradient[outline].mean() > _OUTLINED * change.below_gradient[outline].mean()
    if not len(change.inks) or not is_on_top:
        return False
    return _is_badge(change, beyond) or _is_bar(change, beyond)


def _is_badge(change: Change, beyond: Beyond) -> bool:
    """Whether what changed is a plate with writing, or one in a corner with any letter."""
    region, convex = filled(change.pixels)
    letters = _letters_on(change, region) if convex >= _CONVEX else None
    if letters is None:
        return False
    return is_writing(letters) or (letters.thick >= _THIN and _is_in_corner(region, beyond))


def _is_bar(change: Change, beyond: Beyond) -> bool:
    """Whether what changed lies in a rectangle of one ink with writing in it."""
    left, top, right, bottom = _rectangle(change.pixels, beyond)
    region = np.zeros_like(change.pixels)
    region[top:bottom, left:right] = True
    letters = _letters_on(change, region)
    if letters is None or not is_writing(letters):
        return False
    steps = []
    height, width = region.shape
    for row in (top, bottom):
        if 0 < row < height:
            steps.append(change.gradient[max(0, row - 3) : row + 3, left:right].max(axis=0))
    for column in (left, right):
        if 0 < column < width:
            steps.append(change.gradient[top:bottom, max(0, column - 3) : column + 3].max(axis=1))
    return bool(steps) and float((np.concatenate(steps) > _EDGE).mean()) >= _EDGED


def _letters_on(change: Change, region: np.ndarray) -> Strokes | None:
    """The form of the letters in a region, bool; None when it is no plate with letters."""
    if region.sum() < _LEAST:
        return None
    number = _commonest(change, region)
    ink, inside = change.inks[number], eroded(region, 5)
    others = inside & ~change.inked[number]
    if others.sum() < _LEAST // 6 or not _has_rim(change, region, region & ~inside):
        return None
    plain = inside & ~dilated(others)
    if change.pixels[plain].sum() < _NEW * plain.sum() and not change.is_alone:
        return None  # both pictures may have the plate, and other words on it
    even = np.abs(change.top[..., 0][plain] - ink[0]) <= _EVEN
    if len(even) < _LEAST // 3 or even.mean() < _EVEN_SHARE:
        return None
    away = np.abs(change.top - ink).max(axis=2)
    letters = others & (away > _LETTER * np.quantile(away[others], 0.9))
    is_clear = np.abs(np.median(change.top[letters], axis=0) - ink).max() >= _CLEAR
    if not is_clear or change.explained[inside].mean() < _EXPLAINED:
        return None
    form = strokes_of(letters)
    is_share = _LETTERS[0] <= letters.sum() / region.sum() <= _LETTERS[1]
    return form if is_share and form.thick <= _THICK and form.uneven <= _UNEVEN else None


def _commonest(change: Change, region: np.ndarray) -> int:
    """The number of the ink that most pixels of a region, bool, have nearly."""
    levels = change.top[region]
    nearly = [(np.abs(levels - ink) <= _EVEN).all(axis=1).sum() for ink in change.inks]
    return int(np.argmax(nearly))


def _has_rim(change: Change, region: np.ndarray, rim: np.ndarray) -> bool:
    """Whether one ink goes all along the outline."""
    shares = [
        (dilated((np.abs(change.top - ink) <= _ALIKE).all(axis=2) & region) & rim).sum()
        for ink in change.inks[:2]
    ]
    return bool(max(shares) >= _RIM * rim.sum())


def _rectangle(pixels: np.ndarray, beyond: Beyond) -> tuple[int, int, int, int]:
    """The box of what changed, out to the frame where that is near."""
    height, width = pixels.shape
    left, top, right, bottom = box_of(pixels)
    across, down = _TO_FRAME[0] + int(_TO_FRAME[1] * width), _TO_FRAME[0]
    return (
        0 if not beyond[0] and left <= across else left,
        0 if not beyond[1] and top <= down else top,
        width if not beyond[2] and width - right <= across else right,
        height if not beyond[3] and height - bottom <= down else bottom,
    )


def _is_in_corner(region: np.ndarray, beyond: Beyond) -> bool:
    height, width = region.shape
    left, top, right, bottom = box_of(region)
    size = min(width + beyond[0] + beyond[2], height + beyond[1] + beyond[3])
    near = _IN_CORNER[0] + _IN_CORNER[1] * size
    across = min(left + beyond[0], width - right + beyond[2])
    down = min(top + beyond[1], height - bottom + beyond[3])
    return max(across, down) <= near
