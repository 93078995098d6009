"""Decides whether two pictures are copies, and gives the evidence.

Two pictures are copies in three cases:

- The pictures agree everywhere after features have aligned them.
- The pictures agree almost perfectly outside some part, and that part has the few flat tones of
  text, bars and logos. Then the part lies on top.
- Too few features match to align the pictures, and one whole frame laid on the other agrees by
  stricter limits. Frames without texture to correlate must have the same tones.

One product in two finishes may have the same light and dark. So the colours are compared, too.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.geometry.agreement import Agreement, agreement, share
from imgdedup.geometry.alignment import align, frames
from imgdedup.geometry.colours import colours_of
from imgdedup.geometry.explanation import Explanation, explain
from imgdedup.geometry.overlay import drawn_pixels, is_covered, is_graphic, is_overlay
from imgdedup.geometry.picture import Picture

_FIRM = 12  # features that place a picture firmly
_ALIKE = 0.95  # correlation of two signatures from which whole frames are compared
_FLAT = 2.0  # deviation of a signature, levels, below which it has no pattern to correlate
_MEAN_APART, _MOST_APART = 0.75, 6.0  # levels by which plain copies may differ
_SMOOTHED = 1.0
_NOISE = 15.0  # noise takes the first percentile this much farther from 1 than the median


@dataclass(frozen=True)
class Verdict:
    """Whether two pictures are copies, and why.

    `inliers` counts the features that agree on one map, and is 0 when whole frames were compared.
    `correlation` is that of the worst tenth of the windows with texture, and is 1.0 for plain
    pictures of the same tone. `overlap` is the share of the smaller picture that the other shows.
    """

    duplicate: bool
    inliers: int
    correlation: float
    overlap: float
    explanation: Explanation | None  # None unless the pictures are copies


def compare(left: Picture, right: Picture, config: VerifyConfig) -> Verdict:
    """Decide whether two pictures are copies of each other."""
    aligned = align(left.features, left.mirrored, left.luma.shape[1], right.features)
    if aligned is None:
        return _compare_frames(left, right, config) or Verdict(False, 0, 0.0, 0.0, None)
    # A few features place a picture loosely. If whole frames agree, their map is better.
    whole = _compare_frames(left, right, config) if aligned.inliers < _FIRM else None
    return whole or _judge(left, right, aligned.matrix, aligned.inliers, config)


def _judge(
    left: Picture, right: Picture, matrix: np.ndarray, inliers: int, config: VerifyConfig
) -> Verdict:
    shared = share(left.luma, right.luma, matrix)
    if shared is None:
        return Verdict(False, inliers, 0.0, 0.0, None)
    found = agreement(shared)
    if found is None:
        return Verdict(False, inliers, 0.0, shared.overlap, None)
    thin, covered = shared.thinned(), False
    if inliers < config.least_inliers:
        everywhere = _agree_strictly(found, config)
    else:
        # In a page, a chart or an icon, the drawing is the picture, not something on top of it.
        graphic = is_graphic(thin, config)
        everywhere = (
            found.correlation >= config.correlation
            and found.worst >= config.worst_correlation
            and found.disagreeing <= config.disagreeing
            and (not graphic or _is_even(found, config))
        )
        covered = not everywhere and not graphic and is_covered(thin, found, config)
    if shared.overlap < config.least_overlap or not (everywhere or covered):
        return Verdict(False, inliers, found.worst, shared.overlap, None)
    colours = colours_of(left, right, matrix)
    if colours and colours.is_one_object:
        return Verdict(False, inliers, found.worst, shared.overlap, None)
    drawn = drawn_pixels(thin)
    overlaid = covered or is_overlay(thin, drawn, config)
    if overlaid:  # the overlay tells nothing about the tones below
        thin = replace(thin, shown=thin.shown & ~drawn)
    explanation = explain(left, right, matrix, thin, colours, overlaid)
    return Verdict(True, inliers, found.worst, shared.overlap, explanation)


def _is_even(found: Agreement, config: VerifyConfig) -> bool:
    """Whether the worst windows correlate no worse than the noise in all windows explains."""
    return 1 - found.least <= config.graphic_slack + _NOISE * (1 - found.typical)


def _agree_strictly(found: Agreement, config: VerifyConfig) -> bool:
    return found.correlation >= config.frame_correlation and found.disagreeing == 0


def _compare_frames(left: Picture, right: Picture, config: VerifyConfig) -> Verdict | None:
    """The verdict on two whole frames, turned or mirrored; None when they are no copies."""
    size = left.luma.shape[1], left.luma.shape[0]
    for matrix in frames(size, (right.luma.shape[1], right.luma.shape[0])):
        if not _look_alike(left, right, matrix):
            continue
        shared = share(left.luma, right.luma, matrix)
        if shared is None:
            continue
        found = agreement(shared)
        if _agree_strictly(found, config) if found else _same_tones(left, right, matrix):
            colours = colours_of(left, right, matrix)
            if colours and colours.is_one_object:
                continue
            explanation = explain(left, right, matrix, shared, colours, overlaid=False)
            return Verdict(True, 0, found.worst if found else 1.0, shared.overlap, explanation)
    return None


def _look_alike(left: Picture, right: Picture, matrix: np.ndarray) -> bool:
    """Whether the signatures of two frames are alike under a map of frame to frame."""
    linear = np.sign(np.round(matrix[:2, :2], 6)).astype(int)
    turned = left.signature
    if linear[0, 0] == 0:  # x and y change places
        turned = turned.T
    across = linear[0, 0] or linear[0, 1]
    down = linear[1, 1] or linear[1, 0]
    turned = turned[::down, ::across]
    spread = turned.std(), right.signature.std()
    if min(spread) < _FLAT:
        return bool(np.abs(turned - right.signature).max() < _MOST_APART)
    correlation = np.mean((turned - turned.mean()) * (right.signature - right.signature.mean())) / (
        spread[0] * spread[1]
    )
    return bool(correlation > _ALIKE)


def _same_tones(left: Picture, right: Picture, matrix: np.ndarray) -> bool:
    """Whether two pictures without texture have the same colour everywhere."""
    height, width = right.luma.shape
    laid = cv2.warpPerspective(
        left.rgb, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    apart = np.abs(
        cv2.GaussianBlur(laid, (0, 0), _SMOOTHED)
        - cv2.GaussianBlur(right.rgb.astype(np.float32), (0, 0), _SMOOTHED)
    )
    return bool(apart.mean() <= _MEAN_APART and apart.max() <= _MOST_APART)
