"""Compares what a run removed with the truth about each pair."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.precision.corpus import Row
from benchmarks.precision.full import Outcome
from benchmarks.precision.kinds.catalogue import BY_NAME
from benchmarks.precision.kinds.pairs import PHOTOGRAPH, SAME_FILE

Removal = tuple[str, str]  # the removed file and its keeper


@dataclass(frozen=True)
class Shown:
    """What a file shows: a picture, and words on it if they tell it from other files."""

    picture: str
    words: str = ""
    is_photograph: bool = False  # the plain photograph, or an edited copy of it

    def differs(self, other: "Shown") -> bool:
        """Whether neither file may be removed for the other."""
        if self.picture != other.picture:
            return True
        return bool(self.words and other.words and self.words != other.words)


@dataclass(frozen=True)
class Scored:
    """What a run made of one pair."""

    row: Row
    is_pair: bool  # verify took the two files for copies
    is_group: bool  # the two files are in one group
    removals: tuple[Removal, ...]  # of different pictures: false removals that the pair explains
    is_replaced: bool  # the left file is removed for the right one
    failure: str  # the code of a file that could not be embedded, else empty


@dataclass(frozen=True)
class Score:
    """What a run made of all pairs."""

    pairs: tuple[Scored, ...]
    others: tuple[Removal, ...]  # further removals for the keeper of another picture


def score(rows: Sequence[Row], found: Outcome) -> Score:
    """Find the false removals, and the pair of different pictures that explains each.

    A removal is false when the file and its keeper show different pictures. It belongs to the pair
    of the file. A plain photograph belongs to many pairs: then it belongs to the pair of its
    keeper. An edited copy of a photograph is no file of a pair of different pictures: its removal
    is counted apart, because the copy may show only what both pictures show.
    """
    shown = {path: what for row in rows for path, what in _shown(row)}
    owners: dict[str, list[Row]] = defaultdict(list)  # of pairs of different pictures
    for row in rows:
        if not BY_NAME[row.kind].is_copy:
            owners[row.left].append(row)
            owners[row.right].append(row)
    false: dict[Row, list[Removal]] = defaultdict(list)
    others: list[Removal] = []
    for removed, keeper in sorted(found.keepers.items()):
        for row in owners[removed]:
            if BY_NAME[row.kind].aim == SAME_FILE and (removed, keeper) == (row.left, row.right):
                false[row].append((removed, keeper))
        if shown[removed].differs(shown[keeper]):
            blamed = _blamed(removed, keeper, shown, owners)
            for row in blamed:
                false[row].append((removed, keeper))
            others += [] if blamed else [(removed, keeper)]
    scored = tuple(_scored(row, found, tuple(false[row])) for row in rows)
    return Score(scored, tuple(others))


def _blamed(
    removed: str, keeper: str, shown: Mapping[str, Shown], owners: Mapping[str, list[Row]]
) -> list[Row]:
    """The pairs of different pictures that explain a false removal; none if nothing does."""
    own, others = owners.get(removed, []), owners.get(keeper, [])
    if not shown[removed].is_photograph:
        return own
    if not shown[keeper].is_photograph:
        return others if own else []
    return own if shown[removed].words else []


def _shown(row: Row) -> list[tuple[str, Shown]]:
    """Each file of a pair, and what it shows."""
    kind = BY_NAME[row.kind]
    is_photograph = kind.base == PHOTOGRAPH
    base = f"{row.number}" if is_photograph else f"{row.number} {row.kind}"
    if kind.has_words:
        words = [Shown(base, f"{row.kind} {side}", is_photograph) for side in ("left", "right")]
        return [(row.left, words[0]), (row.right, words[1])]
    left = Shown(base, is_photograph=is_photograph)
    if kind.is_copy or kind.aim == SAME_FILE:
        return [(row.left, left), (row.right, left)]
    return [(row.left, left), (row.right, Shown(f"{row.number} {row.kind}, other"))]


def _scored(row: Row, found: Outcome, removals: tuple[Removal, ...]) -> Scored:
    contents = frozenset((row.left_content, row.right_content))
    groups = [found.groups.get(path) for path in (row.left, row.right)]
    failures = [found.failures.get(path, "") for path in (row.left, row.right)]
    return Scored(
        row,
        is_pair=len(contents) == 1 or contents in found.pairs,
        is_group=groups[0] is not None and groups[0] == groups[1],
        removals=removals,
        is_replaced=row.left != row.right and found.keepers.get(row.left) == row.right,
        failure=failures[0] or failures[1],
    )
