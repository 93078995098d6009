"""Files of a root that are damaged are named in one line, and a damaged plan is written again."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.removal.lake import DAY, read_folder, write_tables
from imgdedup.removal import __main__

ALL = ["--across", "--most-share", "1"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "data" / name).write_bytes(b"1/same")
    write_tables(str(tmp_path / "out"), {DAY: read_folder(tmp_path / "data")})
    assert __main__.main(["plan", "--root", str(tmp_path / "out"), *ALL]) == 0
    return tmp_path / "out"


def folder_of(root: Path) -> Path:
    (folder,) = (root / "plan").iterdir()
    return folder


def apply(root: Path) -> int:
    plan_id = folder_of(root).name.removeprefix("plan=")
    return __main__.main(["apply", "--root", str(root), "--plan", plan_id])


def plan(root: Path) -> int:
    return __main__.main(["plan", "--root", str(root), *ALL])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def spoil(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-100] + b"\xff" * 92 + data[-8:])


def foreign(path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), path)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("rows.parquet", cut),
        ("rows.parquet", spoil),
        ("rows.parquet", foreign),
        ("rows.parquet", Path.unlink),
        ("_plan.json", cut),
        ("_plan.json", lambda path: path.write_text("[]")),
        ("_plan.json", lambda path: path.write_text("")),
    ],
)
def test_a_damaged_plan_is_named_and_written_again(
    root: Path, capsys: pytest.CaptureFixture[str], name: str, harm: Callable[[Path], object]
) -> None:
    folder = folder_of(root)
    harm(folder / name)
    assert apply(root) == 2
    assert f"error: {folder / name} is damaged" in capsys.readouterr().out
    assert plan(root) == 0
    assert folder_of(root) == folder
    assert "it was there already" not in capsys.readouterr().out
    assert apply(root) == 0


@pytest.mark.parametrize("at", ["x", 3, None])
@pytest.mark.parametrize("rest", [{}, {"begin": "apply", "files": []}, {"where": {"x": "data"}}])
def test_a_damaged_journal_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], at: object, rest: dict[str, object]
) -> None:
    moment = "2026-01-01T00:00:00+00:00" if at is None and rest else at
    journal = folder_of(root) / "_journal.jsonl"
    journal.write_text(json.dumps({"at": moment, **rest}) + "\n")
    assert apply(root) == 2
    assert "_journal is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["groups", "embeddings"])
@pytest.mark.parametrize("harm", [cut, spoil, lambda path: path.write_bytes(b"")])
def test_a_damaged_table_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], table: str, harm: Callable[[Path], object]
) -> None:
    file = root / table / f"dt={DAY}" / "part-0.parquet"
    harm(file)
    assert plan(root) == 2
    assert f"error: {file} is damaged: run that day again" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_marker_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    marker = root / "groups" / f"dt={DAY}" / "_complete.json"
    marker.write_text(text)
    assert plan(root) == 2
    assert f"error: {marker} is damaged" in capsys.readouterr().out


def test_a_root_with_a_character_that_no_path_has_is_refused() -> None:
    assert __main__.main(["plan", "--root", "\0"]) == 2
