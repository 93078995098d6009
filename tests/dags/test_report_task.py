"""The last task of the DAG: it writes the report of the root, and tells faults in one line."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException

from imgdedup.report import pages

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Any:
    bag = DagBag(str(REPOSITORY / "dags"))
    assert bag.import_errors == {}
    return bag.dags["image_dedup"].task_dict["report"]


def test_it_writes_the_pages_and_says_where(
    task: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "embeddings" / "dt=2026-01-01"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"image_id": ["a"]}), folder / "part-0.parquet")
    task.root = str(tmp_path)
    index = tmp_path / "report" / "index.html"
    assert task.execute({"run_id": "run_1"}) == str(index)
    assert index.is_file()
    assert f"imgdedup: report: {index}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("/nowhere/at/all", "there are no tables under /nowhere/at/all"),
        ("hdfs://no.such.host.invalid:8020/dedup", "cannot open the root hdfs://no.such.host"),
        ("ftp://host/dedup", "ftp://host/dedup"),
    ],
)
def test_a_root_that_this_machine_cannot_read_fails_at_once_in_one_line(
    task: Any, capsys: pytest.CaptureFixture[str], root: str, words: str
) -> None:
    task.root = root
    with pytest.raises(AirflowFailException, match=words):
        task.execute({"run_id": "run_1"})
    (line,) = (each for each in capsys.readouterr().out.splitlines() if "imgdedup: error" in each)
    assert line.startswith("imgdedup: error: report: ")
    assert words in line


def test_any_other_fault_is_told_in_one_line_and_tried_again(
    task: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(root: str) -> str:
        raise OSError("a store\ndid not answer")

    monkeypatch.setattr(pages, "write", fail)
    task.root = "/data/out"
    with pytest.raises(OSError, match="did not answer") as failure:
        task.execute({"run_id": "run_1"})
    assert "imgdedup: error: report: a store: did not answer\n" in capsys.readouterr().out
    assert task.retry_policy.evaluate(failure.value, 1, 2).action.value == "default"
    assert task.retries > 0
