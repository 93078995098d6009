"""Leakage as matrices and as pictures."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from imgdedup.report import leakage
from imgdedup.report.leakage import Matrix
from imgdedup.report.tables import connected
from tests.unit.report.test_tables import write

DAY = "2026-01-01"


def leaked(root: Path, *rows: tuple[str | None, str | None, int], column: str = "split") -> None:
    """Rows of `leakage`: a value, another value, and how many images."""
    each = [(value, other) for value, other, count in rows for _ in range(count)]
    columns: dict[str, list[object]] = {
        "column_name": [column] * len(each),
        "value": [value for value, _ in each],
        "other_value": [other for _, other in each],
    }
    write(root, "leakage", DAY, columns)


def manifest(root: Path, split: list[object]) -> None:
    names: list[object] = [f"{number}" for number in range(len(split))]
    write(root, "manifest", DAY, {"image_id": names, "uri": names, "split": split})


def found(root: Path) -> list[Matrix]:
    with connected(str(root), leakage.DATASETS) as connection:
        return leakage.matrices(connection)


def test_a_matrix_counts_the_images_of_each_value(tmp_path: Path) -> None:
    leaked(tmp_path, ("train", "test", 3), ("test", "train", 1), ("train", None, 1))
    manifest(tmp_path, ["train"] * 6 + ["test"] * 4 + [None])
    (matrix,) = found(tmp_path)
    assert (matrix.column, matrix.values) == ("split", ["train", "test", None])
    assert matrix.counts == [[0, 3, 1], [1, 0, 0], [0, 0, 0]]
    assert matrix.totals == [6, 4, 1]
    assert (matrix.share(0, 1), matrix.share(2, 0), matrix.left_out) == (0.5, 0.0, 0)


def test_values_are_few_and_those_that_leak_most(tmp_path: Path) -> None:
    leaked(tmp_path, *((f"source {number:02}", "x", number) for number in range(1, 21)))
    (matrix,) = found(tmp_path)
    assert matrix.values[:2] == ["source 20", "source 19"]
    assert (len(matrix.values), matrix.left_out) == (12, 9)
    assert matrix.totals == [None] * 12
    assert matrix.share(0, 1) is None


def test_a_lake_without_leakage_has_no_matrix(tmp_path: Path) -> None:
    manifest(tmp_path, ["train"])
    write(tmp_path, "groups", DAY, {"image_id": []})
    assert found(tmp_path) == []


def test_a_picture_has_a_number_in_every_cell_and_no_style() -> None:
    hostile = '<script>alert("1")</script> & more'
    matrix = Matrix(
        "a<b>", ["train", hostile, None], [[0, 3, 0], [1, 0, 0], [0, 0, 0]], [6, 4, 0], 0
    )
    svg = leakage.picture(matrix)
    assert "<script" not in svg
    assert not re.search(r"\bstyle\b|\bon\w+=|url\(", svg)
    root = ET.fromstring(svg)
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "3 (50.0%)" in texts
    assert "1 (25.0%)" in texts
    assert texts.count("(none)") == 2
    assert any(hostile in text for text in texts)
    titles = {node.text for node in root.iter("{http://www.w3.org/2000/svg}title")}
    assert "Images of a a<b> (rows) that have a copy in another one (columns)" in titles
    assert hostile in titles
