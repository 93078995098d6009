"""The page of results of the speed benchmark, and its chart."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.quality.corpus import COPY, EVERYDAY_KIND, PHOTO, STRONG_KIND
from benchmarks.speed.chart import Chart, svg
from benchmarks.speed.scorer import COPIES
from benchmarks.speed.stages import CLASSES, PARTS, STAGES

OURS = "imgdedup"
_HOW = (
    "CPU-seconds are those of all cores together, user and system. The kernel counts them for the "
    "command and everything that it starts. Memory is resident memory, sampled 5 times a second. "
    "Pages that processes share count once for each."
)

Row = Mapping[str, Any]


def page(result: Row, picture: str | None) -> str:
    """The page in Markdown. `picture` is the file name of the chart beside it."""
    sizes, days = result["sizes"], result["days"]
    lines = [
        f"# {result['name']}",
        "",
        f"    {result['command']}",
        "",
        f"{result['date']}, {result['machine']}. {_HOW}",
        "",
        *_corpus(result),
        "",
        "## The whole run",
        "",
        "`python -m imgdedup.local.run` with the defaults, from the start of its process to its "
        "end, in a new folder for each size: Airflow, the Spark jobs, Milvus and the report.",
        "",
        *_totals([f"{row['images']:,} files" for row in sizes], sizes),
        "",
        *([f"![Growth by the number of files]({picture})", ""] if picture else []),
        "## By stage",
        "",
        "A stage ends with its line in the output. The first stage of a job has the start of the "
        "JVM and of Spark. CPU is from samples.",
        "",
        *_by_stage(sizes),
        "",
        "## By process",
        "",
        "CPU-seconds. The Python workers are those of Spark, with their daemon. The embedded "
        "Milvus is a part of the Python driver. The last row is what the kernel counts and the "
        "samples miss.",
        "",
        *_by_class(sizes),
        "",
        "## A small day, another day, and nothing new",
        "",
        *_days(days),
        "",
        "## What is found, and at what cost",
        "",
        *_compared(result),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def growth(result: Row) -> str:
    """The chart of the growth by the number of files, as SVG."""
    by_tool: dict[str, list[tuple[float, float]]] = {}
    for row in _rows(result):
        if row["images"] and row["cpu"] > 0 and row["is_first"]:
            points = by_tool.setdefault(row["family"], [])
            points.append((row["images"], row["cpu"] / row["images"]))
    by_stage = {
        stage: [
            (row["images"], row["seconds"][stage])
            for row in result["sizes"]
            if row["seconds"][stage] > 0
        ]
        for stage in PARTS
    }
    return svg(
        [
            Chart("CPU-seconds for each file", "files", by_tool),
            Chart("seconds of each stage", "files", by_stage),
        ]
    )


def _corpus(result: Row) -> list[str]:
    kinds = (PHOTO, COPY, EVERYDAY_KIND, STRONG_KIND)
    return [
        f"Two thirds of the files are photographs of `{result['source']}`. One third are copies of "
        "these: a quarter exact, a half with an everyday edit, a quarter with a strong one.",
        "",
        _line("files", "photographs", "exact copies", "everyday edits", "strong edits"),
        _line(*["---"] * 5),
        *(
            _line(f"{sum(row.values()):,}", *(f"{row.get(kind, 0):,}" for kind in kinds))
            for row in result["corpora"]
        ),
    ]


def _totals(heads: Sequence[str], rows: Sequence[Row]) -> list[str]:
    return [
        _line("", *heads),
        _line("---", *["---"] * len(heads)),
        _line("CPU-seconds", *(f"{row['cpu']:.1f}" for row in rows)),
        _line("CPU-seconds a file", *(f"{row['cpu'] / row['images']:.3f}" for row in rows)),
        _line("seconds", *(f"{row['wall']:.1f}" for row in rows)),
        _line("seconds a file", *(f"{row['wall'] / row['images']:.3f}" for row in rows)),
        _line("CPU-seconds of all else meanwhile", *(f"{row['others']:.1f}" for row in rows)),
        _line("memory of the largest process", *(_bytes(row["peak_of_one"]) for row in rows)),
        _line("memory of all processes", *(_bytes(row["peak_of_all"]) for row in rows)),
    ]


def _by_stage(rows: Sequence[Row]) -> list[str]:
    heads = [f"{row['images']:,} files: {what}" for row in rows for what in ("s", "CPU-s")]
    return [
        _line("stage", *heads),
        _line("---", *["---"] * len(heads)),
        *(
            _line(
                part,
                *(
                    f"{row[values][part]:.1f}"
                    for row in rows
                    for values in ("seconds", "cpu_of_parts")
                ),
            )
            for part in PARTS
        ),
    ]


def _by_class(rows: Sequence[Row]) -> list[str]:
    heads = [f"{row['images']:,} files" for row in rows]
    seen = [name for name in CLASSES if any(name in row["cpu_of_classes"] for row in rows)]
    return [
        _line("", *heads),
        _line("---", *["---"] * len(heads)),
        *(
            _line(name, *(f"{row['cpu_of_classes'].get(name, 0.0):.1f}" for row in rows))
            for name in seen
        ),
        _line("between two samples", *(f"{row['cpu_between_samples']:.1f}" for row in rows)),
    ]


def _days(days: Sequence[Row]) -> list[str]:
    heads = [str(row["what"]) for row in days]
    stages = [stage for stage in STAGES if any(row["seconds"][stage] for row in days)]
    return [
        f"{days[0]['images']:,} files a day, one day after the other on one lake. The second day "
        "has other photographs. Its copies show photographs of both days.",
        "",
        *_totals(heads, days),
        *(_line(f"{stage}: s, CPU-s", *(_seconds(row, stage) for row in days)) for stage in stages),
        _line("copies found", *(_found(row["score"]) for row in days)),
        _line("false pairs", *(row["score"]["false_pairs"] for row in days)),
    ]


def _seconds(row: Row, stage: str) -> str:
    return f"{row['seconds'][stage]:.1f}, {row['cpu_of_parts'][stage]:.1f}"


def _compared(result: Row) -> list[str]:
    heads = ["files", "tool", "CPU-s", "s", "memory", *(f"{kind} found" for kind in COPIES)]
    heads += ["false pairs", "pairs of untouched photographs"]
    return [
        "A copy is found when a pair joins it with its photograph. Files with the same bytes stand "
        "for each other. A false pair shows two different photographs, and one of its files is a "
        "copy. Pairs of two untouched photographs may be duplicates that nobody labelled. Memory "
        "is that of all processes. Every tool has its defaults. Each ran once before, on a few "
        "files.",
        "",
        _line(*heads),
        _line(*["---"] * len(heads)),
        *(
            _line(
                f"{row['images']:,}",
                row["tool"],
                f"{row['cpu']:.1f}",
                f"{row['wall']:.1f}",
                _bytes(row["peak_of_all"]),
                *(_share(row["score"], kind) for kind in COPIES),
                row["score"]["false_pairs"],
                row["score"]["untouched_pairs"],
            )
            for row in _rows(result)
        ),
        *(["", f"The other tools are {', '.join(result['tools'])}."] if result["tools"] else []),
        *[line for told in result["left_out"] for line in ("", told)],
    ]


def _rows(result: Row) -> Iterable[Row]:
    """Our runs and those of other tools, by size."""
    ours = [{**row, "tool": OURS, "family": OURS, "is_first": True} for row in result["sizes"]]
    return sorted([*ours, *result["peers"]], key=lambda row: int(row["images"]))


def _found(score: Row) -> str:
    return f"{sum(score['found'].values()):,} of {sum(score['copies'].values()):,}"


def _share(score: Row, kind: str) -> str:
    copies = score["copies"][kind]
    return f"{score['found'][kind] / copies:.3f}" if copies else "-"


def _bytes(number: int) -> str:
    """An amount of memory; "-" for a command that ended before a sample saw it grow."""
    return f"{number / 2**30:.2f} GiB" if number >= 2**23 else "-"


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
