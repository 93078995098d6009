"""Finds how one picture lies in another: by the map that most matches of features support.

A feature has a place, a size and a direction. So every match of two features proposes a whole
similarity transform. Because all proposals are tried, the result is the same each time, and a few
true matches among many false ones are enough. The best proposal is then refined to an affine or
projective map by its matches.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from imgdedup.geometry.features import Features

LEAST_INLIERS = 4  # below, a map means nothing
_RATIO = 0.85  # best to second best distance of descriptors, Lowe's ratio test
_FARTHEST = 0.75  # distance of unit descriptors beyond which nothing matches
_SURE, _BESIDE = 0.45, 4.0  # in so close a match, a second best this near is the same feature
_VOTERS = 100
_VOTE_SHARE = 0.06  # of the long side: how far a proposal may miss at first
_VOTE_TURN, _VOTE_SCALE = 0.5, 0.5  # radians, and logarithm of the factor
_ROUNDS = ((8.0, False), (5.0, False), (3.5, True), (3.0, True), (3.0, True))  # pixels, affine?
_LEAST_AFFINE = 8  # matches for an affine map
_PROJECTIVE_ROUNDS = (8.0, 6.0, 4.0, 3.0)  # tolerance, pixels
_LEAST_PROJECTIVE = 14  # matches for a projective map
_FITS_WELL, _PROJECTIVE_GAIN = 1.5, 1.1  # pixels; times the matches that it must bring within them
_OVERWHELMING = 0.3  # share of the features: with as many, no mirror image does better
_SCALES = (0.04, 25.0)
# Ratio of the scales along both axes of a map; change of scale across the picture. Few matches can
# be explained by many maps, so they must do with a plainer one.
_MOST_SHEAR, _MOST_TILT = 1.8, 1.2
_SHEAR_OF_FEW, _TILT_OF_FEW, _FEW = 1.35, 0.5, 20  # below as many matches
_GRID = 3.0  # pixels: inliers closer than this count as one


@dataclass(frozen=True, eq=False)
class Alignment:
    """A map of pixels of one picture to those of another, float64, (3, 3), and its support."""

    matrix: np.ndarray
    inliers: int  # distinct places in either picture

    @property
    def mirrored(self) -> bool:
        """Whether left and right change places."""
        return bool(np.linalg.det(self.matrix[:2, :2]) < 0)


def align(
    left: Features,
    mirrored: Features | None,
    width: int,
    right: Features,
    upright: bool = False,
) -> Alignment | None:
    """The map from the left picture to the right one that most features support; None: no map.

    `mirrored` are the features of the left picture's mirror image, or None when no map may mirror.
    `width` is its width in pixels. `upright` allows only maps that turn it by little.
    """
    straight = _fit(left, right, upright)
    most = min(len(left), len(right))
    if mirrored is None or (straight is not None and straight.inliers > _OVERWHELMING * most):
        return straight
    flipped = _fit(mirrored, right, upright)
    if flipped is None or (straight is not None and straight.inliers >= flipped.inliers):
        return straight
    flip = np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return Alignment(flipped.matrix @ flip, flipped.inliers)


def frames(left: tuple[int, int], right: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the maps, (3, 3), of the whole left frame (width, height) onto the whole right one.

    The eight maps are turns by quarters, mirrored or not. A map is left out unless the ratio of the
    sides fits to about 3 %.
    """
    (width, height), (across, down) = left, right
    if not _SCALES[0] < np.sqrt(across * down / (width * height)) < _SCALES[1]:
        return
    corners = np.array(
        [(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5)], dtype=np.float32
    )
    ends = [(-0.5, -0.5), (across - 0.5, -0.5), (across - 0.5, down - 0.5), (-0.5, down - 0.5)]
    for turned in range(4):
        shape = (height, width) if turned % 2 else (width, height)
        # A difference of one pixel is rounding, whatever the size.
        room = 0.03 + 1 / min(*shape, across, down)
        if abs(np.log(shape[0] * down / (shape[1] * across))) > room:
            continue
        for order in (ends, [ends[1], ends[0], ends[3], ends[2]]):
            target = np.array([order[(place - turned) % 4] for place in range(3)], np.float32)
            yield _projective(cv2.getAffineTransform(corners, target))


def turned(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The picture, (height, width), turned and mirrored as a map that `frames` yields does it."""
    linear = np.sign(np.round(matrix[:2, :2], 6)).astype(int)
    if linear[0, 0] == 0:  # x and y change places
        picture = picture.T
    across = linear[0, 0] or linear[0, 1]
    down = linear[1, 1] or linear[1, 0]
    return picture[::down, ::across]


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where a map (3, 3) takes points, float64, (n, 2)."""
    mapped = points @ matrix[:2, :2].T + matrix[:2, 2]
    if _is_affine(matrix):
        return mapped
    return mapped / (points @ matrix[2, :2] + matrix[2, 2])[:, None]


def scale_of(matrix: np.ndarray, centre: tuple[float, float]) -> float:
    """The factor by which a map (3, 3) changes lengths at a point."""
    return float(np.sqrt(abs(np.linalg.det(linear_at(matrix, centre)))))


def linear_at(matrix: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    """The linear part, (2, 2), of a map (3, 3) around a point."""
    depth = matrix[2, 0] * centre[0] + matrix[2, 1] * centre[1] + matrix[2, 2]
    mapped = apply(matrix, np.array([centre]))[0]
    return (matrix[:2, :2] - np.outer(mapped, matrix[2, :2])) / depth


def _is_affine(matrix: np.ndarray) -> bool:
    return not matrix[2, :2].any()


def _fit(left: Features, right: Features, upright: bool) -> Alignment | None:
    pairs = _match(left, right)
    if upright:
        turns = right.angles[pairs[:, 1]] - left.angles[pairs[:, 0]]
        pairs = pairs[np.abs(np.angle(np.exp(1j * turns))) < _VOTE_TURN]
    if len(pairs) < LEAST_INLIERS:
        return None
    a = left.points[pairs[:, 0]].astype(np.float64)
    b = right.points[pairs[:, 1]].astype(np.float64)
    factors = (right.sizes[pairs[:, 1]] / left.sizes[pairs[:, 0]]).astype(np.float64)
    turns = (right.angles[pairs[:, 1]] - left.angles[pairs[:, 0]]).astype(np.float64)
    # The closest matches vote. Then all matches take part.
    inliers = np.zeros(len(pairs), bool)
    inliers[:_VOTERS] = _vote(a[:_VOTERS], b[:_VOTERS], factors[:_VOTERS], turns[:_VOTERS])
    matrix = None
    for tolerance, affine in _ROUNDS:
        if inliers.sum() < LEAST_INLIERS:
            return None
        matrix = _least_squares(a[inliers], b[inliers], affine)
        if matrix is None:
            return None
        inliers = _close(matrix, a, b, tolerance)
    if matrix is None or inliers.sum() < LEAST_INLIERS:
        return None
    matrix, inliers = _with_perspective(matrix, inliers, a, b)
    distinct = min(_distinct(a[inliers]), _distinct(b[inliers]))
    return Alignment(matrix, distinct) if distinct >= LEAST_INLIERS else None


def _match(left: Features, right: Features) -> np.ndarray:
    """Indices of matching features, (n, 2), closest first; each right feature comes once."""
    if len(left) < LEAST_INLIERS or len(right) < LEAST_INLIERS:
        return np.empty((0, 2), int)
    cosines = left.unit @ right.unit.T
    rows = np.arange(len(left))
    first = cosines.argmax(axis=1)
    best = cosines[rows, first]
    cosines[rows, first] = -1
    second = cosines.argmax(axis=1)
    distance = np.sqrt(np.maximum(2 - 2 * best, 0))
    runner_up = np.sqrt(np.maximum(2 - 2 * cosines[rows, second], 0))
    apart = np.hypot(*(right.points[first] - right.points[second]).T)
    clear = (distance < _RATIO * runner_up) | ((apart < _BESIDE) & (distance < _SURE))
    chosen = np.flatnonzero(clear & (distance < _FARTHEST))
    chosen = chosen[np.argsort(distance[chosen], kind="stable")]
    _, once = np.unique(first[chosen], return_index=True)
    chosen = chosen[np.sort(once)]
    return np.stack([chosen, first[chosen]], axis=1)


def _vote(a: np.ndarray, b: np.ndarray, factors: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Find the proposal that explains most matches; give those matches, bool, (n,)."""
    spin = factors * np.exp(1j * turns)
    here, there = a @ [1, 1j], b @ [1, 1j]
    missed = np.abs(spin[:, None] * (here - here[:, None]) + there[:, None] - there)
    turned = np.abs(np.angle(spin[:, None] / spin))
    scaled = np.abs(np.log(factors[:, None] / factors))
    reach = max(4.0, _VOTE_SHARE * float(np.ptp(b, axis=0).max()))
    explained = (missed < reach) & (turned < _VOTE_TURN) & (scaled < _VOTE_SCALE)
    winner: np.ndarray = explained[explained.sum(axis=1).argmax()]
    return winner


def _least_squares(a: np.ndarray, b: np.ndarray, affine: bool) -> np.ndarray | None:
    """The similarity or affine map, (3, 3), that takes `a` closest to `b`; None when it is wild."""
    similar = _similarity(a, b)
    if similar is None:
        return None
    if not affine or len(a) < _LEAST_AFFINE:
        return similar
    ones = np.ones((len(a), 1))
    solved, _, rank, _ = np.linalg.lstsq(np.hstack([a, ones]), b, rcond=None)
    if rank < 3:
        return similar
    stretches = np.linalg.svd(solved[:2], compute_uv=False)
    most = _MOST_SHEAR if len(a) >= _FEW else _SHEAR_OF_FEW
    sane = stretches[0] < most * stretches[1] and np.linalg.det(solved[:2]) > 0
    return _projective(solved.T) if sane else similar


def _similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    here, there = a @ [1, 1j], b @ [1, 1j]
    at, to = here - here.mean(), there - there.mean()
    spread = float((np.abs(at) ** 2).sum())
    if spread < 1e-6:
        return None
    spin = (at.conj() * to).sum() / spread
    if not _SCALES[0] < abs(spin) < _SCALES[1]:
        return None
    shift = there.mean() - spin * here.mean()
    return np.array(
        [[spin.real, -spin.imag, shift.real], [spin.imag, spin.real, shift.imag], [0.0, 0.0, 1.0]]
    )


def _with_perspective(
    matrix: np.ndarray, inliers: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Try a projective map, too: it and its matches when it fits clearly better, else these."""
    near, well = _close(matrix, a, b, 8.0), _close(matrix, a, b, _FITS_WELL).sum()
    if _PROJECTIVE_GAIN * well > near.sum():
        return matrix, inliers
    for tolerance in _PROJECTIVE_ROUNDS:
        if near.sum() < max(_LEAST_PROJECTIVE, inliers.sum()):
            return matrix, inliers
        tilted, _ = cv2.findHomography(a[near], b[near], 0)
        if tilted is None or not _is_sane(tilted, a[near]):
            return matrix, inliers
        near = _close(tilted, a, b, tolerance)
    if _close(tilted, a, b, _FITS_WELL).sum() < _PROJECTIVE_GAIN * well:
        return matrix, inliers
    return tilted, near


def _is_sane(matrix: np.ndarray, points: np.ndarray) -> bool:
    few = len(points) < _FEW
    shear, tilt = (_SHEAR_OF_FEW, _TILT_OF_FEW) if few else (_MOST_SHEAR, _MOST_TILT)
    depths = points @ matrix[2, :2] + matrix[2, 2]
    middle = (float(points[:, 0].mean()), float(points[:, 1].mean()))
    stretches = np.linalg.svd(linear_at(matrix, middle), compute_uv=False)
    return bool(
        depths.min() > 0
        and depths.max() < (1 + tilt) * depths.min()
        and np.linalg.det(linear_at(matrix, middle)) > 0
        and stretches[0] < shear * stretches[1]
        and _SCALES[0] < stretches[1] < _SCALES[1]
    )


def _close(matrix: np.ndarray, a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    """The matches, bool, (n,), that a map explains to `tolerance` pixels; more if it enlarges."""
    middle = (float(a[:, 0].mean()), float(a[:, 1].mean()))
    reach = tolerance * min(max(scale_of(matrix, middle), 1.0), 3.0)
    near: np.ndarray = np.hypot(*(apply(matrix, a) - b).T) < reach
    return near


def _distinct(points: np.ndarray) -> int:
    return len(np.unique(np.round(points / _GRID), axis=0))


def _projective(affine: np.ndarray) -> np.ndarray:
    """An affine map (2, 3) as (3, 3)."""
    return np.vstack([affine, [0.0, 0.0, 1.0]])
