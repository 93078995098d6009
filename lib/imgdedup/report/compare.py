"""Compares the tables of two roots: pairs and removals that only one of them has.

python -m imgdedup.report.compare --root ROOT --other ROOT [--to FOLDER]

The roots may hold the results of two models or settings, for the same images or others. What only
one root has since the other one does not know the contents is counted apart.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from imgdedup.console import visible
from imgdedup.errors import UserError, one_line
from imgdedup.report.counting import AMOUNT
from imgdedup.report.tables import connected, dataset, file_system
from imgdedup.report.terminal import status_of

_EXAMPLES = 5
_EDITS = 12  # lines of edits
_ROOTS = ("root", "other")
_DATASETS = ("embeddings", "pairs", "groups")
# One row for each two contents. Of exact pairs, which share a content, one stands for all.
_TABLES = {
    "contents": "SELECT DISTINCT content_id FROM {root}_embeddings WHERE failure IS NULL",
    "images": "SELECT DISTINCT image_id, content_id FROM {root}_embeddings WHERE failure IS NULL",
    "paired": """
        SELECT least(left_content, right_content) AS left_content,
            greatest(left_content, right_content) AS right_content,
            min(CASE WHEN left_content <= right_content THEN left_id ELSE right_id END) AS left_id,
            min(CASE WHEN left_content <= right_content THEN right_id ELSE left_id END) AS right_id,
            CASE WHEN left_content = right_content THEN 'exact' ELSE 'near' END AS kind,
            min(CASE WHEN left_content = right_content THEN 'exact copy' ELSE edit END) AS edit,
            min(margin) AS margin, min(correlation) AS correlation
        FROM {root}_pairs GROUP BY 1, 2, 5""",
    "removed": """
        SELECT image_id, content_id, min(keeper_id) AS keeper_id, min(edit) AS edit,
            min(margin) AS margin, min(correlation) AS correlation
        FROM {root}_groups WHERE NOT is_keeper GROUP BY image_id, content_id""",
}
_ONLY_PAIRED = """
    SELECT '{root}' AS only_in, *, left_content IN (FROM {against}_contents)
        AND right_content IN (FROM {against}_contents) AS contents_in_both
    FROM {root}_paired ANTI JOIN {against}_paired USING (left_content, right_content)"""
_ONLY_REMOVED = """
    SELECT '{root}' AS only_in, found.*, known.image_id IS NOT NULL AS contents_in_both
    FROM {root}_removed AS found ANTI JOIN {against}_removed USING (image_id, content_id)
    LEFT JOIN {against}_images AS known
        ON known.image_id = found.image_id AND known.content_id = found.content_id"""
_WRITTEN = """
    SELECT only_in, left_content, right_content, left_id, right_id, kind, edit, margin,
        correlation, contents_in_both
    FROM only_paired ORDER BY only_in DESC, correlation NULLS LAST, left_content, right_content"""


@dataclass(frozen=True)
class Example:
    """A pair that only one root has, or a removed image and its keeper, with the evidence."""

    one: str
    other: str
    edit: str
    correlation: float | None
    margin: float | None


@dataclass(frozen=True)
class Only:
    """What only one root has, of pairs or of removed images."""

    judged: int  # the other root knows the contents, and decided otherwise
    unknown: int  # the other root does not know them
    edits: Sequence[tuple[str, int]]  # of those judged, without amounts, most frequent first
    examples: Sequence[Example]  # of those judged, weakest first


@dataclass(frozen=True)
class Comparison:
    """How the tables of two roots differ: each mapping has the keys `root` and `other`."""

    models: dict[str, list[str]]
    contents: dict[str, int]
    pairs: dict[str, Only]
    removed: dict[str, Only]
    shared: dict[str, int]  # contents, pairs, removed: in both roots


def compare(root: str, other: str, to: str = "") -> Comparison:
    """Compare two roots; write the pairs that only one has to `pairs.parquet` in the folder `to`.

    Raises UserError when there is no lake under a root, when the file is there already, and when it
    cannot be written.
    """
    target = _target(to) if to else None
    with duckdb.connect() as database:
        for name, place in zip(_ROOTS, (root, other), strict=True):
            _load(database, name, place)
        for table, query in (("paired", _ONLY_PAIRED), ("removed", _ONLY_REMOVED)):
            both = (query.format(root=a, against=b) for a, b in (_ROOTS, _ROOTS[::-1]))
            database.execute(f"CREATE TABLE only_{table} AS {' UNION ALL '.join(both)}")
        found = _comparison(database)
        if target is not None:
            _write(database.sql(_WRITTEN).to_arrow_table(), *target)
    return found


def _target(folder: str) -> tuple[fs.FileSystem, str]:
    system, path = file_system(folder)
    file = f"{path}/pairs.parquet"
    try:
        is_there = system.get_file_info(file).type != fs.FileType.NotFound
    except (OSError, UnicodeEncodeError) as error:  # Arrow takes only names in UTF-8
        raise _unwritable(file, error) from None
    if is_there:
        raise UserError(f"there is {file} already: give another folder as TO (--to)")
    return system, file


def _write(table: pa.Table, system: fs.FileSystem, file: str) -> None:
    """Write the file, whole or not at all, also when the process is killed."""
    unfinished = f"{file}.{uuid4().hex[:8]}.tmp"
    try:
        system.create_dir(file.rpartition("/")[0])
        with system.open_output_stream(unfinished) as stream:
            pq.write_table(table, stream)
        system.move(unfinished, file)
    except OSError as error:
        with suppress(OSError):
            system.delete_file(unfinished)
        raise _unwritable(file, error) from None


def _unwritable(file: str, error: Exception) -> UserError:
    return UserError(f"cannot write {file}: {one_line(error)}: give another folder as TO (--to)")


def _load(database: duckdb.DuckDBPyConnection, name: str, place: str) -> None:
    """Make the tables of _TABLES for a root, under its name."""
    connected(place, ()).close()  # refuses a folder without tables
    system, folder = file_system(place)
    for each in _DATASETS:
        database.register(f"{name}_{each}", dataset(system, f"{folder}/{each}", each))
    for table, query in _TABLES.items():
        database.execute(f"CREATE TABLE {name}_{table} AS {query.format(root=name)}")


def _comparison(database: duckdb.DuckDBPyConnection) -> Comparison:
    def number(query: str) -> int:
        (row,) = database.sql(query).fetchall()
        return int(row[0])

    models = {
        name: f"SELECT DISTINCT model FROM {name}_embeddings WHERE model IS NOT NULL ORDER BY 1"
        for name in _ROOTS
    }
    keys = {
        "contents": "content_id",
        "paired": "left_content, right_content",
        "removed": "image_id, content_id",
    }
    return Comparison(
        {
            name: [str(model) for (model,) in database.sql(q).fetchall()]
            for name, q in models.items()
        },
        {name: number(f"SELECT count(*) FROM {name}_contents") for name in _ROOTS},
        {name: _only(database, "paired", name, "left_id, right_id") for name in _ROOTS},
        {name: _only(database, "removed", name, "image_id, keeper_id") for name in _ROOTS},
        {
            table: number(f"SELECT count(*) FROM root_{table} JOIN other_{table} USING ({key})")
            for table, key in keys.items()
        },
    )


def _only(database: duckdb.DuckDBPyConnection, table: str, root: str, ids: str) -> Only:
    judged = f"FROM only_{table} WHERE only_in = '{root}' AND contents_in_both"
    ((known, all_),) = database.sql(
        f"SELECT count(*) FILTER (contents_in_both), count(*) FROM only_{table} "
        f"WHERE only_in = '{root}'"
    ).fetchall()
    edits = database.execute(
        f"SELECT regexp_replace(edit, ?, '', 'g') AS kind, count(*) {judged} "
        "GROUP BY 1 ORDER BY 2 DESC, 1",
        [AMOUNT],
    ).fetchall()
    examples = database.sql(
        f"SELECT {ids}, edit, correlation, margin {judged} "
        f"ORDER BY correlation NULLS LAST, margin NULLS LAST, {ids} LIMIT {_EXAMPLES}"
    ).fetchall()
    return Only(known, all_ - known, edits, [Example(*row) for row in examples])


def lines(found: Comparison, places: Sequence[str]) -> list[str]:
    """A comparison of the roots at two places as text, whatever signs the names have."""
    told = []
    for name, place in zip(_ROOTS, places, strict=True):
        models = ", ".join(found.models[name]) or "nothing embedded"
        told.append(f"{name}: {place}: {found.contents[name]:,} contents, {models}")
    told += ["", f"contents in both: {found.shared['contents']:,}"]
    for what, shared, sides in (
        ("pairs of contents", found.shared["paired"], found.pairs),
        ("removed images", found.shared["removed"], found.removed),
    ):
        told += ["", f"{what} in both: {shared:,}"]
        for name in _ROOTS:
            told += _side(what, name, sides[name])
    return [visible(line) for line in told]


def _side(what: str, name: str, side: Only) -> list[str]:
    told = [f"{what} only in {name}: {side.judged:,}"]
    if side.unknown:
        told[0] += f", and {side.unknown:,} whose contents the other one lacks"
    told += [f"{count:>10,}  {edit}" for edit, count in side.edits[:_EDITS]]
    if len(side.edits) > _EDITS:
        more = sum(count for _, count in side.edits[_EDITS:])
        told.append(f"{more:>10,}  other edits")
    if side.examples:
        told.append("  the weakest:")
    for each in side.examples:
        evidence = f"correlation {each.correlation:.3f}" if each.correlation is not None else ""
        evidence += f", margin {each.margin:.3f}" if each.margin is not None else ""
        told.append(f"    {each.one} - {each.other}: {each.edit} {evidence}".rstrip())
    return told


def main() -> int:
    """Read the arguments, compare and print; 2 after a UserError, 1 when tables cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m imgdedup.report.compare", description="Compares the tables of two roots."
    )
    parser.add_argument("--root", required=True, help="folder or uri of the tables")
    parser.add_argument("--other", required=True, help="another one")
    parser.add_argument("--to", default="", help="folder for pairs.parquet: what only one has")
    arguments = parser.parse_args()
    places = arguments.root, arguments.other

    def told() -> list[str]:
        found = lines(compare(*places, arguments.to), places)
        if not arguments.to:
            return found
        file = f"{visible(arguments.to.rstrip('/'))}/pairs.parquet"
        return [*found, "", f"the pairs that only one has: {file}"]

    return status_of(told, "the roots cannot be compared", print)


if __name__ == "__main__":
    sys.exit(main())
