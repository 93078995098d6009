"""Decides whether two pictures are copies, and gives the evidence.

Two pictures are copies in four cases:

- The pictures agree everywhere after features have aligned them.
- The pictures agree almost perfectly outside some part, and that part has the few flat tones of
  text, bars and logos. Then the part lies on top. Around letters all over a picture, only the
  pixels that follow the tones count.
- Too few features match to align the pictures, and one whole frame laid on the other agrees by
  stricter limits. Frames without texture to correlate must have the same tones.
- One whole frame, edited like the other, agrees with it by still stricter limits.

The switches of `[verify]` say which edits leave a copy at all.

One product in two finishes may have the same light and dark. So the colours are compared, too.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imgdedup.config import VerifyConfig
from imgdedup.geometry.agreement import Agreement, Shared, agreement, share
from imgdedup.geometry.alignment import Alignment, align, apply, frames, turned
from imgdedup.geometry.colouring.verdict import Colouring
from imgdedup.geometry.explanation import Explanation, explain
from imgdedup.geometry.imitation import imitations
from imgdedup.geometry.overlay import (
    beneath,
    drawn_pixels,
    is_covered,
    is_graphic,
    is_overlay,
)
from imgdedup.geometry.picture import Picture
from imgdedup.geometry.policy import is_allowed, is_allowed_frame, may_be_copies

_FIRM = 12  # features that place a picture firmly
_ALIKE = 0.95  # correlation of two signatures from which whole frames are compared
_FLAT = 2.0  # deviation of a signature, levels, below which it has no pattern to correlate
_MEAN_APART, _MOST_APART = 0.75, 6.0  # levels by which plain copies may differ
_SMOOTHED = 1.0
_NEAR_FRAME = 0.05  # of the long side: how far features may place a corner from the frame's
_RELATED = 0.5  # median correlation below which no edit of the whole picture is looked for
_DISAGREEING_EDITED = 0.02  # share of the windows
_LEAST_EDITED = 4000, 200  # pixels, and windows: fewer would follow any rule
_LEFT, _LEAST_AROUND = 0.4, 0.97  # share of the windows, their first percentile, around letters
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
    matrix: np.ndarray | None = None  # (3, 3), left thumbnail pixels to right ones; for copies

    def exchanged(self) -> "Verdict":
        """The same verdict with left and right in each other's place."""
        matrix = None if self.matrix is None else np.linalg.inv(self.matrix)
        if matrix is not None:
            matrix /= matrix[2, 2]
        found = self.explanation
        return replace(self, explanation=found and found.exchanged(), matrix=matrix)


_NOTHING = Verdict(False, 0, 0.0, 0.0, None)


def compare(left: Picture, right: Picture, config: VerifyConfig) -> Verdict:
    """Decide whether two pictures are copies of each other.

    The verdict does not depend on which of them is left: the rank says which one comes first.
    """
    if left.rank >= right.rank:
        return _compare(left, right, config)
    return _compare(right, left, config).exchanged()


def _compare(left: Picture, right: Picture, config: VerifyConfig) -> Verdict:
    if not may_be_copies(left.frames, right.frames, config):
        return _NOTHING
    found = _agreeing(left, right, config)
    if found.explanation is None or is_allowed(found.explanation, config):
        return found
    return Verdict(False, found.inliers, found.correlation, found.overlap, None)


def _agreeing(left: Picture, right: Picture, config: VerifyConfig) -> Verdict:
    """The verdict on two pictures by the maps that are allowed, whatever the edit."""
    mirrored = left.mirrored if config.mirrored else None
    width = left.luma.shape[1]
    aligned = align(left.features, mirrored, width, right.features, upright=not config.turned)
    # A few features place a picture loosely. If whole frames agree, their map is better.
    loose = aligned is None or aligned.inliers < _FIRM
    maps = _frames_alike(left, right, aligned, config) if loose else []
    if loose and (whole := _compare_frames(left, right, maps, config)):
        return whole
    found = _NOTHING if aligned is None else _judge(left, right, aligned, config)
    if found.duplicate:
        return found
    if not loose:
        maps = _frames_alike(left, right, aligned, config)
    return _compare_edited(left, right, maps, config) or found


def _judge(left: Picture, right: Picture, aligned: Alignment, config: VerifyConfig) -> Verdict:
    matrix, inliers = aligned.matrix, aligned.inliers
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
        if not everywhere and not graphic:
            covered = is_covered(thin, found, config) or _agree_beneath(shared, found, config)
    if shared.overlap < config.least_overlap or not (everywhere or covered):
        return Verdict(False, inliers, found.worst, shared.overlap, None)
    colouring = Colouring(left, right, matrix)
    if colouring.shows_other_object(shared):
        return Verdict(False, inliers, found.worst, shared.overlap, None)
    drawn = drawn_pixels(thin)
    overlaid = covered or is_overlay(thin, drawn, config)
    if overlaid:  # the overlay tells nothing about the tones below
        thin = replace(thin, shown=thin.shown & ~drawn)
    recoloured = colouring.is_changed(thin, overlaid=overlaid)
    explanation = explain(left, right, matrix, thin, recoloured, overlaid)
    return Verdict(True, inliers, found.worst, shared.overlap, explanation, matrix)


def _explain_frames(
    left: Picture, right: Picture, matrix: np.ndarray, shared: Shared, colouring: Colouring
) -> Explanation:
    recoloured = colouring.is_changed(shared.thinned(), overlaid=False)
    return explain(left, right, matrix, shared, recoloured, overlaid=False)


def _agree_beneath(shared: Shared, found: Agreement, config: VerifyConfig) -> bool:
    """Whether the pictures are the same around letters, and enough texture is left to tell."""
    rest = beneath(shared, found, config)
    around = agreement(rest) if rest is not None else None
    return (
        around is not None
        and around.windows >= _LEFT * found.windows
        and around.typical >= config.overlay_correlation
        and around.worst >= config.overlay_correlation
        and around.least >= _LEAST_AROUND
    )


def _is_even(found: Agreement, config: VerifyConfig) -> bool:
    """Whether the worst windows correlate no worse than the noise in all windows explains."""
    return 1 - found.least <= config.graphic_slack + _NOISE * (1 - found.typical)


def _agree_strictly(found: Agreement, config: VerifyConfig) -> bool:
    return found.correlation >= config.frame_correlation and found.disagreeing == 0


def _frames_alike(
    left: Picture, right: Picture, aligned: Alignment | None, config: VerifyConfig
) -> list[np.ndarray]:
    """The allowed maps of whole frames, (3, 3), that the features or the frames' look support."""
    size, other = left.size, right.size
    return [
        matrix
        for matrix in frames(size, other)
        if is_allowed_frame(matrix, config)
        and (
            _look_alike(left, right, matrix)
            or (aligned is not None and _is_near(aligned.matrix, matrix, size, other))
        )
    ]


def _is_near(
    matrix: np.ndarray, frame: np.ndarray, size: tuple[int, int], other: tuple[int, int]
) -> bool:
    """Whether a map takes the corners of a picture (width, height) near those of the other."""
    width, height = size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    missed = np.hypot(*(apply(matrix, corners) - apply(frame, corners)).T)
    return bool(missed.max() <= _NEAR_FRAME * max(other))


def _compare_frames(
    left: Picture, right: Picture, maps: list[np.ndarray], config: VerifyConfig
) -> Verdict | None:
    """The verdict on two whole frames, turned or mirrored; None when no map lets them agree."""
    for matrix in maps:
        shared = share(left.luma, right.luma, matrix)
        if shared is None:
            continue
        found = agreement(shared)
        if _agree_strictly(found, config) if found else _same_tones(left, right, matrix):
            colouring = Colouring(left, right, matrix)
            worst = found.worst if found else 1.0
            if colouring.shows_other_object(shared):
                return Verdict(False, 0, worst, shared.overlap, None)
            explanation = _explain_frames(left, right, matrix, shared, colouring)
            return Verdict(True, 0, worst, shared.overlap, explanation, matrix)
    return None


def _compare_edited(
    left: Picture, right: Picture, maps: list[np.ndarray], config: VerifyConfig
) -> Verdict | None:
    """The verdict on two whole frames once one is edited like the other; None for no copies.

    The correlation is that of the edited frame.
    """
    for matrix in maps:
        shared = share(left.luma, right.luma, matrix)
        plainly = agreement(shared) if shared is not None else None
        if shared is None or plainly is None or plainly.typical < _RELATED:
            continue
        if shared.shown.sum() < _LEAST_EDITED[0] or plainly.windows < _LEAST_EDITED[1]:
            continue
        graphic = is_graphic(shared.thinned(), config)
        colouring = Colouring(left, right, matrix)
        for edited in imitations(left, right, matrix, shared):
            found = agreement(edited)
            if found is not None and _agree_edited(found, graphic, config):
                if colouring.shows_other_object(shared):
                    break
                explanation = _explain_frames(left, right, matrix, shared, colouring)
                return Verdict(True, 0, found.worst, shared.overlap, explanation, matrix)
    return None


def _agree_edited(found: Agreement, graphic: bool, config: VerifyConfig) -> bool:
    return (
        found.windows >= _LEAST_EDITED[1]
        and found.correlation >= config.imitated_correlation
        and found.worst >= config.imitated_worst
        and found.disagreeing <= _DISAGREEING_EDITED
        and (not graphic or _is_even(found, config))
    )


def _look_alike(left: Picture, right: Picture, matrix: np.ndarray) -> bool:
    """Whether the signatures of two frames are alike under a map of frame to frame."""
    laid = turned(left.signature, matrix)
    spread = laid.std(), right.signature.std()
    if min(spread) < _FLAT:
        return bool(np.abs(laid - right.signature).max() < _MOST_APART)
    correlation = np.mean((laid - laid.mean()) * (right.signature - right.signature.mean())) / (
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
