"""Credentials of a Milvus server reach a job in its environment, and stand nowhere else."""

import os
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.exceptions import AirflowFailException

REPOSITORY = Path(__file__).resolve().parents[2]
VARIABLES = [f"IMGDEDUP_MILVUS_{name}" for name in ("TOKEN", "USER", "PASSWORD")]


@pytest.fixture
def dag() -> Any:
    bag = DagBag(str(REPOSITORY / "dags"))
    assert bag.import_errors == {}
    return bag.dags["image_dedup"]


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("generic://me:my%2Fword@", ["", "me", "my/word"]),
        ("generic://:key@", ["key", "", ""]),
        (None, ["of the worker", None, None]),
    ],
)
def test_a_connection_is_handed_over_in_the_environment_and_taken_back(
    dag: Any,
    monkeypatch: pytest.MonkeyPatch,
    connection: str | None,
    expected: list[str | None],
) -> None:
    monkeypatch.setenv(VARIABLES[0], "of the worker")
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_IMGDEDUP_MILVUS", connection)
    seen: list[list[str | None]] = []

    def submit(self: Any, context: Any) -> None:
        seen.append([os.environ.get(name) for name in VARIABLES])
        given = (self.application_args, self.conf, self.env_vars, self._get_hook()._env_vars)
        assert not any(secret in str(given) for secret in ("my/word", "key", "of the worker"))
        raise ZeroDivisionError

    monkeypatch.setattr(SparkSubmitOperator, "execute", submit)
    for job in ("index", "dedup"):
        with pytest.raises(ZeroDivisionError):
            dag.task_dict[job].execute({})
    assert seen == [expected, expected]
    assert os.environ[VARIABLES[0]] == "of the worker"
    assert not os.environ.keys() & set(VARIABLES[1:])


def test_an_address_with_credentials_is_refused_unseen(
    dag: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"milvus.uri": "http://me:secret@host:19530"}
    with pytest.raises(AirflowFailException, match=r"milvus\.uri must be an address alone"):
        dag.user_defined_macros["settings_of"](settings, False)
    assert "secret" not in capsys.readouterr().out
    bare = {"milvus.uri": "http://host:19530"}
    assert dag.user_defined_macros["settings_of"](bare, False) == bare
