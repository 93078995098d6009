"""Imitates on one of two pictures what an edit may have done to the other.

Some edits change the texture of a picture, and so the correlation of its windows: fewer tones, a
turned hue, hard compression. Each of them follows one rule on the whole picture. So the rule is
estimated from the two pictures, and applied to the one that it was not applied to. Two pictures of
different things disagree afterwards, too, because no such rule knows the places.
"""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from imgdedup.geometry.agreement import Shared, lay_colours
from imgdedup.geometry.alignment import turned
from imgdedup.geometry.picture import Picture

_LEVELS = 256
_NEAR, _NEAR_WEIGHT = np.ones(5), 0.1  # levels that steady the mean of one; how much they count
_EVERY = 3  # pixels: as many tell the rule of the colours as all
_FITTING, _ROUNDS = 0.85, 2  # share of the pixels that the rule must explain
_RIDGE = 1e-5  # of the mean square: keeps the rule defined where a picture has few colours
_QUALITIES = (4, 5, 6, 7, 8, 9, 10, 12, 15, 20)  # of the JPEG standard's usual scale


def imitations(
    left: Picture, right: Picture, matrix: np.ndarray, shared: Shared
) -> Iterator[Shared]:
    """Yield the shared part of two whole frames with one of them edited like the other.

    `matrix`, (3, 3), is a map that `frames` yields, and `shared` what it lets them share.
    """
    fine, coarse = lay_colours(left.rgb, right.rgb, matrix)
    yield replace(shared, fine=_with_tones(fine, coarse, shared.shown))
    yield replace(shared, coarse=_with_tones(coarse, fine, shared.shown))
    if not (left.is_gray or right.is_gray):
        yield replace(shared, fine=_with_hues(fine, coarse, shared.shown))
        yield replace(shared, coarse=_with_hues(coarse, fine, shared.shown))
    yield replace(shared, fine=_compressed(_shrunk(left, right, matrix, shared), shared.coarse))


def _with_tones(picture: np.ndarray, model: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The luma of a picture, float32, each level of a channel changed to the model's mean there."""
    channels = [
        _levels(picture[:, :, channel], model[:, :, channel], shown) for channel in range(3)
    ]
    return _luma(np.stack(channels, axis=2))


def _levels(channel: np.ndarray, model: np.ndarray, shown: np.ndarray) -> np.ndarray:
    levels = channel[shown]
    count = np.bincount(levels, minlength=_LEVELS).astype(float)
    total = np.bincount(levels, model[shown], minlength=_LEVELS)
    seen = np.flatnonzero(count)
    steadied = (sums + _NEAR_WEIGHT * np.convolve(sums, _NEAR, "same") for sums in (total, count))
    sums, counts = (values[seen] for values in steadied)
    table = np.interp(np.arange(_LEVELS), seen, sums / counts)
    return np.asarray(table[channel], dtype=np.float32)


def _with_hues(picture: np.ndarray, model: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The model's luma, float32, as one rule predicts it from the picture's colours.

    The rule is linear in the channels, their extremes and their differences. Turning the hue is
    such a rule, nearly: it keeps the largest and the smallest channel.
    """
    terms = hue_terms(picture)
    known, wanted = terms[shown][::_EVERY], _luma(model)[shown][::_EVERY]
    rule = linear_rule(known, wanted, rounds=_ROUNDS, share=_FITTING, ridge=_RIDGE)
    return np.asarray(terms @ rule, dtype=np.float32)


def linear_rule(
    known: np.ndarray, wanted: np.ndarray, *, rounds: int, share: float, ridge: float
) -> np.ndarray:
    """The weights, (terms,), by which `known`, (n, terms), predicts `wanted`, (n,), best.

    Least squares; after each round only the `share` of the rows that follows best counts. `ridge`,
    a share of the mean square, keeps the rule defined.
    """
    for _ in range(rounds):
        square = known.T @ known
        steady = ridge * float(np.trace(square)) * np.eye(len(square))
        rule = np.linalg.solve(square + steady, known.T @ wanted)
        missed = np.abs(known @ rule - wanted)
        fitting = missed <= np.quantile(missed, share)
        known, wanted = known[fitting], wanted[fitting]
    return np.asarray(rule)


def hue_terms(picture: np.ndarray) -> np.ndarray:
    """What a linear rule of the colours may weigh, float32, (height, width, 8), of uint8 pixels."""
    red, green, blue = (channel.astype(np.float32) for channel in cv2.split(picture))
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    apart = [np.abs(red - green), np.abs(green - blue), np.abs(blue - red)]
    one = np.full_like(red, _LEVELS - 1)
    return np.stack([red, green, blue, most, least, *apart, one], axis=2) / (_LEVELS - 1)


def _shrunk(left: Picture, right: Picture, matrix: np.ndarray, shared: Shared) -> np.ndarray:
    """The finer luma, uint8, in the coarser one's frame, as services shrink: by Lanczos' filter."""
    if shared.swapped:
        fine, matrix = right.luma, np.linalg.inv(matrix)
    else:
        fine = left.luma
    upright = np.ascontiguousarray(turned(fine, matrix))
    height, width = shared.coarse.shape
    return np.asarray(Image.fromarray(upright).resize((width, height), Image.Resampling.LANCZOS))


def _compressed(luma: np.ndarray, model: np.ndarray) -> np.ndarray:
    """The luma, float32, after compression as a JPEG of the quality that comes closest."""
    decoded = [_as_jpeg(luma, quality) for quality in _QUALITIES]
    return min(decoded, key=lambda picture: float(np.square(picture - model).mean()))


def _as_jpeg(luma: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.float32)


def _luma(pixels: np.ndarray) -> np.ndarray:
    """The luma, float32, of pixels (height, width, 3)."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32), cv2.COLOR_RGB2GRAY))
