"""A running Airflow whose jobs are stand-ins: the scheduling is real, the Spark work is not."""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imgdedup.local.client import ENDED, Client
from imgdedup.local.services import free_port, running
from imgdedup.local.workspace import claimed, environment

HERE = Path(__file__).parent
ROOT = "/data/dedup"  # nothing is ever written there
BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
PATIENCE = 600  # seconds of any wait, on a busy machine


@dataclass(frozen=True)
class Call:
    """One call of spark-submit; `end` is infinite when it was killed."""

    job: str
    dt: str
    until: str
    run_id: str
    pid: int
    start: float  # seconds
    end: float


class Airflow(Client):
    """A user of the Airflow under test, who can also look at what its jobs did."""

    def __init__(self, client: Client, folder: Path):
        super().__init__(client.services)
        self._folder = folder

    def order(self, job: str, dt: str, *words: str) -> None:
        """Set how the next calls of a job for a day end: an exit status each, or `hang`."""
        (self._folder / "orders" / f"{job}-{dt}").write_text(" ".join(words))

    def calls(self, **wanted: str) -> list[Call]:
        """The calls so far whose fields are as `wanted`, in the order of their starts."""
        file = self._folder / "calls"
        notes = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
        found: dict[int, dict[str, Any]] = {}
        for note in notes:
            found.setdefault(note["pid"], note)[note["what"]] = note["at"]
        calls = [
            Call(
                note["job"],
                note["dt"],
                note["until"],
                note["run-id"],
                pid,
                note["start"],
                note.get("end", float("inf")),
            )
            for pid, note in found.items()
        ]
        return [
            call
            for call in calls
            if all(getattr(call, name) == value for name, value in wanted.items())
        ]

    def ended(self, run_id: str) -> str:
        """Wait for the end of a run; return its state."""
        self.wait(run_id, lambda: self.run(run_id)["state"] in ENDED, PATIENCE)
        return str(self.run(run_id)["state"])

    def tries(self, run_id: str) -> dict[str, tuple[str, int]]:
        """State and number of tries of each job of a run."""
        tasks = self.tasks(run_id)
        return {task["task_id"]: (task["state"], task["try_number"]) for task in tasks}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Airflow as `make ui` starts it, with the DAG unpaused."""
    folder = tmp_path_factory.mktemp("airflow")
    stand_in = folder / "bin" / "spark-submit"
    for each in ("bin", "orders"):
        (folder / each).mkdir()
    program = [sys.executable, "-IS", str(HERE / "stand_in.py")]
    stand_in.write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n')
    stand_in.chmod(0o755)
    with claimed(folder) as space:
        paths = {"PATH": str(stand_in.parent), "PYTHONPATH": str(HERE / "settings")}
        before = environment(space)
        changes = {
            name: os.pathsep.join(filter(None, (path, before.get(name))))
            for name, path in paths.items()
        }
        bundles = [
            {"name": "dags-folder", "classpath": BUNDLE, "kwargs": {}},
            {"name": "others", "classpath": BUNDLE, "kwargs": {"path": str(HERE / "dags")}},
        ]
        changes |= {
            "STAND_IN": str(folder),
            "AIRFLOW_VAR_IMGDEDUP_ROOT": ROOT,
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            # The jobs take almost no time: the scheduler must not pause for long.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        }
        log = folder / "airflow.log"
        with running(space, free_port(0), log, changes) as services:
            client = Airflow(Client(services), folder)
            for dag in (client, Client(services, "consumer")):
                client.wait(dag.dag_id, dag.is_known, PATIENCE)
            client.unpause()
            yield client
