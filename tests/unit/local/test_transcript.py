"""The lines of a run's log that the terminal shows, and the words for a failed run."""

import json

from hypothesis import given
from hypothesis import strategies as st

from imgdedup.local.dag_runner import EVENT
from imgdedup.local.transcript import Transcript

PREFIX = "2026-03-09T04:05:06.123456Z INFO "


def event(what: str, job: str, reason: str = "") -> str:
    told = {"what": what, "job": job, "days": "2026-03-09", "reason": reason}
    return EVENT + json.dumps(told)


def shown(lines: list[str]) -> tuple[list[str], Transcript]:
    ticks = iter(range(100))
    transcript = Transcript(lambda: float(next(ticks)))
    words = [transcript.read(line) for line in lines]
    return [each for each in words if each is not None], transcript


def test_only_marked_lines_are_shown_without_airflows_prefix() -> None:
    lines = [
        f"{PREFIX}Spark-Submit cmd: spark-submit --name imgdedup scan",
        event("start", "scan"),
        f"{PREFIX}26/03/09 WARN Utils: no imgdedup: here",
        f"{PREFIX}imgdedup: scan: 12 rows in, 12 out",
        event("done", "scan"),
    ]
    words, _ = shown(lines)
    assert words == [
        "2026-03-09 scan starts",
        "scan: 12 rows in, 12 out",
        "2026-03-09 scan done in 1.0 s",
    ]


def test_an_error_is_shown_once_though_airflow_repeats_it() -> None:
    told = "imgdedup: error: scan: two rows have the id 7"
    reason = f"Cannot execute: x.\nLast spark-submit output:\nimgdedup: scan: a\n{told}"
    lines = [
        event("start", "scan"),
        f"{PREFIX}imgdedup: scan: a",
        f"{PREFIX}{told}",
        *reason.splitlines(),
        event("fail", "scan", reason),
    ]
    words, transcript = shown(lines)
    assert words == ["2026-03-09 scan starts", "scan: a", "error: scan: two rows have the id 7"]
    assert transcript.failure == "the job scan failed"
    assert transcript.cause == []


def test_a_failure_without_words_shows_the_end_of_the_jobs_output() -> None:
    output = [f"line {number}" for number in range(30)]
    reason = "\n".join(["Cannot execute: x.", "Last spark-submit output:", *output])
    _, transcript = shown([event("start", "embed"), event("fail", "embed", reason)])
    assert transcript.cause == output[-12:]


def test_a_report_that_failed_left_the_tables() -> None:
    told = "imgdedup: error: report: the disk is full"
    _, transcript = shown([event("start", "report"), told, event("fail", "report", "full")])
    assert transcript.failure == "the job report failed, after the tables were published"


def test_a_failure_before_any_stage_shows_the_last_line() -> None:
    _, transcript = shown(["Traceback (most recent call last):", "ImportError: no x", ""])
    assert transcript.failure == "Airflow failed: ImportError: no x"


def test_a_full_disk_is_told_in_plain_words() -> None:
    _, transcript = shown(["OperationalError: database or disk is full", "(Background: ...)"])
    assert transcript.failure == "Airflow failed: the disk is full: make room and run again"


@given(st.text())
def test_any_line_can_be_read(line: str) -> None:
    words = Transcript(lambda: 0.0).read(PREFIX + line)
    assert words is None or line.startswith("imgdedup: ")
