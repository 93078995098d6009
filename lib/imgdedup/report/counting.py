"""Counts what a lake holds by data day: images, failures, pairs, edits, margins, bytes saved."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import duckdb

from imgdedup.report.figures import BIN, EXAMPLES, Figures, Saved

DATASETS = ("embeddings", "candidates", "pairs", "groups")
AMOUNT = r"( to)? -?\d[\d.]*(%|x| degrees)"  # in a label like "cropped to 47%"
# The bucket, host or first folder of a uri of any kind.
_FIRST = "[A-Za-z][A-Za-z0-9+.-]*:/{1,3}[^/]+|/?[^/]*"
_UNKNOWN = "unknown"  # stands for a null


def by_day(connection: duckdb.DuckDBPyConnection) -> dict[str, Figures]:
    """The figures of each day, in order of the days; reads the views of DATASETS.

    A file that several names or several days list counts once, on its first day, where bytes of
    files and what removal saves are counted.
    """
    days: defaultdict[str, Figures] = defaultdict(Figures)
    _count_images(connection, days)
    _count_pairs(connection, days)
    removed = "SELECT dt, count(*) FROM groups WHERE NOT is_keeper GROUP BY dt"
    for dt, count in _rows(connection, removed):
        days[dt].removed = count
    for dt, size in _rows(connection, _FILES):
        days[dt].file_bytes = int(size)
    saved = _SAVED.format(source=source_of(connection))
    for dt, source, files, size in _rows(connection, saved):
        days[dt].saved[source] = Saved(files, int(size))
    return dict(sorted(days.items()))


def source_of(connection: duckdb.DuckDBPyConnection) -> str:
    """The SQL that takes the column `uri` of embeddings to its source.

    The source is the first folder below the folders that all uris share, or the bucket or host when
    they share none.
    """
    (ends,) = connection.sql("SELECT min(uri), max(uri) FROM embeddings").fetchall()
    # What the least and the greatest text share, all texts between them share.
    least, greatest = (end or "" for end in ends)
    equal = takewhile(lambda two: two[0] == two[1], zip(least, greatest, strict=False))
    shared, slash, _ = "".join(sign for sign, _ in equal).rpartition("/")
    if not slash or not shared.strip("/"):
        return f"coalesce(regexp_extract(uri, '^({_FIRST})'), '{_UNKNOWN}')"
    folder = (shared + slash).replace("'", "''")
    below = f"substr(uri, {len(shared) + 2})"
    return (
        f"CASE WHEN uri IS NULL THEN '{_UNKNOWN}' WHEN contains({below}, '/') "
        f"THEN '{folder}' || split_part({below}, '/', 1) ELSE '{folder}' END"
    )


def _count_images(connection: duckdb.DuckDBPyConnection, days: dict[str, Figures]) -> None:
    images = "SELECT dt, count(*), coalesce(sum(size_bytes), 0) FROM embeddings GROUP BY dt"
    for dt, count, size in _rows(connection, images):
        days[dt].images, days[dt].image_bytes = count, int(size)
    failures = "SELECT dt, failure, count(*) FROM embeddings WHERE failure IS NOT NULL GROUP BY ALL"
    for dt, code, count in _rows(connection, failures):
        days[dt].failures[code] = count
    for dt, code, image, detail in _rows(connection, _EXAMPLES):
        days[dt].examples.setdefault(code, []).append((image, detail))


def _count_pairs(connection: duckdb.DuckDBPyConnection, days: dict[str, Figures]) -> None:
    kinds = f"SELECT dt, coalesce(kind, '{_UNKNOWN}'), count(*) FROM pairs GROUP BY ALL"
    for dt, kind, count in _rows(connection, kinds):
        days[dt].pairs[kind] = count
    for dt, edit, count in _rows(connection, _EDITS):
        days[dt].edits[edit] = count
    for dt, place, count in _rows(connection, _MARGINS.format(table="candidates")):
        days[dt].candidates[place] = count
    for dt, place, count in _rows(connection, _MARGINS.format(table="pairs")):
        days[dt].copies[place] = count


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    yield from connection.sql(f"{query} ORDER BY ALL").fetchall()


_EXAMPLES = f"""
SELECT dt, failure, coalesce(image_id, '{_UNKNOWN}'), coalesce(failure_detail, '')
FROM embeddings WHERE failure IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY dt, failure ORDER BY image_id, uri) <= {EXAMPLES}
"""
_EDITS = f"""
SELECT dt, regexp_replace(coalesce(edit, '{_UNKNOWN}'), '{AMOUNT}', '', 'g'), count(*)
FROM pairs WHERE kind = 'near' GROUP BY ALL
"""
_MARGINS = f"""
SELECT dt, floor(margin / {BIN})::INT, count(*) FROM {{table}}
WHERE isfinite(margin) AND abs(margin) < 10 GROUP BY ALL
"""
# A file is known by its inode, else by its real place, else by its uri.
_FILE = "coalesce(inode, nullif(file_key, ''), uri, e.image_id)"
_FILES = f"""
SELECT dt, coalesce(sum(size), 0) FROM (
    SELECT min(dt) AS dt, max(size_bytes) AS size FROM embeddings AS e GROUP BY {_FILE}
) GROUP BY ALL
"""
_SAVED = f"""
SELECT dt, source, count(*), coalesce(sum(size), 0) FROM (
    SELECT min(e.dt) AS dt, min_by({{source}}, e.dt || e.uri) AS source, max(size_bytes) AS size
    FROM embeddings AS e
    JOIN (SELECT DISTINCT dt, image_id FROM groups WHERE NOT is_keeper) AS g
        ON g.dt = e.dt AND g.image_id = e.image_id
    GROUP BY {_FILE}
) GROUP BY ALL
"""
