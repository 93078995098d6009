"""Tells whether two aligned graphics differ by a stroke: a digit, a letter, a comma.

A tolerance of one pixel hides the strokes of small print, so there is none here. Instead, each
pixel of the coarser picture is predicted from those of the finer one around it. One linear rule for
the whole picture and one table of levels are learned from the pictures themselves. The rule is what
resizing, blurring and a shift are. So copies miss by the noise of compression, and by little else.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.agreement import finer_first
from imgdedup.geometry.levels import level_table

_FULL, _EXCHANGEABLE = 0.85, 0.98  # scales: below the first, four samples a pixel; same size
_AS_GOOD = 1.25  # times the mean miss of the better way
_TAPS = {1: 3, 2: 2}  # samples a pixel each way: pixels that the rule reaches each way
_STEEP = 40  # levels between neighbours: where the rule is learned
_MOST_TAUGHT, _FEWEST = 30_000, 10  # pixels
_RIDGE = 30.0  # pixels with the usual contrast that speak for the plain picture
_LEAST_GAIN = 0.25  # of contrast: a rule that wipes the ink out would explain any page
_RIM = 7  # pixels along what both show
_SOFTENED = 0.8  # pixels, standard deviation: half the width of a thin stroke
_NEIGHBOURS, _AROUND = np.ones((5, 5), np.uint8), np.ones((17, 17), np.uint8)
_USUAL, _NOISE = 0.95, (4.0, 4.0)  # quantile of the misses on strokes; levels, and times that
_LEAST_MISS = 6.5  # levels that nobody sees
_STROKE = 0.13  # of the contrast around: what a comma in place of a point misses by
_PRINTED = 0.9, 0.5  # quantile of the contrasts; share of it that print has everywhere
_BESIDE, _INK = 12, 0.3  # pixels around a miss; share of the contrast there: what is ink
_THIN = 0.9, 2.6  # quantile of the ink; pixels to its outline


@dataclass(frozen=True, eq=False)
class _Laid:
    """Samples of the finer picture at each pixel of the coarser one, and what both show."""

    samples: list[np.ndarray]  # uint8, (height, width), `each` x `each` of them
    each: int
    coarse: np.ndarray  # uint8, (height, width)
    shown: np.ndarray  # bool, (height, width)


def strongest_stroke(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> float:
    """How surely two graphics (luma, uint8) differ by a stroke; from 1 on, they do.

    `matrix`, (3, 3), takes left pixels to right ones, and is exact.
    """
    fine, coarse, there, scale, _ = finer_first(left, right, matrix)
    ways = [_missed(_lay(fine, coarse, there, scale))]
    if scale > _EXCHANGEABLE:  # either may be the sharper one, from which the other follows
        ways.append(_missed(_lay(coarse, fine, np.linalg.inv(there), 1 / scale)))
    best = min(mean for mean, _ in ways)
    return min(strongest for mean, strongest in ways if mean <= _AS_GOOD * best)


def _lay(fine: np.ndarray, coarse: np.ndarray, matrix: np.ndarray, scale: float) -> _Laid:
    each = 1 if scale > _FULL else 2
    size, step = coarse.shape[::-1], scale * each
    if step < _FULL:  # detail that the coarser picture cannot show must not alias
        fine = cv2.GaussianBlur(fine, (0, 0), 0.5 * np.sqrt(step**-2 - 1))
    offsets = (np.arange(each) + 0.5) / each - 0.5
    samples = []
    for down in offsets:
        for across in offsets:
            moved = np.array([[1, 0, -across], [0, 1, -down], [0, 0, 1]]) @ matrix
            samples.append(
                cv2.warpPerspective(
                    fine, moved, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
                )
            )
    covered = cv2.warpPerspective(np.full_like(fine, 255), matrix, size, flags=cv2.INTER_NEAREST)
    rim = np.ones((_RIM, _RIM), np.uint8)
    shown = cv2.erode(covered, rim, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    return _Laid(samples, each, coarse, shown)


def _missed(laid: _Laid) -> tuple[float, float]:
    """The mean miss in deviations of the picture, and the strongest in units of its limit."""
    predicted, strokes = _predicted(laid)
    apart = laid.coarse - predicted
    apart[~laid.shown] = 0
    mean = float(np.abs(apart).mean()) / (float(laid.coarse.std()) + 1)
    apart = np.abs(cv2.GaussianBlur(apart, (0, 0), _SOFTENED))
    usual = _quantile(apart[strokes], _USUAL)
    contrast = np.maximum(*(_contrast(each) for each in (predicted, laid.coarse)))
    limit = np.minimum(_STROKE * contrast, _NOISE[0] + _NOISE[1] * usual)
    # Print has one contrast. What is soft lies in a photograph before a plain ground.
    printed = contrast >= _PRINTED[1] * _quantile(contrast[strokes], _PRINTED[0])
    times = np.where(printed, apart / np.maximum(limit, _LEAST_MISS), 0)
    return mean, _strongest(times, laid.coarse)


def _strongest(times: np.ndarray, coarse: np.ndarray) -> float:
    """The strongest of the misses, in units of their limits, that lie among thin strokes.

    Connected misses lie where the strongest of them lies.
    """
    _, labels = cv2.connectedComponents((times >= 1).astype(np.uint8))
    rows, columns = np.nonzero(labels)
    if not len(rows):
        return float(times.max())
    seen = set()
    for place in np.argsort(-times[rows, columns], kind="stable"):
        row, column = int(rows[place]), int(columns[place])
        if (label := labels[row, column]) not in seen and _is_thin(coarse, row, column):
            return float(times[row, column])
        seen.add(label)
    return 0.0


def _is_thin(picture: np.ndarray, row: int, column: int) -> bool:
    """Whether the ink around a pixel is in thin strokes, as print is."""
    rows = slice(max(0, row - _BESIDE), row + _BESIDE + 1)
    part = picture[rows, max(0, column - _BESIDE) : column + _BESIDE + 1].astype(np.float32)
    apart = np.abs(part - np.median(part))
    ink = (apart > _INK * apart.max()).astype(np.uint8)
    inside = cv2.distanceTransform(ink, cv2.DIST_L2, 3)[ink > 0]
    return _quantile(inside, _THIN[0]) <= _THIN[1]


def _quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else 0.0


def _contrast(picture: np.ndarray) -> np.ndarray:
    around = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, _AROUND)
    return np.asarray(around, np.float32)


def _predicted(laid: _Laid) -> tuple[np.ndarray, np.ndarray]:
    """The coarser picture as the finer one predicts it, float32, and where strokes are, bool."""
    plain = laid.samples[0]
    steps = [
        cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, _NEIGHBOURS)
        for picture in (plain, laid.coarse)
    ]
    strokes = laid.shown & (np.maximum(*steps) > _STEEP)
    taught = np.flatnonzero(strokes)
    if len(taught) < _FEWEST:
        together = np.add.reduce([each.astype(np.float32) for each in laid.samples])
        return together / np.float32(len(laid.samples)), strokes
    taught = taught[:: len(taught) // _MOST_TAUGHT + 1]
    known, wanted = (picture.ravel()[taught] for picture in (plain, laid.coarse))
    if wanted.std() < _LEAST_GAIN * known.std():
        return plain.astype(np.float32), strokes
    if laid.each == 1 and _has_one_bit(wanted):
        return _cut(plain, laid.coarse, taught), strokes
    kernels, offset = _rule(laid, taught)
    predicted = np.full(plain.shape, offset, np.float32)
    for sample, kernel in zip(laid.samples, kernels, strict=True):
        predicted += cv2.filter2D(sample, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
    predicted = np.clip(predicted, 0, 255)
    levels = np.rint(predicted.ravel()[taught]).astype(int)
    value = level_table(levels, wanted)[0]
    return np.asarray(np.interp(predicted, np.arange(256), value), np.float32), strokes


def _has_one_bit(levels: np.ndarray) -> bool:
    return bool(np.isin(levels, (levels.min(), levels.max())).all())


def _cut(plain: np.ndarray, coarse: np.ndarray, taught: np.ndarray) -> np.ndarray:
    """What `plain` predicts of a picture with two levels: all above some level is the higher one.

    A pixel on the wrong side of that level misses by its distance from it.
    """
    high = coarse > coarse.ravel()[taught].min()
    levels, above = plain.ravel()[taught], high.ravel()[taught]
    wrong = np.cumsum(np.bincount(levels[above], minlength=256))
    wrong = wrong - np.cumsum(np.bincount(levels[~above], minlength=256))
    level = np.flatnonzero(wrong == wrong.min()).mean() + 0.5
    beyond = plain - np.float32(level)
    right = (beyond > 0) == high
    return np.asarray(coarse + np.where(right, 0, beyond), np.float32)


def _rule(laid: _Laid, taught: np.ndarray) -> tuple[list[np.ndarray], float]:
    """A kernel for each sample, and an offset, that predict the pixels `taught` (places) best.

    Few pixels teach little: the rule then stays near the plain picture.
    """
    reach = _TAPS[laid.each]
    side, count = 2 * reach + 1, len(laid.samples)
    rows, columns = np.unravel_index(taught, laid.coarse.shape)
    around = [
        padded[rows + down, columns + across]
        for padded in (np.pad(sample, reach, mode="edge") for sample in laid.samples)
        for down in range(side)
        for across in range(side)
    ]
    known = np.stack(around, axis=1).astype(float)
    wanted = laid.coarse.ravel()[taught].astype(float)
    plain = np.zeros(side * side * count)
    plain[side * side // 2 :: side * side] = 1 / count
    middle = known.mean(axis=0)
    centred, missing = known - middle, wanted - known @ plain
    weight = (_RIDGE * float(known.var()) + 1) * np.eye(len(plain))
    change = np.linalg.solve(centred.T @ centred + weight, centred.T @ (missing - missing.mean()))
    rule = plain + change
    kernels = rule.astype(np.float32).reshape(count, side, side)
    return list(kernels), float(wanted.mean() - middle @ rule)
