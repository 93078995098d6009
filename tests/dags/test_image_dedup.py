"""The DAG as Airflow reads it: its shape, its parameters, and what each job would run.

The command lines are compared with the files in golden/, one argument a line. After a wanted
change renew them and review the difference:

    RENEW_GOLDEN=1 .venv/bin/python -m pytest tests/dags; git diff tests/dags/golden
"""

import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronDataIntervalTimetable
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import VariableAccessor

from imgdedup.flow import JOBS, TASKS

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
NAMES = [job.name for job in JOBS]

# Stands in for spark-submit: writes its command line, one argument a line, and exits as told.
RECORDER = f"""\
#!{sys.executable}
import os, sys
with open(os.environ["RECORD"], "a") as file:
    file.write("\\n    ".join(["spark-submit", *sys.argv[1:]]) + "\\n")
print("imgdedup: recorded")
sys.exit(int(os.environ.get("RECORD_STATUS", "0")))
"""


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch) -> Any:
    # Airflow asks the database for a missing Variable. These values mean that it is not set.
    for name, value in (("ROOT", ""), ("MANIFEST", ""), ("OVERLAY", "local")):
        monkeypatch.setenv(f"AIRFLOW_VAR_IMGDEDUP_{name}", value)
    bag = DagBag(str(REPOSITORY / "dags"))
    assert bag.import_errors == {}
    return bag.dags["image_dedup"]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text(RECORDER)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return tmp_path / "record"


def context(dag: Any, conf: dict[str, Any], logical_date: datetime | None = None) -> Any:
    """What Airflow would give a task of a run with `conf` as its parameters."""
    params = dag.params.__copy__()
    params.update(conf)
    run_after = datetime(2026, 3, 9, 4, 5, tzinfo=UTC)
    return {
        "params": params.validate(),
        "run_id": "run_1",
        "dag_run": SimpleNamespace(logical_date=logical_date, run_after=run_after),
        "var": {"value": VariableAccessor(deserialize_json=False)},
    }


def rendered(dag: Any, job: str, **run: Any) -> list[str]:
    task = dag.task_dict[job]
    task.render_template_fields(context(dag, **run))
    return list(task.application_args)


def argument(arguments: list[str], option: str) -> str:
    (value,) = (each.partition("=")[2] for each in arguments if each.startswith(f"{option}="))
    return value


RUNS: dict[str, dict[str, Any]] = {
    "day_given": {
        "conf": {
            "dt": "2026-01-31",
            "root": "/data/out",
            "manifest": "/data/{dt}/my photos",
            "overlay": "local",
        },
        "logical_date": datetime(2026, 3, 8, tzinfo=UTC),
    },
    "scheduled": {"conf": {"root": "/data/out"}, "logical_date": datetime(2026, 3, 8, tzinfo=UTC)},
    "triggered_without_date": {"conf": {"root": "s3://bucket/dedup", "overlay": "cluster"}},
    "range_of_days": {
        "conf": {"dt": "2026-01-01", "until": "2026-01-31", "root": "/data/out"},
        "logical_date": datetime(2026, 3, 8, tzinfo=UTC),
    },
    "settings": {
        "conf": {
            "root": "/data/out",
            "settings": {
                "spark.driver_memory": "6g",
                "embed.batch_size": 16,
                "embed.weights": 'it\'s "$HOME" {{ ds }}',
                "spark.properties": {"a.b": "{}"},
            },
        },
    },
}


@pytest.mark.parametrize("name", RUNS)
def test_each_job_runs_the_golden_command_line(dag: Any, record: Path, name: str) -> None:
    for task in map(dag.task_dict.__getitem__, NAMES):
        ready = context(dag, **RUNS[name])
        task.render_template_fields(ready)
        task.execute(ready)
    commands = record.read_text().replace(str(REPOSITORY), "<repository>")
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("RENEW_GOLDEN"):
        golden.write_text(commands)
    assert commands == golden.read_text()


@pytest.mark.parametrize(
    ("name", "root", "images"),
    [
        ("day_given", "/data/out", "/data/{dt}/my photos"),
        ("triggered_without_date", "s3://bucket/dedup", "s3://bucket/dedup/manifest"),
    ],
)
def test_jobs_know_the_places_of_their_datasets(
    dag: Any, name: str, root: str, images: str
) -> None:
    for task in dag.tasks:
        task.render_template_fields(context(dag, **RUNS[name]))
    assert {task.root for task in dag.tasks} == {root}
    assert dag.task_dict["embed"].images == images
    assert dag.task_dict["embed"].writes == ("manifest", "embeddings")
    assert dag.task_dict["index"].reads == ("embeddings",)


def test_jobs_run_one_after_another_and_the_report_at_the_end(dag: Any) -> None:
    assert [*NAMES, "report"] == list(TASKS)
    edges = {task.task_id: task.downstream_task_ids for task in dag.tasks}
    following = [*({name} for name in TASKS[1:]), set()]
    assert edges == dict(zip(TASKS, following, strict=True))


def test_one_run_at_a_time_uses_the_collection_but_many_embed(dag: Any) -> None:
    pools = {task.task_id: (task.pool, task.pool_slots) for task in dag.tasks}
    settling = dict.fromkeys(("index", "dedup", "report"), ("imgdedup_index", 1))
    assert pools == {"embed": ("default_pool", 1)} | settling
    assert dag.max_active_runs > 1


def test_runs_once_a_day_is_over_for_that_day_without_catching_up(dag: Any) -> None:
    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert dag.timetable.expression == "0 0 * * *"
    assert dag.catchup is False


def test_results_are_announced_as_assets(dag: Any) -> None:
    outlets = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks}
    results = ["imgdedup_pairs", "imgdedup_groups", "imgdedup_deduplicated"]
    assert outlets == {"embed": [], "index": [], "dedup": results, "report": []}


def test_parameters_and_documentation_name_each_other(dag: Any) -> None:
    assert set(dag.params) == {
        "dt",
        "until",
        "root",
        "manifest",
        "overlay",
        "settings",
        "refit",
    }
    for name in dag.params:
        assert dag.params.get_param(name).description
        assert f"`{name}`" in dag.doc_md


@pytest.mark.parametrize(
    "conf",
    [
        {"dt": ""},
        {"dt": "2026-02-30"},
        {"dt": "20260131"},
        {"dt": 20260131},
        {"until": "January"},
        {"root": 3},
        {"overlay": "../elsewhere"},
        {"settings": ["embed.batch_size"]},
        {"settings": {"batch_size": 16}},
        {"refit": "yes"},
    ],
)
def test_wrong_parameters_are_refused(dag: Any, conf: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Invalid input for param"):
        context(dag, conf)


@pytest.mark.parametrize(
    ("dt", "logical_date", "expected"),
    [
        ("2026-01-31", datetime(2026, 3, 8, tzinfo=UTC), "2026-01-31"),
        ("2026-01-31", None, "2026-01-31"),
        (None, datetime(2026, 3, 8, tzinfo=UTC), "2026-03-08"),
        (None, datetime(2026, 3, 8, 23, 59, tzinfo=UTC), "2026-03-08"),
        (None, None, "2026-03-09"),
    ],
)
def test_day_survives_every_way_of_starting_a_run(
    dag: Any, dt: str | None, logical_date: datetime | None, expected: str
) -> None:
    arguments = rendered(dag, "embed", conf={"dt": dt, "root": "/x"}, logical_date=logical_date)
    assert argument(arguments, "--dt") == expected


@pytest.mark.parametrize(("dt", "until"), [("2026-02-01", "2026-01-31"), (None, "2026-03-08")])
def test_a_range_that_ends_before_it_begins_fails_at_once_in_plain_words(
    dag: Any, capsys: pytest.CaptureFixture[str], dt: str | None, until: str
) -> None:
    with pytest.raises(AirflowFailException, match=f"ends on {until}, before"):
        rendered(dag, "embed", conf={"dt": dt, "until": until, "root": "/x"})
    assert "imgdedup: error: the range of days ends on" in capsys.readouterr().out


def test_airflow_variables_fill_in_what_a_run_leaves_out(
    dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_IMGDEDUP_ROOT", "s3://bucket/dedup")
    monkeypatch.setenv("AIRFLOW_VAR_IMGDEDUP_MANIFEST", "s3://bucket/photos/{dt}")
    monkeypatch.setenv("AIRFLOW_VAR_IMGDEDUP_OVERLAY", "cluster")
    arguments = rendered(dag, "embed", conf={})
    assert argument(arguments, "--root") == "s3://bucket/dedup"
    assert argument(arguments, "--manifest") == "s3://bucket/photos/{dt}"
    assert argument(arguments, "--overlay") == "cluster"


@pytest.mark.parametrize(("refit", "more"), [(False, {}), (True, {"fit.refit": True})])
def test_the_parameter_refit_is_a_setting_of_its_run(
    dag: Any, refit: bool, more: dict[str, bool]
) -> None:
    settings = {"embed.batch_size": 16}
    arguments = rendered(dag, "index", conf={"root": "/x", "settings": settings, "refit": refit})
    assert json.loads(argument(arguments, "--settings")) == settings | more


def test_a_run_without_root_fails_at_once_in_plain_words(
    dag: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AirflowFailException, match="give the parameter root"):
        rendered(dag, "embed", conf={})
    assert "imgdedup: error: no root" in capsys.readouterr().out


def test_a_wrong_setting_fails_at_once_by_its_name(dag: Any) -> None:
    with pytest.raises(AirflowFailException, match=r"embed\.batch"):
        rendered(dag, "embed", conf={"root": "/x", "settings": {"embed.batch": 16}})


@pytest.mark.parametrize(("status", "action"), [("2", "fail"), ("1", "default"), ("22", "default")])
def test_only_a_fault_of_the_user_is_not_tried_again(
    dag: Any, record: Path, monkeypatch: pytest.MonkeyPatch, status: str, action: str
) -> None:
    monkeypatch.setenv("RECORD_STATUS", status)
    task = dag.task_dict["embed"]
    ready = context(dag, {"root": "/x"})
    task.render_template_fields(ready)
    with pytest.raises(Exception, match="Cannot execute") as failure:
        task.execute(ready)
    assert task.retry_policy.evaluate(failure.value, 1, 2).action.value == action
    assert task.retries > 0
