"""Sections of the front page that read tables of their own.

A section is a name, the views that it reads, a function of the connection, and a template in
`templates/`, which gets what the function returns as `found`. A section that finds nothing is left
out. To add a section, add it to SECTIONS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
from markupsafe import Markup

from imgdedup.report import leakage, reviewed
from imgdedup.report.leakage import Matrix, matrices, picture

LARGEST = 10  # groups


class Section(NamedTuple):
    """A section of the front page."""

    title: str
    template: str
    datasets: Sequence[str]
    read: Callable[[duckdb.DuckDBPyConnection], Sequence[Any]]


@dataclass(frozen=True)
class Group:
    """A large group."""

    name: str
    images: int
    removed: int
    days: int


def largest_groups(connection: duckdb.DuckDBPyConnection) -> list[Group]:
    """The groups with the most images, the largest first; names of several days count once."""
    images = "count(DISTINCT (image_id, content_id))"
    rows = connection.sql(
        f"SELECT group_id, {images}, {images} FILTER (NOT is_keeper), count(DISTINCT dt) "
        "FROM groups WHERE group_id IS NOT NULL "
        f"GROUP BY group_id ORDER BY 2 DESC, 1 LIMIT {LARGEST}"
    ).fetchall()
    return [Group(*row) for row in rows]


def leaking(connection: duckdb.DuckDBPyConnection) -> list[tuple[Matrix, Markup]]:
    """What leaks between the values of each column, and the picture of it."""
    # `picture` escapes all text that it shows.
    return [(matrix, Markup(picture(matrix))) for matrix in matrices(connection)]


SECTIONS = [
    Section("Largest groups", "largest.html", ("groups",), largest_groups),
    Section("Precision, by reviews", "reviewed.html", reviewed.VIEWS, reviewed.estimates),
    Section("Leakage", "leakage.html", leakage.DATASETS, leaking),
]
