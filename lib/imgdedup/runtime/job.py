"""Runs stages as a Spark job: arguments, session, locks, progress, rows in `runs`, exit status."""

import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NoReturn

from pyspark.sql import SparkSession

from imgdedup import config
from imgdedup.config import Config
from imgdedup.console import say
from imgdedup.errors import Missing, TryAgain, UserError
from imgdedup.flow import BY_DAY
from imgdedup.lake import Lake
from imgdedup.runtime import monitor
from imgdedup.runtime.arguments import parse_arguments
from imgdedup.runtime.connectors import require_connector
from imgdedup.runtime.days import days_between
from imgdedup.runtime.explain import FAILED, USER_ERROR, explain
from imgdedup.runtime.records import summary, write_record
from imgdedup.runtime.run import Body, Outcome, Run, run_locked
from imgdedup.runtime.session import start_session, suit_to_size
from imgdedup.sources import local_path


@dataclass
class _Work:
    """A stage at work: its body, its start and its memory."""

    stage: str
    body: Body
    memory: monitor.PeakMemory
    since: float  # time.monotonic() at the start of the work that is measured


def main(job: str, **bodies: Body) -> NoReturn:
    """Run the stages of a job as a script, one after another in one session, until one fails.

    The script exits with 0 when all stages did their work, with 2 after a UserError, else with 1.
    """
    arguments = parse_arguments(job, tuple(bodies))
    since = time.monotonic()
    with monitor.PeakMemory() as memory:
        try:
            days = days_between(arguments.dt, arguments.until or arguments.dt)
            _require_folder(arguments.root)
            settings = config.load(arguments.conf_dir, arguments.overlay, arguments.settings)
            spark = start_session(job, days[-1], settings)
            require_connector(spark, arguments.root)
        except UserError as error:
            say(f"error: {job}: {error}")
            sys.exit(USER_ERROR)
        status = 0
        for stage in arguments.stages:
            lake = _lake(spark, arguments.root, stage, settings)
            run = Run(
                spark, lake, days[-1], tuple(days), arguments.run_id, settings, arguments.manifest
            )
            suit_to_size(spark, lake.rows("embeddings"), settings)
            work = _Work(stage, bodies[stage], memory, since)
            with monitor.progress(spark, stage):
                status = _run_each_day(work, run) if stage in BY_DAY else _run_once(work, run)
            if status:
                _tell_left_out(arguments.stages, stage)
                break
            since = time.monotonic()
            memory.restart()
    spark.stop()
    sys.exit(status)


def _lake(spark: SparkSession, root: str, writer: str, settings: Config) -> Lake:
    own = settings.lake
    return Lake(spark, root, writer, own.lock_patience, repair=own.repair)


def _tell_left_out(stages: Sequence[str], failed: str) -> None:
    rest = stages[stages.index(failed) + 1 :]
    if rest:
        say(f"{failed} failed, so {' and '.join(rest)} did not start")


def _run_each_day(work: _Work, run: Run) -> int:
    """Run the stage day by day until a day fails; a range goes on without its empty days."""
    missing = []
    for day in run.days:
        lake = _lake(run.spark, run.lake.root, f"{work.stage}-{day}", run.config)
        try:
            status = _run_once(work, replace(run, dt=day, lake=lake))
        except Missing as error:
            say(f"{work.stage}: {day} is left out: {error}")
            missing.append(day)
            status = 0
        if status:
            return status
        work.since = time.monotonic()
    if len(missing) < len(run.days):
        return 0
    say(f"error: {work.stage}: there is nothing for any day from {run.days[0]} to {run.days[-1]}")
    return USER_ERROR


def _run_once(work: _Work, run: Run) -> int:
    """Run the stage, say and record how it ended, and give the exit status.

    Raises Missing when a day of a range has nothing now and was never scanned.
    """
    started = datetime.now(UTC)
    outcome, message, status = None, None, 0
    try:
        outcome = run_locked(work.stage, work.body, run)
    except Exception as error:
        if isinstance(error, Missing) and _may_be_missing(run):
            raise
        message, status = explain(error)
        if status == FAILED and not isinstance(error, TryAgain):
            traceback.print_exc()
        say(f"error: {work.stage}: {message}")
    return _record(work, run, started, outcome, message) or status


def _record(
    work: _Work, run: Run, started: datetime, outcome: Outcome | None, message: str | None
) -> int:
    """Write the row in `runs` and say what the stage did; the exit status of the recording."""
    seconds = time.monotonic() - work.since
    try:
        write_record(run, work.stage, started, seconds, work.memory.peak_bytes, outcome, message)
    except Exception as error:
        why, failed = explain(error)
        if outcome is None:
            print(f"the failed run could not be recorded: {why}", file=sys.stderr)
            return 0
        say(f"error: {work.stage}: its row in runs could not be written: {why}")
        return failed
    if outcome is not None:
        day = f"{run.dt}: " if len(run.days) > 1 else ""
        say(f"{work.stage}: {day}{summary(outcome)}, {seconds:.1f} s")
    return 0


def _may_be_missing(run: Run) -> bool:
    """Tell whether the run has several days and this day was never scanned."""
    return len(run.days) > 1 and run.dt not in run.lake.days("manifest")


def _require_folder(root: str) -> None:
    path = local_path(root)
    if path is not None and path.exists() and not path.is_dir():
        raise UserError(f"the root {root} is a file: give a folder")
