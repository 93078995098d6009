"""Plans under a root: a table of rows, and beside it what they were made from."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql.pandas.types import to_arrow_schema

from imgdedup.errors import TryAgain, UserError
from imgdedup.lake import PRIVATE
from imgdedup.lake.schemas import PLAN
from imgdedup.relations import reviews
from imgdedup.removal.candidates import read_candidates
from imgdedup.removal.damage import naming, naming_tables
from imgdedup.removal.limits import Limits, limit
from imgdedup.removal.names import normal
from imgdedup.removal.protected import Protected
from imgdedup.removal.roots import Root
from imgdedup.removal.shelves import Image
from imgdedup.report.tables import connected, files_of, reviews_of

_MADE_OF = ("groups", "embeddings")
_AT_ONCE = 16  # markers read in parallel
_AGAIN = "the same tables and limits write it again (make plan), or restore it from a backup"
_FILE = "_plan.json"
_WAITING = "waiting/group"  # what the stage `group` has yet to settle


@dataclass(frozen=True)
class Plan:
    """A plan as it stands under its root. `made_of` are versions of partitions by table and day."""

    id: str
    limits: dict[str, Any]
    made_of: dict[str, dict[str, str]]
    images: int  # files that can be moved
    bytes: int
    by_source: dict[str, tuple[int, int]]  # files and bytes
    left_out: dict[str, int]  # images, by the reason


def folder_of(root: Root, plan_id: str) -> str:
    """The folder of a plan."""
    return f"{root.folder}/plan/plan={plan_id}"


def make(root: Root, limits: Limits) -> tuple[Plan, bool]:
    """Write the plan of the present tables, and tell whether it is new.

    Its id depends on the tables and the limits alone.
    """
    made_of = versions(root)
    _require_settled(root)
    protected = Protected(limits.protected)
    with naming_tables(root, _MADE_OF), connected(root.location, _MADE_OF) as connection:
        found = read_candidates(connection)
        protected.require_places(connection)
    limit(found, limits, protected)
    rows = sorted(
        (image.row for file in found.files for image in file),
        key=lambda row: (row["image_id"], row["uri"], row["content_id"]),
    )
    plan = _plan(limits, made_of, rows)
    folder = folder_of(root, plan.id)
    if _is_whole(root, plan.id):
        return plan, False
    root.system.create_dir(folder, recursive=True)
    table = pa.Table.from_pylist(rows, to_arrow_schema(PLAN))
    pq.write_table(table, f"{folder}/rows.parquet", filesystem=root.system)
    root.texts.write(f"{folder}/{_FILE}", json.dumps(asdict(plan), indent=1))
    return plan, True


def read(root: Root, plan_id: str) -> Plan:
    """The plan of an id; UserError when there is none."""
    text = root.texts.read(f"{folder_of(root, plan_id)}/{_FILE}") if plan_id.isalnum() else None
    if text is None:
        names = root.texts.names(f"{root.folder}/plan")
        ids = ", ".join(name.removeprefix("plan=") for name in names) or "none"
        raise UserError(
            f"there is no plan {plan_id} under {root.location}: give one of these (PLAN): {ids}"
        )
    with naming(f"{folder_of(root, plan_id)}/{_FILE}", _AGAIN):
        return Plan(**json.loads(text))


def _is_whole(root: Root, plan_id: str) -> bool:
    """Whether a plan is there, with files that can be read."""
    if root.texts.read(f"{folder_of(root, plan_id)}/{_FILE}") is None:
        return False
    try:
        read(root, plan_id)
        images(root, plan_id)
    except UserError:
        return False
    return True


def images(root: Root, plan_id: str) -> tuple[dict[str, Image], frozenset[str]]:
    """The files that a plan moves, by their uris, and all names of these files.

    Links stand before their targets, so that they can still be read through.
    """
    path = f"{folder_of(root, plan_id)}/rows.parquet"
    with naming(path, _AGAIN):
        table = pq.read_table(path, filesystem=root.system, partitioning=None)
        table = table.select(PLAN.names)
    rows = [row for row in table.to_pylist() if row["refused"] is None]
    rows.sort(key=lambda row: (not row["is_link"], normal(row["uri"]), row["image_id"]))
    found: dict[str, Image] = {}
    for row in rows:
        uri = normal(row["uri"])
        size = 0 if row["is_link"] else row["size_bytes"]
        image = Image(
            uri,
            row["content_id"],
            size,
            row["home"],
            row["keeper_uri"],
            row["keeper_content"],
            row["edit"] == reviews.BY_REVIEW,
        )
        found.setdefault(uri, image)
    return found, frozenset(found) | {row["file_key"] for row in rows}


def require_fresh(root: Root, plan: Plan) -> None:
    """Raise UserError when the tables are not those that the plan was made from."""
    if versions(root) != plan.made_of:
        raise UserError(
            f"the plan {plan.id} is older than the tables: make another one (make plan)"
        )
    _require_settled(root)


def verdicts(root: Root) -> dict[frozenset[str], str]:
    """What people say of pairs of contents, settled by a run or not; UserError.

    It is `none` of a pair that they no longer call the same.
    """
    said = reviews_of(root.system, root.folder)
    standing = reviews.rows_of(reviews.standing([said]).to_pylist())
    found = dict.fromkeys(reviews.withdrawn([said]), reviews.NONE)
    return found | {frozenset((left, right)): verdict for left, right, verdict in standing}


def _require_settled(root: Root) -> None:
    """Raise UserError when pairs or their reviews have changed since the groups were formed."""
    if root.texts.names(f"{root.folder}/{PRIVATE}/{_WAITING}"):
        raise UserError(
            "the last run ended before its groups were formed: run a day again, and make another "
            "plan (make plan)"
        )
    standing = reviews.standing([reviews_of(root.system, root.folder)])
    text = root.texts.read(f"{root.folder}/{PRIVATE}/{reviews.RECORD}")
    with naming(f"{root.folder}/{PRIVATE}/{reviews.RECORD}", "run a day again"):
        settled = json.loads(text)["digest"] if text else ""
    if reviews.digest(reviews.rows_of(standing.to_pylist())) != settled:
        raise UserError(
            "people have reviewed pairs since the last run: run a day again, so that the tables "
            "honour the reviews, and make another plan (make plan)"
        )


def versions(root: Root) -> dict[str, dict[str, str]]:
    """A name for the rows of each partition that plans are made from.

    Raises TryAgain when a partition has other files than its marker says.
    """
    found: dict[str, dict[str, str]] = {}
    for table in _MADE_OF:
        days: dict[str, list[str]] = {}
        for path in files_of(root.system, f"{root.folder}/{table}"):
            folder, _, name = path.rpartition("/")
            days.setdefault(folder, []).append(name)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            names = pool.map(lambda item: _version(root, *item), days.items())
            found[table] = {
                folder.rpartition("dt=")[2]: name for folder, name in zip(days, names, strict=True)
            }
    return found


def _version(root: Root, folder: str, names: Sequence[str]) -> str:
    text = root.texts.read(f"{folder}/_complete.json")
    if text is None:
        told = [[name, _size(root.system, f"{folder}/{name}")] for name in names]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    with naming(f"{folder}/_complete.json", "run that day again"):
        marker = json.loads(text)
        files, version = set(marker["files"]), f"{marker['rows']}-{marker.get('hash')}"
    if files != set(names):
        raise TryAgain(f"{folder} has other files than its marker says: run that day again first")
    return version


def _size(system: fs.FileSystem, path: str) -> int:
    return int(system.get_file_info(path).size)


def _plan(
    limits: Limits, made_of: dict[str, dict[str, str]], rows: Sequence[Mapping[str, Any]]
) -> Plan:
    content = json.dumps([asdict(limits), made_of, rows], sort_keys=True)
    by_source: dict[str, tuple[int, int]] = {}
    files = {normal(row["uri"]): row for row in rows if row["refused"] is None}
    for row in files.values():
        images, size = by_source.get(row["source"], (0, 0))
        own = 0 if row["is_link"] else row["size_bytes"]
        by_source[row["source"]] = images + 1, size + own
    return Plan(
        hashlib.sha256(content.encode()).hexdigest()[:12],
        asdict(limits),
        made_of,
        len(files),
        sum(size for _, size in by_source.values()),
        dict(sorted(by_source.items())),
        dict(Counter(row["refused"] for row in rows if row["refused"] is not None).most_common()),
    )
