"""Runs job scripts as Airflow does, and reads what they wrote without Spark."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from imgdedup.console import MARK
from imgdedup.flow import JOB_OF, JOBS

REPOSITORY = Path(__file__).parents[2]
WHOLE = tuple(",".join(stage.name for stage in job.stages) for job in JOBS)  # each job's stages
PROPERTIES = ("--master", "local[2]", "--driver-memory", "1g")


class Ended(NamedTuple):
    """How a job ended: its exit status, and the progress lines it printed, without the mark."""

    status: int
    lines: list[str]


def command(
    stages: str,
    root: Path | str,
    dt: str,
    manifest: str = "",
    run_id: str = "run",
    settings: Mapping[str, object] | None = None,
    until: str = "",
    conf: Path = REPOSITORY / "conf",
    overlay: str = "local",
) -> list[str]:
    """The script of a job, and the arguments that run some of its stages.

    `stages` has commas between them. `overlay` names a file of the folder `conf`.
    """
    arguments = {
        "root": str(root),
        "dt": dt,
        "until": until,
        "run-id": run_id,
        "conf-dir": str(conf),
        "overlay": overlay,
        "settings": json.dumps(settings or {}),
        "stages": stages,
        **({"manifest": manifest} if stages.startswith("scan") else {}),
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", value)]
    return [str(REPOSITORY / "jobs" / f"{JOB_OF[stages.partition(',')[0]]}.py"), *options]


def spark_submit(job: Sequence[str]) -> Ended:
    """Run one job in a process of its own."""
    done = subprocess.run(
        ["spark-submit", *PROPERTIES, *job], capture_output=True, text=True, timeout=300
    )
    return ended(done.returncode, done.stdout)


def ended(status: int, output: str) -> Ended:
    """How a job with this exit status and standard output ended."""
    return Ended(status, _marked(output.splitlines()))


class Jobs:
    """Runs jobs one after the other in one further process, with the same Java."""

    def __init__(self, log: IO[str]) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("several_jobs.py"))],
            env=os.environ | {"PYSPARK_SUBMIT_ARGS": " ".join([*PROPERTIES, "pyspark-shell"])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def __call__(self, jobs: Iterable[Sequence[str]]) -> list[Ended]:
        """Run the jobs and tell how each ended."""
        return [self._run(job) for job in jobs]

    def _run(self, job: Sequence[str]) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        lines: list[str] = []
        overdue = threading.Timer(300, self._process.kill)
        overdue.start()
        try:
            for line in self._process.stdout:
                if line.startswith("exit "):
                    return Ended(int(line.removeprefix("exit ")), _marked(lines))
                lines.append(line.rstrip("\n"))
        finally:
            overdue.cancel()
        raise AssertionError(f"the process of the jobs ended: {Path(self._log.name).read_text()}")

    def close(self) -> None:
        """Let the process end, and wait for it."""
        try:
            self._process.communicate(timeout=60)
        finally:
            self._process.kill()


def _marked(lines: Sequence[str]) -> list[str]:
    return [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]


def read(root: Path, dataset: str, dt: str = "*") -> list[dict[str, Any]]:
    """The rows of a dataset with `dt` and without `run_id`, sorted."""
    rows = []
    for folder in sorted((root / dataset).glob(f"dt={dt}")):
        for file in folder.glob("[!._]*.parquet"):
            table: pa.Table = pq.ParquetFile(file).read()
            day = folder.name.removeprefix("dt=")
            rows += [{"dt": day, **row} for row in table.to_pylist()]
    for row in rows:
        row.pop("run_id", None)
    return sorted(rows, key=repr)


def files(root: Path, dataset: str) -> dict[Path, tuple[int, int]]:
    """Inode and time of each file of a dataset."""
    found = (root / dataset).rglob("*.parquet")
    return {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in found}
