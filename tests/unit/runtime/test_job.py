"""What every job shares: its arguments and the words for its failure."""

from pathlib import Path

import pytest

from imgdedup.errors import TryAgain, UserError
from imgdedup.lake import Busy
from imgdedup.runtime.arguments import parse_arguments
from imgdedup.runtime.explain import explain
from imgdedup.runtime.records import summary
from imgdedup.runtime.run import Outcome

REQUIRED = {
    "--root": "/lake",
    "--dt": "2026-03-09",
    "--run-id": "manual__2026",
    "--conf-dir": "conf",
    "--overlay": "local",
}


def parsed(monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str]) -> dict[str, object]:
    words = [word for pair in arguments.items() for word in pair]
    monkeypatch.setattr("sys.argv", ["embed.py", *words])
    return vars(parse_arguments("embed", ("scan", "embed")))


def test_arguments_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(monkeypatch, REQUIRED) == {
        "root": "/lake",
        "dt": "2026-03-09",
        "run_id": "manual__2026",
        "conf_dir": Path("conf"),
        "overlay": "local",
        "settings": {},
        "manifest": "",
        "until": None,
        "stages": ("scan", "embed"),
    }


@pytest.mark.parametrize(
    ("text", "stages"), [("embed", ("embed",)), ("embed, scan", ("scan", "embed"))]
)
def test_some_stages_of_a_job_run_in_the_order_of_the_flow(
    monkeypatch: pytest.MonkeyPatch, text: str, stages: tuple[str, ...]
) -> None:
    assert parsed(monkeypatch, REQUIRED | {"--stages": text})["stages"] == stages


def test_a_stage_of_another_job_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(monkeypatch, REQUIRED | {"--stages": "scan,group"})
    assert ended.value.code == 2
    assert "no stage of this job: group; it has scan, embed" in capsys.readouterr().err


def test_an_empty_end_of_the_range_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(monkeypatch, REQUIRED | {"--until": ""})["until"] is None
    assert parsed(monkeypatch, REQUIRED | {"--until": "2026-03-31"})["until"] == "2026-03-31"


def test_a_fault_that_may_pass_is_told_as_it_is_and_may_be_tried_again() -> None:
    assert explain(Busy("search writes to the same root")) == (
        "search writes to the same root",
        1,
    )


def test_settings_are_a_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = '{"embed.batch_size": 8, "embed.weights": "a \\"b\\" \\u00e9"}'
    found = parsed(monkeypatch, REQUIRED | {"--settings": settings})["settings"]
    assert found == {"embed.batch_size": 8, "embed.weights": 'a "b" \u00e9'}


def test_the_manifest_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "s3://lake/a b/{dt}/*'\""
    assert parsed(monkeypatch, REQUIRED | {"--manifest": given})["manifest"] == given


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_argument_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        parsed(monkeypatch, {key: value for key, value in REQUIRED.items() if key != name})
    assert raised.value.code == 2
    assert f"required: {name}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("--dt", "2026-02-30"),
        ("--dt", "yesterday"),
        ("--dt", ""),
        ("--settings", "{'a': 1}"),
        ("--until", "x"),
    ],
)
def test_a_wrong_argument_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    with pytest.raises(SystemExit) as raised:
        parsed(monkeypatch, REQUIRED | {name: value})
    assert raised.value.code == 2
    assert f"argument {name}: " in capsys.readouterr().err


WORKER = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times, most recent \
failure: Lost task 0.0 in stage 3.0 (TID 5) (127.0.0.1 executor driver): \
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/lib/imgdedup/encoder/weights.py", line 55, in load
FileNotFoundError: [Errno 2] No such file or directory: '/w.pth'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/lib/imgdedup/encoder/weights.py", line 60, in load
    raise UserError(
imgdedup.errors.UserError: the weights /w.pth cannot be read (missing): set embed.weights

\tat org.apache.spark.api.python.BasePythonRunner.handlePythonException(PythonRunner.scala:581)
\tat java.base/java.lang.Thread.run(Thread.java:840)

Driver stacktrace:
"""


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [
        (UserError("set the thing: to 1"), "set the thing: to 1", 2),
        (RuntimeError(WORKER), "the weights /w.pth cannot be read (missing): set embed.weights", 2),
        (TryAgain("the store is down: later"), "the store is down: later", 1),
        (
            RuntimeError(WORKER.replace("UserError: ", "TryAgain: ")),
            "the weights /w.pth cannot be read (missing): set embed.weights",
            1,
        ),
        (OSError(28, "No space left on device"), "the disk is full: make room and run again", 1),
        (
            RuntimeError("Caused by: java.io.FileNotFoundException: /out/x (Permission denied)"),
            "the output folder cannot be written: check its permissions",
            1,
        ),
        (
            OSError(30, "Read-only file system"),
            "the output folder is on a read-only file system",
            1,
        ),
        (
            RuntimeError(
                "An error occurred.\n: org.apache.spark.SparkException: "
                "[CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND] Checkpoint block rdd_62_0 not found!"
            ),
            "an executor was lost, and its rows with it: run again",
            1,
        ),
        (
            RuntimeError("An error occurred.\n: java.lang.OutOfMemoryError: Java heap space"),
            "the JVM ran out of memory: raise spark.driver_memory",
            1,
        ),
        (
            RuntimeError("<MilvusException: (code=2, message=Fail connecting to server on a:1)>"),
            "Milvus no longer answers: check that it runs, and run again",
            1,
        ),
        (ValueError("\n  first line \nsecond"), "ValueError: first line", 1),
        (KeyError(), "KeyError: no message", 1),
    ],
)
def test_a_failure_is_explained_in_one_line(error: Exception, words: str, status: int) -> None:
    assert explain(error) == (words, status)


def test_an_outcome_is_told_with_its_figures() -> None:
    outcome = Outcome(1234, 1200, details={"hidden_left_out": 3, "failures": "empty 2"})
    assert summary(outcome) == ("1,234 rows in, 1,200 out, hidden left out 3, failures empty 2")
