"""Predicts the luma of one picture from the pixels of another that is aligned with it.

An edit of tones changes each level by one rule. The rule is learned from the pixels themselves, so
it needs no name. Levels that few pixels have are predicted from others, and less surely. Levels cut
off at white or black may have been anything beyond.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.imitation import hue_terms, linear_rule

_LEVELS = 256
_REACH = 6  # levels either way that a rule takes together
_STEADY = 6.0  # levels squared: how strongly a local slope is drawn to the slope of all levels
_STEEPEST = 4.0
_SUPPORT = 20, 5e-4  # pixels, and their share, that make a level sure
_UNSURE, _FARTHEST = 0.35, 40  # levels for each level to the nearest sure one, up to so many
_WHITE, _BLACK = 250, 4  # from here on, a level may have been cut off
_EVERY, _ROUNDS, _FITTING, _RIDGE = 7, 3, 0.8, 1e-4
_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # of luma, ITU-R 601-2


@dataclass(frozen=True, eq=False)
class Prediction:
    """Luma as predicted, float32, (height, width), and the least and the most that it may be."""

    luma: np.ndarray
    least: np.ndarray
    most: np.ndarray


def by_levels(luma: np.ndarray, wanted: np.ndarray, known: np.ndarray) -> Prediction:
    """Predict the luma `wanted` from another one, both uint8, (height, width), level by level.

    The pixels `known`, bool, (height, width), teach the rule.
    """
    return Prediction(*_looked_up(luma, level_table(luma[known], wanted[known])))


def by_colours(laid: np.ndarray, model: np.ndarray, known: np.ndarray) -> list[Prediction]:
    """Predict the luma of `model` from `laid`, both uint8, (height, width, 3), by their colours.

    One prediction has a rule for each channel, and one a rule for changed hues.
    """
    parts = []
    for channel, weight in enumerate(_WEIGHTS):
        one, other = laid[:, :, channel], model[:, :, channel]
        table = level_table(one[known], other[known])
        parts.append([weight * looked_up for looked_up in _looked_up(one, table)])
    by_channels = Prediction(*np.add.reduce(parts, dtype=np.float32))
    return [by_channels, _by_hues(laid, cv2.cvtColor(model, cv2.COLOR_RGB2GRAY), known)]


def _looked_up(levels: np.ndarray, table: np.ndarray) -> list[np.ndarray]:
    """What each row of a table, (n, 256), has for the levels, uint8, (height, width)."""
    return [np.asarray(cv2.LUT(levels, row)) for row in table]


def level_table(levels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each level its prediction, and the least and the most, float32, (3, 256)."""
    each = np.arange(_LEVELS, dtype=float)
    count = np.bincount(levels, minlength=_LEVELS).astype(float)
    total = np.bincount(levels, wanted.astype(float), minlength=_LEVELS)
    value, slope, seen = _local_lines(each, count, total)
    first, last = seen[0], seen[-1]
    value = np.interp(each, seen, value[seen])
    value[:first] += slope[first] * (each[:first] - first)
    value[last + 1 :] += slope[last] * (each[last + 1 :] - last)
    near = np.convolve(count, np.ones(5), "same")
    sure = np.flatnonzero(near >= max(_SUPPORT[0], _SUPPORT[1] * count.sum()))
    away = np.abs(each[:, None] - sure).min(axis=1) if len(sure) else np.zeros(_LEVELS)
    room = _UNSURE * np.minimum(away, _FARTHEST)
    least, most = value - room, value + room
    # A level that was cut off stands for all levels beyond the last one that was not.
    least[_WHITE:] = np.minimum(least[_WHITE:], value[_WHITE - 1])
    most[: _BLACK + 1] = np.maximum(most[: _BLACK + 1], value[_BLACK + 1])
    most[_WHITE:], least[: _BLACK + 1] = _LEVELS - 1, 0
    return np.clip([value, least, most], 0, _LEVELS - 1).astype(np.float32)


def _local_lines(
    each: np.ndarray, count: np.ndarray, total: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value and slope of a line through the levels around each level, and the levels with both."""
    nearby = 1 - np.abs(np.arange(-_REACH, _REACH + 1)) / (_REACH + 1)

    def around(values: np.ndarray) -> np.ndarray:
        return np.convolve(values, nearby, "same")

    weight = np.maximum(around(count), 1e-9)
    mean, middle = around(total) / weight, around(count * each) / weight
    spread = around(count * each**2) / weight - middle**2
    together = around(total * each) / weight - middle * mean
    centre = (count * each).sum() / count.sum()
    width = (count * (each - centre) ** 2).sum() / count.sum()
    overall = (total * (each - centre)).sum() / count.sum() / max(width, 1e-6)
    overall = min(max(overall, 0.0), _STEEPEST) if width > 20 else 1.0
    slope = np.clip((together + _STEADY * overall) / (spread + _STEADY), 0, _STEEPEST)
    seen = np.flatnonzero(around(count) > 3)
    if not len(seen):
        seen = np.flatnonzero(count)
    return mean + slope * (each - middle), slope, seen


def _by_hues(laid: np.ndarray, wanted: np.ndarray, known: np.ndarray) -> Prediction:
    """Luma by one linear rule of the channels and what a change of hue keeps."""
    terms = hue_terms(laid)
    some, target = terms[known][::_EVERY].astype(float), wanted[known][::_EVERY].astype(float)
    rule = linear_rule(some, target, rounds=_ROUNDS, share=_FITTING, ridge=_RIDGE)
    luma = np.asarray(terms @ rule.astype(np.float32), dtype=np.float32)
    white = laid.max(axis=2) >= _WHITE
    return Prediction(luma, luma, np.where(white, np.float32(_LEVELS - 1), luma))
