"""The DAG of removal as Airflow reads it, and what its tasks make of faults and answers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from imgdedup.errors import TryAgain, UserError
from imgdedup.removal import commands
from imgdedup.removal.commands import Moved, Planned
from imgdedup.removal.limits import Limits

REPOSITORY = Path(__file__).resolve().parents[2]
EMPTY = Planned("p1", 0, 0, {}, {})


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AIRFLOW_VAR_IMGDEDUP_ROOT", "/data/out")
    bag = DagBag(str(REPOSITORY / "dags"))
    assert bag.import_errors == {}
    return bag.dags["image_dedup_removal"]


def context(dag: Any, conf: dict[str, Any], planned: Any = None) -> Any:
    params = dag.params.__copy__()
    params.update(conf)
    task_instance = SimpleNamespace(xcom_pull=lambda task_ids: planned)
    return {"params": params.validate(), "ti": task_instance}


def executed(dag: Any, task_id: str, ready: Any, root: str = "/data/out") -> Any:
    task = dag.task_dict[task_id]
    task.root = root
    return task.execute(ready)


def test_a_person_stands_between_plan_and_apply(dag: Any) -> None:
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "plan": {"approve"},
        "approve": {"apply"},
        "apply": set(),
    }
    assert dag.task_dict["approve"].operator_class.__name__ == "ApproveOperator"


def test_it_runs_only_when_it_is_triggered(dag: Any) -> None:
    assert dag.schedule is None


def test_plan_and_apply_wait_for_the_jobs_of_runs(dag: Any) -> None:
    pools = {task.task_id: task.pool for task in dag.tasks}
    assert pools == {
        "plan": "imgdedup_index",
        "approve": "default_pool",
        "apply": "imgdedup_index",
    }


def test_only_plan_and_apply_are_tried_again(dag: Any) -> None:
    assert {task.task_id: task.retries for task in dag.tasks} == {
        "plan": 24,
        "approve": 0,
        "apply": 24,
    }


def test_parameters_are_the_limits_and_are_documented(dag: Any) -> None:
    usual = Limits()
    params = {name: dag.params.get_param(name).value for name in dag.params}
    assert params == {
        "root": None,
        "most_images": usual.most_images,
        "most_share": usual.most_share,
        "protect": list(usual.protected),
        "across": usual.across,
    }
    for name in params:
        assert dag.params.get_param(name).description
        assert f"`{name}`" in dag.doc_md


@pytest.mark.parametrize(
    "conf",
    [{"most_images": 0}, {"most_share": 0}, {"most_share": 1.5}, {"protect": "/a"}, {"across": 1}],
)
def test_wrong_parameters_are_refused(dag: Any, conf: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Invalid input for param"):
        context(dag, conf)


def test_the_parameters_of_a_run_limit_its_plan(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, Limits]] = []

    def planned(root: str, limits: Limits) -> Planned:
        given.append((root, limits))
        return Planned("p1", 2, 1_500_000, {"/a": (2, 1_500_000)}, {})

    monkeypatch.setattr(commands, "plan", planned)
    conf = {"most_images": 7, "most_share": 1, "protect": ["s3://b/x"], "across": True}
    result = executed(dag, "plan", context(dag, conf))
    assert given == [("/data/out", Limits(7, 1, ("s3://b/x",), True))]
    assert (result["id"], result["images"]) == ("p1", 2)


def test_what_the_user_must_mend_fails_at_once_in_one_line(
    dag: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(root: str, limits: Limits) -> Planned:
        raise UserError(f"there are no tables\nunder {root}")

    monkeypatch.setattr(commands, "plan", refuse)
    with pytest.raises(AirflowFailException, match="there are no tables"):
        executed(dag, "plan", context(dag, {}))
    assert "imgdedup: error: plan: there are no tables under /data/out\n" in capsys.readouterr().out


def test_what_another_try_may_mend_is_tried_again(
    dag: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait(root: str, plan_id: str) -> Moved:
        raise TryAgain("a run works on the root")

    monkeypatch.setattr(commands, "apply", wait)
    dag.task_dict["apply"].op_kwargs = {"plan_id": "p1"}
    with pytest.raises(TryAgain):
        executed(dag, "apply", context(dag, {}))
    assert "imgdedup: error: apply: a run works on the root\n" in capsys.readouterr().out


def test_an_empty_plan_is_not_asked_about(
    dag: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "plan", lambda root, limits: EMPTY)
    planned = executed(dag, "plan", context(dag, {}))
    with pytest.raises(AirflowSkipException):
        dag.task_dict["approve"].execute(context(dag, {}, planned))
    assert "the plan p1 moves nothing, so nobody is asked" in capsys.readouterr().out


def test_no_answer_in_time_is_a_failure_and_no_approval(dag: Any) -> None:
    approve = dag.task_dict["approve"]
    assert (approve.response_timeout.days, approve.defaults) == (7, None)
    ready = context(dag, {}, {"id": "p1", "images": 1})
    with pytest.raises(HITLTimeoutError):
        approve.execute_complete(ready, {"error": "no answer", "error_type": "timeout"})
