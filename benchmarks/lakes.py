"""Reads a lake on this machine without Spark, and describes how two lakes differ."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from imgdedup.config import MilvusConfig
from imgdedup.milvus import embedded as milvus_server
from imgdedup.report.tables import connected

TABLES = ("manifest", "embeddings", "candidates", "pairs", "groups", "leakage", "deduplicated")
COLLECTION = "Milvus"  # stands among the tables for the keys of the collection
_GROUPS = "SELECT group_id, dt, image_id, keeper_id, is_keeper FROM groups"
_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "queries.md"
_OF_A_RUN = ("run_id",)
_NAMED = 2  # rows that are shown of each kind of difference
_LONG = 24  # characters; a longer value is cut

Row = tuple[tuple[str, Any], ...]
Partition = tuple[str, str]  # dataset, day
Contents = Mapping[Partition, Counter[Row]]


def tables(root: Path) -> dict[Partition, Counter[Row]]:
    """Read the rows of every partition of the tables, in no order, without the ids of runs.

    Digests stand for embeddings, thumbnails and all other lists and bytes.
    """
    return {
        (dataset, folder.name.removeprefix("dt=")): _rows(folder)
        for dataset, folder in _partitions(root)
    }


def vectors(root: Path, config: MilvusConfig, model: str, projection: str) -> Counter[Row]:
    """Read the keys of a lake's collection for a model and a projection (fingerprints), as rows.

    Raises ValueError when the collection does not count one vector for each key.
    """
    with (
        milvus_server.serving(config, str(root), model, projection) as address,
        closing(address.connect()) as collection,
    ):
        keys, count = collection.keys(), collection.count()
    if count != len(keys):
        raise ValueError(f"the collection of {root} counts {count} vectors for {len(keys)} keys")
    return Counter({(("content_id", key),): 1 for key in keys})


def require_told(root: Path) -> None:
    """Raise ValueError unless the changes of the groups of a lake together give its groups."""
    if not (root / "groups").exists():
        return
    with connected(str(root), ["groups", "group_changes"]) as database:
        database.execute("CREATE MACRO explode(list) AS unnest(list)")
        told, groups = (sorted(database.execute(q).fetchall()) for q in (replaying(), _GROUPS))
    if told != groups:
        raise ValueError(f"the changes of {root} give {told}, and its groups are {groups}")


def replaying() -> str:
    """The query of the documentation that makes the groups from their changes alone."""
    page = _PAGE.read_text(encoding="utf-8").partition("## The groups, from their changes alone")[2]
    found = re.search(r"```sql\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found.group(1)


def pinned(root: Path) -> tuple[str, str] | None:
    """The model and the projection of the last run of `index`; None before the first."""
    filled = []
    for file in (root / "runs").glob("*/[!._]*.parquet"):
        for row in pq.ParquetFile(file).read().to_pylist():
            if row["stage"] == "index" and row["status"] == "succeeded" and row["model"]:
                filled.append((row["started_at"], row["model"], dict(row["details"])["projection"]))
    return max(filled)[1:] if filled else None


def stamps(root: Path) -> dict[Partition, frozenset[tuple[str, int, int]]]:
    """Name, inode and time of each partition's files: a file that is written again differs."""
    found = {}
    for dataset, folder in _partitions(root):
        stats = [(file.name, file.stat()) for file in folder.iterdir()]
        files = frozenset((name, stat.st_ino, stat.st_mtime_ns) for name, stat in stats)
        found[dataset, folder.name.removeprefix("dt=")] = files
    return found


def differences(found: Contents, expected: Contents) -> list[str]:
    """Describe how two lakes differ, one line for each partition that differs."""
    told = []
    for place in sorted(found.keys() | expected.keys()):
        name = " of ".join(part for part in place if part)
        if place not in found:
            told.append(f"{name}: the partition is missing")
        elif place not in expected:
            told.append(f"{name}: there should be no partition")
        elif found[place] != expected[place]:
            more, less = found[place] - expected[place], expected[place] - found[place]
            told.append(f"{name}: {_told(more, 'too many')}; {_told(less, 'missing')}")
    return told


def _told(rows: Counter[Row], what: str) -> str:
    named = ", ".join(
        "(" + ", ".join(f"{name} {_short(value)}" for name, value in row if value is not None) + ")"
        for row in sorted(rows, key=repr)[:_NAMED]
    )
    return f"{rows.total()} rows {what}{': ' if named else ''}{named}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONG else f"{text[:8]}..."


def _partitions(root: Path) -> Iterator[tuple[str, Path]]:
    for dataset in TABLES:
        for folder in sorted((root / dataset).glob("dt=*")):
            yield dataset, folder


def _rows(folder: Path) -> Counter[Row]:
    rows: Counter[Row] = Counter()
    for file in folder.glob("[!._]*.parquet"):
        table: pa.Table = pq.ParquetFile(file).read()
        names = sorted(name for name in table.column_names if name not in _OF_A_RUN)
        columns = [_values(table[name]) for name in names]
        rows.update(tuple(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
    return rows


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column; digests stand for lists and bytes."""
    if pa.types.is_list(column.type):
        lists = (value.values.to_numpy() if value.is_valid else None for value in column)
        return [None if values is None else _digest(values.tobytes()) for values in lists]
    if pa.types.is_binary(column.type):
        return [None if value is None else _digest(value) for value in column.to_pylist()]
    return list(column.to_pylist())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
