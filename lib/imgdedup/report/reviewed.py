"""How often the rules are right, by the pairs that people have reviewed.

People review the pairs that they choose. So this is an estimate for pairs like those, and of the
precision of all pairs only when they were chosen by chance.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from imgdedup.lake.schemas import VERDICTS_DATASET
from imgdedup.relations import reviews
from imgdedup.relations.reviews import FOLDER, SAME
from imgdedup.relations.sides import SIDES

VIEWS = (FOLDER, VERDICTS_DATASET)  # the datasets that `estimates` asks a connection for
ALL = "all edits"
_Z = 1.959963984540054  # of the normal distribution: 95 % lie within
_NUMBERS = re.compile(r"\s*\bto \d.*|\s*-?\d.*")


class Interval(NamedTuple):
    """Between which shares the true one lies, with 95 % confidence."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """Of reviewed pairs that the rules call copies: how many people call the same."""

    edit: str  # the kind of edit, without its numbers; or ALL
    same: int
    different: int
    precision: float  # the share of `same`
    low: float  # the 95 % interval of Wilson
    high: float


def estimates(connection: duckdb.DuckDBPyConnection) -> list[Estimate]:
    """The precision over all edits, then by kind of edit, most reviews first; empty without any.

    `connection` has the views VIEWS (see `tables.connected`). The rules call a pair a copy when its
    thumbnails agree. A pair has the kind of the first edit in its words.
    """
    said = connection.table(FOLDER).to_arrow_table()
    connection.register("standing", reviews.standing([said.cast(reviews.REVIEWS)]))
    counted = connection.sql(
        f'SELECT v.edit, s.verdict FROM standing s JOIN "{VERDICTS_DATASET}" v '
        f"USING ({', '.join(SIDES)}) WHERE v.duplicate"
    ).fetchall()
    return counted_by_edit(counted)


def counted_by_edit(pairs: Iterable[tuple[str | None, str]]) -> list[Estimate]:
    """The estimates from the edit of each reviewed pair, in words, and its verdict."""
    counts = Counter((kind_of(edit), verdict == SAME) for edit, verdict in pairs)
    kinds = {kind: (counts[kind, True], counts[kind, False]) for kind, _ in counts}
    if not kinds:
        return []
    whole = (sum(same for same, _ in kinds.values()), sum(other for _, other in kinds.values()))
    ordered = sorted(kinds, key=lambda kind: (-sum(kinds[kind]), kind))
    return [_estimate(ALL, *whole), *(_estimate(kind, *kinds[kind]) for kind in ordered)]


def kind_of(edit: str | None) -> str:
    """The first edit that the words tell, without its numbers: `zoomed 1.40x, gray` is zoomed."""
    first = (edit or "").partition(",")[0]
    return _NUMBERS.sub("", first).strip() or "not told"


def wilson(successes: int, trials: int) -> Interval:
    """The 95 % interval of Wilson for the share of successes, without continuity correction.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927.
    """
    share, square = successes / trials, _Z * _Z / trials
    middle = share + square / 2
    spread = _Z * math.sqrt((share * (1 - share) + square / 4) / trials)
    low, high = ((middle + sign * spread) / (1 + square) for sign in (-1, 1))
    return Interval(max(low, 0.0), min(high, 1.0))


def _estimate(kind: str, same: int, different: int) -> Estimate:
    trials = same + different
    return Estimate(kind, same, different, same / trials, *wilson(same, trials))
