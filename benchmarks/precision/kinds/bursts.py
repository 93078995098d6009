"""Neighbours in a burst of photographs, simulated: a part moves, and the noise is new."""

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from benchmarks.precision.kinds.cutting import region
from benchmarks.precision.kinds.pairs import Kind, Pair, Sources, two_jpegs
from benchmarks.precision.kinds.text import noisy

_AREAS = (0.04, 0.20)  # of the picture that moves
_MOVES = (0.02, 0.06)  # of the long side
_NOISE = 2.5  # levels
_TRIES = 12
_LEAST_APART = 12.0  # levels within the part, from which a person sees that it moved


def moved(photo: np.ndarray, rng: Generator) -> tuple[np.ndarray, float]:
    """The picture with a part of it moved, and the move as a share of the long side.

    What surrounds the part stretches, as where a part turns or the camera moves aside.
    """
    best, most, told = photo, -1.0, 0.0
    for _ in range(_TRIES):
        share, angle = rng.uniform(*_MOVES), rng.uniform(0, 2 * np.pi)
        reach = share * max(photo.shape)
        inside = region(photo, rng, _AREAS, 1.0)
        # The picture stretches over twice the move, so that no pixel is shown twice.
        soft = cv2.GaussianBlur(cv2.dilate(inside, _disc(reach)), (0, 0), reach)
        height, width = inside.shape
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        across = x - np.float32(reach * np.cos(angle)) * soft
        down = y - np.float32(reach * np.sin(angle)) * soft
        warped = np.asarray(
            cv2.remap(photo, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        )
        weight = inside[:, :, None]
        apart = float((np.abs(warped.astype(np.float32) - photo) * weight).sum())
        apart /= 3 * float(weight.sum())
        if apart > most:
            best, most, told = warped, apart, share
        if most >= _LEAST_APART:
            break
    return best, told


def burst(sources: Sources, rng: Generator) -> Pair:
    """Two photographs of a moment apart."""
    photo = np.asarray(sources.photo)
    later, share = moved(photo, rng)
    left, right = (Image.fromarray(noisy(each, rng, _NOISE)) for each in (photo, later))
    return two_jpegs(left, right, rng, f"{share:.1%} of the side")


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))


KINDS = (Kind("burst neighbours", burst),)
