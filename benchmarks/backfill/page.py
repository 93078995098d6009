"""The page of results of a backfill."""

from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.backfill.compare import Compared
from benchmarks.backfill.measure import Measured
from benchmarks.backfill.month import COPY, EDITED, PHOTO, Month

WAYS = ("one run of the range", "a run of each day")


def page(
    command: str,
    machine: str,
    month: Month,
    measured: Sequence[Measured],
    tables: Sequence[Sequence[Compared]],
) -> str:
    """The page in Markdown; `measured` and `tables` are of the two WAYS, in order."""
    kinds = month.kinds
    lines = [
        "# Backfill of small days",
        "",
        f"    {command}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}. {kinds[PHOTO]} photographs, "
        f"{kinds[EDITED]} edited and {kinds[COPY]} exact copies, dealt to {len(month.days)} days "
        "by lot. The daily run of the last day goes beside both, and is not counted.",
        "",
        *_figures(measured),
        "",
        "The tables of each way, without the ids of the runs, compared with those of one clean run "
        "of the same days with the same projection:",
        "",
        "| table | " + " | ".join(f"rows, {way} | the same" for way in WAYS) + " |",
        "| --- | " + "--- | --- | " * len(WAYS),
        *(_line(rows[0].table, *_cells(rows)) for rows in zip(*tables, strict=True)),
        "",
    ]
    return "\n".join(line.rstrip() for line in lines)


def _figures(measured: Sequence[Measured]) -> list[str]:
    jobs = list(measured[0].minutes_of)
    return [
        _line("", *WAYS),
        "| --- | " + "--- | " * len(WAYS),
        _line("days", *(each.days for each in measured)),
        _line("minutes", *(f"{each.minutes:.1f}" for each in measured)),
        _line("days per minute", *(f"{each.days / each.minutes:.2f}" for each in measured)),
        _line("runs", *(each.runs for each in measured)),
        _line("tasks", *(each.tasks for each in measured)),
        _line("retries", *(each.retries for each in measured)),
        _line("days that embedded at once", *(each.side_by_side for each in measured)),
        *(
            _line(f"minutes of {job}", *(f"{each.minutes_of[job]:.1f}" for each in measured))
            for job in jobs
        ),
    ]


def _cells(rows: Sequence[Compared]) -> list[str]:
    cells = []
    for each in rows:
        own, clean = each.rows
        cells += [f"{own:,}", "yes" if each.equal else f"**no**, {clean:,} rows"]
    return cells


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
