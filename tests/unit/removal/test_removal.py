"""Plan, apply, undo and purge on a folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.removal.lake import DAY, digest, read_folder, write_tables
from imgdedup.removal import commands
from imgdedup.removal.limits import Limits

ALL = Limits(most_share=1.0, across=True)
FILES = {"a.jpg": b"1/large", "b.jpg": b"1/large", "c.jpg": b"1/sm", "d.jpg": b"2/x"}
NOW = timedelta(0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return put(tmp_path / "data", FILES)


@pytest.fixture
def root(tmp_path: Path, data: Path) -> str:
    root = str(tmp_path / "out")
    write_tables(root, {DAY: read_folder(data)})
    return root


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def held(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_plan_is_applied_undone_and_purged(root: str, data: Path) -> None:
    made = commands.plan(root, ALL)
    assert (made.images, made.bytes) == (2, 11)
    assert held(data) == FILES
    assert commands.apply(root, made.id).images == 2
    box = f".imgdedup-quarantine/{made.id}"
    rest = {"a.jpg": FILES["a.jpg"], "d.jpg": FILES["d.jpg"]}
    moved = {f"{box}/{name}": FILES[name] for name in ("b.jpg", "c.jpg")}
    assert held(data) == rest | moved
    assert commands.apply(root, made.id).images == 2
    assert commands.undo(root, made.id).images == 2
    assert held(data) == FILES
    assert not (data / ".imgdedup-quarantine").exists()
    commands.apply(root, made.id)
    assert commands.purge(root, made.id, NOW).images == 2
    assert held(data) == rest
    undone = commands.undo(root, made.id)
    assert (undone.images, len(undone.left)) == (0, 2)


DIFFERENT = "a review calls it different from its keeper"
WITHDRAWN = "the review that called it the same as its keeper was withdrawn"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("verdicts", "why"),
    [
        (["different"], DIFFERENT),
        (["same", "different"], DIFFERENT),
        (["same", "none"], WITHDRAWN),
        (["same"], None),
        (["different", "none"], None),
        (["same", "none", "same"], None),
    ],
)
def test_purge_leaves_what_people_no_longer_call_a_copy(
    root: str, data: Path, verdicts: list[str], why: str | None, order: int
) -> None:
    plan_id = commands.plan(root, ALL).id
    assert commands.apply(root, plan_id).images == 2
    near, keeper = (digest(content) for content in (b"1/sm", b"1/large")[::order])
    Path(root, "reviews").mkdir()
    said = {"left_content": near, "right_content": keeper}
    rows = [
        {**said, "verdict": verdict, "reviewed_at": datetime(2026, 1, day, tzinfo=UTC)}
        for day, verdict in enumerate(verdicts, 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), Path(root, "reviews", "a.parquet"))
    moved = commands.purge(root, plan_id, NOW)
    assert moved.left == ({(data / "c.jpg").as_uri(): why} if why else {})
    assert moved.images == 2 - len(moved.left)
    assert commands.undo(root, plan_id).images == len(moved.left)
    assert (data / "c.jpg").exists() == bool(why)
