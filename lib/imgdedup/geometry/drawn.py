"""Tells what is drawn on a picture (a caption, a logo, a date) from an object that is in it.

What is drawn has few flat tones and hard edges. It is drawn on one of the two pictures, and the
other shows a picture there. Where both have letters, each shows something that the other lacks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.spots import Spots

_TOGETHER = 9, 0.02  # pixels, and share of the long side: spots this close are one drawing
_CELL = np.ones((3, 3), np.uint8)
_STROKE = np.ones((5, 5), np.uint8)
_CORE = 0.35  # of the strongest miss: the pixels that were changed, not softened
_FEW_HARD = 0.004  # of the surroundings
_LETTERED = 0.35  # of the hard edges: with more, the lower picture has letters, too
_EDGE, _STRONG, _HARDER = 60.0, 165.0, 1.3  # levels of a gradient; times that of the other
_FLAT_GRADIENT, _PLAIN_GRADIENT = 50.0, 35.0
_TONE, _PEAK, _INK, _EVEN = 12, 30, 22, 9  # levels either way that count as one tone
_MODES, _STEP = 6, 16  # tones tried; levels of a cell of colours
_LEAST = 8  # pixels that tell tones
_TELLING = 800.0  # strength of a drawing below which it may be noise


@dataclass(frozen=True)
class _Side:
    """How drawn the changed pixels look in one picture; shares, and gradients in levels."""

    rim: float  # mean gradient along the outline
    gradient: float  # mean gradient inside
    calm: float  # share of pixels without an edge
    flat: float  # share of pixels in two tones
    calm_flat: float  # the same, of the calm pixels
    even: float  # share of the calmer pixels in two even tones
    even_share: float  # how many of the pixels are that calm
    peak: float  # share of the changed pixels in two wider tones
    ink: float  # share of the changed pixels within a pixel of two inks
    strokes: float  # share of the changed pixels with an edge that the other lacks
    strong: float  # share of the surroundings with a very hard edge


def is_drawn(spots: Spots, pixels: np.ndarray, laid: np.ndarray, model: np.ndarray) -> bool:
    """Whether all of the changed `pixels`, bool, (height, width), are drawn on one picture.

    `laid` and `model`, uint8, (height, width, 3), are the two aligned pictures.
    """
    pictures = laid, model
    gradients = [
        cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, _CELL).max(axis=2).astype(np.float32)
        for picture in pictures
    ]
    drawn_on = set()
    for zone, drawing in _drawings(pixels):
        if spots.times_noise[drawing].sum() < _TELLING:
            continue
        core = _core(spots, drawing)
        one, other = (
            _side(pictures[n], gradients[n], gradients[1 - n], drawing, core, zone) for n in (0, 1)
        )
        is_thin = bool(cv2.erode(core.astype(np.uint8), _STROKE).sum() <= 0.02 * core.sum())
        sides = [
            number
            for number, (top, below) in enumerate(((one, other), (other, one)))
            if _covers(top, below) or _has_letters(top, below, is_thin)
        ]
        if len(sides) != 1:
            return False
        drawn_on.add(sides[0])
    return len(drawn_on) == 1


def _drawings(pixels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each drawing: the zone that it lies in, and its pixels, bool, (height, width)."""
    reach = max(_TOGETHER[0], int(_TOGETHER[1] * max(pixels.shape))) | 1
    zones = cv2.dilate(pixels.astype(np.uint8), np.ones((reach, reach), np.uint8))
    count, labels = cv2.connectedComponents(zones)
    for number in range(1, count):
        zone = labels == number
        yield zone, zone & pixels


def _core(spots: Spots, drawing: np.ndarray) -> np.ndarray:
    strongest = np.quantile(spots.missed[drawing], 0.95)
    core: np.ndarray = drawing & (spots.missed > _CORE * strongest)
    return core


def _covers(top: _Side, below: _Side) -> bool:
    """Whether a bar or a badge of flat tones lies on the top picture."""
    outlined = top.rim > 1.5 * below.rim + 10
    return (
        (top.calm_flat >= 0.97 and top.flat >= 0.85 and top.rim > 25)
        and (below.calm_flat < 0.7 or outlined)
    ) or (top.flat >= 0.95 and top.calm_flat >= 0.97 and top.rim >= 8 and top.rim > 1.8 * below.rim)


def _has_letters(top: _Side, below: _Side, is_thin: bool) -> bool:
    """Whether letters or a logo are drawn on the top picture, and nothing like it below."""
    if below.strong > max(_LETTERED * top.strong, _FEW_HARD):
        return False
    alone = below.strokes <= max(0.02, 0.1 * top.strokes)
    rises = top.rim > 1.2 * below.rim
    inked = top.calm_flat >= 0.97 and top.ink >= 0.99 and top.flat >= 0.55 and top.rim > 25
    hard = top.gradient > 131 and alone
    only_strokes = top.strokes >= 0.97 and top.gradient >= 80 and below.strokes <= 0.02
    fine = is_thin and top.calm <= 0.22 and top.peak >= 0.83 and top.gradient >= 60
    fine = fine and top.gradient > 1.6 * below.gradient and alone
    badge = top.flat >= 0.6 and top.even >= 0.85 and top.even_share > 0.2
    badge = badge and top.rim >= 64 and top.rim > 1.3 * below.rim and alone
    return (inked and rises) or hard or only_strokes or fine or badge


def _side(
    picture: np.ndarray,
    gradient: np.ndarray,
    others: np.ndarray,
    drawing: np.ndarray,
    core: np.ndarray,
    zone: np.ndarray,
) -> _Side:
    solid = drawing.astype(np.uint8)
    rim = (cv2.dilate(solid, _CELL, iterations=2) > 0) & ~(
        cv2.erode(solid, _CELL, iterations=2) > 0
    )
    calm = drawing & (gradient < _FLAT_GRADIENT)
    inside = cv2.erode(solid, _CELL) > 0
    even = inside & (gradient < _PLAIN_GRADIENT)
    stroke = core & (gradient > _EDGE) & (gradient > _HARDER * others)
    return _Side(
        rim=float(gradient[rim].mean()),
        gradient=float(gradient[drawing].mean()),
        calm=_share(calm, drawing),
        flat=_in_two(picture[drawing], _TONE),
        calm_flat=_in_two(picture[calm], _TONE),
        even=_in_two(picture[even], _EVEN),
        even_share=_share(even, inside),
        peak=_in_two(picture[core], _PEAK),
        ink=_near_ink(picture, core),
        strokes=_share(stroke, core),
        strong=_share(zone & (gradient > _STRONG), zone),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / max(whole.sum(), 1))


def _in_two(pixels: np.ndarray, reach: int) -> float:
    """The share of pixels, uint8, (n, 3), in their two commonest tones; 0 for too few pixels."""
    if len(pixels) < _LEAST:
        return 0.0
    return float(_inked(pixels, _tones(pixels, reach), reach).mean())


def _near_ink(picture: np.ndarray, core: np.ndarray) -> float:
    """The share of the changed pixels that have one of two tones, or a neighbour that has."""
    if core.sum() < _LEAST:
        return 0.0
    around = cv2.dilate(core.astype(np.uint8), _CELL, iterations=2) > 0
    tones = _tones(picture[core], _INK)
    inked = np.zeros(core.shape, np.uint8)
    inked[around] = _inked(picture[around], tones, _INK)
    return _share(core & (cv2.dilate(inked, _CELL) > 0), core)


def _inked(pixels: np.ndarray, tones: list[np.ndarray], reach: int) -> np.ndarray:
    wide = pixels.astype(np.int16)
    hits = [np.abs(wide - tone).max(axis=1) <= reach for tone in tones]
    return np.logical_or.reduce(hits)


def _tones(pixels: np.ndarray, reach: int) -> list[np.ndarray]:
    """Up to two tones, int16, (3,), that most pixels have to `reach` levels."""
    rest, found = pixels.astype(np.int16), []
    for _ in range(2):
        if not len(rest):
            break
        tone = max(_common(rest), key=lambda each: _hits(rest, each, reach).sum())
        tone = np.median(rest[_hits(rest, tone, reach)], axis=0).astype(np.int16)
        found.append(tone)
        rest = rest[~_hits(rest, tone, reach)]
    return found


def _common(pixels: np.ndarray) -> list[np.ndarray]:
    """The medians of the fullest cells of colours."""
    cells = pixels // _STEP
    key = (cells[:, 0] * 17 + cells[:, 1]) * 17 + cells[:, 2]
    names, counts = np.unique(key, return_counts=True)
    fullest = names[np.argsort(-counts, kind="stable")[:_MODES]]
    return [np.median(pixels[key == name], axis=0).astype(np.int16) for name in fullest]


def _hits(pixels: np.ndarray, tone: np.ndarray, reach: int) -> np.ndarray:
    hits: np.ndarray = np.abs(pixels - tone).max(axis=1) <= reach
    return hits
