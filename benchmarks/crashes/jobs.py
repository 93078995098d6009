"""Jobs as the DAG submits them, and the processes that they consist of."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.spark import environment
from imgdedup.console import MARK
from imgdedup.flow import JOB_OF
from imgdedup.local import processes
from imgdedup.local.workspace import CONF, REPOSITORY

DRIVER, PYTHON, WORKER, EXECUTOR = "driver's JVM", "driver's Python", "Python worker", "executor"
_LOCAL = "local[2]"
_CLUSTER = "local-cluster[1,2,1024]"  # executors in processes of their own, on this machine
_OVERDUE = 300.0  # seconds after which a job counts as hung


@dataclass(frozen=True)
class Job:
    """Some stages of a job of one run, and where their files are."""

    stages: tuple[str, ...]
    days: tuple[str, str]  # first and last
    root: Path
    images: Path  # holds a folder for each day
    settings: Mapping[str, object]

    @property
    def name(self) -> str:
        """Its stages, in words."""
        return ", ".join(self.stages)

    def script(self) -> list[str]:
        """The job script and its arguments, as the DAG renders them."""
        arguments = {
            "root": str(self.root),
            "dt": self.days[0],
            "until": self.days[1],
            "run-id": "run",
            "conf-dir": str(CONF),
            "overlay": "local",
            "settings": json.dumps(dict(self.settings)),
            "stages": ",".join(self.stages),
            **({"manifest": f"{self.images}/{{dt}}"} if "scan" in self.stages else {}),
        }
        options = [text for name, value in arguments.items() for text in (f"--{name}", value)]
        return [str(REPOSITORY / "jobs" / f"{JOB_OF[self.stages[0]]}.py"), *options]


class Running:
    """A job that was started; `leader` is the process of spark-submit."""

    def __init__(self, leader: subprocess.Popen[str], log: Path) -> None:
        self.leader = leader
        self._log = log
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the job has been running."""
        return time.monotonic() - self._since

    def process(self, kind: str) -> psutil.Process | None:
        """A process of the job of this kind; None while there is none."""
        with suppress(psutil.NoSuchProcess):
            driver = psutil.Process(self.leader.pid)
            if kind == DRIVER:
                return driver
            for child in driver.children(recursive=True):
                if _is(child, kind):
                    return child
        return None

    def ended(self) -> int:
        """Wait for the end of the command; return its status, 128 + its number for a signal."""
        status = self.leader.wait(timeout=_OVERDUE)
        return status if status >= 0 else 128 - status

    def said(self) -> list[str]:
        """The lines of the log that are meant for a person."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]


@contextmanager
def started(job: Job, space: Path, kind: str = DRIVER) -> Iterator[Running]:
    """Start a job; at the end of the block, end the processes of the job that still run.

    `space` is a folder for the log and for Spark's own files. If `kind` is EXECUTOR, the executors
    are processes of their own.
    """
    log = space / "job.log"
    (space / "local").mkdir(parents=True, exist_ok=True)
    master = _CLUSTER if kind == EXECUTOR else _LOCAL
    command = ["spark-submit", "--master", master, "--driver-memory", "1g", *job.script()]
    with log.open("w") as file:
        leader = processes.start(command, environment(space / "local"), space, file)
    try:
        yield Running(leader, log)
    finally:
        processes.end([leader])


def stragglers(running: Running) -> int:
    """Count the processes of a job that outlive its command."""
    alive = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            ours = os.getsid(process.pid) == running.leader.pid
            alive += ours and process.status() != psutil.STATUS_ZOMBIE
    return alive


def _is(process: psutil.Process, kind: str) -> bool:
    with suppress(psutil.Error):
        words = " ".join(process.cmdline())
        if kind == WORKER:
            # The daemon forks the workers. Java is the parent of the daemon, not of a worker.
            parent = process.parent()
            return "pyspark.daemon" in words and parent is not None and "java" not in parent.name()
        if kind == EXECUTOR:
            return "CoarseGrainedExecutorBackend" in words
        return kind == PYTHON and "/jobs/" in words and "java" not in process.name()
    return False
