"""Reviews: what people said of pairs of contents, and which verdict of each pair stands.

A review names two contents, in either order. Of several reviews of one pair the latest counts.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from imgdedup.errors import UserError, first_line
from imgdedup.relations.parts import connected
from imgdedup.relations.sides import SIDES

FOLDER = "reviews"  # under the root
RECORD = "reviews.json"  # in the private folder: which verdicts `verify` has settled
SAME, DIFFERENT, NONE = "same", "different", "none"
BY_REVIEW = "same, by review"  # the edit of a pair that the rules explain by none
REVIEWS = pa.schema(
    {
        "left_content": pa.string(),  # SHA-256 of the bytes, 64 hexadecimal digits
        "right_content": pa.string(),
        "left_id": pa.string(),  # the image that was looked at; may be missing
        "right_id": pa.string(),
        "verdict": pa.string(),  # same, different, or none: what was said before is withdrawn
        "reviewer": pa.string(),
        "reviewed_at": pa.timestamp("us", "UTC"),
        "reason": pa.string(),
    }
)
STANDING = pa.schema([REVIEWS.field(name) for name in (*SIDES, "verdict")])
_NEEDED = (*SIDES, "verdict", "reviewed_at")
_CONTENT = "^[0-9a-f]{64}$"
_FIRST, _LAST = (  # what Python and Spark hold
    pa.scalar(each.replace(tzinfo=UTC), REVIEWS.field("reviewed_at").type)
    for each in (datetime.min, datetime.max)
)


def is_file(name: str) -> bool:
    """Tell whether a file in the folder of reviews holds some, by its name."""
    return name.endswith(".parquet") and not name.startswith(("_", "."))


def no_file(file: str) -> UserError:
    """What is wrong with a folder that has the name of a file of reviews."""
    return UserError(f"the reviews in {file} are a folder: put its files into {FOLDER}")


def read(data: bytes, file: str) -> pa.Table:
    """The rows of a file of Parquet, as `checked` gives them; UserError that names the file."""
    try:
        opened = pq.ParquetFile(pa.BufferReader(data))
        named = set(opened.schema_arrow.names)
        table = opened.read(columns=[name for name in REVIEWS.names if name in named])
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"the reviews in {file} cannot be read as Parquet: {first_line(error)}"
        ) from None
    return checked(table, file)


def checked(table: pa.Table, file: str) -> pa.Table:
    """The rows of a file of reviews, with the columns of REVIEWS and the lesser content left.

    Further columns are left out. The ids, `reviewer` and `reason` may be missing. Raises UserError
    that names the file for a missing column, a column of another type and a malformed value.
    """
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        raise UserError(f"the reviews in {file} lack the column {missing[0]}")
    held = typed(table, file)
    columns = {
        field.name: held[field.name]
        if field.name in held.column_names
        else pa.nulls(len(table), field.type)
        for field in REVIEWS
    }
    for side in SIDES:
        columns[side] = pc.utf8_lower(columns[side])
        _require(columns[side], pc.match_substring_regex(columns[side], _CONTENT), side, file)
    verdicts = pa.array([SAME, DIFFERENT, NONE])
    _require(columns["verdict"], pc.is_in(columns["verdict"], verdicts), "verdict", file)
    times = columns["reviewed_at"]
    is_time = pc.and_(pc.greater_equal(times, _FIRST), pc.less_equal(times, _LAST))
    _require(times, is_time, "reviewed_at", file)
    return _ordered(pa.table(columns, REVIEWS))


def typed(table: pa.Table, file: str) -> pa.Table:
    """The columns of REVIEWS that a file of reviews has, with their types.

    Raises UserError that names the file for a column that is there twice or has another type, and
    for a value that its type cannot hold.
    """
    columns = {}
    for field in REVIEWS:
        found = table.column_names.count(field.name)
        if found > 1:
            raise UserError(f"the reviews in {file} have the column {field.name} twice")
        if found:
            columns[field.name] = _as(field, table[field.name], file)
    return pa.table(columns)


def standing(reviews: Iterable[pa.Table]) -> pa.Table:
    """The verdicts that stand: the columns of STANDING, in order, each pair of contents once.

    `reviews` are results of `checked`. The latest verdict of a pair stands. Of verdicts of one
    moment `different` goes first, then `none`. Withdrawn pairs are left out, and so are pairs of
    equal contents.
    """
    rows = _latest(reviews)
    return rows.filter(pc.not_equal(rows["verdict"], NONE)).combine_chunks()


def withdrawn(reviews: Sequence[pa.Table]) -> set[frozenset[str]]:
    """The pairs of contents that were called the same, and whose latest verdict is `none`.

    `reviews` are results of `checked`.
    """
    return _called(NONE, _latest(reviews)) & _called(SAME, *reviews)


def _called(verdict: str, *tables: pa.Table) -> set[frozenset[str]]:
    """The pairs of contents of the rows with a verdict."""
    found = (table.filter(pc.equal(table["verdict"], verdict)) for table in tables)
    return {frozenset(row[side] for side in SIDES) for rows in found for row in rows.to_pylist()}


def _latest(reviews: Iterable[pa.Table]) -> pa.Table:
    """The latest verdict of each pair, also `none`: the columns of STANDING, in order."""
    columns = [*STANDING.names, "reviewed_at"]
    rows = pa.concat_tables([REVIEWS.empty_table(), *reviews]).select(columns)
    rows = rows.filter(pc.not_equal(rows[SIDES[0]], rows[SIDES[1]]))
    # In the order of the alphabet, `different` is the first of the verdicts: here it comes last.
    ascending = [(name, "ascending") for name in (*SIDES, "reviewed_at")]
    rows = rows.sort_by([*ascending, ("verdict", "descending")]).select(STANDING.names)
    if not len(rows):
        return rows
    here, after = rows.slice(0, len(rows) - 1), rows.slice(1)
    ends = pc.or_(*(pc.not_equal(here[side], after[side]) for side in SIDES))
    return rows.filter(pa.chunked_array([*ends.chunks, pa.array([True])]))


def digest(said: Sequence[tuple[str, str, str]]) -> str:
    """A name for verdicts that stand, the rows of STANDING; empty when there are none."""
    return hashlib.sha256(repr(said).encode()).hexdigest() if said else ""


def rows_of(table: Iterable[Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """Both contents and the verdict of each row."""
    return [(row[SIDES[0]], row[SIDES[1]], row["verdict"]) for row in table]


def count_equal(reviews: Iterable[pa.Table]) -> int:
    """The number of rows that call two equal contents different."""
    return sum(
        pc.sum(
            pc.and_(pc.equal(rows[SIDES[0]], rows[SIDES[1]]), pc.equal(rows["verdict"], DIFFERENT))
        ).as_py()
        or 0
        for rows in reviews
    )


def contradicting(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """The pairs that are called different, though a chain of `same` joins their contents.

    `rows` are the columns of STANDING.
    """
    label = connected((left, right) for left, right, verdict in rows if verdict == SAME)
    return sorted(
        (left, right)
        for left, right, verdict in rows
        if verdict == DIFFERENT and left in label and label[left] == label.get(right)
    )


def _as(field: pa.Field, column: pa.ChunkedArray, file: str) -> pa.ChunkedArray:
    """The column with the type of its field."""
    found = column.type
    if types.is_null(found):
        return column.cast(field.type)
    if types.is_timestamp(field.type):
        fits, wanted = types.is_timestamp(found), "a timestamp"
    else:
        held = found.value_type if types.is_dictionary(found) else found
        is_text = types.is_string(held) or types.is_large_string(held)
        fits, wanted = is_text or types.is_string_view(held), "a text"
    if not fits:
        raise UserError(f"the reviews in {file} have {field.name} as {found}, and not as {wanted}")
    if types.is_timestamp(found) and found.tz is None:
        column = pc.assume_timezone(column, "UTC")
    options = pc.CastOptions(field.type, allow_time_truncate=True)
    try:
        column = column.cast(options=options)
        column.validate(full=True)  # that texts are UTF-8
    except pa.ArrowInvalid as error:
        raise UserError(
            f"the reviews in {file} have a {field.name} that cannot be read: {first_line(error)}"
        ) from None
    return column


def _require(column: pa.ChunkedArray, fits: pa.ChunkedArray, name: str, file: str) -> None:
    """Raise UserError that shows the first value that does not fit."""
    wrong = column.filter(pc.invert(pc.fill_null(fits, False)))
    if len(wrong):
        value = wrong.slice(0, 1).cast(pa.string())[0].as_py()  # Python may not hold the time
        said = "nothing" if value is None else f'"{value[:80]}"'
        raise UserError(f"the reviews in {file} have {said} as {name}: {_WANTED[name]}")


_WANTED = {
    **dict.fromkeys(SIDES, "write the content_id of embeddings, 64 hexadecimal digits"),
    "verdict": "write same, different, or none",
    "reviewed_at": "write when the pair was reviewed, in the years 1 to 9999",
}


def _ordered(rows: pa.Table) -> pa.Table:
    """The rows with the lesser content left."""
    turned = pc.greater(rows[SIDES[0]], rows[SIDES[1]])
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    for what in ("content", "id"):
        left, right = rows[f"left_{what}"], rows[f"right_{what}"]
        columns[f"left_{what}"] = pc.if_else(turned, right, left)
        columns[f"right_{what}"] = pc.if_else(turned, left, right)
    return pa.table(columns, REVIEWS)
