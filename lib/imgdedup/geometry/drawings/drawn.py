"""Whether all that differs between two pictures is drawn on one of them.

Writing and plates are told by their form, and by the few inks that they have. They lie on one of
the two pictures. Where both have letters, each shows something that the other lacks.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from imgdedup.geometry.drawings.inks import Change, apart, change_of, luma_and_chroma
from imgdedup.geometry.drawings.masks import box_of, dilated, eroded, filled
from imgdedup.geometry.drawings.plates import Beyond, has_plate
from imgdedup.geometry.drawings.writing import is_surely_writing, is_writing, strokes_of
from imgdedup.geometry.spots import Spots

_TOGETHER = 9, 0.02  # pixels, and share of the long side: spots this close are one drawing
_GAP = 0.7  # of the height of a drawing: another one that close belongs to it
_MOST_DRAWINGS = 40
_MARGIN, _BESIDE = 60, 12  # pixels around all drawings, and around one
_LEAST_DRAWN = 150.0  # strength of the spots that may belong to a drawing
_TELLING, _LEAST_PIXELS = 800.0, 12  # strength and pixels below which a drawing may be noise
_GROWN = 0.2, 12.0  # of the strongest change, and levels: what belongs to a drawing
_STROKE = 0.4, 10.0  # the same: the pixels of the strokes themselves, not softened ones
_SOLID, _CLEAN = 0.9, 0.2  # of the convex hull, which writing fills less; of strokes of one width
_CONTRAST, _TWO_INKS, _LETTERS = 80, 0.95, 0.25  # levels; shares of the strokes: outlined letters
_FEW_INKS = 0.8  # of the changed pixels that inks explain
_OUTLINED, _SHARPER = 1.2, 1.3  # times the other picture's gradient, along the outline; inside
_SHARP = 0.5  # share of the strokes that are sharper

Box = tuple[int, int, int, int]  # left, top, right, bottom; pixels


def is_drawn(
    found: Sequence[Spots], laid: np.ndarray, model: np.ndarray, shown: np.ndarray
) -> bool:
    """Whether all spots are drawn on one of two pictures.

    `laid` and `model`, uint8, (height, width, 3), are the aligned pictures, and `shown`, bool,
    (height, width), marks the pixels of both.
    """
    spotted = np.logical_or.reduce([spots.stronger(_LEAST_DRAWN) for spots in found])
    if not spotted.any():
        return False
    part = _around(box_of(spotted), _MARGIN, spotted.shape)
    times_noise = np.maximum.reduce([spots.times_noise[part] for spots in found])
    pictures = laid[part], model[part]
    changed = _grown(spotted[part], shown[part], *pictures)
    reach = max(_TOGETHER[0], int(_TOGETHER[1] * max(spotted.shape))) | 1
    count, labels = cv2.connectedComponents(dilated(changed, reach).astype(np.uint8))
    if count > _MOST_DRAWINGS + 1:
        return False
    drawings = [changed & (labels == number) for number in range(1, count)]
    drawn_on = set()
    for pixels, box in _joined([(pixels, box_of(pixels)) for pixels in drawings]):
        seeds = spotted[part] & pixels
        if times_noise[seeds].sum() < _TELLING:
            continue
        beside = _around(box, _BESIDE, pixels.shape)
        beyond = _beyond(part, beside, spotted.shape)
        sides = _sides(pictures, beside, pixels[beside], seeds[beside], beyond)
        if sides is None:
            continue
        if len(sides) != 1:
            return False
        drawn_on.update(sides)
    return len(drawn_on) == 1


def _sides(
    pictures: tuple[np.ndarray, np.ndarray],
    part: tuple[slice, slice],
    pixels: np.ndarray,
    seeds: np.ndarray,
    beyond: Beyond,
) -> list[int] | None:
    """The numbers of the pictures that look drawn on; None when nothing differs there."""
    one, other = (picture[part] for picture in pictures)
    changes = change_of(one, other, pixels, seeds), change_of(other, one, pixels, seeds)
    if max(int(change.pixels.sum()) for change in changes) < _LEAST_PIXELS:
        return None
    return [number for number, change in enumerate(changes) if _looks_drawn(change, beyond)]


def _looks_drawn(change: Change, beyond: Beyond) -> bool:
    return change.pixels.sum() >= _LEAST_PIXELS and (
        (_is_written(change) and change.is_alone) or has_plate(change, beyond)
    )


def _is_written(change: Change) -> bool:
    """Whether writing lies on the picture: sharp strokes of few inks."""
    strokes = change.pixels & change.beyond(*_STROKE)
    explained = change.explained[change.pixels].mean()
    if explained < _FEW_INKS or not strokes.any():
        return False
    outline = dilated(change.pixels) & ~eroded(change.pixels)
    is_on_top = change.gradient[outline].mean() > _OUTLINED * change.below_gradient[outline].mean()
    is_sharper = change.gradient[strokes] > _SHARPER * change.below_gradient[strokes]
    if not is_on_top or is_sharper.mean() < _SHARP:
        return False
    form = strokes_of(strokes)
    if is_writing(form) and form.uneven <= _CLEAN:
        return True
    if filled(change.pixels)[1] > _SOLID:
        return False
    return is_writing(form) or _is_outlined(change, strokes)


def _is_outlined(change: Change, strokes: np.ndarray) -> bool:
    """Whether two inks that differ much make the strokes, and one of them alone is writing."""
    inks, inked = change.inks[:2], change.inked[:2]
    if len(inks) < 2 or np.abs(inks[0] - inks[1]).max() < _CONTRAST:
        return False
    if dilated(np.asarray(inked.any(axis=0)))[strokes].mean() < _TWO_INKS:
        return False
    letters = [each & strokes for each in inked]
    return any(
        each.sum() >= _LETTERS * strokes.sum() and is_surely_writing(strokes_of(each))
        for each in letters
    )


def _grown(
    spotted: np.ndarray, shown: np.ndarray, laid: np.ndarray, model: np.ndarray
) -> np.ndarray:
    """The spots, and what differs and is connected with them: luma alone does not show all."""
    one, other = luma_and_chroma(laid), luma_and_chroma(model)
    still = ~dilated(spotted, 9) & shown
    distance = np.maximum(apart(one, other, still), apart(other, one, still))
    least = max(_GROWN[1], _GROWN[0] * float(np.quantile(distance[spotted], 0.95)))
    changed = ((distance > least) & shown) | spotted
    _, labels = cv2.connectedComponents(changed.astype(np.uint8))
    touched = np.unique(labels[spotted])
    return np.isin(labels, touched)


def _joined(drawings: list[tuple[np.ndarray, Box]]) -> Iterator[tuple[np.ndarray, Box]]:
    """Drawings that lie as close as letters of one line, joined."""
    waiting = list(drawings)
    while waiting:
        pixels, box = waiting.pop(0)
        near = [place for place, other in enumerate(waiting) if _are_close(box, other[1])]
        if not near:
            yield pixels, box
            continue
        other, beside = waiting.pop(near[0])
        left, top = np.minimum(box[:2], beside[:2])
        right, bottom = np.maximum(box[2:], beside[2:])
        waiting.append((pixels | other, (int(left), int(top), int(right), int(bottom))))


def _are_close(box: Box, other: Box) -> bool:
    across = max(box[0], other[0]) - min(box[2], other[2])
    down = max(box[1], other[1]) - min(box[3], other[3])
    heights = [min(right - left, bottom - top) for left, top, right, bottom in (box, other)]
    return max(across, down) <= _GAP * max(heights)


def _around(box: Box, margin: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    left, top, right, bottom = box
    rows = slice(max(0, top - margin), min(shape[0], bottom + margin))
    return rows, slice(max(0, left - margin), min(shape[1], right + margin))


def _beyond(
    part: tuple[slice, slice], beside: tuple[slice, slice], shape: tuple[int, ...]
) -> Beyond:
    """How many pixels a picture goes on beyond each side of a part of a part."""
    (rows, columns), (inner_rows, inner_columns) = part, beside
    left, top = columns.start + inner_columns.start, rows.start + inner_rows.start
    right, bottom = columns.start + inner_columns.stop, rows.start + inner_rows.stop
    return left, top, shape[1] - right, shape[0] - bottom
