"""Turns the log of a DAG run into what the person at the terminal should see."""

import json
import re
from collections.abc import Callable

from imgdedup.console import MARK
from imgdedup.flow import REPORT
from imgdedup.local.dag_runner import EVENT

# As `workspace.py` sets it: time, level, text.
_PREFIX = re.compile(r"^\d{4}-\d\d-\d\dT\S+ (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) +")
# Faults of the machine. Any program may meet them first, in an exception of its own.
_KNOWN = {
    "No space left on device": "the disk is full: make room and run again",
    "database or disk is full": "the disk is full: make room and run again",
    "attempt to write a readonly database": "the output folder cannot be written",
    "Address already in use": "a port is taken: end the program that holds it",
}
_TAIL = "Last spark-submit output:"


class Transcript:
    """Reads a run's log line by line, and knows at its end why the run failed.

    `cause` holds the last lines that a failed job wrote. It is empty when the job gave the
    reason in plain words.
    """

    def __init__(self, clock: Callable[[], float]):
        self.cause: list[str] = []
        self._clock = clock
        self._started = clock()
        self._job = ""
        self._errors: set[str] = set()
        self._known = ""
        self._last = "it printed nothing"

    @property
    def failure(self) -> str:
        """What failed, in one line. It means something only once the run has failed."""
        if self._job:
            after = ", after the tables were published" if self._job == REPORT else ""
            what = f"the job {self._job} failed{after}"
            return f"{what}: {self._known}" if self._known and not self._errors else what
        return f"Airflow failed: {self._known or self._last}"

    def read(self, line: str) -> str | None:
        """Return the words to show for a log line, without the mark; None for nearly all lines."""
        if line.startswith(EVENT):
            return self._event(json.loads(line.removeprefix(EVENT)))
        self._last = line.strip() or self._last
        for mark, words in _KNOWN.items():
            if mark in line:
                self._known = words
        text = _PREFIX.sub("", line, count=1)
        if not text.startswith(MARK):
            return None
        words = text.removeprefix(MARK).strip()
        if words.startswith("error: "):
            # Airflow repeats the end of a failed job's output in its own message.
            if words in self._errors:
                return None
            self._errors.add(words)
        elif text == line:  # without time and level: Airflow repeats the line
            return None
        return words

    def _event(self, event: dict[str, str]) -> str | None:
        job, what = f"{event['days']} {event['job']}", event["what"]
        if what == "start":
            self._started = self._clock()
            return f"{job} starts"
        if what == "done":
            return f"{job} done in {self._clock() - self._started:.1f} s"
        self._job = event["job"]
        if not self._errors:
            self.cause = _last_lines(event["reason"])
        return None


def _last_lines(reason: str, count: int = 12) -> list[str]:
    """Return the last lines of the job's output, or of the whole message if it quotes none."""
    _, _, tail = reason.rpartition(_TAIL)
    lines = [line for line in tail.splitlines() if line.strip() and not line.startswith(MARK)]
    return lines[-count:]
