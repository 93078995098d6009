"""`make ui`: the web interface of Airflow on loopback. All its processes end with this one.

python -m imgdedup.local.ui [--root OUT]
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import processes
from imgdedup.local.services import Services, free_port, running
from imgdedup.local.workspace import claimed


def serve(root: Path | None) -> int:
    """Run Airflow until it is stopped; return the exit status.

    With `root`, Airflow uses the files of the runs of `run.py` on `root` and shows these runs. New
    runs write to `root` unless their parameters say otherwise. Without `root`, Airflow's files lie
    in a temporary folder, which is deleted at the end.
    """
    try:
        with processes.stoppable(), _home(root) as home, claimed(home) as space:
            say("starting Airflow; this takes a moment")
            log = space.private / "logs" / "ui.log"
            with running(space, free_port(8080), log, _settings(root)) as services:
                page = f"{services.address}/dags/image_dedup"
                say(f"Airflow is at {page} (no password; Ctrl-C ends it)")
                _wait_until_stopped(services)
    except processes.Stopped:
        pass  # it was stopped before it was healthy
    return 0


def _wait_until_stopped(services: Services) -> None:
    try:
        while True:
            services.require_running()
            time.sleep(0.5)
    except processes.Stopped:
        say("stopping Airflow")


@contextmanager
def _home(root: Path | None) -> Iterator[Path]:
    if root is not None:
        yield root.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="airflow-", dir=sys.prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _settings(root: Path | None) -> dict[str, str]:
    settings = {"AIRFLOW__CORE__PARALLELISM": "1"}  # each job uses the whole machine
    if root is not None:
        settings["AIRFLOW_VAR_IMGDEDUP_ROOT"] = str(root.absolute())
    return settings


def main() -> int:
    """Read the arguments and serve; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.local.ui")
    parser.add_argument("--root", type=Path, help="show the runs of this folder of results")
    arguments = parser.parse_args()
    try:
        return serve(arguments.root)
    except UserError as error:
        say(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
