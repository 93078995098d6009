"""A file of reviews enters the table whole, once, or not at all."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.errors import UserError
from imgdedup.local import reviews as command
from imgdedup.report.importing import Imported, import_reviews
from imgdedup.report.tables import connected
from tests.unit.report.test_tables import write

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def said(left: str, right: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {
        "left_content": left,
        "right_content": right,
        "verdict": verdict,
        "reviewed_at": "2026-02-01T10:00:00Z",
    } | more


@pytest.fixture
def root(tmp_path: Path) -> str:
    columns: dict[str, list[object]] = {
        "image_id": ["a.jpg", "b.jpg", "twice.jpg", "broken.jpg"],
        "content_id": [A, B, A, None],
        "failure": [None, None, None, "empty"],
    }
    write(tmp_path / "root", "embeddings", "2026-01-01", columns)
    later: dict[str, list[object]] = {"image_id": ["twice.jpg"], "content_id": [B]}
    write(tmp_path / "root", "embeddings", "2026-01-02", later)
    return str(tmp_path / "root")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return tmp_path / "reviews.json"


def exported(export: Path, *reviews: object, **more: object) -> str:
    told = {"imgdedup": "reviews", "version": 1, "reviews": list(reviews)} | more
    export.write_text(json.dumps(told))
    return str(export)


def table(root: str) -> list[dict[str, Any]]:
    with connected(root, ["reviews"]) as connection:
        return connection.sql("FROM reviews ORDER BY ALL").to_arrow_table().to_pylist()


def files(root: str) -> list[Path]:
    return sorted(Path(root, "reviews").glob("*"))


def test_an_export_becomes_one_file_and_the_same_reviews_no_second_one(
    root: str, export: Path
) -> None:
    reviews = [
        said(B, A, "same", reviewer="Ann", reason="", left_id="b.jpg", right_id="a.jpg"),
        said(A, C, "different"),
        said(B, C, "none"),
    ]
    found = import_reviews(exported(export, *reviews), root)
    counts = (found.same, found.different, found.withdrawn, found.unknown, found.is_new)
    assert counts == (1, 1, 1, 2, True)
    (file,) = files(root)
    assert file.name.endswith(".parquet")
    assert not import_reviews(exported(export, *reviews[::-1]), root).is_new
    parquet = export.with_name("again.parquet")
    pq.write_table(pq.read_table(file), parquet)
    assert not import_reviews(str(parquet), root).is_new
    assert files(root) == [file]
    first = table(root)[0]
    assert first["reviewed_at"] == datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert [first[name] for name in ("left_content", "left_id", "reviewer", "reason")] == [
        A,
        "a.jpg",
        "Ann",
        None,
    ]


def test_several_people_import_at_once(root: str, tmp_path: Path) -> None:
    verdicts = ["same", "different", "none"]
    exports = [
        exported(tmp_path / f"{number}.json", said(A, B, verdicts[number % 3], reviewer="Ann"))
        for number in range(9)
    ]
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(lambda file: import_reviews(file, root), exports))
    assert [file.name[0] for file in files(root)].count(".") == 0
    assert sorted(row["verdict"] for row in table(root)) == sorted(verdicts)


def test_images_stand_for_their_contents(root: str, export: Path) -> None:
    review = said("", "", "same", left_id="b.jpg", right_id="a.jpg")
    del review["left_content"]
    import_reviews(exported(export, review), root)
    (row,) = table(root)
    assert (row["left_content"], row["right_content"]) == (A, B)


@pytest.mark.parametrize(
    ("review", "words"),
    [
        (said("", B, "same", left_id="x.jpg"), "name x.jpg without its content, and no image"),
        (said("", B, "same", left_id="broken.jpg"), "and no image of this name has been read"),
        (said("", B, "same", left_id="twice.jpg"), "and it has several: write left_content"),
        (said("", B, "same"), "have nothing as left_content"),
        (said(A, A, "different"), "call two images different that have the same bytes"),
        (said(A, B, "equal"), 'have "equal" as verdict'),
        (said(A, B, "same", reviewed_at="yesterday"), "is no time of ISO 8601"),
        (said(A, B, "same", reviewed_at="0001-01-01T00:00:00+14:00"), "outside the years 1 to"),
        (said(A, B, "same", reviewed_at="9999-12-31T23:59:59-14:00"), "outside the years 1 to"),
        (said(A, B, "same", reason="\udcff"), "reason of number 2 is no valid Unicode"),
        (said("", B, "same", left_id="\ud800.jpg"), "left_id of number 2 is no valid Unicode"),
        (said(A, B, "same", reviewer=7), "reviewer of number 2 is no text"),
        ("same", "number 2 is no review"),
    ],
)
def test_a_file_with_one_wrong_review_writes_nothing(
    root: str, export: Path, review: object, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        import_reviews(exported(export, said(A, B, "same"), review), root)
    assert not Path(root, "reviews").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("left,right", "are neither JSON nor Parquet"),
        ("[]", "is no file of reviews that the report has exported"),
        ('{"imgdedup": "reviews", "version": 2, "reviews": []}', "is no file of reviews"),
        ("PAR1", "cannot be read as Parquet"),
        ("[" * 100_000, "are neither JSON nor Parquet: maximum recursion depth"),
        ('{"imgdedup": "reviews", "a": ' * 100_000, "are neither JSON nor Parquet"),
    ],
    ids=["csv", "list", "version", "magic", "deep list", "deep object"],
)
def test_other_files_are_told(root: str, export: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=r"cannot read the reviews .*No such file"):
        import_reviews(str(export), root)
    export.write_text(text)
    with pytest.raises(UserError, match=words):
        import_reviews(str(export), root)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([("left_content", pa.array([A]))], "have the column left_content twice"),
        ([("left_id", pa.array([["a.jpg"]]))], "have left_id as list"),
        ([("left_id", pa.array([b"\xff"]).view(pa.string()))], "have a left_id that cannot"),
    ],
)
def test_columns_of_parquet_that_cannot_be_read_are_told(
    root: str, tmp_path: Path, columns: list[tuple[str, pa.Array]], words: str
) -> None:
    row = said(A, B, "same", reviewed_at=datetime(2026, 2, 1, tzinfo=UTC))
    table = pa.Table.from_pylist([row])
    for name, values in columns:
        table = table.append_column(name, values)
    pq.write_table(table, tmp_path / "mine.parquet")
    with pytest.raises(UserError, match=words):
        import_reviews(str(tmp_path / "mine.parquet"), root)
    assert not Path(root, "reviews").exists()


def test_a_full_disk_is_told_and_nothing_stays(
    root: str, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(table: object, path: str, **_: object) -> None:
        Path(path).write_bytes(b"PAR1")
        raise OSError("No space left on device")

    monkeypatch.setattr(pq, "write_table", fill)
    with pytest.raises(UserError, match=r"cannot write the reviews to .*No space left"):
        import_reviews(exported(export, said(A, B, "same")), root)
    assert files(root) == []


def test_a_file_of_the_table_that_is_no_parquet_is_told(root: str, export: Path) -> None:
    Path(root, "reviews").mkdir()
    Path(root, "reviews", "mine.parquet").write_text("same")
    with pytest.raises(UserError, match=r"reviews/mine.parquet cannot be read as Parquet"):
        import_reviews(exported(export, said(A, B, "same")), root)
    assert len(files(root)) == 1
    files(root)[0].unlink()
    Path(root, "reviews", "mine.parquet").mkdir()
    with pytest.raises(UserError, match=r"reviews/mine\.parquet are a folder"):
        import_reviews(exported(export, said(A, B, "same")), root)


def test_the_command_says_what_was_imported(
    root: str, export: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    same = [said(A, B, "same"), said(B, C, "same")]
    file = exported(export, *same, said(A, C, "different"))
    monkeypatch.setattr(sys, "argv", ["reviews", "--file", file, "--out", root])
    assert command.main() == 0
    lines = capsys.readouterr().out
    assert "2 same, 1 different, 0 withdrawn" in lines
    assert "2 are of images that are not there" in lines
    assert "1 pair is called different, though a chain of reviews" in lines
    assert "the next run honours" in lines
    export.write_text("{}")
    assert command.main() == 2
    assert "imgdedup: error: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("unknown", "contradicting", "lines"),
    [
        (1, 1, ("1 is of images that are not there; it waits", "1 pair is called different")),
        (2, 3, ("2 are of images that are not there; they wait", "3 pairs are called different")),
    ],
)
def test_one_is_told_as_one(unknown: int, contradicting: int, lines: tuple[str, str]) -> None:
    told = command.words(Imported(1, 1, 0, unknown, contradicting, True))[1:3]
    assert all(line.startswith(start) for line, start in zip(told, lines, strict=True))


def test_a_damaged_table_and_a_strange_name_are_told_in_one_line(
    root: str, export: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = exported(export, said("", B, "same", left_id="\x1b[31mx"))
    monkeypatch.setattr(sys, "argv", ["reviews", "--file", file, "--out", root])
    assert command.main() == 2
    assert r"name \u001b[31mx without its content" in capsys.readouterr().out
    damaged = Path(root, "embeddings", "dt=2026-01-01", "part-0.parquet")
    damaged.write_bytes(damaged.read_bytes()[:-40])
    assert command.main() == 1
    lines = capsys.readouterr().out
    assert lines.startswith("imgdedup: error: the reviews were not imported: ")
    assert str(damaged) in lines
    assert lines.count("\n") == 1
    assert not Path(root, "reviews").exists()
