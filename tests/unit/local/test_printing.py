"""The end of a run on a terminal: the place of the report, and names that it cannot show."""

import io
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.local import summary

DAY = "2026-01-01"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    folder = tmp_path / "groups" / f"dt={DAY}"
    folder.mkdir(parents=True)
    row = {"image_id": "b", "group_id": "a", "is_keeper": False, "keeper_id": "caf\xe9.jpg"}
    pq.write_table(pa.Table.from_pylist([row]), folder / "part-0.parquet")
    return tmp_path


def test_the_place_of_the_report_is_printed_once_there_is_one(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary.print_run(lake, [DAY])
    assert "the report" not in capsys.readouterr().out
    (lake / "report").mkdir()
    (lake / "report" / "index.html").touch()
    summary.print_run(lake, [DAY])
    assert f"the report, for a browser: {lake}/report/index.html" in capsys.readouterr().out


def test_a_terminal_without_unicode_gets_escapes(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    summary.print_run(lake, [DAY])
    terminal.seek(0)
    assert r"caf\xe9.jpg" in terminal.read()
