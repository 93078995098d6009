"""The images that the tables remove, with their keepers, and which files they share with others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import duckdb
import pyarrow as pa

from imgdedup.removal.names import Name, address_of, fault, keeper_fault, name_of, normal

# A plain path as the beginning of a uri; the mark of a link in a uri goes.
_PLAIN = "CASE WHEN uri LIKE '/%' THEN 'file://' || uri ELSE replace(uri, '/./', '/') END"
_TABLES = f"""
CREATE TEMP TABLE seen AS
  SELECT dt, image_id, uri, content_id, size_bytes, file_key, inode, is_link, {_PLAIN} AS plain
  FROM embeddings;
CREATE TEMP TABLE gone AS
  SELECT seen.*, g.keeper_id, g.keeper_content, g.kind, g.similarity, g.margin, g.inliers,
    g.correlation, g.overlap, g.edit, g.reason
  FROM seen JOIN groups g USING (dt, image_id)
  WHERE NOT g.is_keeper AND seen.content_id = g.content_id;
CREATE TEMP TABLE kept AS SELECT seen.* FROM seen ANTI JOIN gone USING (dt, image_id);
"""
_GONE = """
SELECT image_id, uri, content_id, list(dt ORDER BY dt) AS days, arg_max(latest, dt) AS latest
FROM (SELECT *, struct_pack(size_bytes, file_key, inode, is_link, plain, keeper_id, keeper_content,
  kind, similarity, margin, inliers, correlation, overlap, edit, reason) AS latest FROM gone)
GROUP BY image_id, uri, content_id ORDER BY image_id, uri, content_id
"""
_KEEPERS = """
SELECT image_id, content_id, arg_max(struct_pack(uri, file_key, dt), dt) AS latest
FROM kept SEMI JOIN gone ON kept.image_id = gone.keeper_id
  AND kept.content_id = gone.keeper_content
GROUP BY image_id, content_id
"""
# The marks of a file: another image with one of them may be a name of the file.
_SHARED = """
SELECT DISTINCT mark FROM (
  SELECT unnest([nullif(file_key, ''), inode, uri, plain]) AS mark FROM kept
  UNION ALL SELECT mark FROM unread)
SEMI JOIN marks USING (mark)
"""
_FOLDERS = """
SELECT regexp_replace(plain, '/[^/]*$', '') AS folder, count(DISTINCT plain)
FROM seen GROUP BY folder
"""


@dataclass
class Candidate:
    """An image that the tables remove: the columns of `plan`, and what the limits look at."""

    row: dict[str, Any]
    name: Name
    folder: str  # as the uris spell it
    marks: set[str] = field(default_factory=set)

    @property
    def refused(self) -> str | None:
        """Why its file is not moved."""
        refused: str | None = self.row["refused"]
        return refused

    def refuse(self, why: str) -> None:
        """Leave the file alone, unless there is a reason already."""
        self.row["refused"] = self.row["refused"] or why


@dataclass(frozen=True)
class Candidates:
    """All of them, those of one file together, and the images of each folder by its number."""

    files: list[list[Candidate]]
    folders: Mapping[str, int]


def read_candidates(connection: duckdb.DuckDBPyConnection) -> Candidates:
    """Read the candidates from the views `embeddings` and `groups`.

    Those that cannot be moved at all are refused already. So are those of a file with an image that
    is kept, on any day.
    """
    connection.execute(_TABLES)
    common = _common_folders(connection)
    keepers = {
        (image_id, content_id): latest
        for image_id, content_id, latest in connection.execute(_KEEPERS).fetchall()
    }
    found = connection.sql(_GONE).to_arrow_table().to_pylist()
    candidates = [_candidate(row, keepers, common) for row in found]
    shared = _shared(connection, candidates)
    files = _files(candidates)
    for file in files:
        _refuse_together(file, shared)
    wanted = {candidate.folder for candidate in candidates}
    folders = connection.execute(_FOLDERS).fetchall()
    return Candidates(files, {folder: count for folder, count in folders if folder in wanted})


def _candidate(
    found: dict[str, Any], keepers: Mapping[tuple[str, str], Any], common: Mapping[str, str]
) -> Candidate:
    latest = found.pop("latest")
    inode, plain = latest.pop("inode"), latest.pop("plain")
    keeper = keepers.get((latest["keeper_id"], latest["keeper_content"])) or {}
    keeper_key = keeper.get("file_key")
    why = fault(found["uri"], latest["file_key"]) or keeper_fault(keeper_key)
    name = name_of(found["uri"], found["image_id"], found["days"], common)
    keeper_source = None
    if keeper:
        of_keeper = (keeper["uri"], latest["keeper_id"], [keeper["dt"]], common)
        keeper_source = name_of(*of_keeper).source
    row = {
        **found,
        **latest,
        "home": name.home,
        "source": name.source,
        "keeper_uri": keeper.get("uri"),
        "keeper_source": keeper_source,
        "refused": why,
    }
    marks = {latest["file_key"], inode, found["uri"], plain, name.uri} - {None, ""}
    return Candidate(row, name, plain.rpartition("/")[0], marks)


def _shared(
    connection: duckdb.DuckDBPyConnection, candidates: Iterable[Candidate]
) -> frozenset[str]:
    """The marks of candidates that images which are kept have, too."""
    marks = sorted({mark for candidate in candidates for mark in candidate.marks})
    unread = connection.execute("SELECT DISTINCT uri FROM kept WHERE file_key IS NULL").fetchall()
    connection.register("marks", pa.table({"mark": pa.array(marks, pa.string())}))
    spelled = pa.array([normal(uri) for (uri,) in unread if uri], pa.string())
    connection.register("unread", pa.table({"mark": spelled}))
    return frozenset(mark for (mark,) in connection.execute(_SHARED).fetchall())


def _files(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """The candidates, those with a common mark together."""
    files: dict[int, list[Candidate]] = {}
    owner: dict[str, int] = {}
    for number, candidate in enumerate(candidates):
        files[number] = [candidate]
        for other in {owner[mark] for mark in candidate.marks if mark in owner}:
            joined = files.pop(other)
            files[number] += joined
        for member in files[number]:
            owner.update(dict.fromkeys(member.marks, number))
    for file in files.values():
        file.sort(key=lambda candidate: (candidate.name.uri, candidate.row["days"]))
    return list(files.values())


def _refuse_together(file: list[Candidate], shared: frozenset[str]) -> None:
    """Refuse all images of a file that must stay. Of two contents at one place the later counts."""
    if any(candidate.marks & shared for candidate in file):
        for candidate in file:
            candidate.refuse("its file is also that of an image that is kept")
    if any(candidate.refused for candidate in file):
        for candidate in file:
            candidate.refuse("its file is also that of an image that cannot be moved")
    last: dict[str, str] = defaultdict(str)
    for candidate in file:
        last[candidate.name.uri] = max(last[candidate.name.uri], candidate.row["days"][-1])
    for candidate in file:
        if candidate.row["days"][-1] < last[candidate.name.uri]:
            candidate.refuse("its file holds other bytes on a later day")


def _common_folders(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The deepest folder that holds all images of each disk or bucket, in its normal form."""
    ends = connection.execute(
        "SELECT arg_min(uri, plain), arg_max(uri, plain) FROM seen WHERE uri IS NOT NULL "
        "GROUP BY regexp_extract(plain, '^[a-z0-9]*:(//[^/]*)?')"
    ).fetchall()
    found: dict[str, str] = {}
    for least, greatest in ends:
        folder = _common_folder(normal(least), normal(greatest))
        address = address_of(normal(least))
        found[address] = _common_folder(f"{found.get(address, folder)}/", f"{folder}/")
    return found


def _common_folder(uri: str, other: str) -> str:
    steps = zip(uri.split("/")[:-1], other.split("/")[:-1], strict=False)
    return "/".join(step for step, _ in takewhile(lambda pair: pair[0] == pair[1], steps))
