"""Plan, apply, undo and purge on a folder."""

from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.removal.lake import DAY, read_folder, write_tables
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
