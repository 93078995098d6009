"""Puts a file of reviews into the table `reviews` of a root, without Spark.

The file is what the gallery exports (JSON), or Parquet with the columns of the table. All of it is
checked first. It becomes one file of the table, named by what it says. So a file that is imported
twice counts once, and writers do not disturb each other.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from imgdedup.errors import UserError, first_line
from imgdedup.relations import reviews
from imgdedup.relations.reviews import DIFFERENT, FOLDER, NONE, REVIEWS, SAME
from imgdedup.relations.sides import SIDES
from imgdedup.report.tables import connected, file_system, reviews_of

_PARQUET = b"PAR1"
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a sign of UTF-16, which no column holds
_EXPORT = ("reviews", 1)  # kind and version of what the gallery exports


@dataclass(frozen=True)
class Imported:
    """What a file of reviews says."""

    same: int
    different: int
    withdrawn: int
    unknown: int  # reviews of a content that no image has
    contradicting: int  # of all reviews of the root: `different` against a chain of `same`
    is_new: bool  # the table did not have these reviews


def import_reviews(file: str, root: str) -> Imported:
    """Add the reviews of a file to the table of a root (a path or a uri).

    Raises UserError, and writes nothing, when there are no tables under the root, or when anything
    in the file cannot be a review.
    """
    with connected(root, ["embeddings"]) as connection:
        rows = reviews.checked(_with_contents(_read(file), connection, file), file)
        if reviews.count_equal([rows]):
            raise UserError(
                f"the reviews in {file} call two images different that have the same bytes: "
                "the same bytes are the same"
            )
        unknown = _count_unknown(rows, connection)
    system, folder = file_system(root)
    before = reviews_of(system, folder)
    is_new = len(rows) > 0 and _write(rows, system, f"{folder}/{FOLDER}", root)
    said = rows["verdict"].to_pylist()
    stands = [tuple(row.values()) for row in reviews.standing([before, rows]).to_pylist()]
    return Imported(
        same=said.count(SAME),
        different=said.count(DIFFERENT),
        withdrawn=said.count(NONE),
        unknown=unknown,
        contradicting=len(reviews.contradicting(stands)),
        is_new=is_new,
    )


def _read(file: str) -> pa.Table:
    """The columns of REVIEWS that a file has, their values as they are."""
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the reviews {file}: {error.strerror}") from None
    if not data.startswith(_PARQUET):
        return _parsed(data, file)
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"the reviews in {file} cannot be read as Parquet: {first_line(error)}"
        ) from None
    return reviews.typed(table, file)


def _parsed(data: bytes, file: str) -> pa.Table:
    """The reviews that the gallery exported."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:  # too many brackets within each other
        raise UserError(f"the reviews in {file} are neither JSON nor Parquet: {error}") from None
    kind = (told.get("imgdedup"), told.get("version")) if isinstance(told, dict) else None
    if kind != _EXPORT or not isinstance(told.get("reviews"), list):
        raise UserError(f"{file} is no file of reviews that the report has exported")
    rows = [_row(number, review, file) for number, review in enumerate(told["reviews"], 1)]
    return pa.Table.from_pylist(rows, REVIEWS)


def _row(number: int, review: Any, file: str) -> dict[str, Any]:
    """One review of an export, its empty texts as null."""
    if not isinstance(review, Mapping):
        raise UserError(f"the reviews in {file}: number {number} is no review")
    row: dict[str, Any] = {}
    for name in REVIEWS.names:
        value = review.get(name)
        if value is not None and not isinstance(value, str):
            raise UserError(f"the reviews in {file}: {name} of number {number} is no text")
        if value and _SURROGATE.search(value):
            raise UserError(f"the reviews in {file}: {name} of number {number} is no valid Unicode")
        row[name] = value or None
    if row["reviewed_at"] is not None:
        row["reviewed_at"] = _time(row["reviewed_at"], number, file)
    return row


def _time(text: str, number: int, file: str) -> datetime:
    """A time of ISO 8601 in UTC; one without an offset is in UTC."""
    what = f"the reviews in {file}: reviewed_at of number {number}"
    try:
        when = datetime.fromisoformat(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except ValueError:
        raise UserError(f"{what} is no time of ISO 8601") from None
    except OverflowError:
        raise UserError(f"{what} is outside the years 1 to 9999 in UTC") from None


def _with_contents(table: pa.Table, connection: duckdb.DuckDBPyConnection, file: str) -> pa.Table:
    """The reviews with the contents of their images where a review names no contents."""
    for side, name in zip(SIDES, ("left_id", "right_id"), strict=True):
        contents = table[side] if side in table.column_names else pa.nulls(len(table), pa.string())
        lacking = pc.is_null(contents)
        if name not in table.column_names or not pc.any(lacking).as_py():
            continue
        wanted = table[name].filter(lacking).drop_null().unique()
        known = _contents_of(wanted, connection, file)
        pairs = zip(contents.to_pylist(), table[name].to_pylist(), strict=True)
        found = pa.array([content or known.get(image) for content, image in pairs], pa.string())
        kept = [column for column in table.column_names if column != side]
        table = table.select(kept).append_column(side, found)
    return table


def _contents_of(
    images: pa.Array, connection: duckdb.DuckDBPyConnection, file: str
) -> dict[str, str]:
    """The content of each image; UserError for an image that has none, or several."""
    connection.register("wanted", pa.table({"image_id": images.cast(pa.string())}))
    rows = connection.sql(
        "SELECT w.image_id, count(DISTINCT content_id), min(content_id) "
        "FROM wanted w LEFT JOIN embeddings e ON e.image_id = w.image_id GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for image, contents, _ in rows:
        if contents != 1:
            has = "no image of this name has been read" if not contents else "it has several"
            raise UserError(
                f"the reviews in {file} name {image} without its content, and {has}: "
                "write left_content and right_content"
            )
    return {image: content for image, _, content in rows}


def _count_unknown(rows: pa.Table, connection: duckdb.DuckDBPyConnection) -> int:
    """The number of reviews of a content that no image has."""
    connection.register("said", rows)
    (found,) = connection.sql(
        "SELECT count(*) FROM said WHERE NOT ("
        "left_content IN (SELECT content_id FROM embeddings WHERE failure IS NULL) AND "
        "right_content IN (SELECT content_id FROM embeddings WHERE failure IS NULL))"
    ).fetchall()
    return int(found[0])


def _write(rows: pa.Table, system: fs.FileSystem, folder: str, root: str) -> bool:
    """Write the file of these reviews, whole or not at all; False when it is there already."""
    said = sorted(repr(tuple(row.values())) for row in rows.to_pylist())
    name = f"{hashlib.sha256(repr(said).encode()).hexdigest()[:32]}.parquet"
    hidden = f"{folder}/.{name}.{uuid.uuid4().hex[:8]}"
    try:
        if system.get_file_info(f"{folder}/{name}").type != fs.FileType.NotFound:
            return False
        system.create_dir(folder, recursive=True)
        try:
            pq.write_table(rows, hidden, filesystem=system)
            system.move(hidden, f"{folder}/{name}")
        except OSError:
            with suppress(OSError):
                system.delete_file(hidden)
            raise
    except OSError as error:
        raise UserError(f"cannot write the reviews to {root}: {first_line(error)}") from None
    return True
