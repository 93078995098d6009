"""Two roots are compared by contents, and what cannot be compared is counted apart."""

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from imgdedup.console import visible
from imgdedup.errors import UserError
from imgdedup.report import compare
from imgdedup.report.compare import Only
from tests.unit.report.test_tables import write

ONE, TWO = "2026-01-01", "2026-01-02"
Pair = tuple[str, str, str, str, str, str, float | None]  # ids, contents, kind, edit, correlation


def put(root: Path, contents: str, pairs: list[Pair], removed: str, dt: str = ONE) -> None:
    """A root with an image for each letter, which is its content; some of them are removed."""
    letters: list[Any] = list(contents)
    size = len(letters)
    columns: dict[str, list[Any]] = {
        "image_id": letters,
        "content_id": letters,
        "failure": [None] * size,
        "model": [f"model of {root.name}"] * size,
    }
    write(root, "embeddings", dt, columns)
    names = "left_id right_id left_content right_content kind edit correlation".split()
    columns = {name: [pair[place] for pair in pairs] for place, name in enumerate(names)}
    write(root, "pairs", dt, columns | {"margin": [0.5] * len(pairs)})
    gone: list[Any] = list(removed)
    columns = {"image_id": gone, "content_id": gone, "is_keeper": [False] * len(gone)}
    columns |= {"keeper_id": ["a"] * len(gone), "edit": ["cropped to 40%"] * len(gone)}
    write(root, "groups", dt, columns)


def near(left: str, right: str, edit: str = "grayscale", correlation: float = 0.9) -> Pair:
    return left, right, left, right, "near", edit, correlation


def exact(left: str, right: str, content: str, kind: str = "exact") -> Pair:
    return left, right, content, content, kind, kind.replace("_", " "), None


@pytest.fixture
def roots(tmp_path: Path) -> tuple[str, str]:
    mine = [near("a", "b"), near("a", "c", "zoomed 1.40x", 0.7), near("a", "d", "zoomed 2x", 0.8)]
    mine += [near("a", "x"), exact("a", "a2", "a"), exact("a", "a3", "a", "same_file")]
    put(tmp_path / "mine", "abcdex", mine, "bcx")
    theirs = [("b", "a", "b", "a", "near", "grayscale", 0.9), near("b", "e", "mirrored")]
    put(tmp_path / "theirs", "abcde", theirs, "bd", TWO)
    return str(tmp_path / "mine"), str(tmp_path / "theirs")


def test_pairs_of_one_root_are_told_apart_by_whether_the_other_knows_them(
    roots: tuple[str, str],
) -> None:
    found = compare.compare(*roots)
    assert found.models == {"root": ["model of mine"], "other": ["model of theirs"]}
    assert found.contents == {"root": 6, "other": 5}
    assert found.shared == {"contents": 5, "paired": 1, "removed": 1}
    mine, theirs = found.pairs["root"], found.pairs["other"]
    assert (mine.judged, mine.unknown) == (3, 1)
    assert mine.edits == [("zoomed", 2), ("exact copy", 1)]
    weakest = [(each.one, each.other, each.correlation) for each in mine.examples]
    assert weakest == [("a", "c", 0.7), ("a", "d", 0.8), ("a", "a2", None)]
    assert (theirs.judged, theirs.unknown, theirs.edits) == (1, 0, [("mirrored", 1)])


def test_removed_images_of_one_root_are_counted(roots: tuple[str, str]) -> None:
    found = compare.compare(*roots).removed
    assert (found["root"].judged, found["root"].unknown) == (1, 1)
    assert [(each.one, each.other) for each in found["root"].examples] == [("c", "a")]
    assert (found["other"].judged, found["other"].unknown) == (1, 0)


def test_equal_roots_differ_in_nothing(roots: tuple[str, str]) -> None:
    found = compare.compare(roots[0], roots[0])
    nothing = Only(0, 0, [], [])
    assert found.pairs == found.removed == {"root": nothing, "other": nothing}
    assert found.shared == {"contents": 6, "paired": 5, "removed": 3}


def test_the_command_prints_the_difference_and_writes_the_pairs(
    roots: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ["compare", "--root", roots[0], "--other", roots[1], "--to", f"{tmp_path}/to"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert compare.main() == 0
    said = capsys.readouterr().out
    assert "pairs of contents only in root: 3, and 1 whose contents the other one lacks" in said
    assert "    a - c: zoomed 1.40x correlation 0.700, margin 0.500" in said
    rows = pq.read_table(tmp_path / "to" / "pairs.parquet").to_pylist()
    told = [(row["only_in"], row["left_content"], row["right_content"]) for row in rows]
    assert told == [
        ("root", "a", "c"),
        ("root", "a", "d"),
        ("root", "a", "x"),
        ("root", "a", "a"),
        ("other", "b", "e"),
    ]
    assert [row["contents_in_both"] for row in rows] == [True, True, False, True, True]
    assert compare.main() == 2
    assert "pairs.parquet already: give another folder" in capsys.readouterr().out


def outcome(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["compare", *arguments])
    return compare.main(), capsys.readouterr().out


def test_names_with_signs_that_break_lines_are_shown_as_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "b\x1b[31m\nremoved images only in root: 9"
    pair = (name, "c", "b", "c", "near", "grayscale", 0.9)
    put(tmp_path / "mine", "bc", [pair], "")
    put(tmp_path / "theirs\u202e", "bc", [], "")
    places = ["--root", f"{tmp_path}/mine", "--other", f"{tmp_path}/theirs\u202e"]
    status, said = outcome(capsys, monkeypatch, *places)
    assert status == 0
    assert "\n    b\\u001b[31m\\u000aremoved images only in root: 9 - c: grayscale" in said
    assert "\nother: " in said
    assert "theirs\\u202e: 2 contents" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_a_damaged_table_is_told_in_one_line(
    roots: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = Path(roots[1], "pairs").glob("*/*.parquet")
    file.write_bytes(file.read_bytes()[:-40])
    status, said = outcome(capsys, monkeypatch, "--root", roots[0], "--other", roots[1])
    assert status == 1
    assert said.startswith("imgdedup: error: the roots cannot be compared: ")
    assert str(file) in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "to", ["taken", "taken/below", "taken/far/below", "/proc/no/folder", "x\udcff"]
)
def test_a_place_that_takes_no_file_is_told_in_one_line(
    roots: tuple[str, str],
    to: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "taken").write_text("mine")
    places = ["--root", roots[0], "--other", roots[1], "--to", str(tmp_path / to)]
    status, said = outcome(capsys, monkeypatch, *places)
    assert status == 2
    file = visible(f"{tmp_path / to}/pairs.parquet")
    assert said.startswith(f"imgdedup: error: cannot write {file}: ")
    assert said.count("\n") == 1
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_file_that_a_full_disk_cut_short_is_removed(
    roots: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_: object, stream: Any) -> None:
        stream.write(b"PAR1")
        raise OSError("No space left on device")

    monkeypatch.setattr(pq, "write_table", fill)
    with pytest.raises(UserError, match=r"cannot write .*No space left"):
        compare.compare(*roots, str(tmp_path / "to"))
    assert list((tmp_path / "to").iterdir()) == []


def test_a_root_without_tables_is_refused(roots: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no tables under"):
        compare.compare(roots[0], str(tmp_path / "nothing"))
