"""What a run prints at its end: counts, times, what is worth a look, and where the results are.

All of it is read from the Parquet files. So it shows what the lake holds, not what a run remembers.
"""

import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgdedup.corpora.corpus import Truth
from imgdedup.flow import BY_DAY, STAGES
from imgdedup.local.quality import Quality, compare
from imgdedup.report.highlights import by_edit, highlights
from imgdedup.report.tables import read

TABLES = (
    *("manifest", "embeddings", "candidates", "pairs", "groups", "group_changes"),
    *("deduplicated", "runs"),
)
WIDTH = 96  # columns of the printed text
NAMED = 5  # missed copies named for each edit; also wrong removals named
EDITS = 15  # lines of the table of edits


@dataclass(frozen=True)
class StageRun:
    """The latest successful run of one stage for one day."""

    dt: str
    stage: str
    rows_in: int
    rows_out: int
    seconds: float
    peak_bytes: int
    details: Mapping[str, str]


@dataclass(frozen=True)
class Summary:
    """What the datasets hold for some days together; images are counted in rows."""

    days: tuple[str, ...]
    images: int
    embedded: int
    failures: Mapping[str, int]  # by code
    pairs: Mapping[str, int]  # by kind
    edits: Mapping[str, int]  # near pairs by edit without its amounts, most frequent first
    groups: int  # groups that lost an image of these days
    removed: int
    kept: int
    stages: tuple[StageRun, ...]  # by day, in the order of the flow


def summary(root: Path, days: Sequence[str]) -> Summary:
    """Count the rows of `days` in the datasets under `root`; a missing partition has no rows."""
    embeddings = read(root, "embeddings", days, ["failure"])
    pairs = read(root, "pairs", days, ["kind", "edit"])
    groups = read(root, "groups", days, ["group_id", "is_keeper"])
    lost = groups[~groups["is_keeper"].astype(bool)]
    return Summary(
        days=tuple(days),
        images=len(read(root, "manifest", days, ["image_id"])),
        embedded=int(embeddings["failure"].isna().sum()),
        failures=_counted(embeddings["failure"].dropna()),
        pairs={"exact": 0, "near": 0, "same_file": 0} | _counted(pairs["kind"]),
        edits=by_edit(Counter(pairs.loc[pairs["kind"] == "near", "edit"])),
        groups=lost["group_id"].nunique(),
        removed=len(lost),
        kept=len(read(root, "deduplicated", days, ["image_id"])),
        stages=_stage_runs(root, days),
    )


def print_run(root: Path, days: Sequence[str]) -> None:
    """Print what a run did on a day or on a range of days."""
    done = summary(root, days)
    title = " to ".join(dict.fromkeys((days[0], days[-1])))
    lines = [f"imgdedup, {title}", "", *_counts([done]), *_edit_lines(done), ""]
    lines += [*_stage_details(done), ""]
    partition = f"dt={days[0]}" if len(days) == 1 else "dt=YYYY-MM-DD"
    _print([*lines, *highlights(str(root), days), *_places(root, partition)])


def print_demo(root: Path, truth: Sequence[Truth]) -> list[str]:
    """Print what the runs for all days of the truth did, and how well.

    Returns, in words, faults that a run must never show: lost rows, missing or wrong failures, a
    missed exact copy, no copy found at all. Missed edited copies and false pairs are not among
    the faults: they are a matter of degree.
    """
    days = sorted({row.dt for row in truth})
    by_day = [summary(root, [dt]) for dt in days]
    total = summary(root, days)
    quality = compare(root, truth)
    lines = ["imgdedup, the demo", "", *_counts([*by_day, total]), *_edit_lines(total), ""]
    lines += [*_stage_seconds(by_day), "", *_quality_lines(quality), ""]
    _print([*lines, *highlights(str(root), days), *_places(root, "dt=YYYY-MM-DD")])
    return quality.problems


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _stage_runs(root: Path, days: Sequence[str]) -> tuple[StageRun, ...]:
    figures = ["rows_in", "rows_out", "seconds", "peak_rss_bytes"]
    runs = read(root, "runs", days, ["stage", "status", "started_at", *figures, "details"])
    done = runs[(runs["status"] == "succeeded") & runs["stage"].isin(STAGES)]
    latest = done.sort_values("started_at").drop_duplicates(["dt", "stage"], keep="last")
    found = [
        StageRun(
            row.dt,
            row.stage,
            int(row.rows_in),
            int(row.rows_out),
            float(row.seconds),
            int(row.peak_rss_bytes),
            row.details or {},
        )
        for row in latest.fillna(dict.fromkeys(figures, 0)).itertuples()
    ]
    return tuple(sorted(found, key=lambda run: (run.dt, STAGES.index(run.stage))))


def _counts(columns: Sequence[Summary]) -> list[str]:
    """The table of counts, a column for each summary."""
    failures = sorted({code for column in columns for code in column.failures})
    heads = [column.days[0] if len(column.days) == 1 else "all" for column in columns]
    rows: list[tuple[str, Sequence[object]]] = [
        ("", heads),
        ("images", [column.images for column in columns]),
        ("  embedded", [column.embedded for column in columns]),
        *(
            (f"  failed: {code}", [column.failures.get(code, 0) for column in columns])
            for code in failures
        ),
        *_same_file_lines(columns),
        ("exact pairs", [column.pairs["exact"] for column in columns]),
        ("near pairs", [column.pairs["near"] for column in columns]),
        ("groups", [column.groups for column in columns]),
        ("images removed", [column.removed for column in columns]),
        ("images kept", [column.kept for column in columns]),
    ]
    return [_line(name, cells) for name, cells in rows]


def _same_file_lines(columns: Sequence[Summary]) -> list[tuple[str, Sequence[object]]]:
    """The line of the pairs of names of one file; no line when all files have one name."""
    counts = [column.pairs["same_file"] for column in columns]
    return [("pairs of one file", counts)] if any(counts) else []


def _edit_lines(days: Summary) -> list[str]:
    """The table of edits, at most EDITS lines; no lines when there are no near pairs."""
    if not days.edits:
        return []
    lines = ["", "near pairs by edit"]
    told = list(days.edits.items())
    if len(told) > EDITS:
        others = told[EDITS - 1 :]
        more = f"and {len(others)} more kinds of edit", sum(count for _, count in others)
        told = [*told[: EDITS - 1], more]
    for label, count in told:
        lines += textwrap.wrap(
            label, WIDTH, initial_indent=f"{count:>10,}  ", subsequent_indent=" " * 12
        )
    return lines


def _stage_details(days: Summary) -> list[str]:
    """The table of stages. A stage with several runs shows their sums, and no details."""
    lines = [_line("stage", ["rows in", "rows out", "seconds", "peak memory"])]
    counted: list[StageRun] = []
    for stage in STAGES:
        # A stage that settles all days runs once, under the last day of a range.
        of = days.days if stage in BY_DAY else days.days[-1:]
        runs = [run for run in days.stages if run.stage == stage and run.dt in of]
        if not runs:
            continue
        rows = [sum(run.rows_in for run in runs), sum(run.rows_out for run in runs)]
        seconds, peak = sum(run.seconds for run in runs), max(run.peak_bytes for run in runs)
        lines.append(_line(stage, [*rows, f"{seconds:.1f}", _bytes(peak)]))
        if len(runs) == 1:
            details = (f"{key.replace('_', ' ')} {value}" for key, value in runs[0].details.items())
            lines += _wrapped(", ".join(details), indent=4)
        counted += runs
    seconds = sum(run.seconds for run in counted)
    peak = max((run.peak_bytes for run in counted), default=0)
    return [*lines, _line("all stages", ["", "", f"{seconds:.1f}", _bytes(peak)])]


def _stage_seconds(by_day: Sequence[Summary]) -> list[str]:
    """Seconds of each stage by day, their sum and the highest memory."""
    lines = [_line("seconds", [*(day.days[0] for day in by_day), "all", "peak memory"])]
    for stages in [*((stage,) for stage in STAGES), STAGES]:
        runs = [[run for run in day.stages if run.stage in stages] for day in by_day]
        seconds = [sum(run.seconds for run in day) for day in runs]
        peak = max((run.peak_bytes for day in runs for run in day), default=0)
        cells = [*(f"{number:.1f}" for number in (*seconds, sum(seconds))), _bytes(peak)]
        lines.append(_line(stages[0] if len(stages) == 1 else "all stages", cells))
    return lines


def _quality_lines(quality: Quality) -> list[str]:
    copies = sum(quality.copies.values())
    recall = quality.found / copies if copies else 0.0
    lines = [f"found {quality.found} of {copies} copies: recall {recall:.3f}"]
    found = {
        edit: count - len(quality.missed.get(edit, [])) for edit, count in quality.copies.items()
    }
    lines += _wrapped(", ".join(f"{edit} {found[edit]}/{quality.copies[edit]}" for edit in found))
    for edit, photos in quality.missed.items():
        lines += _wrapped(f"missed {edit}: {_some(photos)}")
    lines += [f"{sum(quality.false_pairs.values())} false pairs (two different photographs)"]
    for (left, right), count in sorted(quality.false_pairs.items()):
        lines += _wrapped(f"{left} - {right}: {count}")
    lines += [f"{len(quality.wrong_removals)} images removed for another photograph's sake"]
    lines += _wrapped(_some(quality.wrong_removals))
    return lines


def _places(root: Path, partition: str) -> list[str]:
    report = root / "report" / "index.html"
    return [
        *([f"the report, for a browser: {report}"] if report.is_file() else []),
        f"tables under {root}, each as <table>/{partition}/*.parquet:",
        f"  {', '.join(TABLES)}",
    ]


def _print(lines: Sequence[str]) -> None:
    """Print lines after an empty one; what the terminal's encoding lacks becomes escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    text = "\n".join(["", *lines])
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _some(names: Sequence[str]) -> str:
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def _line(name: str, cells: Iterable[object]) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return f"{name:<30}{''.join(f'{cell:>13}' for cell in shown)}".rstrip()


def _wrapped(text: str, indent: int = 2) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2)
    )


def _bytes(number: int) -> str:
    return f"{number / 2**30:.2f} GiB" if number else "-"
