"""What a task started ends with the task, unless the task did its work."""

import signal
import subprocess
import sys

import psutil
import pytest

TASK = """\
import os, subprocess, sys, time
from imgdedup.runtime.guard import guarded

with guarded():
    # A child and a grandchild whose parent is gone, as the Python of a driver can be.
    child = subprocess.Popen(["sleep", "600"])
    orphan = subprocess.check_output(["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"])
    print(child.pid, int(orphan), flush=True)
    {then}
"""


def start(then: str, *, leads: bool = True) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A task, and what it started. A task of Airflow leads a process group of its own."""
    command = [sys.executable, "-c", TASK.format(then=then)]
    if not leads:
        command = ["sh", "-c", '"$@"; exit $?', "shell", *command]
    task = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)
    assert task.stdout is not None
    with task.stdout:
        return task, [psutil.Process(int(pid)) for pid in task.stdout.readline().split()]


def ended(started: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(started, timeout=5)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_task_started_is_killed(signum: signal.Signals) -> None:
    task, started = start("time.sleep(600)")
    task.send_signal(signum)
    assert task.wait() == -signum
    assert ended(started)


def test_what_a_failed_task_left_is_killed() -> None:
    task, started = start("raise ValueError")
    assert task.wait() == 1
    assert ended(started)


def test_a_task_that_did_its_work_kills_nothing() -> None:
    task, started = start("pass")
    assert task.wait() == 0
    alive = [process.is_running() for process in started]
    for process in started:
        process.kill()
    assert alive == [True, True]


def test_nothing_is_killed_in_somebody_elses_group() -> None:
    task, started = start("raise ValueError", leads=False)
    assert task.wait() == 1
    alive = [process.is_running() for process in started]
    for process in started:
        process.kill()
    assert alive == [True, True]
