"""Explains how a copy was made from a picture, by the map between the two.

The wider picture is the one that shows more. When both show the same, the wider picture is the one
with more pixels, then the one with colour, then the one with more detail (the larger thumbnail).
The explanation turns the wider picture into the other.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from imgdedup.geometry.agreement import Shared
from imgdedup.geometry.alignment import apply, linear_at
from imgdedup.geometry.picture import Picture

_STEP = 1e-3  # pixels: rounds away what floating point alone makes
_MORE = 0.02  # of the area: less is the inaccuracy of the map
_TILT = 0.02  # change of scale across the picture that counts as perspective
WHOLE = 0.97  # of the area: from here on, a picture shows all
_SAME_SIZE = 0.03  # of the scale
_TURNED = 2.0  # degrees
_TONE = 1.12  # factor of brightness that the label tells
_CONTRAST = 1.15  # factor of contrast that the label tells


@dataclass(frozen=True)
class Explanation:
    """How the wider picture becomes the other: mirror, turn, cut out, scale, change the tones.

    `rotation` is degrees counter-clockwise in (-180, 180]. `crop` is the part that the other shows:
    left, top, right, bottom in shares of the wider picture's sides. `scale` is pixels of the other
    for one pixel of the wider picture. `brightness` is the ratio of mean luma. `contrast` is the
    ratio of the deviations of luma, brightness aside. `grayscale` tells that just one of the two
    has no colour, `recoloured` that their colours differ otherwise, and `overlaid` that something
    lies on one of them.
    """

    wider: Literal["left", "right"]
    scale: float
    rotation: float
    mirrored: bool
    crop: tuple[float, float, float, float]
    brightness: float
    contrast: float
    grayscale: bool
    recoloured: bool
    overlaid: bool
    edit: str

    @property
    def shown(self) -> float:
        """The share of the wider picture's area that the other shows."""
        left, top, right, bottom = self.crop
        return (right - left) * (bottom - top)

    def exchanged(self) -> "Explanation":
        """The same explanation with left and right in each other's place."""
        return replace(self, wider="left" if self.wider == "right" else "right")


def explain(
    left: Picture,
    right: Picture,
    matrix: np.ndarray,
    shared: Shared,
    recoloured: bool,
    overlaid: bool,
) -> Explanation:
    """Explain two copies aligned by a map (3, 3) of left thumbnail pixels to right ones.

    `recoloured` tells that all their colours differ. `overlaid` tells that something lies on one of
    them; `shared` leaves that part out.
    """
    there = _frame_map(left, right, matrix)
    back = np.linalg.inv(there)
    back /= back[2, 2]
    shown_left, shown_right = _visible(right, back, left), _visible(left, there, right)
    if abs(shown_left - shown_right) > _MORE:
        left_is_wider = shown_left < shown_right
    else:
        left_is_wider = _worth(left) >= _worth(right)
    if left_is_wider:
        wider, other, motion, inverse = left, right, there, back
    else:
        wider, other, motion, inverse = right, left, back, there
    brightness, contrast = _tones(shared, left_is_wider)
    middle = _middle(wider, other, inverse)
    linear = linear_at(motion, middle)
    mirrored = bool(np.linalg.det(linear) < 0)
    crop = _crop(wider, other, inverse)
    facts = Explanation(
        wider="left" if left_is_wider else "right",
        scale=math.sqrt(abs(float(np.linalg.det(linear)))),
        rotation=_rotation(linear, mirrored),
        mirrored=mirrored,
        crop=crop,
        brightness=brightness,
        contrast=contrast,
        grayscale=left.is_gray != right.is_gray,
        recoloured=recoloured,
        overlaid=overlaid,
        edit="",
    )
    tilted = _tilt(motion, wider) > _TILT
    further = {"perspective": tilted, "other colours": facts.recoloured, "overlay": overlaid}
    words = _in_words(facts, _same_frame(wider, other), wider.is_gray)
    words += [word for word, holds in further.items() if holds]
    return replace(facts, edit=", ".join(words) or "re-encoded")


def _frame_map(left: Picture, right: Picture, matrix: np.ndarray) -> np.ndarray:
    """The map between true pixels, counted from the corner of the frame, not a pixel's centre."""

    def to_thumbnail(picture: Picture) -> np.ndarray:
        height, width = picture.luma.shape
        across, down = width / picture.width, height / picture.height
        return np.array([[across, 0.0, -0.5], [0.0, down, -0.5], [0.0, 0.0, 1.0]])

    motion = np.linalg.inv(to_thumbnail(right)) @ matrix @ to_thumbnail(left)
    return _rounded(motion / motion[2, 2])


def _rounded(motion: np.ndarray) -> np.ndarray:
    """A map (3, 3) in multiples of `_STEP`: pixels, or pixels across a whole picture.

    Else the last bits of a matrix product, which differ from machine to machine, would decide which
    of two equal frames shows more, and on which side of zero a turn lies.
    """
    steps = np.array([[1e-3, 1e-3, 1.0], [1e-3, 1e-3, 1.0], [1e-6, 1e-6, 1.0]]) * _STEP
    return np.asarray(np.round(motion / steps) * steps) + 0.0  # -0.0 becomes 0.0


def _corners(picture: Picture) -> np.ndarray:
    across, down = float(picture.width), float(picture.height)
    return np.array([[0.0, 0.0], [across, 0.0], [across, down], [0.0, down]])


def _visible(picture: Picture, motion: np.ndarray, other: Picture) -> float:
    """The share of `other` that `picture` covers under a map of its pixels to those of `other`."""
    mapped = apply(motion, _corners(picture)).astype(np.float32)
    area, _ = cv2.intersectConvexConvex(mapped, _corners(other).astype(np.float32))
    return float(area) / (other.width * other.height)


def _worth(picture: Picture) -> tuple[int, bool, int, bytes]:
    pixels = picture.width * picture.height
    return pixels, not picture.is_gray, len(picture.thumbnail), picture.thumbnail


def _middle(wider: Picture, other: Picture, inverse: np.ndarray) -> tuple[float, float]:
    """The point of the wider picture that lies in the middle of the other."""
    x, y = apply(inverse, np.array([[other.width / 2, other.height / 2]]))[0]
    return min(max(x, 0.0), float(wider.width)), min(max(y, 0.0), float(wider.height))


def _crop(wider: Picture, other: Picture, inverse: np.ndarray) -> tuple[float, float, float, float]:
    seen = apply(inverse, _corners(other)) / [wider.width, wider.height]
    left, top = seen.min(axis=0).clip(0, 1)
    right, bottom = seen.max(axis=0).clip(0, 1)
    return float(left), float(top), float(right), float(bottom)


def _rotation(linear: np.ndarray, mirrored: bool) -> float:
    """Degrees counter-clockwise as seen, where y points down, after the mirroring."""
    sign = -1.0 if mirrored else 1.0
    across, down = sign * linear[:, 0], linear[:, 1]
    turn = math.atan2(down[0] - across[1], across[0] + down[1])
    degrees = math.degrees(turn)
    return 180.0 if degrees <= -179.95 else degrees


def _tones(shared: Shared, left_is_wider: bool) -> tuple[float, float]:
    """Brightness and contrast of the other relative to the wider picture, in the shared part."""
    fine, coarse = shared.fine[shared.shown], shared.coarse[shared.shown]
    left, right = (coarse, fine) if shared.swapped else (fine, coarse)
    wider, other = (left, right) if left_is_wider else (right, left)
    brightness = (float(other.mean()) + 1) / (float(wider.mean()) + 1)
    spread = (float(other.std()) + 0.5) / (float(wider.std()) + 0.5)
    return brightness, spread / brightness


def _tilt(motion: np.ndarray, wider: Picture) -> float:
    depths = _corners(wider) @ motion[2, :2] + 1
    return float(depths.max() / max(depths.min(), 1e-6)) - 1


def _same_frame(wider: Picture, other: Picture) -> bool:
    across, down = other.width / wider.width, other.height / wider.height
    return max(abs(math.log(across)), abs(math.log(down))) < _SAME_SIZE


def _in_words(facts: Explanation, same_frame: bool, coloured_over: bool) -> list[str]:
    """The parts of the label that follow from `facts`. A zoom keeps the frame, a crop does not."""
    area = facts.shown
    resized = abs(math.log(facts.scale)) > _SAME_SIZE
    zoomed = area < WHOLE and resized and same_frame
    darker, less = facts.brightness < 1, facts.contrast < 1
    said = {
        "mirrored": facts.mirrored,
        f"rotated {facts.rotation:.0f} degrees": abs(facts.rotation) > _TURNED,
        f"zoomed {facts.scale:.2f}x": zoomed,
        f"cropped to {area:.0%}": area < WHOLE and not zoomed,
        f"resized {facts.scale:.2f}x": resized and not zoomed,
        f"{'darker' if darker else 'brighter'} {facts.brightness:.2f}x": _told(
            facts.brightness, _TONE
        ),
        f"{'less' if less else 'more'} contrast {facts.contrast:.2f}x": _told(
            facts.contrast, _CONTRAST
        ),
        "coloured" if coloured_over else "grayscale": facts.grayscale,
    }
    return [words for words, holds in said.items() if holds]


def _told(factor: float, least: float) -> bool:
    return max(factor, 1 / factor) > least
