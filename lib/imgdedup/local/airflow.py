"""Runs the DAG in an Airflow on this machine, and shows its progress."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from imgdedup import config
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import processes
from imgdedup.local.transcript import Transcript
from imgdedup.local.workspace import CONF, LOCAL, Workspace, claimed, environment


def run_dag(
    root: Path,
    days: Sequence[Mapping[str, object]],
    overlay: str,
    settings: Mapping[str, object],
    master: str = LOCAL,
) -> int:
    """Run the DAG once for each of `days` and show its progress; return the exit status.

    Each of `days` holds the parameters `dt` and `manifest`, and perhaps `until`. The jobs run on
    the Spark at `master`. Stops at the first run that fails. Raises UserError when the first run
    cannot start.
    """
    config.load(CONF, overlay, settings)  # raises for a misspelt setting before Airflow starts
    root = root.absolute()
    common = {"root": str(root), "overlay": overlay, "settings": settings}
    runs = [{**each, **common} for each in days]
    with claimed(root) as space, processes.stoppable():
        log = space.private / "logs" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}.log"
        runner = None
        say("starting Airflow")
        try:
            runner = start_runner(space, runs, subprocess.PIPE, master)
            return _follow(runner, log)
        except processes.Stopped as stop:
            say(f"stopped by {stop}: ending what still runs")
            return stop.status
        except BrokenPipeError:
            return 1  # nobody reads the progress any more
        except OSError as error:
            raise UserError(f"cannot write to {root}: {error.strerror}") from None
        finally:
            processes.end([runner] if runner else [])


def start_runner(
    space: Workspace,
    runs: Sequence[Mapping[str, object]],
    output: int | IO[str],
    master: str = LOCAL,
) -> subprocess.Popen[str]:
    """Start the process that prepares Airflow's database and does `runs`.

    The process holds the lock, too. If its parent is killed, no other run can start beside it.
    """
    command = [sys.executable, "-m", "imgdedup.local.dag_runner", json.dumps(runs)]
    return processes.start(command, environment(space, master), space.tmp, output, [space.lock])


def _follow(runner: subprocess.Popen[str], log: Path) -> int:
    """Show the progress in the runner's output, keep all of it in `log`, explain a failure."""
    transcript = Transcript(time.monotonic)
    assert runner.stdout is not None
    with log.open("w", encoding="utf-8", buffering=1) as file:
        for line in runner.stdout:
            file.write(line)
            words = transcript.read(line.rstrip("\n"))
            if words is not None:
                say(words)
    status = runner.wait()
    if status:
        for line in transcript.cause:
            print(f"    {line}")
        say(f"error: {transcript.failure}; the whole log is {log}")
    return status
