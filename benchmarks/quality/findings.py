"""The tables of a run, and the truth about its contents: what they show and how two relate."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from benchmarks.quality.corpus import EVERYDAY_KIND, PHOTO, STRONG_KIND, Truth
from imgdedup.report.tables import read

CANDIDATES = ["left_content", "right_content", "similarity", "margin"]
EVIDENCE = ["margin", "inliers", "correlation", "overlap"]
EXPLANATION = [
    "wider_id", "scale", "rotation", "mirrored",
    "crop_left", "crop_top", "crop_right", "crop_bottom",
    "brightness", "contrast", "grayscale", "edit",
]  # fmt: skip
PAIRS = [
    "left_id", "right_id", "left_content", "right_content", "kind", "similarity",
    *EVIDENCE, *EXPLANATION,
]  # fmt: skip
GROUPS = ["image_id", "group_id", "is_keeper", "keeper_id"]
RUNS = ["stage", "status", "started_at", "seconds", "rows_in", "rows_out", "peak_rss_bytes",
        "model", "details", "versions"]  # fmt: skip


class Relation(StrEnum):
    """How the pictures of two files relate."""

    SAME = "same"  # they show a photograph in common
    JUDGED = "judged"  # they show two photographs that a person judged to be duplicates
    DIFFERENT = "different"


@dataclass(frozen=True)
class Findings:
    """The tables of one day's run, with the columns that the constants above name."""

    images: pd.DataFrame  # image_id, content_id, failure
    candidates: pd.DataFrame
    pairs: pd.DataFrame
    groups: pd.DataFrame
    runs: pd.DataFrame


def findings(root: Path, day: str) -> Findings:
    """Read the tables of the run for `day` under `root`."""
    days = [day]
    return Findings(
        images=read(root, "embeddings", days, ["image_id", "content_id", "failure"]),
        candidates=read(root, "candidates", days, CANDIDATES),
        pairs=read(root, "pairs", days, PAIRS),
        groups=read(root, "groups", days, GROUPS),
        runs=read(root, "runs", days, RUNS),
    )


class Families:
    """The truth about each content, and how two contents relate.

    A content of several files is an untouched photograph if one of the files is. `judged` are
    pairs of photographs that a person judged to be duplicates.
    """

    def __init__(
        self,
        truth: Sequence[Truth],
        images: pd.DataFrame,
        judged: Iterable[Collection[str]] = (),
    ) -> None:
        rows = {row.image_id: row for row in truth}
        read_images = images[images["content_id"].notna()]
        self.content: dict[str, str] = dict(
            zip(read_images["image_id"], read_images["content_id"], strict=True)
        )
        by_content: dict[str, list[Truth]] = defaultdict(list)
        for image, content in self.content.items():
            by_content[content].append(rows[image])
        self.truth: dict[str, Truth] = {
            content: min(files, key=lambda row: (row.kind != PHOTO, row.image_id))
            for content, files in by_content.items()
        }
        self.photos: dict[str, frozenset[str]] = {
            content: frozenset(photo for row in files for photo in row.photos)
            for content, files in by_content.items()
        }
        self.original: dict[str, str] = {
            row.photo: self.content[row.image_id]
            for row in truth
            if row.kind == PHOTO and row.image_id in self.content
        }
        self._judged: dict[str, set[str]] = defaultdict(set)
        for one, other in judged:
            self._judged[one].add(other)
            self._judged[other].add(one)

    def relation(self, one: str, other: str) -> Relation:
        """How two contents relate."""
        photos, others = self.photos[one], self.photos[other]
        if not photos.isdisjoint(others):
            return Relation.SAME
        if any(not others.isdisjoint(self._judged.get(photo, ())) for photo in photos):
            return Relation.JUDGED
        return Relation.DIFFERENT

    def is_photo(self, content: str) -> bool:
        """Tell whether the content is an untouched photograph."""
        return self.truth[content].kind == PHOTO

    def touched(self, one: str, other: str) -> str:
        """The stronger kind of edit of two contents; PHOTO when neither is edited."""
        kinds = {self.truth[one].kind, self.truth[other].kind}
        return next((kind for kind in (STRONG_KIND, EVERYDAY_KIND) if kind in kinds), PHOTO)

    def originals(self, row: Truth) -> list[str]:
        """The contents of the untouched photographs that a file shows."""
        return [self.original[photo] for photo in row.photos if photo in self.original]

    def relatives(self, content: str) -> set[str]:
        """The photographs that a content shows, and those judged to be duplicates of these."""
        shown = self.photos[content]
        return set(shown).union(*(self._judged.get(photo, set()) for photo in shown))
