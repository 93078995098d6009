"""What a running Airflow makes of the DAGs: days, retries, backfills, assets, approvals."""

import itertools
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from imgdedup.flow import JOBS, REPORT, TASKS
from imgdedup.local.client import ENDED, Client
from imgdedup.sources import QUARANTINE
from tests.scheduling.conftest import PATIENCE, Airflow, Call
from tests.scheduling.removals import ALONE, COPIES, answered, lake, photos, request, states, until

NAMES = list(TASKS)
ALONE_IN_THE_POOL = [*(job.name for job in JOBS if not job.by_day), REPORT]
MARCH = [f"2026-03-{day:02d}" for day in range(1, 11)]


def jobs(calls: Sequence[Call]) -> list[str]:
    return [call.job for call in calls]


def test_the_daily_schedule_runs_the_day_that_is_over(airflow: Airflow) -> None:
    airflow.wait("a scheduled run", lambda: airflow.count(run_type="scheduled") > 0, PATIENCE)
    (run,) = airflow.runs(run_type="scheduled")
    assert airflow.ended(run["dag_run_id"]) == "success"
    calls = airflow.calls(run_id=run["dag_run_id"])
    assert jobs(calls) == NAMES
    days = {(call.dt, call.until) for call in calls}
    created = datetime.fromisoformat(run["queued_at"])
    assert days == {((created - timedelta(days=1)).date().isoformat(), "")}


def test_every_way_of_triggering_a_run_gives_it_its_day(airflow: Airflow) -> None:
    runs = {
        airflow.trigger("2026-02-01T13:45:00Z"): ("2026-02-01", ""),
        airflow.trigger(dt="2026-02-02"): ("2026-02-02", ""),
        airflow.trigger("2026-02-03T00:00:00Z", dt="2026-02-04"): ("2026-02-04", ""),
        airflow.trigger(dt="2026-02-05", until="2026-02-28"): ("2026-02-05", "2026-02-28"),
    }
    undated = airflow.trigger()
    runs[undated] = (airflow.run(undated)["run_after"][:10], "")
    assert {run_id: airflow.ended(run_id) for run_id in runs} == dict.fromkeys(runs, "success")
    for run_id, days in runs.items():
        calls = airflow.calls(run_id=run_id)
        assert jobs(calls) == NAMES
        assert {(call.dt, call.until) for call in calls} == {days}


def test_a_range_that_ends_before_it_begins_fails_without_a_second_try(airflow: Airflow) -> None:
    run_id = airflow.trigger(dt="2026-02-06", until="2026-02-05")
    assert airflow.ended(run_id) == "failed"
    assert airflow.tries(run_id)["embed"] == ("failed", 1)
    assert airflow.calls(run_id=run_id) == []


def test_a_fault_of_the_user_is_not_tried_again_until_the_job_is_cleared(
    airflow: Airflow,
) -> None:
    airflow.order("index", "2026-02-07", "2")
    run_id = airflow.trigger(dt="2026-02-07")
    assert airflow.ended(run_id) == "failed"
    assert airflow.tries(run_id)["index"] == ("failed", 1)
    assert jobs(airflow.calls(run_id=run_id)) == ["embed", "index"]
    airflow.clear(run_id, "index")
    assert airflow.ended(run_id) == "success"
    assert jobs(airflow.calls(run_id=run_id)) == ["embed", "index", *NAMES[1:]]


def test_a_report_that_fails_leaves_the_jobs_as_they_are(airflow: Airflow) -> None:
    airflow.order("report", "2026-02-13", "2")
    run_id = airflow.trigger(dt="2026-02-13")
    assert airflow.ended(run_id) == "failed"
    done = dict.fromkeys(NAMES[:-1], ("success", 1))
    assert airflow.tries(run_id) == done | {"report": ("failed", 1)}


def test_any_other_failure_is_tried_again(airflow: Airflow) -> None:
    airflow.order("embed", "2026-02-08", "1", "137")
    run_id = airflow.trigger(dt="2026-02-08")
    assert airflow.ended(run_id) == "success"
    assert airflow.tries(run_id)["embed"] == ("success", 3)


@pytest.mark.parametrize("killed", ["spark-submit", "task"])
def test_a_killed_job_is_tried_again_and_nothing_of_it_goes_on(
    airflow: Airflow, killed: str
) -> None:
    dt = {"spark-submit": "2026-02-09", "task": "2026-02-10"}[killed]
    airflow.order("embed", dt, "hang")
    run_id = airflow.trigger(dt=dt)
    airflow.wait("embed", lambda: bool(airflow.calls(dt=dt, job="embed")), PATIENCE)
    (hanging,) = airflow.calls(dt=dt, job="embed")
    submit = psutil.Process(hanging.pid)
    os.kill(hanging.pid if killed == "spark-submit" else submit.ppid(), signal.SIGKILL)
    assert airflow.ended(run_id) == "success"
    assert airflow.tries(run_id)["embed"] == ("success", 2)
    assert jobs(airflow.calls(dt=dt)) == ["embed", *NAMES]
    # Who should await its end may have been killed, too. Then it is left as a zombie.
    assert not submit.is_running() or submit.status() == psutil.STATUS_ZOMBIE


def test_results_start_the_runs_that_wait_for_them(airflow: Airflow) -> None:
    consumer = Client(airflow.services, "consumer")

    def sources() -> set[tuple[str, str]]:
        """Runs and jobs whose results have started runs that are over."""
        return {
            (event["source_run_id"], event["source_task_id"])
            for run in consumer.runs(state="success")
            for event in consumer.raised_by(run["dag_run_id"])
        }

    consumer.unpause()
    run_id = airflow.trigger(dt="2026-02-11")
    assert airflow.ended(run_id) == "success"
    consumer.wait("its run", lambda: (run_id, "dedup") in sources(), PATIENCE)
    consumer.unpause(paused=True)
    assert {job for _, job in sources()} == {"dedup"}


@pytest.fixture(scope="module")
def removal(airflow: Airflow) -> Iterator[Client]:
    """A user of the DAG of removal, which is paused."""
    client = Client(airflow.services, "image_dedup_removal")
    client.wait(client.dag_id, client.is_known, PATIENCE)
    yield client
    client.unpause(paused=True)


@pytest.fixture(scope="module")
def removals(
    removal: Client, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, str]]:
    """A folder and a run for each case; all runs are over, or wait for a person."""
    started = {}
    for case, files in {"approved": COPIES, "rejected": COPIES, "nothing": ALONE}.items():
        folder = tmp_path_factory.mktemp(case)
        lake(folder, files)
        started[case] = folder, removal.trigger(root=str(folder / "lake"), most_share=1.0)
    removal.unpause()
    for case, (_, run_id) in started.items():
        due = "skipped" if case == "nothing" else "awaiting_input"
        until(removal, run_id, due)
    return started


def test_a_person_is_asked_with_what_they_need_to_know(
    removal: Client, removals: dict[str, tuple[Path, str]]
) -> None:
    folder, run_id = removals["approved"]
    asked: dict[str, Any] = removal.call("GET", request(removal, run_id))
    assert asked["subject"].startswith("Move 1 images of plan ")
    assert "1 image (0.0 MB)" in asked["body"]
    assert f"`{folder}/lake/report/index.html`" in asked["body"]
    assert photos(folder) == ["a.jpg", "b.jpg", "c.jpg"]


def test_an_approved_plan_is_applied(
    removal: Client, removals: dict[str, tuple[Path, str]]
) -> None:
    folder, run_id = removals["approved"]
    done = dict.fromkeys(("plan", "approve", "apply"), "success")
    assert answered(removal, run_id, "Approve") == ("success", done)
    assert photos(folder) == ["a.jpg", "c.jpg"]
    (moved,) = (path for path in folder.rglob("*") if path.is_file() and QUARANTINE in path.parts)
    assert moved.read_bytes() == COPIES["b.jpg"]


def test_a_rejected_plan_moves_nothing_and_shows_it(
    removal: Client, removals: dict[str, tuple[Path, str]]
) -> None:
    folder, run_id = removals["rejected"]
    done = {"plan": "success", "approve": "success", "apply": "skipped"}
    assert answered(removal, run_id, "Reject") == ("success", done)
    assert photos(folder) == ["a.jpg", "b.jpg", "c.jpg"]


def test_nobody_is_asked_about_a_plan_that_moves_nothing(
    removal: Client, removals: dict[str, tuple[Path, str]]
) -> None:
    _, run_id = removals["nothing"]
    removal.wait(run_id, lambda: removal.run(run_id)["state"] in ENDED, PATIENCE)
    skipped = dict.fromkeys(("approve", "apply"), "skipped")
    assert states(removal, run_id) == {"plan": "success", **skipped}


@pytest.fixture(scope="module")
def beside(airflow: Airflow) -> str:
    """A run that was triggered while days of March were filled; both are over."""
    days = ["--from-date", MARCH[0], "--to-date", MARCH[-1]]
    airflow.command("backfill", "create", "--dag-id", "image_dedup", *days)
    run_id = airflow.trigger(dt="2026-02-12")
    due = len(MARCH)
    airflow.wait(
        "its days", lambda: airflow.count(run_type="backfill", state="success") == due, PATIENCE
    )
    assert airflow.ended(run_id) == "success"
    return run_id


def test_a_backfill_runs_every_day_once_with_its_date(airflow: Airflow, beside: str) -> None:
    calls = [call for call in airflow.calls() if call.dt in MARCH]
    expected = dict.fromkeys(itertools.product(MARCH, NAMES), 1)
    assert Counter((call.dt, call.job) for call in calls) == expected
    for run in airflow.runs(run_type="backfill"):
        dt = date.fromisoformat(run["logical_date"][:10]).isoformat()
        assert {call.dt for call in airflow.calls(run_id=run["dag_run_id"])} == {dt}


def test_days_embed_side_by_side(airflow: Airflow, beside: str) -> None:
    embedding = [call for call in airflow.calls(job="embed") if call.dt in MARCH]
    assert any(one.start < other.end for other, one in itertools.pairwise(embedding))


def test_one_job_at_a_time_uses_the_collection_whatever_runs_beside_it(
    airflow: Airflow, beside: str
) -> None:
    alone = [call for call in airflow.calls() if call.job in ALONE_IN_THE_POOL]
    settling = [call for call in alone if call.job != REPORT]  # reports wait until no job does
    filled = [call for call in settling if call.dt in MARCH]
    other = [call for call in settling if call.run_id == beside]
    assert filled[0].start < other[-1].end < filled[-1].end
    for before, after in itertools.pairwise(alone):
        assert before.end <= after.start
