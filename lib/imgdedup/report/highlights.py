"""What is worth a look on some days: the largest groups, and the removals with the least evidence.

Both are read from `groups`, which holds the evidence of every removal.
"""

import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import duckdb

from imgdedup.report.counting import AMOUNT
from imgdedup.report.tables import connected
from imgdedup.report.terminal import shown

WIDTH = 96  # columns of the lines
LOOKS = 5  # largest groups, and weakest removals
EDITS = 5  # named edits of a group
_FIXED = "\xa0"  # a space at which no line ends
_AMOUNT = re.compile(AMOUNT)
_LARGEST = """
    SELECT group_id, count(DISTINCT (image_id, content_id)) AS images
    FROM groups
    SEMI JOIN (SELECT group_id FROM groups WHERE NOT is_keeper AND dt IN ({days})) USING (group_id)
    GROUP BY group_id ORDER BY images DESC, group_id LIMIT {count}
"""
_MEMBERS = """
    SELECT group_id, keeper_id, coalesce(edit, 'unknown edit'),
        count(DISTINCT (image_id, content_id))
    FROM groups WHERE NOT is_keeper AND group_id IN ({groups})
    GROUP BY ALL ORDER BY ALL
"""
_WEAKEST = """
    SELECT image_id, keeper_id, coalesce(edit, 'unknown edit'), correlation, margin
    FROM groups WHERE NOT is_keeper AND kind = 'near' AND dt IN ({days})
    ORDER BY correlation, margin, dt, image_id LIMIT {count}
"""


@dataclass(frozen=True)
class LargeGroup:
    """A group of copies, counted over all days."""

    group_id: str
    images: int  # kept and removed
    keeper: str  # the image that removes most of them; of several such, the least id
    keepers: int  # images that remove others
    edits: Mapping[str, int]  # removed images by edit without its amounts, most frequent first


@dataclass(frozen=True)
class WeakRemoval:
    """An image that is removed for an edited copy of it, and the evidence."""

    image: str
    keeper: str
    edit: str
    correlation: float | None  # of the worst tenth of the windows that have texture; perhaps NaN
    margin: float | None


def highlights(root: str, days: Sequence[str]) -> list[str]:
    """The largest groups and the weakest removals of `days` under a root, as lines of text.

    There are no lines where nothing was removed.
    """
    with connected(root, ["groups"]) as connection:
        large = largest_groups(connection, days, LOOKS)
        weak = weakest_removals(connection, days, LOOKS)
    lines = []
    if large:
        lines += ["largest groups: images, the one that is kept, edits of the others"]
        lines += [line for group in large for line in _group_lines(group)]
        lines += [""]
    if weak:
        lines += ["weakest removals: correlation, margin, edit, the image and its keeper"]
        lines += [line for removal in weak for line in _removal_lines(removal)]
        lines += [""]
    return lines


def largest_groups(
    connection: duckdb.DuckDBPyConnection, days: Sequence[str], count: int
) -> list[LargeGroup]:
    """The `count` largest of the groups that lost an image of `days`, the largest first."""
    query = _LARGEST.format(days=_marks(days), count=count)
    sizes = dict(connection.execute(query, list(days)).fetchall())
    members = connection.execute(_MEMBERS.format(groups=_marks(sizes)), list(sizes)).fetchall()
    keepers: dict[str, Counter[str]] = defaultdict(Counter)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for group, keeper, edit, images in members:
        keepers[group][keeper] += images
        labels[group][edit] += images
    return [
        LargeGroup(
            group,
            images,
            min(keepers[group], key=lambda keeper: (-keepers[group][keeper], keeper)),
            len(keepers[group]),
            by_edit(labels[group]),
        )
        for group, images in sizes.items()
    ]


def weakest_removals(
    connection: duckdb.DuckDBPyConnection, days: Sequence[str], count: int
) -> list[WeakRemoval]:
    """The `count` edited copies of `days` that were removed by the least correlation.

    Of equal correlations the least margin comes first.
    """
    query = _WEAKEST.format(days=_marks(days), count=count)
    return [WeakRemoval(*row) for row in connection.execute(query, list(days)).fetchall()]


def by_edit(labels: Mapping[str, int]) -> dict[str, int]:
    """Counts of labels, by edit without its amounts, most frequent first."""
    found: Counter[str] = Counter()
    for label, count in labels.items():
        found[_AMOUNT.sub("", label)] += count
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _group_lines(group: LargeGroup) -> list[str]:
    others = f" (and {group.keepers - 1:,} more)" if group.keepers > 1 else ""
    head = f"{group.images:>10,}  {shown(group.keeper, WIDTH - 12 - len(others))}{others}"
    # A line ends between two edits: only there is a space that it may end with.
    edits = [f"{count:,} {label}".replace(" ", _FIXED) for label, count in group.edits.items()]
    told = "; ".join(edits if len(edits) <= EDITS else [*edits[:EDITS], "..."])
    indent = " " * 12
    lines = textwrap.wrap(told, WIDTH, initial_indent=indent, subsequent_indent=indent)
    return [head, *(line.replace(_FIXED, " ") for line in lines)]


def _removal_lines(removal: WeakRemoval) -> list[str]:
    figures = f"{_figure(removal.correlation):>10}  {_figure(removal.margin):>6}  "
    indent = " " * len(figures)
    told = textwrap.wrap(removal.edit, WIDTH, initial_indent=figures, subsequent_indent=indent)
    width = WIDTH - len(indent)
    image, keeper = shown(removal.image, width), f"of {shown(removal.keeper, width - 3)}"
    both = f"{image} {keeper}"
    names = [both] if shown(both, width) == both else [image, keeper]
    return [*told, *(f"{indent}{each}" for each in names)]


def _figure(number: float | None) -> str:
    return "-" if number is None or isnan(number) else f"{number:.3f}"


def _marks(values: Sequence[str] | Mapping[str, int]) -> str:
    return ", ".join("?" * len(values)) or "NULL"
