"""Runs days under a running Airflow, beside its daily run, and measures time and tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.flow import TASKS
from imgdedup.local.client import Client
from imgdedup.local.services import free_port, running
from imgdedup.local.workspace import claimed

PARALLEL = 2  # tasks at once, so that days embed side by side
_STARTING, _WORKING = 300.0, 24 * 3600.0  # seconds of patience
_POLL = 5.0  # seconds


@dataclass(frozen=True)
class Measured:
    """The time and the tasks of the days, from the first queued run to the end of the last run.

    The daily run beside them is not counted.
    """

    days: int
    minutes: float
    runs: int
    tasks: int
    retries: int
    side_by_side: int  # the most tasks that embedded at the same time
    minutes_of: Mapping[str, float]  # each job, all its tasks together


def as_range(root: Path, images: str, days: Sequence[str]) -> Measured:
    """Trigger one run of all `days`; see `_measured`."""

    def start(client: Client) -> None:
        client.trigger(dt=days[0], until=days[-1])

    return _measured(root, images, days, start, runs=1)


def day_by_day(root: Path, images: str, days: Sequence[str]) -> Measured:
    """Run each of `days` by itself, through `airflow backfill create`; see `_measured`."""

    def start(client: Client) -> None:
        dates = ["--from-date", days[0], "--to-date", days[-1]]
        client.command("backfill", "create", "--dag-id", client.dag_id, *dates)

    return _measured(root, images, days, start, runs=len(days))


def _measured(
    root: Path, images: str, days: Sequence[str], start: Callable[[Client], None], runs: int
) -> Measured:
    """Start Airflow on `root`, wait for its daily run, `start` the others, wait for all to end.

    `images` is the location of a day's images. Raises UserError when a run fails.
    """
    with claimed(root) as space:
        log = space.private / "logs" / "airflow.log"
        settings = {
            "AIRFLOW__CORE__PARALLELISM": str(PARALLEL),
            "AIRFLOW_VAR_IMGDEDUP_ROOT": str(root),
            "AIRFLOW_VAR_IMGDEDUP_MANIFEST": images,
        }
        with running(space, free_port(0), log, settings) as services:
            client = Client(services)
            client.wait("the DAG", client.is_known, _STARTING)
            client.unpause()
            client.wait("the daily run", lambda: client.count() > 0, _STARTING)
            start(client)
            say(f"bench-backfill: running {len(days)} days beside the daily run")
            expected = runs + 1

            def ended() -> bool:
                if client.count(state="failed"):
                    raise UserError(f"a run failed: look into {log} and into the table runs")
                return client.count(state="success") == expected

            client.wait("the runs", ended, _WORKING, _POLL)
            return _counted(client, len(days))


def _counted(client: Client, days: int) -> Measured:
    runs = {run["dag_run_id"]: run for run in client.runs() if run["run_type"] != "scheduled"}
    tasks = [task for task in client.tasks() if task["dag_run_id"] in runs]
    seconds = dict.fromkeys(TASKS, 0.0)
    for task in tasks:
        seconds[task["task_id"]] += task["duration"]
    first = min(_time(run["queued_at"]) for run in runs.values())
    last = max(_time(run["end_date"]) for run in runs.values())
    return Measured(
        days,
        (last - first).total_seconds() / 60,
        len(runs),
        len(tasks),
        sum(task["try_number"] - 1 for task in tasks),
        most_at_once([task for task in tasks if task["task_id"] == "embed"]),
        {job: total / 60 for job, total in seconds.items()},
    )


def most_at_once(tasks: Sequence[Mapping[str, Any]]) -> int:
    """The most tasks, given as the API's task instances, that ran at the same time."""
    changes = [(_time(task["start_date"]), 1) for task in tasks]
    changes += [(_time(task["end_date"]), -1) for task in tasks]
    at_once = most = 0
    for _, change in sorted(changes):
        at_once += change
        most = max(most, at_once)
    return most


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
