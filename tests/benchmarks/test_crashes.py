"""The moments of a stage, found by what it has written, and words for what readers see."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.crashes import moments
from benchmarks.crashes.__main__ import claim, page
from benchmarks.crashes.jobs import Job, Running
from benchmarks.crashes.trials import Trial, Undisturbed, seen_by_readers
from imgdedup.errors import UserError

DAY = "2026-01-01"
TRIAL = Trial("again", "group", "driver's JVM", "journal written", 137, "1 before", 0, 0, 8.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeping, text=True) as process:
        yield Running(process, tmp_path / "log")
        process.kill()


def write(root: Path, dataset: str, *ids: str) -> None:
    folder = root / dataset / f"dt={DAY}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = pa.table({"image_id": pa.array(ids, pa.string())})
    pq.write_table(rows, folder / "part-0.parquet")


def journal(root: Path, *targets: str) -> Path:
    path = root / ".imgdedup" / "journal.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([{"target": str(root / target)} for target in targets]))
    return path


def test_results_are_moved_in_when_their_targets_are_other_folders(
    tmp_path: Path, running: Running
) -> None:
    first, half = moments.moved(0.0), moments.moved(0.5)
    assert not first.reached(tmp_path, running, 1.0)
    journal(tmp_path, "a", "b", "c", "d")
    for moment in (first, half):
        assert not moment.reached(tmp_path, running, 1.0)
    (tmp_path / "a").mkdir()
    assert first.reached(tmp_path, running, 1.0)
    assert not half.reached(tmp_path, running, 1.0)
    (tmp_path / "c").mkdir()
    assert half.reached(tmp_path, running, 1.0)


def test_all_is_published_when_the_journal_came_and_went(tmp_path: Path, running: Running) -> None:
    moment = moments.published()
    assert not moment.reached(tmp_path, running, 1.0)
    path = journal(tmp_path)
    assert not moment.reached(tmp_path, running, 1.0)
    path.unlink()
    assert moment.reached(tmp_path, running, 1.0)


def test_the_collection_changed_when_a_file_of_milvus_did(tmp_path: Path, running: Running) -> None:
    file = tmp_path / ".imgdedup" / "milvus" / "log"
    file.parent.mkdir(parents=True)
    file.write_text("a")
    moment = moments.collection_changed()
    assert not moment.reached(tmp_path, running, 1.0)
    file.write_text("a, b")
    assert moment.reached(tmp_path, running, 1.0)


def test_a_moment_after_the_end_is_never_reached(tmp_path: Path, running: Running) -> None:
    running.leader.kill()
    running.leader.wait()
    assert not moments.wait(moments.journaled(), tmp_path, running, 1.0)


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        (("a", "b"), "1 before"),
        (("a",), "1 after"),
        (("b",), "1 half"),
        ((), "1 half"),
        (None, "1 gone for a moment"),
    ],
)
def test_readers_see_a_partition_as_before_or_after_and_never_half(
    tmp_path: Path, ids: tuple[str, ...] | None, told: str
) -> None:
    def rows(*ids: str) -> Counter[tuple[tuple[str, object], ...]]:
        return Counter([(("image_id", name),) for name in ids])

    job = Job(("group",), (DAY, DAY), tmp_path, tmp_path, {})
    place = ("groups", DAY)
    stage = Undisturbed(
        job, "again", tmp_path, {place: rows("a", "b")}, {place: rows("a")}, seconds=1.0
    )
    if ids is not None:
        write(tmp_path, "groups", *ids)
    assert seen_by_readers(stage) == told


def test_half_a_file_is_half_a_partition(tmp_path: Path) -> None:
    write(tmp_path, "groups", "a")
    file = tmp_path / "groups" / f"dt={DAY}" / "part-0.parquet"
    file.write_bytes(file.read_bytes()[:-8])
    stage = Undisturbed(
        Job(("group",), (DAY, DAY), tmp_path, tmp_path, {}), "", tmp_path, {}, {}, 1.0
    )
    assert seen_by_readers(stage).startswith("half a partition: ")


def test_nothing_is_lost_only_when_all_is_equal_and_no_reader_saw_half() -> None:
    assert TRIAL.sound
    for worse in ({"again": 1}, {"differences": ["pairs"]}, {"seen": "1 half"}):
        assert not replace(TRIAL, **worse).sound


def test_the_page_counts_kills_full_disks_and_losses() -> None:
    full = replace(TRIAL, hurt="full disk", said="error: group: the disk is full")
    lost = replace(TRIAL, differences=["pairs of a day: 1 rows missing"])
    text = page([TRIAL, full, lost], 2, "make bench-crashes", 60.0)
    assert "2 kills (-9) and 1 full disks in 1 minutes; 2 further kills" in text
    assert "Something was lost in 1." in text
    assert "- error: group: the disk is full" in text
    assert text.count("| equal |") == 2


def test_a_folder_of_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="holds something else"):
        claim(tmp_path)
    claim(tmp_path / "new")
    (tmp_path / "new" / "lake").mkdir()
    claim(tmp_path / "new")
    assert not (tmp_path / "new" / "lake").exists()
