"""Carries the map of two thumbnails over to their originals, and makes it exact there.

A map that is right to half a pixel of a thumbnail misses by several pixels of an original. The
originals tell by how much: small tiles of both are correlated by phase, and one affine correction
that most tiles support is applied.
"""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np

from imgdedup.geometry.agreement import share
from imgdedup.geometry.alignment import apply

Size = tuple[int, int]  # width and height, pixels

_ROUNDS = 2
_TILES, _TILE = 8, (32, 128)  # tiles along the long side; pixels
_MOST_TILES = 150
_DETAIL = 4.0  # pixels, standard deviation: coarser structure takes no part
_SHOWN, _LEAST_DETAIL = 0.9, 2.0  # share of a tile; levels, standard deviation
_SURE = 0.15  # response of a phase correlation
_FEW, _AFFINE = 4, 10  # tiles for a shift, and for an affine correction
_CLOSE, _SPREAD = 0.5, 2.5  # pixels; times the median miss
_STILL = 0.15  # pixels
_NEAR_FRAME = 0.015  # of the long side
_BETTER = 0.001  # of the correlation


def of_frames(matrix: np.ndarray, left: Size, right: Size) -> np.ndarray:
    """A map (3, 3) of left pixels to right ones as one of shares of the frames' sides.

    It is the same for all sizes of the two pictures.
    """
    found = np.linalg.inv(_to_pixels(right)) @ matrix @ _to_pixels(left)
    return np.asarray(found / found[2, 2])


def of_pixels(frame_map: np.ndarray, left: Size, right: Size) -> np.ndarray:
    """The map (3, 3) of left pixels to right ones that `of_frames` came from, at any sizes."""
    found = _to_pixels(right) @ frame_map @ np.linalg.inv(_to_pixels(left))
    return np.asarray(found / found[2, 2])


def register(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The map (3, 3) of left pixels to right ones that aligns two pictures (luma, uint8) best.

    `matrix` is right to a few pixels. A map of frame to frame is preferred when it is as good.
    """
    pair = _Pair(left, right)
    refined = _refined(pair, matrix)
    whole = whole_frame(matrix, left.shape[::-1], right.shape[::-1])
    if whole is None:
        return refined
    better = _correlation(pair, refined) > _correlation(pair, whole) + _BETTER
    return refined if better else whole


def _to_pixels(size: Size) -> np.ndarray:
    """The map of shares of a frame's sides to pixels, whose centres are whole numbers."""
    across, down = size
    return np.array([[across, 0.0, -0.5], [0.0, down, -0.5], [0.0, 0.0, 1.0]])


@dataclass(frozen=True, eq=False)
class _Detailed:
    """The detail of the finer and the coarser picture, float32, and the rest as in `Shared`."""

    fine: np.ndarray
    coarse: np.ndarray
    shown: np.ndarray
    swapped: bool


class _Pair:
    """Two pictures (luma, uint8) that several maps lay over each other."""

    def __init__(self, left: np.ndarray, right: np.ndarray) -> None:
        self._pictures = left, right
        self._coarse: dict[bool, np.ndarray] = {}  # its detail is the same under all maps

    def laid(self, matrix: np.ndarray) -> _Detailed | None:
        shared = share(*self._pictures, matrix)
        if shared is None:
            return None
        if shared.swapped not in self._coarse:
            self._coarse[shared.swapped] = _detail(shared.coarse)
        coarse = self._coarse[shared.swapped]
        return _Detailed(_detail(shared.fine), coarse, shared.shown, shared.swapped)


def _refined(pair: _Pair, matrix: np.ndarray) -> np.ndarray:
    for _ in range(_ROUNDS):
        shared = pair.laid(matrix)
        if shared is None:
            break
        centres, moved = _shifts(shared.fine, shared.coarse, shared.shown)
        correction = _correction(centres, moved)
        if correction is None:
            break
        # The shifts are in the frame of the coarser picture.
        matrix = matrix @ np.linalg.inv(correction) if shared.swapped else correction @ matrix
        matrix = matrix / matrix[2, 2]
        if np.abs(apply(correction, centres) - centres).max() < _STILL:
            break
    return matrix


def _detail(picture: np.ndarray) -> np.ndarray:
    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), _DETAIL))


def _shifts(
    fine: np.ndarray, coarse: np.ndarray, shown: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The centres of tiles, float64, (n, 2), and where they lie in the coarser picture."""
    side = _tile_side(shown.shape)
    tiles = _tiles(coarse, shown, side) if side else []
    window = cv2.createHanningWindow((side, side), cv2.CV_32F) if tiles else None
    centres, moved = [], []
    for y, x in tiles[:: ceil(len(tiles) / _MOST_TILES) or 1]:
        tile = slice(y, y + side), slice(x, x + side)
        # OpenCV may write the window into the tiles that it is given, and tiles overlap.
        one, other = fine[tile].copy(), coarse[tile].copy()
        shift, response = cv2.phaseCorrelate(one, other, window)
        if response > _SURE and max(map(abs, shift)) < side / 4:
            centre = x + side / 2, y + side / 2
            centres.append(centre)
            moved.append((centre[0] + shift[0], centre[1] + shift[1]))
    return np.array(centres, float).reshape(-1, 2), np.array(moved, float).reshape(-1, 2)


def _tile_side(shape: tuple[int, ...]) -> int:
    """An even side, pixels; 0 when the picture is too small for tiles."""
    wanted = int(np.clip(max(shape) / _TILES, *_TILE))
    side = min(wanted, *shape) // 2 * 2
    return side if side >= _TILE[0] // 2 else 0


def _tiles(coarse: np.ndarray, shown: np.ndarray, side: int) -> list[tuple[int, int]]:
    """The top left corners of the tiles that both pictures show, and that have detail."""
    step = side // 2

    def mean(integral: np.ndarray) -> np.ndarray:
        sums = integral[::step, ::step]
        over = sums[2:, 2:] - sums[:-2, 2:] - sums[2:, :-2] + sums[:-2, :-2]
        return np.asarray(over / side**2)

    total, squares = (mean(integral) for integral in cv2.integral2(coarse))
    chosen = mean(cv2.integral(shown.view(np.uint8))) > _SHOWN
    chosen &= squares - total**2 > _LEAST_DETAIL**2
    return [(int(y), int(x)) for y, x in np.argwhere(chosen) * step]


def _correction(centres: np.ndarray, moved: np.ndarray) -> np.ndarray | None:
    """The affine map, (3, 3), that most tiles support; None when there are too few tiles."""
    if len(centres) < _FEW:
        return None
    known = np.column_stack([centres, np.ones(len(centres))])
    kept = np.ones(len(centres), bool)
    for _ in range(4):
        if kept.sum() >= _AFFINE:
            solved = np.linalg.lstsq(known[kept], moved[kept], rcond=None)[0]
        else:
            solved = np.vstack([np.eye(2), np.median((moved - centres)[kept], axis=0)])
        missed = np.hypot(*(known @ solved - moved).T)
        fitting = missed <= max(_CLOSE, _SPREAD * float(np.median(missed)))
        if fitting.sum() < _FEW:
            return None
        if (fitting == kept).all():
            break
        kept = fitting
    return np.vstack([solved.T, [0.0, 0.0, 1.0]])


def whole_frame(matrix: np.ndarray, size: Size, other: Size) -> np.ndarray | None:
    """The map of whole frame to whole frame that `matrix` is nearly; None when it is not."""
    from_corners, to_corners = _corners(size), _corners(other)
    mapped = apply(matrix, from_corners)
    apart = np.abs(mapped[:, None] - to_corners[None]).max(axis=2)
    nearest = apart.argmin(axis=1)
    if len(set(nearest)) < 4 or apart.min(axis=1).max() > _NEAR_FRAME * max(other):
        return None
    target = to_corners[nearest].astype(np.float32)
    affine = cv2.getAffineTransform(from_corners[:3].astype(np.float32), target[:3])
    return np.vstack([affine, [0.0, 0.0, 1.0]])


def _corners(size: Size) -> np.ndarray:
    width, height = size
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], float) - 0.5


def _correlation(pair: _Pair, matrix: np.ndarray) -> float:
    """How well the detail of two pictures correlates under a map; -1 when nothing is shared."""
    shared = pair.laid(matrix)
    if shared is None:
        return -1.0
    one, other = shared.fine[shared.shown], shared.coarse[shared.shown]
    spread = float(one.std() * other.std())
    return float((one * other).mean()) / max(spread, 1e-6)
