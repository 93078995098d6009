"""What every job script shares: its arguments, its session, its row in `runs`, its exit status.

A script in `jobs/` gives `main` its stage and a function that reads, calls the stage and writes.
"""

import argparse
import json
import platform
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from pyspark.sql import SparkSession

from imgdedup import config, monitor, schemas
from imgdedup.config import Config
from imgdedup.console import say
from imgdedup.datasets import Lake
from imgdedup.days import days_between
from imgdedup.errors import Missing, TryAgain, UserError
from imgdedup.session import start_session
from imgdedup.sources import local_path

_VERSIONS = ("imgdedup", "pyspark", "pymilvus", "milvus-lite", "torch", "pillow", "pyarrow")
_USER_ERROR, _TRY_AGAIN = (f"{kind.__module__}.{kind.__name__}: " for kind in (UserError, TryAgain))
# The last line of a Python traceback, or the first of a Java exception or of its cause.
_CAUSE = re.compile(
    r"^(?:: |Caused by: )?([A-Za-z_][\w.]*(?:Error|Exception|Invalid|TryAgain): .*)"
)


@dataclass(frozen=True)
class Run:
    """One stage of one run: where it reads and writes, and its configuration."""

    spark: SparkSession
    lake: Lake
    dt: str  # the day to work on; of a stage that settles all days, the last of the run's
    days: tuple[str, ...]  # all days of the run, in order
    run_id: str
    config: Config
    manifest: str


@dataclass(frozen=True)
class Outcome:
    """What a stage did, for its row in `runs`; `details` are figures by name."""

    rows_in: int
    rows_out: int
    model: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def main(stage: str, body: Callable[[Run], Outcome], *, each_day: bool = False) -> NoReturn:
    """Run a stage as a script: exit 0 when it did its work, 2 for a UserError, else 1.

    `each_day`: it works on one day at a time, beside other runs. Else it settles whatever days
    have changed, once, while no other run writes to the root.
    """
    arguments = _parse(stage)
    since = time.monotonic()
    with monitor.PeakMemory() as memory:
        try:
            days = days_between(arguments.dt, arguments.until or arguments.dt)
            _refuse_file(arguments.root)
            settings = config.load(arguments.conf_dir, arguments.overlay, arguments.settings)
            spark = start_session(stage, days[-1], settings)
        except UserError as error:
            say(f"error: {stage}: {error}")
            sys.exit(2)
        own = settings.lake
        lake = Lake(spark, arguments.root, stage, own.lock_patience, anew=own.repair)
        run = Run(
            spark,
            lake,
            days[-1],
            tuple(days),
            arguments.run_id,
            settings,
            arguments.manifest,
        )
        with monitor.progress(spark, stage):
            work = _each_day if each_day else _work
            status = work(stage, _locked(body, each_day), run, memory, since)
    spark.stop()
    sys.exit(status)


def _locked(body: Callable[[Run], Outcome], each_day: bool) -> Callable[[Run], Outcome]:
    def locked(run: Run) -> Outcome:
        with run.lake.claimed() if each_day else run.lake.alone():
            return body(run)

    return locked


def _each_day(
    stage: str,
    body: Callable[[Run], Outcome],
    run: Run,
    memory: monitor.PeakMemory,
    since: float,
) -> int:
    """Do the work day by day, up to the first that fails; a range goes on without empty days."""
    missing = []
    for day in run.days:
        lake = Lake(run.spark, run.lake.root, f"{stage}-{day}", run.config.lake.lock_patience)
        try:
            status = _work(stage, body, replace(run, dt=day, lake=lake), memory, since)
        except Missing as error:
            say(f"{stage}: {day} is left out: {error}")
            missing.append(day)
            status = 0
        if status:
            return status
        since = time.monotonic()
    if len(missing) < len(run.days):
        return 0
    say(f"error: {stage}: there is nothing for any day from {run.days[0]} to {run.days[-1]}")
    return 2


def _work(
    stage: str,
    body: Callable[[Run], Outcome],
    run: Run,
    memory: monitor.PeakMemory,
    since: float,
) -> int:
    """Do the work once, tell and record how it ended; the exit status.

    Raises Missing when there is nothing for one day of a range, nor ever was.
    """
    started = datetime.now(UTC)
    outcome, message, status = None, None, 0
    try:
        outcome = body(run)
    except Exception as error:
        if isinstance(error, Missing) and _may_lack(run):
            raise
        message, status = explain(error)
        if status == 1 and not isinstance(error, TryAgain):
            traceback.print_exc()
        say(f"error: {stage}: {message}")
    seconds = time.monotonic() - since
    try:
        _record(run, stage, started, seconds, memory.peak_bytes, outcome, message)
    except Exception as error:
        why, failed = explain(error)
        if outcome is None:
            print(f"the failed run could not be recorded: {why}", file=sys.stderr)
            return status
        say(f"error: {stage}: its row in runs could not be written: {why}")
        return failed
    if outcome is not None:
        day = f"{run.dt}: " if len(run.days) > 1 else ""
        say(f"{stage}: {day}{_summary(outcome)}, {seconds:.1f} s")
    return status


def _may_lack(run: Run) -> bool:
    """Whether the day is one of a range and was never scanned: what was there does not vanish."""
    return len(run.days) > 1 and run.dt not in run.lake.days("manifest")


def explain(error: BaseException) -> tuple[str, int]:
    """The cause of a failure in one line of plain words, and the exit status that goes with it."""
    text = str(error)
    if isinstance(error, UserError):
        return text, 2
    if isinstance(error, TryAgain):
        return text, 1
    known = {
        "No space left on device": "the disk is full: make room and run again",
        "Permission denied": "the output folder cannot be written: check its permissions",
        "Read-only file system": "the output folder is on a read-only file system",
        "Fail connecting to server": "Milvus answers no more: see that it runs, and run again",
        "OutOfMemoryError": "the JVM ran out of memory: raise spark.driver_memory",
    }
    for mark, words in known.items():
        if mark in text:
            return words, 1
    # A failure inside a worker arrives as the JVM's account of it; the last cause is the root.
    causes = [found.group(1) for line in text.splitlines() if (found := _CAUSE.match(line))]
    if causes:
        cause = causes[-1].removeprefix(_USER_ERROR).removeprefix(_TRY_AGAIN).strip()
        return cause, 2 if causes[-1].startswith(_USER_ERROR) else 1
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}", 1


def _parse(stage: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"{stage}.py")
    parser.add_argument("--root", required=True, help="folder or URI that holds the datasets")
    parser.add_argument("--dt", required=True, type=_day, help="data day, YYYY-MM-DD")
    parser.add_argument(
        "--until", default=None, type=_day_or_none, help="last day of a range that --dt begins"
    )
    parser.add_argument("--run-id", required=True, help="name of this run, for lineage")
    parser.add_argument("--conf-dir", required=True, type=Path, help="folder of base.toml")
    parser.add_argument("--overlay", required=True, help="configuration overlay: local, cluster")
    parser.add_argument(
        "--settings", default={}, type=_settings, help='JSON of "section.key": value'
    )
    parser.add_argument(
        "--manifest", default="", help="scan only: folder, prefix or Parquet; may hold {dt}"
    )
    return parser.parse_args()


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _day_or_none(text: str) -> str | None:
    return _day(text) if text else None


def _refuse_file(root: str) -> None:
    path = local_path(root)
    if path is not None and path.exists() and not path.is_dir():
        raise UserError(f"the root {root} is a file: give a folder")


def _settings(text: str) -> dict[str, object]:
    settings = json.loads(text)
    if not isinstance(settings, dict):
        raise ValueError(text)
    return settings


def _record(
    run: Run,
    stage: str,
    started: datetime,
    seconds: float,
    peak_bytes: int,
    outcome: Outcome | None,
    message: str | None,
) -> None:
    details = {key: str(value) for key, value in outcome.details.items()} if outcome else {}
    if len(run.days) > 1:
        details["days"] = f"{run.days[0]} to {run.days[-1]}"
    row = {
        "run_id": run.run_id,
        "stage": stage,
        "status": "failed" if outcome is None else "succeeded",
        "started_at": started,
        "seconds": seconds,
        "rows_in": outcome.rows_in if outcome else None,
        "rows_out": outcome.rows_out if outcome else None,
        "peak_rss_bytes": peak_bytes,
        "model": outcome.model if outcome else None,
        "details": details,
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in _VERSIONS},
        "message": message,
    }
    run.lake.append_run(run.dt, run.spark.createDataFrame([row], schemas.RUNS))


def _summary(outcome: Outcome) -> str:
    parts = [f"{outcome.rows_in:,} rows in", f"{outcome.rows_out:,} out"]
    parts += [f"{key.replace('_', ' ')} {value}" for key, value in outcome.details.items()]
    return ", ".join(parts)
