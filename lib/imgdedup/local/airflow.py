"""The embedded Airflow: real Airflow and Spark on this machine, all their files under OUT.

    python -m imgdedup.local.airflow ui [--root OUT]      the web interface, until Ctrl-C

OUT/.imgdedup/airflow holds Airflow's database, OUT/.imgdedup/logs one file per run.
"""

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

import imgdedup
from imgdedup import config
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import class_archive, processes, sqlite
from imgdedup.local.java import choose_java
from imgdedup.local.transcript import Transcript

REPOSITORY = Path(os.path.abspath(imgdedup.__file__)).parents[2]
CONF = REPOSITORY / "conf"
SQLITE = sqlite.__name__


class Space(NamedTuple):
    """The private folder of a root while one run holds it."""

    private: Path
    tmp: Path
    lock: int  # file descriptor


def run_dag(
    root: Path,
    days: Sequence[Mapping[str, object]],
    overlay: str,
    settings: Mapping[str, object],
) -> int:
    """Run the DAG once for each of `days` and show its progress; return the exit status.

    Each holds the parameters `dt` and `manifest`, perhaps `until`. Stops at the first run that
    fails. Raises UserError when the first cannot even start.
    """
    config.load(CONF, overlay, settings)  # tells of a misspelt setting before Airflow has to start
    root = root.absolute()
    common = {"root": str(root), "overlay": overlay, "settings": settings}
    runs = [{**each, **common} for each in days]
    with claimed(root) as space, processes.stoppable():
        log = space.private / "logs" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}.log"
        runner = None
        say("starting Airflow")
        try:
            runner = start_runner(space, runs, subprocess.PIPE)
            return _follow(runner, log)
        except processes.Stopped as stop:
            say(f"stopped by {stop}: ending what still runs")
            return stop.status
        except BrokenPipeError:
            return 1  # nobody reads what this prints any more
        except OSError as error:
            raise UserError(f"cannot write to {root}: {error.strerror}") from None
        finally:
            processes.end([runner] if runner else [])


def start_runner(
    space: Space, runs: Sequence[Mapping[str, object]], output: int | IO[str]
) -> subprocess.Popen[str]:
    """Start the process that prepares Airflow's database and does `runs`.

    It holds the lock, too: should this process be killed, no other run starts beside it.
    """
    command = [sys.executable, "-m", "imgdedup.local.dag_runner", json.dumps(runs)]
    return processes.start(command, environment(space), space.tmp, output, [space.lock])


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


@contextmanager
def claimed(root: Path) -> Iterator[Space]:
    """Hold `root` for one run at a time; give its private folder, with a fresh `tmp` inside.

    Raises UserError when another run holds it or it cannot be written.
    """
    private = root / ".imgdedup"
    try:
        for name in ("airflow", "logs"):
            (private / name).mkdir(parents=True, exist_ok=True)
        lock = (private / "lock").open("w")
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{root} is not a folder: give a folder for the results") from None
    except OSError as error:
        raise UserError(f"cannot write to {root}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{root} is in use by another run or `make ui`: stop that") from None
        tmp = private / "tmp"
        shutil.rmtree(tmp, ignore_errors=True)
        tmp.mkdir()
        try:
            yield Space(private, tmp, lock.fileno())
        finally:
            shutil.rmtree(tmp, ignore_errors=True)


def environment(space: Space) -> dict[str, str]:
    """Return the environment of the embedded Airflow and the Spark it starts.

    The settings of any other Airflow or Spark on the machine are left out.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SPARK_", "PYSPARK_"))
    }
    java = choose_java()
    java_options = f'-Djava.io.tmpdir="{space.tmp}" -XX:-UsePerfData'
    return {
        **kept,
        "JAVA_HOME": str(java.home),
        # spark-submit finds Spark through the first python3.
        "PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(space.tmp),
        "SPARK_SUBMIT_OPTS": f"{java_options} {class_archive.options(java)}",
        "SPARK_LAUNCHER_OPTS": "-XX:-UsePerfData",
        "TMPDIR": str(space.tmp),
        "AIRFLOW_HOME": str(space.private / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": f"{SQLITE}.CONNECT_ARGS",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": f"{SQLITE}.CONNECT_ARGS_ASYNC",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOG_FORMAT": "%(asctime)s %(levelname)s %(message)s",
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[*]"}),
    }


def main() -> None:
    """Parse the command line: at present `ui` is all there is."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.local.airflow")
    parser.add_argument("command", choices=["ui"])
    parser.add_argument("--root", type=Path, help="keep Airflow's files and find its runs here")
    arguments = parser.parse_args()
    from imgdedup.local.ui import serve

    try:
        sys.exit(serve(arguments.root))
    except UserError as error:
        say(f"error: {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
