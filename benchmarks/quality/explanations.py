"""How well a run explained the copies it found: crop box, scale, rotation and mirroring."""

from dataclasses import dataclass

import pandas as pd

from benchmarks.quality.corpus import PHOTO, Truth
from benchmarks.quality.findings import Families
from imgdedup.corpora.motion import Box

BOX_TOLERANCE = 0.03  # of the side
SCALE_TOLERANCE = 0.02  # of the true scale
ROTATION_TOLERANCE = 2.0  # degrees


@dataclass(frozen=True)
class Turn:
    """How the wider picture becomes the other: which part of it the other shows, and how."""

    crop: Box  # shares of the sides of the wider picture
    scale: float  # pixels of the other for one pixel of the wider
    rotation: float  # degrees counter-clockwise, after the mirroring
    mirrored: bool


def due(truth: Truth, copy_is_wider: bool) -> Turn:
    """The right explanation of a copy, with the copy or its photograph as the wider picture."""
    if not copy_is_wider:
        return Turn(truth.crop, truth.scale, truth.rotation, truth.mirrored)
    # A mirroring with a turn after it is its own inverse. A turn alone is turned back.
    back = truth.rotation if truth.mirrored else -truth.rotation % 360
    return Turn(truth.place, 1 / truth.scale, back, truth.mirrored)


def accuracy(families: Families, pairs: pd.DataFrame) -> pd.DataFrame:
    """One row for each near pair of an edited copy with the photograph it was made of.

    `edit`, `kind`, `label` (what the run calls the edit), `box_error` (the largest of its sides'
    errors, shares of the side), `scale_error` (relative), `rotation_error` (degrees) and
    `mirror_right`. Where `is_exact` is false, as after a change of perspective, the errors mean
    nothing. A pair that the run did not explain has errors of NaN.
    """
    rows = []
    for pair in pairs[pairs["kind"] == "near"].itertuples():
        for copy, other in (
            (pair.left_content, pair.right_content),
            (pair.right_content, pair.left_content),
        ):
            truth = families.truth[copy]
            if truth.kind == PHOTO or families.original.get(truth.photo) != other:
                continue
            wider = pair.left_content if pair.wider_id == pair.left_id else pair.right_content
            rows.append(_judged(truth, due(truth, wider == copy), pair))
    return pd.DataFrame(
        rows,
        columns=[
            "edit", "kind", "label", "is_exact",
            "box_error", "scale_error", "rotation_error", "mirror_right",
        ],
    )  # fmt: skip


def _judged(truth: Truth, expected: Turn, pair) -> tuple:  # type: ignore[no-untyped-def]
    crop = (pair.crop_left, pair.crop_top, pair.crop_right, pair.crop_bottom)
    turned = abs(pair.rotation - expected.rotation) % 360
    return (
        truth.edit,
        truth.kind,
        pair.edit,
        truth.is_exact,
        max(abs(side - right) for side, right in zip(crop, expected.crop, strict=True)),
        abs(pair.scale / expected.scale - 1),
        min(turned, 360 - turned),
        bool(pair.mirrored == expected.mirrored),
    )


def summary(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sum up the rows of `accuracy` by `edit` or `kind`.

    `pairs` is the number of pairs. `box`, `scale`, `rotation` and `mirror` are the shares of pairs
    for which that is right; `aim`: box, scale and mirror all are. The median errors follow. Where
    `is_exact` is false, only the mirroring counts.
    """
    loose = ~rows["is_exact"].astype(bool)
    right = pd.DataFrame(
        {
            by: rows[by],
            "box": loose | (rows["box_error"] <= BOX_TOLERANCE),
            "scale": loose | (rows["scale_error"] <= SCALE_TOLERANCE),
            "rotation": loose | (rows["rotation_error"] <= ROTATION_TOLERANCE),
            "mirror": rows["mirror_right"].astype(bool),
        }
    )
    right["aim"] = right["box"] & right["scale"] & right["mirror"]
    grouped = right.groupby(by, sort=False)
    measured = rows[~loose].groupby(by)[["box_error", "scale_error"]].median()
    return grouped.mean().join(measured).assign(pairs=grouped.size())
