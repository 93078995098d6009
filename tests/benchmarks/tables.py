"""Small hand-made tables of a run, in the columns that the quality benchmark reads.

There are photographs `a` to `d`, and copies of `a` and `b`. A content has the name of its file.
"""

from typing import Any

import pandas as pd

from benchmarks.quality.corpus import KINDS, PHOTO, Truth
from benchmarks.quality.findings import CANDIDATES, PAIRS, RUNS, Findings

WHOLE = (0.0, 0.0, 1.0, 1.0)


def photo(name: str) -> Truth:
    return Truth(f"photos/{name}", name, (name,), PHOTO, PHOTO, "", WHOLE, WHOLE, 1, 0, False, True)


def copy(name: str, edit: str, *others: str, **truth: Any) -> Truth:
    geometry: dict[str, Any] = {
        "crop": WHOLE, "place": WHOLE, "scale": 1.0, "rotation": 0.0, "mirrored": False,
        "is_exact": True,
    }  # fmt: skip
    return Truth(
        f"copies/{name}/{edit}", name, (name, *others), KINDS[edit], edit, "", **geometry | truth
    )


TRUTH = (
    *map(photo, "abcd"),
    copy("a", "copy"),
    copy("a", "crop", crop=(0.1, 0.2, 0.9, 1.0)),
    copy("a", "jpeg"),
    copy("b", "collage", "c", "d", "a", place=(0.5, 0.0, 1.0, 0.5), scale=0.5),
    copy("b", "turn", rotation=90.0),
)


def content(image: str) -> str:
    """The content of a file: an exact copy has its photograph's."""
    return "photos/a" if image == "copies/a/copy" else image


def images(truth: tuple[Truth, ...] = TRUTH) -> pd.DataFrame:
    rows = [(row.image_id, content(row.image_id), None) for row in truth]
    return pd.DataFrame(rows, columns=["image_id", "content_id", "failure"])


def near(one: str, other: str, margin: float, **columns: Any) -> dict[str, Any]:
    """A near pair of two contents, of the images with their least ids."""
    left, right = sorted((one, other))
    ids = [min(row.image_id for row in TRUTH if content(row.image_id) == x) for x in (left, right)]
    return {
        "left_content": left, "right_content": right, "left_id": min(ids), "right_id": max(ids),
        "kind": "near", "similarity": margin, "margin": margin, **columns,
    }  # fmt: skip


EXACT = {
    "left_content": "photos/a", "right_content": "photos/a", "left_id": "copies/a/copy",
    "right_id": "photos/a", "kind": "exact", "similarity": 1.0, "edit": "exact copy",
}  # fmt: skip


def tables(
    candidates: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    groups: list[tuple[str, str, str]] | None = None,
    runs: list[dict[str, Any]] | None = None,
) -> Findings:
    """A run's tables; `groups` are (image, group, keeper)."""
    rows = [(image, group, image == keeper, keeper) for image, group, keeper in groups or []]
    columns = ["image_id", "group_id", "is_keeper", "keeper_id"]
    return Findings(
        images(),
        pd.DataFrame(candidates, columns=CANDIDATES),
        pd.DataFrame(pairs, columns=PAIRS),
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(runs or [], columns=RUNS),
    )
