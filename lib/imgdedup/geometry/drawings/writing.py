"""Tells writing by its form: many strokes beside each other, all of nearly one width.

An object is one solid thing, or its parts have many widths. A wire or a twig has one width, but no
strokes beside each other that are as high as its line.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_CELL = np.ones((3, 3), np.uint8)
_LEAST = 8  # pixels
_TURNED = 0.8  # of the upright box: a smaller box that is turned fits a turned line
_CROSSED, _LETTERS = 3, 3  # strokes that a row crosses; parts as high as half a line
_SURELY, _FEW_LETTERS = 5, 2  # the same for letters that touch each other
_FILL, _THICK, _RUN, _UNEVEN = 0.65, 0.45, 0.42, 0.45
_ALONG = 1.5  # times its thickness: what a row crosses is wider in a wire


@dataclass(frozen=True)
class Strokes:
    """The form of a drawing.

    Its heaviest line of rows has `height` pixels, and a row crosses `crossed` strokes, which are
    `run` wide on average, in heights. `letters` counts the parts that have half that height.
    `thick` is the width of the widest strokes, in heights. `uneven` is the deviation of the widths,
    relative to their mean. `fill` is the share of the convex hull.
    """

    crossed: float = 0.0
    height: int = 0
    run: float = 9.0
    letters: int = 0
    thick: float = 9.0
    uneven: float = 9.0
    fill: float = 1.0


def is_writing(strokes: Strokes) -> bool:
    """Whether a drawing has the form of one or more lines of writing."""
    return (
        strokes.crossed >= _CROSSED
        and strokes.letters >= (_FEW_LETTERS if strokes.crossed >= _SURELY else _LETTERS)
        and strokes.run <= min(_RUN, _ALONG * strokes.thick)
        and strokes.thick <= _THICK
        and strokes.uneven <= _UNEVEN
        and strokes.fill <= _FILL
    )


def is_surely_writing(strokes: Strokes) -> bool:
    """Whether a drawing has the form of writing with more than a few letters."""
    return is_writing(strokes) and strokes.crossed >= _SURELY and strokes.letters >= _LETTERS


def strokes_of(drawing: np.ndarray) -> Strokes:
    """Measure the form of a drawing, bool, (height, width)."""
    if drawing.sum() < _LEAST:
        return Strokes()
    crossed, height, run = max(map(_line, _turns(drawing)), key=lambda line: line[0])
    solid = drawing.astype(np.uint8)
    inside = cv2.distanceTransform(np.pad(solid, 1), cv2.DIST_L2, 3)
    ridge = inside[(inside > 0) & (inside >= cv2.dilate(inside, _CELL) - 1e-3)]
    _, _, figures, _ = cv2.connectedComponentsWithStats(solid)
    return Strokes(
        crossed=crossed,
        height=height,
        run=run,
        letters=int((figures[1:, cv2.CC_STAT_HEIGHT] >= height / 2).sum()),
        thick=float(2 * np.quantile(ridge, 0.95) / height),
        uneven=float(ridge.std() / ridge.mean()),
        fill=float(drawing.sum() / (cv2.contourArea(cv2.convexHull(_points(drawing))) + 1)),
    )


def _points(drawing: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(drawing)
    return np.column_stack([columns, rows]).astype(np.int32)


def _turns(drawing: np.ndarray) -> list[np.ndarray]:
    """The drawing as it is, and upright if a turned box fits it better."""
    points = _points(drawing)
    centre, (width, height), angle = cv2.minAreaRect(points.astype(np.float32))
    across, down = np.ptp(points, axis=0) + 1
    if (width + 1) * (height + 1) >= _TURNED * across * down:
        return [drawing]
    if width < height:
        width, height, angle = height, width, angle + 90
    turn = cv2.getRotationMatrix2D(centre, angle, 1.0)
    turn[:, 2] += np.array([width, height]) / 2 + 3 - np.array(centre)
    size = int(width + 6), int(height + 6)
    upright = cv2.warpAffine(255 * drawing.astype(np.uint8), turn, size, flags=cv2.INTER_LINEAR)
    return [drawing, upright > 127]


def _line(drawing: np.ndarray) -> tuple[float, int, float]:
    """How many strokes a row of the heaviest line crosses, its height, and the width of strokes."""
    begins = np.diff(np.pad(drawing.astype(np.int8), ((0, 0), (1, 0))), axis=1) == 1
    crossed, inked = begins.sum(axis=1), drawing.sum(axis=1)
    rows = np.flatnonzero(crossed)
    if not len(rows):
        return 0.0, 1, 9.0
    lines = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    line = max(lines, key=lambda each: inked[each].sum())
    height = len(line)
    middle = line[height // 5 : max(height // 5 + 1, height - height // 5)]
    run = float((inked[middle] / crossed[middle]).mean() / height)
    return float(np.median(crossed[middle])), height, run
