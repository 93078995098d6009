"""Runs the whole DAG on a day of the benchmark, and reads the pairs that it found."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import stages
from benchmarks.speed.corpus import Corpus
from benchmarks.speed.measure import Measured, measured
from benchmarks.speed.scorer import Pair
from imgdedup.errors import UserError
from imgdedup.report.tables import read


def run(corpus: Corpus, day: str, lake: Path, log: Path) -> Measured:
    """Run `python -m imgdedup.local.run` on a day with the defaults; UserError when it fails."""
    images = f"{corpus.folder}/{{dt}}"
    command = [sys.executable, "-m", "imgdedup.local.run", f"--images={images}", f"--out={lake}"]
    cost = measured([*command, f"--dt={day}"], log, stages.process_class)
    if cost.status:
        raise UserError(f"the run failed; its output is in {log}")
    return cost


def pairs(lake: Path, days: Sequence[str]) -> list[Pair]:
    """The pairs of files that the lake holds for some days."""
    table = read(lake, "pairs", days, ["left_id", "right_id"])
    return list(zip(table["left_id"], table["right_id"], strict=True))


def figures(cost: Measured, images: int) -> dict[str, Any]:
    """What a run on `images` files cost: in all, by part and by class of process."""
    cuts = stages.spans(cost.lines, cost.wall)
    by_part = stages.cpu_of(cuts, cost.samples)
    classes = stages.cpu_of_classes(by_part)
    return {
        **totals(cost, images),
        "seconds": stages.seconds_of(cuts),
        "cpu_of_parts": {part: sum(found.values()) for part, found in by_part.items()},
        "cpu_of_classes": classes,
        "cpu_by_part_and_class": by_part,
        "cpu_between_samples": cost.cpu - sum(classes.values()),
    }


def totals(cost: Measured, images: int) -> Mapping[str, Any]:
    """What any tool's run on `images` files cost; seconds and bytes."""
    return {
        "images": images,
        "cpu": cost.cpu,
        "wall": cost.wall,
        "others": cost.others,
        "peak_of_one": cost.peak_of_one,
        "peak_of_all": cost.peak_of_all,
    }
