"""Measures what one more day costs in a young corpus and in old ones.

python -m benchmarks.days [--ages 15,60,240] [--per-day 100] [--name NAME]

For each age the benchmark settles a corpus of that many days in one run of the real stages fit,
index, search, verify and group. Then it settles one more day as a warm-up, and measures the run of
the next day. All runs share one Spark session, so that its start is not counted.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.commands import keep
from benchmarks.days.synthetic import Corpus
from imgdedup import config
from imgdedup.console import say
from imgdedup.flow import SETTLING
from imgdedup.lake import Lake
from imgdedup.local.workspace import CONF
from imgdedup.runtime.run import Run, run_locked
from imgdedup.runtime.session import start_session
from imgdedup.stages import body_of

TABLES = ("candidates", "pairs", "groups", "deduplicated")
SETTINGS = {"fit.candidates_per_image": 1.0, "fit.growth": 1.0}


@dataclass(frozen=True)
class Measured:
    """What one more day cost in a corpus of `days` days."""

    days: int
    images: int
    seconds: dict[str, float]  # by stage
    rewritten: int  # partitions of TABLES that the day wrote
    stored: int  # all partitions of TABLES


def main() -> int:
    """Measure every age, print the page, and keep it under `--name`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.days", description=__doc__)
    parser.add_argument("--ages", default="15,60,240", help="days of the corpora")
    parser.add_argument("--per-day", type=int, default=100, help="images a day")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", help="keep the page in benchmarks/results, by this name")
    arguments = parser.parse_args()
    settings = config.load(CONF, "local", SETTINGS)
    spark = start_session("days", "", settings)
    found = []
    for age in map(int, arguments.ages.split(",")):
        folder = Path(tempfile.mkdtemp(prefix="imgdedup-days-"))
        try:
            found.append(measure(spark, folder, age, arguments, settings))
        finally:
            shutil.rmtree(folder)
    spark.stop()
    text = page(found, arguments)
    keep(arguments.name, text)
    print("\n" + text)
    return 0


def measure(
    spark: SparkSession,
    root: Path,
    age: int,
    arguments: argparse.Namespace,
    settings: config.Config,
) -> Measured:
    """Settle a corpus of `age` days, then one more day to warm up, and measure the next day."""
    corpus = Corpus(root, arguments.per_day, arguments.seed)
    corpus.add(age)
    say(f"days: {age} days are settled")
    settle(spark, root, corpus.days, settings)
    corpus.add(1)
    settle(spark, root, corpus.days[-1:], settings)  # Spark compiles here, and not below
    before, settled = files(root), len(corpus.days)
    corpus.add(1)
    seconds = settle(spark, root, corpus.days[-1:], settings)
    after = files(root)
    say(f"days: one more after {settled}: {sum(seconds.values()):.1f} s")
    written = {path.parent for path in after - before}
    stored = {path.parent for path in after}
    return Measured(age, age * arguments.per_day, seconds, len(written), len(stored))


def settle(
    spark: SparkSession, root: Path, days: Sequence[str], settings: config.Config
) -> dict[str, float]:
    """Run the stages after embed for `days`; return the seconds of each."""
    seconds = {}
    for stage in SETTLING:
        lake = Lake(spark, str(root), stage)
        run = Run(spark, lake, days[-1], tuple(days), "run", replace(settings), "")
        began = time.monotonic()
        run_locked(stage, body_of(stage), run)
        seconds[stage] = time.monotonic() - began
    return seconds


def files(root: Path) -> set[Path]:
    """All files of the tables."""
    return {path for table in TABLES for path in (root / table).rglob("*.parquet")}


def page(found: Sequence[Measured], arguments: argparse.Namespace) -> str:
    """The results as a page of Markdown."""
    rows = [
        " | ".join(
            [
                f"| {each.days}",
                f"{each.images:,}",
                *(f"{each.seconds[stage]:.1f}" for stage in SETTLING),
                f"{each.rewritten} of {each.stored} |",
            ]
        )
        for each in found
    ]
    return "\n".join(
        [
            "# What one more day costs",
            "",
            f"`python -m benchmarks.days --ages {arguments.ages} --per-day {arguments.per_day} "
            f"--seed {arguments.seed}`: corpora of random vectors. One image in twenty is a near "
            "copy of an earlier image, one in fifty an exact copy. The real stages ran in one "
            f"Spark session. One more day has {arguments.per_day} images.",
            "",
            f"| days before | images | {' | '.join(f'{stage} s' for stage in SETTLING)} | "
            "partitions written |",
            f"|{'---|' * (len(SETTLING) + 3)}",
            *rows,
            "",
            "`fit` counts the contents, `index` compares all keys with Milvus, and `search` looks "
            "among all vectors and certifies the collection by an exact product with all of them.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
