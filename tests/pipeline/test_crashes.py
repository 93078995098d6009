"""The same command mends a stage whose process was killed (-9). Readers see no half of a result.

`make bench-crashes` kills in every stage, at many moments, and fills disks, too.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from benchmarks.crashes import moments
from benchmarks.crashes.disk import filled, may_mount
from benchmarks.crashes.history import CHANGED_IMAGES, FIRST, FIRST_IMAGES, SETTINGS, write
from benchmarks.crashes.jobs import DRIVER, PYTHON, Job
from benchmarks.crashes.moments import Moment
from benchmarks.crashes.trials import Undisturbed, killed, undisturbed
from imgdedup.flow import STAGES
from tests.pipeline.jobs import Jobs

Stages = dict[str, Undisturbed]
_TRIES = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crashes")


@pytest.fixture(scope="module")
def stages(folder: Path, in_one_process: Jobs) -> Stages:
    """The stages of a day that runs a second time, with other images, each undisturbed."""

    def run(job: Job) -> float:
        (ended,) = in_one_process([job.script()])
        assert ended.status == 0, ended.lines
        return 0.0

    before, after = folder / "before", folder / "after"
    write(before, {FIRST: FIRST_IMAGES})
    write(after, {FIRST: CHANGED_IMAGES})
    first = [Job((stage,), (FIRST, FIRST), folder / "lake", before, SETTINGS) for stage in STAGES]
    for job in first:
        run(job)
    again = [replace(job, images=after) for job in first]
    return {job.name: undisturbed(job, "again", folder / job.name, run) for job in again}


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return tmp_path / "space"


@pytest.mark.parametrize(
    ("stage", "process", "moment"),
    [
        ("index", PYTHON, moments.collection_changed),
        ("search", PYTHON, partial(moments.moved, 0.5)),
        ("group", DRIVER, moments.journaled),
    ],
    ids=["index", "search", "group"],
)
def test_the_same_command_again_gives_the_same_tables(
    stages: Stages, space: Path, stage: str, process: str, moment: Callable[[], Moment]
) -> None:
    # Some moments last for a millisecond, and the wait for one may miss it.
    tries = (killed(stages[stage], process, moment(), space) for _ in range(_TRIES))
    trial = next((trial for trial in tries if trial is not None), None)
    assert trial is not None
    assert trial.status == 137
    assert trial.sound, trial


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("search", "the disk is full: make room and run again"),
        # fit has nothing to do, and no room for its row in runs.
        ("fit", "its row in runs could not be written: the disk is full: make room and run again"),
    ],
)
def test_a_full_disk_is_told_in_plain_words_and_mended_by_room(
    stages: Stages, folder: Path, space: Path, stage: str, said: str
) -> None:
    if not may_mount(folder):
        pytest.skip("this process may not mount a small file system to fill")
    trial = filled(stages[stage], 0, space)
    assert trial is not None
    assert trial.status == 1
    assert trial.said == f"error: {stage}: {said}"
    assert trial.sound, trial
