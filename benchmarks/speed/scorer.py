"""Compares pairs of files with the truth, whichever tool found the pairs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.quality.corpus import COPY, EVERYDAY_KIND, PHOTO, STRONG_KIND
from benchmarks.speed.corpus import File

COPIES = (COPY, EVERYDAY_KIND, STRONG_KIND)  # kinds of copy

Pair = tuple[str, str]  # names of two files


@dataclass(frozen=True)
class Score:
    """How well pairs agree with the truth.

    A copy is found when a pair joins it with its photograph. Files with the same bytes stand for
    each other, because some tools give only one pair for them. A false pair shows two different
    photographs, and one of its files at least is a copy. Pairs of two untouched photographs are
    counted apart: public sets hold duplicates that nobody labelled.
    """

    copies: dict[str, int]  # by kind, those whose photograph is among the files
    found: dict[str, int]  # of these
    false_pairs: int  # pairs of contents
    untouched_pairs: int  # pairs of contents

    @property
    def recall(self) -> float:
        """The share of all copies that are found; 0 without copies."""
        return sum(self.found.values()) / max(1, sum(self.copies.values()))


def score(files: Sequence[File], pairs: Iterable[Pair]) -> Score:
    """Compare `pairs`, in any order, with the truth about `files`; KeyError for other files."""
    by_name = {file.name: file for file in files}
    originals = {file.photo: file for file in files if file.kind == PHOTO}
    # Of files with the same bytes the photograph comes last, so that it stays.
    content = {file.content: file for file in sorted(files, key=lambda file: file.kind == PHOTO)}
    joined: set[frozenset[str]] = set()
    same: set[str] = set()  # names of files that a pair joins with a file of the same bytes
    for left, right in pairs:
        one, other = by_name[left], by_name[right]
        if one.content != other.content:
            joined.add(frozenset((one.content, other.content)))
        elif left != right:
            same |= {left, right}
    copies, found = dict.fromkeys(COPIES, 0), dict.fromkeys(COPIES, 0)
    for file in files:
        original = originals.get(file.photo)
        if file.kind == PHOTO or original is None:
            continue
        copies[file.kind] += 1
        is_same = file.content == original.content
        couple = frozenset((file.content, original.content))
        found[file.kind] += file.name in same if is_same else couple in joined
    different = [
        [content[each].kind for each in couple]
        for couple in joined
        if len({content[each].photo for each in couple}) == 2
    ]
    untouched = sum(kinds == [PHOTO, PHOTO] for kinds in different)
    return Score(copies, found, len(different) - untouched, untouched)
