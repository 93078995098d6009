"""Finds the spots where two aligned pictures differ by more than noise.

The luma of one picture is predicted from the other. A pixel misses by how far it lies outside of
what the prediction has within a pixel around. So neither a misplaced edge nor a sharper one counts.
How much noise there is, the pictures tell themselves: most pixels of equal texture agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.levels import Prediction

_BLURS = (0.6, 1.0, 1.5, 2.2, 3.2)  # pixels, standard deviation, that make two equally sharp
_DETAIL = 5.0  # pixels, standard deviation: coarser structure tells nothing of sharpness
_SOFTENED, _TEXTURE = 1.0, (7, 7)  # pixels
_EVEN = 1.5  # pixels, standard deviation: evens noise out of the mean miss
_AROUND = np.ones((3, 3), np.uint8)
_CLASSES, _USUAL, _LEAST_PIXELS = 12, 0.8, 20  # of texture; quantile of the misses in a class
_EVERY = 2  # pixels each way: as many tell the noise as all
_LEAST_NOISE = 2.0  # levels
_MOST_NOISE = 1.5, 0.35  # levels, and their part of the texture
_ALSO_GOOD = 2.0, 1.0  # times the mean miss of the best prediction, and levels
_BEYOND_NOISE, _VISIBLE, _LEAST_AREA = 4.0, 10.0, 6  # times the noise; levels; pixels
_CLOSED = np.ones((5, 5), np.uint8)


@dataclass(frozen=True, eq=False)
class Spots:
    """Where two pictures differ.

    `labels`, int32, (height, width), numbers the spots from 1, and `strengths`, float64, has the
    strength of each: the sum over its pixels of their miss in units of the noise. `times_noise`,
    float32, (height, width), is the miss of each pixel in these units; where no pixel visibly
    misses, it is 0 everywhere. `error` is the mean miss, in levels, of the best prediction.
    """

    labels: np.ndarray
    strengths: np.ndarray
    times_noise: np.ndarray
    error: float

    @property
    def strongest(self) -> float:
        """The strength of the strongest spot; 0 without one."""
        return float(self.strengths.max(initial=0.0))

    def stronger(self, least: float) -> np.ndarray:
        """The pixels, bool, (height, width), of the spots of at least this strength."""
        numbers = np.flatnonzero(self.strengths >= least) + 1
        return np.isin(self.labels, numbers)


def find_spots(model: np.ndarray, predicted: Sequence[Prediction], shown: np.ndarray) -> Spots:
    """Find where no prediction of `model` (luma, float32, (height, width)) holds.

    Only the pixels `shown`, bool, count.
    """
    errors = [
        _mean(cv2.GaussianBlur(each.luma - model, (0, 0), _EVEN), shown) for each in predicted
    ]
    best = int(np.argmin(errors))
    sharpness = _sharpness(predicted[best].luma, model, shown)
    limit = _ALSO_GOOD[0] * errors[best] + _ALSO_GOOD[1]
    good = [each for each, error in zip(predicted, errors, strict=True) if error <= limit]
    missed = np.minimum.reduce([_missed(each, model, shown, *sharpness) for each in good])
    visible = missed > _VISIBLE
    if not visible.any():
        nothing = np.zeros_like(missed)
        return Spots(nothing.astype(np.int32), np.empty(0), nothing, errors[best])
    texture = np.minimum(
        _deviation(_blurred(predicted[best].luma, sharpness[0])),
        _deviation(_blurred(model, sharpness[1])),
    )
    times_noise = missed / _noise(missed, texture, shown)
    found = ((times_noise > _BEYOND_NOISE) & visible).astype(np.uint8)
    closed = cv2.morphologyEx(found, cv2.MORPH_CLOSE, _CLOSED)
    count, labels, figures, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    strengths = np.bincount(labels.ravel(), times_noise.ravel(), minlength=count)[1:]
    strengths[figures[1:, cv2.CC_STAT_AREA] < _LEAST_AREA] = 0
    return Spots(labels, strengths, times_noise, errors[best])


def _mean(apart: np.ndarray, shown: np.ndarray) -> float:
    """The mean distance from 0, float32, of the pixels shown."""
    mask = shown.view(np.uint8)
    return float(cv2.norm(apart, cv2.NORM_L1, mask) / cv2.countNonZero(mask))


def _sharpness(one: np.ndarray, other: np.ndarray, shown: np.ndarray) -> tuple[float, float]:
    """The blurs, pixels, that make two pictures equally sharp; at least one of them is 0.

    The pictures come closer with each blur up to the best one, and then move apart.
    """
    detail = [picture - cv2.GaussianBlur(picture, (0, 0), _DETAIL) for picture in (one, other)]

    def apart(blurs: tuple[float, float]) -> float:
        first, second = (_blurred(x, blur) for x, blur in zip(detail, blurs, strict=True))
        return _mean(first - second, shown)

    best = 0.0, 0.0
    least = apart(best)
    for choices in ([(blur, 0.0) for blur in _BLURS], [(0.0, blur) for blur in _BLURS]):
        for blurs in choices:
            distance = apart(blurs)
            if distance >= least:
                break
            best, least = blurs, distance
    return best


def _blurred(picture: np.ndarray, deviation: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), deviation) if deviation else picture


def _missed(
    predicted: Prediction, model: np.ndarray, shown: np.ndarray, blur: float, model_blur: float
) -> np.ndarray:
    """By how many levels each pixel lies outside of the other picture around it, both ways."""
    least, most = _blurred(predicted.least, blur), _blurred(predicted.most, blur)
    own = _blurred(model, model_blur)
    forth = np.maximum(own - cv2.dilate(most, _AROUND), cv2.erode(least, _AROUND) - own)
    back = np.maximum(least - cv2.dilate(own, _AROUND), cv2.erode(own, _AROUND) - most)
    outside = np.maximum(np.maximum(forth, back), 0)
    outside[~shown] = 0
    return np.asarray(cv2.GaussianBlur(outside, (0, 0), _SOFTENED))


def _deviation(picture: np.ndarray) -> np.ndarray:
    mean = cv2.blur(picture, _TEXTURE)
    return np.sqrt(np.maximum(cv2.blur(picture * picture, _TEXTURE) - mean * mean, 0))


def _noise(missed: np.ndarray, texture: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The miss, levels, (height, width), that the noise explains at each pixel's texture."""
    some = shown[::_EVERY, ::_EVERY]
    textures, misses = (picture[::_EVERY, ::_EVERY][some] for picture in (texture, missed))
    order = np.argsort(textures)
    textures, misses = textures[order], misses[order]
    edges = np.unique(np.quantile(textures, np.linspace(0, 1, _CLASSES + 1)[1:-1]))
    begins = np.searchsorted(textures, edges)
    usual, most = np.zeros(len(edges) + 1), np.zeros(len(edges) + 1)
    for number, inside in enumerate(np.split(np.arange(len(textures)), begins)):
        if len(inside) > _LEAST_PIXELS:
            usual[number] = np.quantile(misses[inside], _USUAL)
        if len(inside):
            most[number] = _MOST_NOISE[0] + _MOST_NOISE[1] * np.median(textures[inside])
    # A change that fills its class would pass for noise without the second limit.
    steady = np.minimum(np.maximum.accumulate(usual), most)
    # A few comparisons of all pixels are cheaper than a search for the class of each.
    classes = np.add.reduce([texture >= edge for edge in edges], dtype=np.uint8)
    return np.asarray(_LEAST_NOISE + steady[classes], np.float32)
