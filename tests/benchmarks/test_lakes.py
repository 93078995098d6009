"""Lakes are compared row by row, whatever their files; each difference is named."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import lakes

DAY = "2026-01-01"


def write(root: Path, dataset: str, rows: list[dict[str, Any]], file: str = "part-0") -> Path:
    path = root / dataset / f"dt={DAY}" / f"{file}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def pair(one: str, other: str, run_id: str = "run") -> dict[str, Any]:
    return {"left_id": one, "right_id": other, "margin": None, "run_id": run_id}


def test_files_order_and_runs_make_no_difference(tmp_path: Path) -> None:
    write(tmp_path / "one", "pairs", [pair("a", "b"), pair("a", "c")])
    write(tmp_path / "other", "pairs", [pair("a", "c", "later")], "part-0")
    write(tmp_path / "other", "pairs", [pair("a", "b", "later")], "part-1")
    write(tmp_path / "other", "pairs", [pair("x", "y")], "_hidden")
    found, expected = lakes.tables(tmp_path / "one"), lakes.tables(tmp_path / "other")
    assert lakes.differences(found, expected) == []


def test_rows_too_many_and_missing_are_named(tmp_path: Path) -> None:
    write(tmp_path / "one", "pairs", [pair("a", "b"), pair("a", "b")])
    write(tmp_path / "other", "pairs", [pair("a", "b"), pair("a", "c")])
    found, expected = lakes.tables(tmp_path / "one"), lakes.tables(tmp_path / "other")
    assert lakes.differences(found, expected) == [
        f"pairs of {DAY}: 1 rows too many: (left_id a, right_id b); "
        "1 rows missing: (left_id a, right_id c)"
    ]


def test_missing_and_surplus_partitions_are_named(tmp_path: Path) -> None:
    write(tmp_path, "groups", [pair("a", "b")])
    there, nothing = lakes.tables(tmp_path), lakes.tables(tmp_path / "none")
    assert lakes.differences(there, nothing) == [f"groups of {DAY}: there should be no partition"]
    assert lakes.differences(nothing, there) == [f"groups of {DAY}: the partition is missing"]


def test_the_changes_of_groups_have_to_give_the_groups(tmp_path: Path) -> None:
    def change(sequence: int, removed: str, added: str) -> dict[str, Any]:
        listed = {
            name: [{"dt": DAY, **image(letter)} for letter in letters]
            for name, letters in (("removed", removed), ("added", added))
        }
        return {"sequence": sequence, "group_id": "g", **listed}

    def image(name: str) -> dict[str, Any]:
        return {"image_id": name, "content_id": "x", "keeper_id": "a", "is_keeper": name == "a"}

    lakes.require_told(tmp_path)
    write(tmp_path, "groups", [{"group_id": "g", **image(name)} for name in "ac"])
    write(tmp_path, "group_changes", [change(1, "", "ab")])
    with pytest.raises(ValueError, match=r"the changes of .* give .*'b'.*, and its groups are"):
        lakes.require_told(tmp_path)
    write(tmp_path, "group_changes", [change(2, "b", "c")], "part-1")
    lakes.require_told(tmp_path)


@pytest.mark.parametrize("column", [{"embedding": [1.0, 3.0]}, {"thumbnail": b"other"}])
def test_every_bit_of_embeddings_and_thumbnails_counts(
    tmp_path: Path, column: dict[str, Any]
) -> None:
    row = {"image_id": "a", "embedding": [1.0, 2.0], "thumbnail": b"picture"}
    nothing = {"image_id": "b", "embedding": None, "thumbnail": None}
    write(tmp_path / "one", "embeddings", [row, nothing])
    write(tmp_path / "other", "embeddings", [row | column, nothing])
    found, expected = lakes.tables(tmp_path / "one"), lakes.tables(tmp_path / "other")
    (told,) = lakes.differences(found, expected)
    assert told.startswith(f"embeddings of {DAY}: 1 rows too many: ")


def test_a_file_that_is_written_again_changes_the_stamp_of_its_partition(tmp_path: Path) -> None:
    path = write(tmp_path, "pairs", [pair("a", "b")])
    write(tmp_path, "groups", [pair("a", "b")])
    before = lakes.stamps(tmp_path)
    path.unlink()
    write(tmp_path, "pairs", [pair("a", "b")])
    after = lakes.stamps(tmp_path)
    assert [place for place in before if before[place] != after[place]] == [("pairs", DAY)]


def test_model_and_projection_are_those_of_the_last_run_of_index(tmp_path: Path) -> None:
    def run(stage: str, status: str, hour: int, projection: str) -> dict[str, Any]:
        started, details = datetime(2026, 1, 1, hour), {"projection": projection}
        run = {"stage": stage, "status": status, "started_at": started, "model": "m"}
        return run | {"details": details}

    assert lakes.pinned(tmp_path) is None
    write(tmp_path, "runs", [run("search", "succeeded", 1, "x"), run("index", "failed", 1, "x")])
    assert lakes.pinned(tmp_path) is None
    write(tmp_path, "runs", [run("index", "succeeded", 9, "new")], "part-1")
    write(tmp_path, "runs", [run("index", "succeeded", 8, "old")], "part-2")
    assert lakes.pinned(tmp_path) == ("m", "new")
