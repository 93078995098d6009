"""The backfill benchmark: what the days hold, how tables are compared, what the page says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmarks.backfill import month
from benchmarks.backfill.compare import Compared, compare
from benchmarks.backfill.measure import Measured, most_at_once
from benchmarks.backfill.page import page
from benchmarks.lakes import TABLES
from imgdedup.corpora.edits import EVERYDAY
from imgdedup.errors import UserError
from imgdedup.flow import TASKS
from tests.stand_ins import picture

DAYS = ["2026-01-01", "2026-01-02"]


def test_no_file_is_drawn_twice_and_copies_have_their_photograph() -> None:
    names = [f"{n}.jpg" for n in range(40)]
    chosen = month.choose(names, 50, np.random.default_rng(1))
    assert len(set(chosen)) == 50
    kinds = Counter("edited" if edit in EVERYDAY else edit for _, edit in chosen)
    assert kinds == {month.PHOTO: 30, month.COPY: 5, "edited": 15}
    photos = {name for name, edit in chosen if edit == month.PHOTO}
    assert {name for name, _ in chosen} == photos
    assert chosen == month.choose(names, 50, np.random.default_rng(1))
    assert chosen != month.choose(names, 50, np.random.default_rng(2))


def test_too_few_photographs_are_refused() -> None:
    with pytest.raises(UserError, match="2 photographs are too few for 40 files"):
        month.choose(["a", "b"], 40, np.random.default_rng(0))


def test_each_day_gets_its_files_and_an_exact_copy_has_the_bytes_of_its_photograph(
    tmp_path: Path,
) -> None:
    photos = {}
    for n in range(6):
        photos[f"some/{n}.png"] = tmp_path / f"{n}.png"
        picture(n).save(photos[f"some/{n}.png"])
    built = month.build(tmp_path / "days", photos, DAYS, 5, seed=0)
    assert built.images == f"{tmp_path}/days/{{dt}}"
    assert built.kinds == {month.PHOTO: 6, month.COPY: 1, month.EDITED: 3}
    files = {path.name: path for path in (tmp_path / "days").glob("*/*")}
    assert Counter(path.parent.name for path in files.values()) == dict.fromkeys(DAYS, 5)
    (copy,) = (path for name, path in files.items() if name.endswith(".copy.jpg"))
    assert copy.read_bytes() == files[copy.name.replace(".copy.", ".photo.")].read_bytes()
    for path in files.values():
        Image.open(path).load()


def write(root: Path, table: str, dt: str, rows: Sequence[Mapping[str, object]]) -> None:
    folder = root / table / f"dt={dt}"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "part-0.parquet")


def test_the_run_and_the_order_of_the_rows_make_no_difference(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"id": n, "run_id": "a", "v": [n / 3]} for n in range(3)]
    for table in TABLES:
        write(tmp_path / "one", table, DAYS[0], rows)
        write(tmp_path / "other", table, DAYS[0], [{**row, "run_id": "b"} for row in rows[::-1]])
    found = compare(tmp_path / "one", tmp_path / "other", DAYS)
    assert found == [Compared(table, (3, 3), True) for table in TABLES]


def test_another_value_a_missing_row_and_another_day_are_differences(tmp_path: Path) -> None:
    for name, value in (("one", 1.0), ("other", 1.0 + 1e-12)):
        write(tmp_path / name, "pairs", DAYS[0], [{"margin": value}])
    write(tmp_path / "one", "groups", DAYS[0], [{"id": 1}])
    write(tmp_path / "one", "manifest", "2026-02-01", [{"id": 1}])
    write(tmp_path / "other", "manifest", DAYS[0], [{"id": 1}])
    found = {each.table: each.equal for each in compare(tmp_path / "one", tmp_path / "other", DAYS)}
    assert found == {table: table not in ("pairs", "groups", "manifest") for table in TABLES}


def test_tasks_that_ran_at_the_same_time_are_counted() -> None:
    times = [("10:00", "10:10"), ("10:05", "10:20"), ("10:10", "10:30")]
    tasks = [
        {"start_date": f"2026-01-01T{start}:00Z", "end_date": f"2026-01-01T{end}:00Z"}
        for start, end in times
    ]
    assert most_at_once(tasks) == 2
    assert most_at_once(tasks[:1]) == 1


def test_the_page_shows_both_ways_and_what_differs() -> None:
    minutes = dict.fromkeys(TASKS, 2.0)
    measured = [
        Measured(31, 4.0, 1, 3, 0, 1, minutes),
        Measured(31, 62.0, 31, 93, 2, 2, minutes),
    ]
    tables = [
        [Compared("pairs", (10, 10), True)],
        [Compared("pairs", (9, 10), False)],
    ]
    kinds = {month.PHOTO: 60, month.COPY: 10, month.EDITED: 30}
    text = page(
        "make bench-backfill", "2 cores", month.Month(Path(), ("a",), kinds), measured, tables
    )
    lines = text.splitlines()
    assert "| days per minute | 7.75 | 0.50 |" in lines
    assert "| tasks | 3 | 93 |" in lines
    assert "| minutes of embed | 2.0 | 2.0 |" in lines
    assert "| pairs | 10 | yes | 9 | **no**, 10 rows |" in lines
