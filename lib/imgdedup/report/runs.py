"""The runs of a lake: which stages ran, how they ended, how long they took."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import duckdb

from imgdedup.flow import STAGES

SHOWN = 365  # runs that get a page, the newest
_RANGE = re.compile(r"(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)")
_QUERY = """
SELECT run_id, dt, stage, status, epoch_us(started_at), seconds, rows_in, rows_out, peak_rss_bytes,
    details, message
FROM runs WHERE run_id IS NOT NULL ORDER BY ALL
"""


@dataclass(frozen=True)
class StageRun:
    """How a stage of a run ended for a day, at its last try."""

    dt: str
    stage: str
    succeeded: bool
    started: datetime
    seconds: float
    rows_in: int | None
    rows_out: int | None
    peak_bytes: int
    details: Mapping[str, str]
    message: str


@dataclass(frozen=True)
class Run:
    """A run, with its stages in the order of the flow."""

    run_id: str
    stages: tuple[StageRun, ...]

    @property
    def page(self) -> str:
        """The name of the run's page: any text may name a run."""
        return f"run-{sha256(self.run_id.encode('utf-8', 'replace')).hexdigest()[:16]}.html"

    @property
    def days(self) -> tuple[str, ...]:
        """The days that the run was for, in order."""
        found = {stage.dt for stage in self.stages}
        for stage in self.stages:
            if told := _RANGE.fullmatch(stage.details.get("days", "")):
                found.update(told.groups())
        return tuple(sorted(found))

    @property
    def started(self) -> datetime:
        """The start of its first stage."""
        return min(stage.started for stage in self.stages)

    @property
    def seconds(self) -> float:
        """Seconds of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def failed(self) -> tuple[StageRun, ...]:
        """The stages that failed at their last try."""
        return tuple(stage for stage in self.stages if not stage.succeeded)

    @property
    def certificate(self) -> tuple[str, str] | None:
        """Recall of the collection, and contents sampled, as its last search measured them."""
        for stage in reversed(self.stages):
            if stage.stage == "search" and "recall" in stage.details:
                return stage.details["recall"], stage.details.get("recall_sample", "")
        return None

    def covers(self, dt: str) -> bool:
        """Whether the run was for a day."""
        return self.days[0] <= dt <= self.days[-1]


def all_runs(connection: duckdb.DuckDBPyConnection) -> list[Run]:
    """The runs of the view `runs`, the latest first."""
    tries: dict[str, dict[tuple[str, str], StageRun]] = {}
    for run_id, *row in sorted(connection.sql(_QUERY).fetchall(), key=lambda row: row[4] or 0):
        stage = _stage_run(*row)
        tries.setdefault(run_id, {})[stage.dt, stage.stage] = stage
    found = [
        Run(run_id, tuple(sorted(stages.values(), key=lambda run: (run.dt, _place(run.stage)))))
        for run_id, stages in tries.items()
    ]
    return sorted(found, key=lambda run: (run.started, run.run_id), reverse=True)


def seconds_by_day(runs: Iterable[Run], stage: str) -> dict[str, float]:
    """Seconds of the latest successful run of a stage for each day, in order of the days."""
    found: dict[str, StageRun] = {}
    for run in runs:
        for each in run.stages:
            if each.stage == stage and each.succeeded:
                known = found.get(each.dt)
                if known is None or known.started < each.started:
                    found[each.dt] = each
    return {dt: found[dt].seconds for dt in sorted(found)}


def _place(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _stage_run(
    dt: str,
    stage: str | None,
    status: str | None,
    started: int | None,
    seconds: float | None,
    rows_in: int | None,
    rows_out: int | None,
    peak: int | None,
    details: Mapping[str, str] | None,
    message: str | None,
) -> StageRun:
    return StageRun(
        dt,
        stage or "unknown",
        status == "succeeded",
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=started or 0),
        seconds or 0.0,
        rows_in,
        rows_out,
        peak or 0,
        {key: value or "" for key, value in (details or {}).items()},
        message or "",
    )
