"""The tables of a lake, read without Spark."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.errors import UserError
from imgdedup.report import tables


def write(root: Path, dataset: str, dt: str, columns: dict[str, list[object]]) -> None:
    folder = root / dataset / f"dt={dt}"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "part-0.parquet")


def test_the_views_have_all_days_and_the_columns_of_today(tmp_path: Path) -> None:
    write(tmp_path, "pairs", "2026-01-01", {"left_id": ["a"], "kind": ["near"]})
    write(tmp_path, "pairs", "2026-01-02", {"left_id": ["b"], "kind": ["exact"]})
    (tmp_path / "pairs/dt=2026-01-02/_complete.json").write_text("{}")
    with tables.connected(str(tmp_path), ["pairs", "groups"]) as found:
        rows = found.sql("SELECT left_id, kind, edit, dt FROM pairs ORDER BY left_id").fetchall()
        assert rows == [("a", "near", None, "2026-01-01"), ("b", "exact", None, "2026-01-02")]
        assert found.sql("SELECT count(*) FROM groups").fetchall() == [(0,)]


def test_manifests_keep_the_columns_of_the_user(tmp_path: Path) -> None:
    write(tmp_path, "embeddings", "2026-01-01", {"image_id": ["a"]})
    write(tmp_path, "manifest", "2026-01-01", {"image_id": ["a"], "uri": ["/a"], "stars": [3]})
    write(tmp_path, "manifest", "2026-01-02", {"image_id": ["b"], "uri": ["/b"], "stars": [2.5]})
    with tables.connected(str(tmp_path), ["manifest", "deduplicated"]) as found:
        rows = found.sql("SELECT image_id, stars, dt FROM manifest ORDER BY dt").fetchall()
        assert rows == [("a", 3.0, "2026-01-01"), ("b", 2.5, "2026-01-02")]
        assert found.sql("SELECT image_id, uri FROM deduplicated").fetchall() == []


def test_columns_whose_types_differ_by_day_are_text_or_left_out(tmp_path: Path) -> None:
    write(tmp_path, "embeddings", "2026-01-01", {"image_id": ["a"]})
    first: dict[str, list[object]] = {
        "image_id": ["a"],
        "split": ["train"],
        "tags": [["x"]],
        "taken": [date(2026, 1, 1)],
    }
    write(tmp_path, "manifest", "2026-01-01", first)
    second: dict[str, list[object]] = {
        "image_id": ["b"],
        "split": [7],
        "tags": ["x"],
        "taken": [True],
    }
    write(tmp_path, "manifest", "2026-01-02", second)
    with tables.connected(str(tmp_path), ["manifest"]) as found:
        rows = found.sql("SELECT * FROM manifest ORDER BY dt").to_arrow_table().to_pylist()
    assert rows == [
        {"image_id": "a", "uri": None, "split": "train", "taken": "2026-01-01", "dt": "2026-01-01"},
        {"image_id": "b", "uri": None, "split": "7", "taken": "true", "dt": "2026-01-02"},
    ]


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no tables under"):
        tables.connected(str(tmp_path), ["pairs"])
