"""The second look: whether two originals are the same picture in every detail that both show.

Thumbnails propose copies. What differs may be one word, one digit or a small face, which no
thumbnail shows. So the originals are aligned again, and every connected spot counts that noise does
not explain, however small its share. They are compared at the resolution of the coarser one. The
sharper one is blurred like the other, so a copy of a poor quality stays a copy. In graphics, every
stroke counts, too.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.geometry.agreement import Shared, lay_colours, share
from imgdedup.geometry.drawings.drawn import is_drawn
from imgdedup.geometry.drawings.strokes import strongest_stroke
from imgdedup.geometry.levels import by_colours, by_levels
from imgdedup.geometry.overlay import is_graphic
from imgdedup.geometry.picture import has_no_colour
from imgdedup.geometry.registration import register, whole_frame
from imgdedup.geometry.spots import Spots, find_spots

_EDGE = 2  # pixels along the frame that resampling may have changed
_STEEP = 24  # levels between neighbours: here a misplaced edge would teach a wrong rule
_LEAST_SHOWN, _LEAST_KNOWN = 400, 500  # pixels
_ALSO_TELLING = 1.5, 0.5  # times the mean miss of the better way, and levels


@dataclass(frozen=True)
class Look:
    """What a second look found.

    `strength` is that of the strongest spot, and 0 without one. `drawn` tells that what differs is
    drawn on one of the pictures, and `graphic` that both are graphics.
    """

    same: bool
    strength: float
    drawn: bool
    graphic: bool = False


def look(left: np.ndarray, right: np.ndarray, matrix: np.ndarray, config: VerifyConfig) -> Look:
    """Compare two originals, uint8, (height, width, 3).

    `matrix`, (3, 3), takes left pixels to right ones, and may miss by a few pixels.
    """
    one, other = _luma(left), _luma(right)
    matrix = register(one, other, matrix)
    shared = share(one, other, matrix)
    shown = None if shared is None else _without_edge(shared.shown)
    if shared is None or shown is None or shown.sum() < _LEAST_SHOWN:
        return Look(False, 0.0, drawn=False)
    laid, model = lay_colours(left, right, matrix)
    graphic = is_graphic(shared.thinned(), config)
    least = config.least_graphic_spot if graphic else config.least_spot
    ways = _both_ways(shared, shown, laid, model, least)
    telling = [spots for spots in ways if spots.strongest >= least]
    drawn = (
        bool(telling) and config.overlaid and not graphic and is_drawn(telling, laid, model, shown)
    )
    strength = max(spots.strongest for spots in ways)
    same = drawn or not telling
    if same and graphic and not may_be_shrunk(left, right, config):
        same = _same_strokes(one, other, matrix)
    return Look(same, strength, drawn, graphic)


def may_be_shrunk(left: np.ndarray, right: np.ndarray, config: VerifyConfig) -> bool:
    """Whether both pictures may have more detail than a look sees, so strokes count later."""
    return min(max(left.shape), max(right.shape)) >= config.look_size


def same_strokes(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> bool:
    """Whether two graphics, as for `look`, agree in every stroke."""
    one, other = _luma(left), _luma(right)
    return _same_strokes(one, other, register(one, other, matrix))


def _same_strokes(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> bool:
    if strongest_stroke(left, right, matrix) < 1:
        return True
    # Ink that grew or shrank pulls the map a little away from that of frame to frame.
    whole = whole_frame(matrix, left.shape[::-1], right.shape[::-1])
    if whole is None or np.allclose(whole, matrix):
        return False
    return strongest_stroke(left, right, whole) < 1


def _both_ways(
    shared: Shared, shown: np.ndarray, laid: np.ndarray, model: np.ndarray, least: float
) -> list[Spots]:
    """Where the coarser picture is not what the finer one predicts, and the other way.

    Nearly all copies follow the first prediction. Others are asked only where a spot of strength
    `least` contradicts it. A picture with few levels, or with many cut off, predicts the other
    badly. Then its way is left out.
    """
    pictures, lumas = (laid, model), (_luma(laid), _luma(model))
    ways = []
    for (one, other), (luma, wanted), seen in (
        (pictures, lumas, shared.coarse),
        (pictures[::-1], lumas[::-1], shared.fine),
    ):
        known = _known(luma, shown)
        first = by_levels(luma, wanted, known)
        spots = find_spots(seen, [first], shown)
        if spots.strongest >= least and not any(map(has_no_colour, pictures)):
            spots = find_spots(seen, [first, *by_colours(one, other, known)], shown)
        ways.append(spots)
    limit = _ALSO_TELLING[0] * min(spots.error for spots in ways) + _ALSO_TELLING[1]
    return [spots for spots in ways if spots.error <= limit]


def _luma(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def _without_edge(shown: np.ndarray) -> np.ndarray:
    inner = np.zeros_like(shown)
    inner[_EDGE:-_EDGE, _EDGE:-_EDGE] = shown[_EDGE:-_EDGE, _EDGE:-_EDGE]
    return inner


def _known(luma: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The pixels, bool, (height, width), of a luma (uint8) that teach how levels change."""
    steps = cv2.morphologyEx(luma, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    known: np.ndarray = shown & (steps <= _STEEP)
    return known if known.sum() >= _LEAST_KNOWN else shown
