"""Compares what a run found with the known truth about the corpus."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from imgdedup.corpora.corpus import COPY, ORIGINAL, Truth
from imgdedup.report.tables import read


@dataclass(frozen=True)
class Quality:
    """The findings of a run, compared with the known truth."""

    copies: Mapping[str, int]  # by edit
    missed: Mapping[str, list[str]]  # by edit: the photographs, with the amount of the edit
    false_pairs: Mapping[tuple[str, str], int]  # by the two photographs
    wrong_removals: list[str]  # images whose keeper shows another photograph
    problems: list[str]  # faults that a run must never show, in words

    @property
    def found(self) -> int:
        """The number of copies that were found."""
        return sum(self.copies.values()) - sum(map(len, self.missed.values()))


def compare(root: Path, truth: Sequence[Truth]) -> Quality:
    """Compare the pairs, groups and failures under `root` with `truth`.

    A copy is found when a pair or a group joins it with its original. A pair with an exact copy of
    an image counts as a pair with the image. A pair is false when its images show different
    photographs.
    """
    days = sorted({row.dt for row in truth})
    pairs = read(root, "pairs", days, ["left_id", "right_id", "kind"])
    groups = read(root, "groups", days, ["image_id", "group_id", "is_keeper", "keeper_id"])
    photo = {row.image_id: row.photo or row.image_id for row in truth}

    joined = _Joined(pairs, groups)
    original = {row.photo: row.image_id for row in truth if row.edit == ORIGINAL}
    copies = [row for row in truth if row.photo and row.edit != ORIGINAL]
    missed: dict[str, list[str]] = defaultdict(list)
    for row in copies:
        if not joined.holds(row.image_id, original[row.photo]):
            missed[row.edit].append(f"{row.photo} ({row.amount})" if row.amount else str(row.photo))

    shown = ((photo.get(a, a), photo.get(b, b)) for a, b in _rows(pairs, "left_id", "right_id"))
    false_pairs = Counter((min(both), max(both)) for both in shown if both[0] != both[1])
    removed = _rows(groups[~groups["is_keeper"].astype(bool)], "image_id", "keeper_id")
    wrong = sorted(image for image, keeper in removed if photo.get(image) != photo.get(keeper))
    embeddings = read(root, "embeddings", days, ["image_id", "failure"])
    kept = list(read(root, "deduplicated", days, ["image_id"])["image_id"])
    return Quality(
        copies=Counter(row.edit for row in copies),
        missed=missed,
        false_pairs=false_pairs,
        wrong_removals=wrong,
        problems=[
            *_row_problems(embeddings, truth),
            *_kept_problems(kept, {image for image, _ in removed}, truth),
            *_copy_problems(missed, len(copies)),
        ],
    )


class _Joined:
    """Which images the pairs and groups call copies of one another."""

    def __init__(self, pairs: pd.DataFrame, groups: pd.DataFrame) -> None:
        exact = pairs[pairs["kind"] != "near"]
        self._centre = {right: left for left, right in _rows(exact, "left_id", "right_id")}
        near = pairs[pairs["kind"] == "near"]
        self._near = {
            frozenset((self._content(left), self._content(right)))
            for left, right in _rows(near, "left_id", "right_id")
        }
        self._group = dict(_rows(groups, "image_id", "group_id"))

    def holds(self, image: str, other: str) -> bool:
        """Tell whether a pair or a group joins the two images."""
        contents = frozenset((self._content(image), self._content(other)))
        if len(contents) == 1 or contents in self._near:
            return True
        return image in self._group and self._group[image] == self._group.get(other)

    def _content(self, image: str) -> str:
        """The least id among the exact copies of an image: exact pairs form a star around it."""
        while image in self._centre:
            image = self._centre[image]
        return image


def _row_problems(embeddings: pd.DataFrame, truth: Sequence[Truth]) -> Iterator[str]:
    """Yield lost rows, extra rows, and failures other than the expected ones."""
    expected = {(row.dt, row.image_id): row.failure for row in truth}
    failures = embeddings["failure"].astype(object).where(embeddings["failure"].notna(), None)
    got = dict(zip(_rows(embeddings, "dt", "image_id"), failures, strict=True))
    if lost := sorted(expected.keys() - got.keys()):
        yield f"{len(lost)} images have no row in embeddings, {'/'.join(lost[0])} among them"
    if len(embeddings) != len(got) or got.keys() - expected.keys():
        yield f"{len(embeddings)} rows in embeddings for {len(expected)} images"
    for key in sorted(expected.keys() & got.keys()):
        if got[key] != expected[key]:
            told, due = (code or "no failure" for code in (got[key], expected[key]))
            yield f"{'/'.join(key)}: {told}, where {due} was expected"


def _kept_problems(kept: list[str], removed: set[str], truth: Sequence[Truth]) -> Iterator[str]:
    """Check that `deduplicated` holds all images except those that `groups` removes."""
    due = sorted({row.image_id for row in truth} - removed)
    if sorted(kept) != due:
        yield f"{len(kept)} images in deduplicated, where {len(due)} were to be kept"


def _copy_problems(missed: Mapping[str, list[str]], copies: int) -> Iterator[str]:
    if sum(map(len, missed.values())) == copies:
        yield "no copy was found"
    elif COPY in missed:
        yield f"exact copies were missed: {', '.join(missed[COPY])}"


def _rows(frame: pd.DataFrame, first: str, second: str) -> list[tuple[str, str]]:
    return list(zip(frame[first], frame[second], strict=True))
