"""Photographs with one object more: a cut-out of another photograph with a soft edge."""

import math
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from benchmarks.precision.kinds.cutting import blended, ellipse, segment, softened
from benchmarks.precision.kinds.pairs import (
    LARGE_OBJECTS,
    SMALL_OBJECTS,
    Kind,
    Pair,
    Sources,
    two_jpegs,
)
from imgdedup.corpora.edits import resize

AREAS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)  # of the photograph
PLAIN = "plain ground"  # where an object lies, in the detail of a pair
_TRIES = 8  # draws of a cut-out
_LEAST_APART = 18.0  # levels between a cut-out and its ground, from which a person sees it
_LEAST_TEXTURE = 14.0  # deviation of its luma, levels: less is a plain blot
_FLATTEST = 0.03  # share of the places that count as the flattest


def pair(sources: Sources, rng: Generator, area: float, resized: bool) -> Pair:
    """A photograph, and the photograph with an object; half of the objects lie on plain ground.

    When `resized` is true, the second file has 70 to 100 % of the sides.
    """
    plain = bool(rng.random() < 0.5)
    changed = with_object(sources.photo, sources.other, rng, area, plain)
    detail = PLAIN if plain else "anywhere"
    if resized:
        factor = rng.uniform(0.7, 1.0)
        changed, detail = resize(changed, factor), f"{detail}, x{factor:.2f}"
    return two_jpegs(sources.photo, changed, rng, detail)


def with_object(
    photo: Image.Image, other: Image.Image, rng: Generator, area: float, plain: bool
) -> Image.Image:
    """Paste a cut-out of `other` that covers the share `area` of the photograph.

    It lies anywhere, or at one of the flattest places when `plain` is true. Cut-outs are drawn
    until one has texture and stands out from its ground; else the best of them is taken.
    """
    ground = np.asarray(photo)
    pixels = area * ground.shape[0] * ground.shape[1]
    best, most = ground, -1.0
    for _ in range(_TRIES):
        cutout, mask = _cutout(np.asarray(other), rng, pixels, ground.shape[:2])
        top, left = _place(ground, mask.shape, rng, plain)
        pasted = blended(ground, cutout, mask, top, left)
        apart = np.abs(pasted.astype(np.float32) - ground).sum() / (3 * mask.sum())
        texture = cv2.cvtColor(cutout, cv2.COLOR_RGB2GRAY)[mask > 0.5].std()
        merit = min(apart / _LEAST_APART, texture / _LEAST_TEXTURE)
        if merit > most:
            best, most = pasted, float(merit)
        if most >= 1:
            break
    return Image.fromarray(best)


def _cutout(
    other: np.ndarray, rng: Generator, pixels: float, room: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """A cut-out, uint8, (h, w, 3), and its opacity, float32, (h, w), which sums to `pixels`."""
    ratio = math.exp(rng.uniform(math.log(0.6), math.log(1.7)))
    reach = rng.uniform(1.0, 2.5)
    side = math.sqrt(4 / math.pi * pixels)
    height, width = other.shape[:2]
    across = int(np.clip(side * math.sqrt(ratio) * reach, 12, width))
    down = int(np.clip(side / math.sqrt(ratio) * reach, 12, height))
    left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
    part = other[top : top + down, left : left + across]
    mask = segment(part, rng) if rng.random() < 0.5 else None
    mask = ellipse(down, across) if mask is None else mask
    scale = math.sqrt(pixels / mask.sum())
    scale = min(scale, 0.9 * room[0] / down, 0.9 * room[1] / across)
    size = max(3, round(across * scale)), max(3, round(down * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    mask = softened(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), rng.uniform(0.6, 1.1))
    return np.asarray(cv2.resize(part, size, interpolation=way)), mask


def _place(
    ground: np.ndarray, size: tuple[int, ...], rng: Generator, plain: bool
) -> tuple[int, int]:
    """The top and left of a place for a cut-out of `size`, wholly in the photograph."""
    rooms = ground.shape[0] - size[0] + 1, ground.shape[1] - size[1] + 1
    if not plain:
        return int(rng.integers(rooms[0])), int(rng.integers(rooms[1]))
    luma = cv2.cvtColor(ground, cv2.COLOR_RGB2GRAY).astype(np.float64)
    sums, squares = cv2.integral2(luma)

    def total(table: np.ndarray) -> np.ndarray:
        down, across = size
        whole = table[down:, across:] - table[:-down, across:]
        return np.asarray(whole - table[down:, :-across] + table[:-down, :-across])

    count = size[0] * size[1]
    spread = total(squares) / count - (total(sums) / count) ** 2
    flattest = np.argsort(spread, axis=None, kind="stable")
    among = max(1, round(_FLATTEST * spread.size))
    top, left = np.unravel_index(flattest[int(rng.integers(among))], spread.shape)
    return int(top), int(left)


def _kind(area: float, resized: bool) -> Kind:
    name = f"object {100 * area:g} %{', resized' if resized else ''}"
    make = partial(pair, area=area, resized=resized)
    aim = LARGE_OBJECTS if area >= 0.01 else SMALL_OBJECTS if area >= 0.005 else None
    return Kind(name, make, aim=aim)


KINDS = tuple(_kind(area, resized) for area in AREAS for resized in (False, True))
