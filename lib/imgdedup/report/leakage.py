"""What leaks between the values of a manifest's column, as a matrix and as a picture of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import duckdb

from imgdedup.console import visible

DATASETS = ("leakage", "manifest")  # the views that `matrices` reads
NO_VALUE = "(none)"  # stands for null
_MOST = 12  # values of a matrix
_CELL, _ROW, _MARGIN, _LETTER = 100, 34, 8, 7  # pixels
_HEAD, _SIDE = 13, 24  # letters of a value that are shown above a column and beside a row

Value = str | None


@dataclass(frozen=True)
class Matrix:
    """How many images of each value have a copy in each other value.

    `counts[row][column]` are images of `values[row]` with a copy among those of `values[column]`.
    `totals` are all images of each value; None where the manifests do not tell.
    """

    column: str
    values: Sequence[Value]  # those with the most images that leak first
    counts: Sequence[Sequence[int]]
    totals: Sequence[int | None]
    left_out: int  # further values, with fewer images that leak

    def share(self, row: int, column: int) -> float | None:
        """The share of the images of a value that have a copy in another value."""
        total = self.totals[row]
        return self.counts[row][column] / total if total else None


def matrices(connection: duckdb.DuckDBPyConnection) -> list[Matrix]:
    """A matrix for each column with leakage, by name; the connection has the views DATASETS."""
    names = connection.sql(
        "SELECT DISTINCT column_name FROM leakage WHERE column_name IS NOT NULL ORDER BY 1"
    ).fetchall()
    return [_matrix(connection, name) for (name,) in names]


def picture(matrix: Matrix) -> str:
    """A matrix as SVG: a row for each value, a column for each other value, a number in each cell.

    The shade of a cell is the share of the row's images. The picture holds no style, so it shows
    under a strict content security policy.
    """
    shown = [_shown(value, _SIDE) for value in matrix.values]
    left = _MARGIN + _LETTER * max(map(len, shown), default=0)
    width = left + _CELL * len(shown) + _MARGIN
    height = _ROW * (len(shown) + 1) + _MARGIN
    title = f"Images of a {visible(matrix.column)} (rows) that have a copy in another one (columns)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="leakage" role="img" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12" fill="currentColor"><title>{escape(title)}</title>'
    ]
    for place, value in enumerate(shown):
        across, down = left + _CELL * place + _CELL // 2, _ROW * (place + 1) + _ROW // 2 + 4
        whole = matrix.values[place]
        parts.append(_text(across, _ROW // 2 + 4, "middle", _shown(whole, _HEAD), whole))
        parts.append(_text(left - _MARGIN, down, "end", value, whole))
    parts += [
        _cell(matrix, row, column, left)
        for row in range(len(shown))
        for column in range(len(shown))
    ]
    return "".join([*parts, "</svg>"])


def _matrix(connection: duckdb.DuckDBPyConnection, name: str) -> Matrix:
    found = connection.execute(
        "SELECT value, other_value, count(*) FROM leakage WHERE column_name = ? GROUP BY ALL",
        [name],
    ).fetchall()
    counts = {(value, other): number for value, other, number in found}
    leaks: dict[Value, int] = {}
    for value, other, number in found:
        leaks[value] = leaks.get(value, 0) + number
        leaks.setdefault(other, 0)
    ranked = sorted(leaks, key=lambda value: (-leaks[value], value is None, value or ""))
    values = ranked[:_MOST]
    totals = _totals(connection, name)
    return Matrix(
        name,
        values,
        [[counts.get((value, other), 0) for other in values] for value in values],
        [totals.get(value) for value in values],
        len(ranked) - len(values),
    )


def _totals(connection: duckdb.DuckDBPyConnection, name: str) -> Mapping[Value, int]:
    """The images of each value by the manifests; none when no manifest has the column."""
    columns = {row[0] for row in connection.sql("DESCRIBE manifest").fetchall()}
    if name not in columns:
        return {}
    quoted = name.replace('"', '""')
    return dict(
        connection.sql(
            f'SELECT CAST("{quoted}" AS VARCHAR), count(*) FROM manifest GROUP BY 1'
        ).fetchall()
    )


def _shown(value: Value, most: int) -> str:
    if value is None:
        return NO_VALUE
    text = visible(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "<0.1%"


def _text(x: int, y: int, anchor: str, text: str, whole: Value = None) -> str:
    has_title = whole is not None and visible(whole) != text
    title = f"<title>{escape(visible(whole))}</title>" if has_title else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}{title}</text>'


def _cell(matrix: Matrix, row: int, column: int, left: int) -> str:
    x, y = left + _CELL * column, _ROW * (row + 1)
    place = f'x="{x}" y="{y}" width="{_CELL - 2}" height="{_ROW - 2}"'
    if row == column:
        return f'<rect {place} fill="none" stroke="currentColor" stroke-opacity="0.2"/>'
    share, count = matrix.share(row, column), matrix.counts[row][column]
    shade = 0.0 if not count else 0.15 + 0.45 * min(1.0, share or 0.0)
    words = f"{count:,}" + (f" ({_percent(share)})" if count and share is not None else "")
    one, other = (matrix.values[place] for place in (row, column))
    told = f"{words} images of {_shown(one, _SIDE)} have a copy in {_shown(other, _SIDE)}"
    return (
        f'<g><title>{escape(told)}</title><rect {place} fill="#d9480f" fill-opacity="{shade:.2f}" '
        f'stroke="currentColor" stroke-opacity="0.2"/>'
        f"{_text(x + _CELL // 2 - 1, y + _ROW // 2 + 3, 'middle', words)}</g>"
    )
