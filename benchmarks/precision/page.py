"""The figures of the benchmark as tables."""

from collections.abc import Sequence

from benchmarks.precision.kinds import KINDS
from benchmarks.precision.pairs import STRICT, Kind
from benchmarks.precision.quick import Judged

Cells = Sequence[object]


def quick_tables(found: Sequence[Judged]) -> str:
    """The verdicts by kind, in Markdown: different pictures first, then copies."""
    head = ["kind", "preset", "pairs", "taken for copies", "asymmetric", "aim", *_CPU]
    rows = [
        [
            kind.name,
            kind.preset,
            len(own),
            sum(one.is_copy for one in own),
            _asymmetric(own),
            aim(kind, len(own)),
            *_cpu(own),
        ]
        for kind, own in _by_kind(found, is_copy=False)
    ]
    copies_head = ["kind", "pairs", "found", "recall", "asymmetric", *_CPU]
    copies = [
        [
            kind.name,
            len(own),
            sum(one.forward and one.backward for one in own),
            f"{sum(one.forward and one.backward for one in own) / len(own):.3f}",
            _asymmetric(own),
            *_cpu(own),
        ]
        for kind, own in _by_kind(found, is_copy=True)
    ]
    tables = ["## Different pictures", table(head, rows)] if rows else []
    tables += ["## Copies", table(copies_head, copies)] if copies else []
    return "\n\n".join(tables) + "\n"


_CPU = ("CPU-ms to decode", "CPU-ms to judge")


def table(head: Cells, rows: Sequence[Cells]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def aim(kind: Kind, pairs: int) -> str:
    """The most pairs of a kind that may be taken for copies, in words."""
    if kind.preset == STRICT or kind.most is None:
        return ""
    return f"at most {int(kind.most * pairs)}" if kind.most else "none"


def _by_kind(found: Sequence[Judged], *, is_copy: bool) -> list[tuple[Kind, list[Judged]]]:
    grouped = [
        (kind, [one for one in found if one.row.kind == kind.name])
        for kind in KINDS
        if kind.is_copy == is_copy
    ]
    return [(kind, own) for kind, own in grouped if own]


def _asymmetric(found: Sequence[Judged]) -> int:
    return sum(one.forward != one.backward for one in found)


def _cpu(found: Sequence[Judged]) -> list[str]:
    return [
        f"{1000 * sum(seconds) / len(found):.0f}"
        for seconds in ([one.decoding for one in found], [one.judging for one in found])
    ]
