"""How a report replaces the last one."""

import itertools
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyarrow import fs

from imgdedup.report import output, pages
from imgdedup.report.output import Output
from tests.small_lakes import DAYS, content_of, small_lake, write
from tests.unit.report.reading import files


def test_equal_tables_give_equal_pages(tmp_path: Path) -> None:
    lake = small_lake(tmp_path / "lake")
    pages.write(str(lake))
    again = small_lake(tmp_path / "again")
    pages.write(str(again))
    assert files(again) == files(lake)
    before = {path: path.stat().st_mtime_ns for path in (again / "report").rglob("pages-*/*")}
    pages.write(str(again))
    after = {path: path.stat().st_mtime_ns for path in (again / "report").rglob("pages-*/*")}
    assert after == before


def test_thumbnails_are_written_once_and_only_missing_ones_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_lake(tmp_path)
    pages.write(str(root))
    content = content_of("bridge/half-mirrored.jpg")
    file = root / "report/thumbnails" / content[:2] / f"{content}.jpg"
    assert file.read_bytes()[:2] == b"\xff\xd8"
    written: list[str] = []
    monkeypatch.setattr(
        Output, "add_thumbnail", lambda self, content, data: written.append(content)
    )
    pages.write(str(root))
    assert written == []
    file.unlink()
    pages.write(str(root))
    assert written == [content]


def _killed(at: int) -> Callable[[fs.FileSystem, str, str], None]:
    """A move that ends the writer at its move number `at`."""
    calls = itertools.count(1)

    def move(system: fs.FileSystem, source: str, target: str) -> None:
        if next(calls) == at:
            raise KeyboardInterrupt
        system.move(source, target)

    return move


def test_a_killed_writer_leaves_the_last_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_lake(tmp_path)
    pages.write(str(root))
    whole = files(root)
    write(root, "candidates", DAYS[1], [{"margin": 0.5}])  # so that pages of runs change, too
    for killed_at in range(1, 40):
        monkeypatch.setattr(output, "_move", _killed(killed_at))
        try:
            pages.write(str(root))
            break
        except KeyboardInterrupt:
            now = files(root)
            assert {name: now[name] for name in whole} == whole
    else:
        raise AssertionError("the report never became whole")
    assert killed_at > 5
    assert files(root)["report/index.html"] != whole["report/index.html"]


def test_what_no_report_has_needed_for_a_day_goes(tmp_path: Path) -> None:
    root = small_lake(tmp_path)
    pages.write(str(root))
    (old,) = (root / "report").glob("pages-*")
    content = content_of("bridge/half-mirrored.jpg")
    file = root / "report/thumbnails" / content[:2] / f"{content}.jpg"
    shutil.rmtree(root / "groups")
    pages.write(str(root))
    assert old.exists()
    assert file.exists()
    long_ago = time.time() - 2 * 86400
    for path in [file, *old.iterdir()]:
        os.utime(path, (long_ago, long_ago))
    (root / "report/mine.txt").write_text("mine")
    os.utime(root / "report/mine.txt", (long_ago, long_ago))
    pages.write(str(root))
    assert not old.exists()
    assert not file.exists()
    assert (root / "report/mine.txt").exists()
