"""The benchmark of images that come again: which files it takes, and what its page says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality.photos import some_of
from benchmarks.reuse.__main__ import lay_out
from benchmarks.reuse.runs import _ROW, FIRST, SECOND, Measured, digest, page
from imgdedup.errors import UserError

RUN = Measured("a day", 1500, 1400, 100, 12.345, 6.789, "digest")
FILES = {f"{n}.JPG": Path(f"/photos/{n}.JPG") for n in range(9)} | {"list.md": Path("/list.md")}


def table(**columns: list[object]) -> pd.DataFrame:
    rows = {name: [None, None] for name in _ROW}
    return pd.DataFrame(rows | {"image_id": ["a", "b"]} | columns)


def test_the_same_seed_draws_the_same_photographs_and_nothing_else() -> None:
    drawn = some_of(FILES, 5, seed=1)
    assert drawn == some_of(dict(reversed(FILES.items())), 5, seed=1)
    assert drawn != some_of(FILES, 5, seed=2)
    assert set(some_of(FILES, 9, seed=0)) == {*FILES.values()} - {Path("/list.md")}
    with pytest.raises(UserError, match="10 photographs are needed, and there are 9"):
        some_of(FILES, 10, seed=0)


def test_the_second_day_has_the_files_of_the_first_day_and_more(tmp_path: Path) -> None:
    for _ in range(2):
        lay_out(tmp_path / "corpus", list(FILES.values())[:5], first=3)
    days = {dt: sorted((tmp_path / "corpus" / dt).iterdir()) for dt in (FIRST, SECOND)}
    assert [file.name for file in days[FIRST]] == ["00000.jpg", "00001.jpg", "00002.jpg"]
    targets = {dt: [file.readlink() for file in files] for dt, files in days.items()}
    assert targets[SECOND] == list(FILES.values())[:5]
    assert targets[FIRST] == targets[SECOND][:3]


def test_a_digest_depends_on_every_bit_and_not_on_the_order() -> None:
    one = np.array([0.5, 1.0], np.float32)
    rows = table(embedding=[one, None], thumbnail=[b"jpeg", None])
    assert digest(rows) == digest(rows[::-1])
    near = table(embedding=[np.nextafter(one, np.float32(2)), None], thumbnail=[b"jpeg", None])
    assert digest(near) != digest(rows)
    assert digest(table(embedding=[one, None], thumbnail=[b"JPEG", None])) != digest(rows)


def test_the_page_shows_each_run_and_whether_the_rows_agree() -> None:
    text = page([RUN, RUN], "make bench-reuse", "today")
    assert text.count("| a day | 1,500 | 1,400 | 100 | 12.3 | 6.8 |") == 2
    assert "wrote the same rows, bit for bit" in text
    assert "OTHER ROWS" in page([RUN, replace(RUN, rows="other")], "", "")
