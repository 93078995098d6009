"""The figures of the benchmark as a page to read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from benchmarks.precision.corpus import Row
from benchmarks.precision.kinds.catalogue import BY_NAME, KINDS
from benchmarks.precision.kinds.objects import AREAS, PLAIN
from benchmarks.precision.kinds.pairs import AIMS, EVERY, Kind
from benchmarks.precision.quick import Judged
from benchmarks.precision.scoring import Score, Scored

KEEPERS = "keepers"
_QUICK_NOTE = (
    "Each pair was judged alone, in both orders, without a search. Different pictures count as "
    "taken for copies when either order takes them, and copies as found when both orders do. "
    "`asymmetric` counts the pairs whose orders disagree. CPU-ms are a mean: those to decode both "
    "files and find their features, and those of one verdict."
)
_FULL_NOTE = (
    "A removal is false when the removed file and its keeper show different pictures. `taken` "
    "counts the pairs whose two files verify took for copies. `false removals` counts the pairs of "
    "which a file is removed for the other file, or for any file that shows another picture than "
    "it does. Of copies, `pair` is the share whose two files verify took for copies, and `group` "
    "the share whose two files are in one group. `replaced` counts the pairs whose left file, the "
    "original, is removed for the right one."
)
Cells = Sequence[object]


@dataclass(frozen=True)
class Aim:
    """How many of some pairs may be wrong, and how many are."""

    name: str
    pairs: int
    wrong: int
    allowed: int


class _OfRow(Protocol):
    @property
    def row(self) -> Row: ...


One = TypeVar("One", bound=_OfRow)


def quick_page(head: str, found: Sequence[Judged]) -> str:
    """The page about verdicts on single pairs."""

    def is_taken(one: Judged) -> bool:
        return one.forward or one.backward

    def is_found(one: Judged) -> bool:
        return one.forward and one.backward

    cost = ["asymmetric", "unreadable", "CPU-ms to decode", "CPU-ms to judge"]
    different = [
        [kind.name, kind.preset, len(own), _count(own, is_taken), *_cost(own)]
        for kind, own in _by_kind(found, is_copy=False)
    ]
    copies = [
        [kind.name, len(own), _count(own, is_found), _share(own, is_found), *_cost(own)]
        for kind, own in _by_kind(found, is_copy=True)
    ]
    return _page(
        [head, _QUICK_NOTE, "## Aims", _aims(found, is_taken, "taken for copies")],
        ["## Different pictures", _table(["kind", "preset", "pairs", "taken", *cost], different)],
        ["## Objects by place", _by_place(found, is_taken)],
        ["## Copies", _table(["kind", "pairs", "found", "recall", *cost], copies)],
    )


def full_page(head: str, found: Score) -> str:
    """The page about what a whole run removed."""
    others = (
        f"{len(found.others):,} edited copies or plain photographs were removed for a keeper that "
        "shows another picture, though no pair of different pictures explains it."
    )
    lossy = [one for one in found.pairs if BY_NAME[one.row.kind].loses]
    losses = (_is_pair, _is_lost, _is_unreadable)
    keepers = Aim(KEEPERS, len(lossy), _count(lossy, _is_replaced), 0)
    different = [
        [kind.name, kind.preset, len(own), *(_count(own, holds) for holds in losses)]
        for kind, own in _by_kind(found.pairs, is_copy=False)
    ]
    copies = [
        [
            kind.name,
            len(own),
            *(_share(own, holds) for holds in (_is_pair, _is_grouped)),
            _count(own, _is_replaced) if kind.loses else "",
            _count(own, _is_unreadable),
        ]
        for kind, own in _by_kind(found.pairs, is_copy=True)
    ]
    heads = ["kind", "preset", "pairs", "taken", "false removals", "unreadable"]
    copy_heads = ["kind", "pairs", "pair", "group", "replaced", "unreadable"]
    return _page(
        [head, f"{_FULL_NOTE} {others}"],
        ["## Aims", _aims(found.pairs, _is_lost, "false removals", keepers)],
        ["## Different pictures", _table(heads, different)],
        ["## Objects by place", _by_place(found.pairs, _is_lost)],
        ["## Copies", _table(copy_heads, copies)],
    )


def _is_pair(one: Scored) -> bool:
    return one.is_pair


def _is_grouped(one: Scored) -> bool:
    return one.is_group


def _is_lost(one: Scored) -> bool:
    return bool(one.removals)


def _is_replaced(one: Scored) -> bool:
    return one.is_replaced


def _is_unreadable(one: Scored) -> bool:
    return bool(one.failure)


def _aims(found: Sequence[One], is_wrong: Callable[[One], bool], what: str, *further: Aim) -> str:
    """Each aim beside what was found; `further` are aims that are counted elsewhere."""
    aims = []
    for name, most in AIMS.items():
        kinds = {kind.name for kind in KINDS if kind.aim == name and kind.preset == EVERY}
        own = [one for one in found if one.row.kind in kinds]
        aims.append(Aim(name, len(own), _count(own, is_wrong), int(most * len(own))))
    rows = [
        [aim.name, aim.pairs, aim.wrong, aim.allowed, "yes" if aim.wrong <= aim.allowed else "no"]
        for aim in (*aims, *further)
        if aim.pairs
    ]
    return _table(["aim", "pairs", what, "allowed", "met"], rows)


def _by_place(found: Sequence[One], is_wrong: Callable[[One], bool]) -> str:
    """The pairs with an object, by its area and by where it lies."""
    rows = []
    for area in AREAS:
        name = f"object {100 * area:g} %"
        own = [one for one in found if one.row.kind.split(",")[0] == name]
        plain = [one for one in own if one.row.detail.startswith(PLAIN)]
        others = [one for one in own if not one.row.detail.startswith(PLAIN)]
        cells = [[len(each), _count(each, is_wrong)] for each in (others, plain)]
        rows += [[name, *cells[0], *cells[1]]] if own else []
    return _table(["area", "anywhere", "of these wrong", "plain ground", "of these wrong"], rows)


def _by_kind(found: Sequence[One], *, is_copy: bool) -> list[tuple[Kind, list[One]]]:
    grouped = [
        (kind, [one for one in found if one.row.kind == kind.name])
        for kind in KINDS
        if kind.is_copy == is_copy
    ]
    return [(kind, own) for kind, own in grouped if own]


def _cost(found: Sequence[Judged]) -> list[object]:
    """The last four columns of the quick tables."""
    read = [one for one in found if not one.failure]
    seconds = [[one.decoding for one in read], [one.judging for one in read]]
    return [
        _count(found, lambda one: one.forward != one.backward),
        len(found) - len(read),
        *(f"{1000 * sum(each) / max(1, len(read)):.0f}" for each in seconds),
    ]


def _count(found: Sequence[One], holds: Callable[[One], bool]) -> int:
    return sum(holds(one) for one in found)


def _share(found: Sequence[One], holds: Callable[[One], bool]) -> str:
    return f"{_count(found, holds) / len(found):.3f}"


def _page(*sections: Sequence[str]) -> str:
    return "\n\n".join(part for section in sections for part in section) + "\n"


def _table(head: Cells, rows: Sequence[Cells]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
