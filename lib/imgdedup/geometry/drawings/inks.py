"""Which few inks explain the pixels in which one picture differs from another.

What is drawn has an ink, or mixes an ink with what lies below it or with another ink. An ink is
luma and two channels of chroma. JPEG keeps chroma at half the resolution, so chroma may differ more
than luma, and a mixture has a pixel of an ink beside it or lies within a thin stroke.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.drawings.masks import dilated

_CELL = np.ones((3, 3), np.uint8)
_INKS = 3
_SAME = np.array([14, 16, 16], np.float32)  # levels either way that count as one ink
_COUNTED = np.array([13, 14, 14], np.float32)  # the same, while inks are searched
_STEP = np.array([16, 12, 12], np.float32)  # levels of a cell of colours
_FULLEST, _LEAST, _LEAST_SHARE = 5, 6, 0.02  # cells; pixels, and their share, that make an ink
_SETTLING = 4  # times that an ink moves to the median of what is close to it
_BETWEEN = 10  # levels by which a mixture may lie beyond its inks
_THIN = 2.2  # pixels from the outline
_WEIGHTS = np.array([1.0, 0.6, 0.6], np.float32)  # of luma and chroma in a mixture
_MISSED, _OF_LENGTH, _OF_RANGE = 12.0, 0.06, 0.5  # levels; of ground to ink; of levels around
_SEEN = 0.18, 8.0  # of the strongest change, and levels
_STROKE = 0.4, 10.0  # of the strongest change, and levels: what is not softened
_HARD, _HARDER, _ALONE = 0.65, 1.3, 0.12  # of the hardest edges; times the other edge; share
_MANY, _SPREAD, _SLOPES = 50, 6.0, (0.5, 2.0)  # pixels; levels


@dataclass(frozen=True, eq=False)
class Change:
    """A picture where it differs from another one.

    `top`, float32, (height, width, 3), has luma and chroma. `distance`, float32, (height, width),
    tells how far each pixel lies outside of what the other picture has around it, in levels, and
    `strongest` how far the changed `pixels`, bool, do. `inks`, float32, (n, 3), come with their
    pixels `inked`, bool, (n, height, width). `explained`, bool, marks the pixels that the inks
    explain. `gradient` and `below_gradient`, float32, are those of the two pictures.
    """

    top: np.ndarray
    distance: np.ndarray
    strongest: float
    pixels: np.ndarray
    inks: np.ndarray
    inked: np.ndarray
    explained: np.ndarray
    gradient: np.ndarray
    below_gradient: np.ndarray

    def beyond(self, share: float, least: float) -> np.ndarray:
        """The pixels, bool, that changed by a share of the strongest change, and by `least`."""
        return self.distance > max(least, share * self.strongest)

    @property
    def is_alone(self) -> bool:
        """Whether the other picture has next to no edges here that are as hard, and its own.

        Else it may have letters, too.
        """
        strokes = self.gradient[self.pixels & self.beyond(*_STROKE)]
        if not len(strokes):
            return False
        hard = _HARD * float(np.quantile(strokes, 0.9))
        around = dilated(self.pixels, 9)
        own, others = (
            int((around & (one > hard) & (one > _HARDER * other)).sum())
            for one, other in (
                (self.gradient, self.below_gradient),
                (self.below_gradient, self.gradient),
            )
        )
        return others <= _ALONE * own


def luma_and_chroma(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8, (height, width, 3), as float32 with luma and two channels of chroma."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32)


def change_of(
    picture: np.ndarray, other: np.ndarray, pixels: np.ndarray, seeds: np.ndarray
) -> Change:
    """How `picture`, uint8, differs from `other` at `pixels`, bool.

    `seeds`, bool, some of the pixels, surely differ.
    """
    top, below = luma_and_chroma(picture), luma_and_chroma(other)
    below = _toned(top, below, ~dilated(pixels, 7))
    least, most = cv2.erode(below, _CELL), cv2.dilate(below, _CELL)
    distance = _outside(top, least, most)
    strongest = float(np.quantile(distance[seeds], 0.95))
    changed = pixels & (distance > max(_SEEN[1], _SEEN[0] * strongest))
    inks = _inks(top[changed])
    inked = np.zeros((len(inks), *changed.shape), bool)
    for number, ink in enumerate(inks):
        inked[number] = (np.abs(top - ink) <= _SAME).all(axis=2)
    return Change(
        top,
        distance,
        strongest,
        changed,
        inks,
        inked,
        _explained(top, below, (least, most), changed, inks, inked),
        _gradient(picture),
        _gradient(other),
    )


def apart(one: np.ndarray, other: np.ndarray, still: np.ndarray) -> np.ndarray:
    """By how many levels pixels lie outside of what the other picture has around them.

    Both are given as luma and chroma. At the pixels `still`, bool, the pictures are the same.
    """
    other = _toned(one, other, still)
    return _outside(one, cv2.erode(other, _CELL), cv2.dilate(other, _CELL))


def _outside(one: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(one - most, least - one).max(axis=2).clip(0))


def _toned(one: np.ndarray, other: np.ndarray, still: np.ndarray) -> np.ndarray:
    """The other picture with the brightness, contrast and tint of the first."""
    toned = other.copy()
    if still.sum() < _MANY:
        return toned
    for channel in range(3):
        levels, wanted = other[..., channel][still], one[..., channel][still]
        slope = 1.0
        if channel == 0 and levels.std() > _SPREAD:
            centred = levels - levels.mean()
            slope = float(np.clip((centred * wanted).mean() / levels.var(), *_SLOPES))
        offset = float(np.median(wanted - slope * levels))
        toned[..., channel] = slope * other[..., channel] + offset
    return toned


def _gradient(picture: np.ndarray) -> np.ndarray:
    steps = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, _CELL)
    return np.asarray(steps.max(axis=2), np.float32)


def _explained(
    top: np.ndarray,
    below: np.ndarray,
    around: tuple[np.ndarray, np.ndarray],
    changed: np.ndarray,
    inks: np.ndarray,
    inked: np.ndarray,
) -> np.ndarray:
    if not len(inks):
        return np.zeros_like(changed)
    least, most = around
    of_ink = np.asarray(inked.any(axis=0))
    low, high = np.minimum(least, inks.min(axis=0)), np.maximum(most, inks.max(axis=0))
    between = ((top >= low - _BETWEEN) & (top <= high + _BETWEEN)).all(axis=2)
    inside = cv2.distanceTransform(changed.astype(np.uint8), cv2.DIST_L2, 3)
    thin = changed & (inside <= _THIN)
    mixed = np.logical_or.reduce([_is_mixed(top, below, most - least, ink) for ink in inks])
    explained: np.ndarray = of_ink | (between & dilated(of_ink)) | (thin & mixed)
    return explained


def _is_mixed(
    top: np.ndarray, below: np.ndarray, spread: np.ndarray, ink: np.ndarray
) -> np.ndarray:
    """Where the top picture has some of the ink and some of what lies below it."""
    way = ink - below
    weighed = way * _WEIGHTS**2
    squared = (way * weighed).sum(axis=2) + 1
    share = np.clip(((top - below) * weighed).sum(axis=2) / squared, 0, 1.15)
    missed = np.abs(top - below - share[..., None] * way) - _OF_RANGE * spread
    mixed: np.ndarray = missed.max(axis=2) <= _MISSED + _OF_LENGTH * np.sqrt(squared)
    return mixed


def _inks(pixels: np.ndarray) -> np.ndarray:
    """Up to three inks that most pixels, float32, (n, 3), have."""
    rest, found = pixels, []
    for _ in range(_INKS):
        if len(rest) < max(_LEAST, _LEAST_SHARE * len(pixels)):
            break
        ink = max(_common(rest), key=lambda each: _hits(rest, each).sum())
        for _ in range(_SETTLING):
            ink = _settled(rest, ink)
        found.append(ink)
        rest = rest[~_hits(rest, ink)]
    return np.array(found, np.float32).reshape(-1, 3)


def _common(pixels: np.ndarray) -> list[np.ndarray]:
    """The medians of what is close to the fullest cells of colours."""
    cells = (pixels // _STEP).astype(np.int32)
    key = (cells[:, 0] * 40 + cells[:, 1]) * 40 + cells[:, 2]
    names, counts = np.unique(key, return_counts=True)
    found = []
    for name in names[np.argsort(-counts, kind="stable")[:_FULLEST]]:
        ink = np.median(pixels[key == name], axis=0)
        found.append(_settled(pixels, ink))
    return found


def _settled(pixels: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """The median of what is close to an ink."""
    close = pixels[_hits(pixels, ink)]
    return np.asarray(np.median(close, axis=0)) if len(close) else ink


def _hits(pixels: np.ndarray, ink: np.ndarray) -> np.ndarray:
    hits: np.ndarray = (np.abs(pixels - ink) <= _COUNTED).all(axis=1)
    return hits
