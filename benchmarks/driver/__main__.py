"""Measures the driver's memory in the steps that look at all contents, by the size of the corpus.

python -m benchmarks.driver [--contents 10000,1000000,10000000] [--name NAME]

Each size has a process of its own. See `benchmarks/README.md`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.commands import keep
from benchmarks.spark import environment
from imgdedup import config
from imgdedup.console import say
from imgdedup.local.workspace import CONF

_MB = 2**20
_WORDS = {
    "fit": "`fit` counts the contents",
    "index": "`index` compares the table with the collection, and deletes what is too much",
    "search": "`search` compares them, finds the days that wait, and the vanished contents",
    "embed": "`embed` ships the known contents",
}
Found = Mapping[str, Any]


def main() -> int:
    """Measure every size, print the page, and keep it under `--name`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver", description=__doc__)
    parser.add_argument("--contents", default="10000,1000000,10000000", help="sizes of the corpora")
    parser.add_argument("--name", help="keep the page in benchmarks/results, by this name")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.contents.split(",")]
    heap = config.load(CONF, "local", {}).spark.driver_memory
    found = {size: measure(size, heap) for size in sizes}
    text = page(found, arguments.contents, heap)
    keep(arguments.name, text)
    print("\n" + text)
    return 0


def measure(contents: int, heap: str) -> Found:
    """The costs of the steps on a corpus of one size, as `steps` prints them."""
    with tempfile.TemporaryDirectory(prefix="imgdedup-driver-") as folder:
        submit = f"--master local[2] --driver-memory {heap} pyspark-shell"
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.driver.steps", f"{folder}/lake", str(contents)],
            env=environment(Path(folder), brief=False) | {"PYSPARK_SUBMIT_ARGS": submit},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    say(f"driver: measured {contents:,} contents")
    found: Found = json.loads(process.stdout.splitlines()[-1])
    return found


def page(found: Mapping[int, Found], contents: str, heap: str) -> str:
    """The results as a page of Markdown."""
    rows = [
        f"| {_WORDS[name]} | {size:,} | {cost['seconds']:.0f} | {cost['cpu']:.0f} | "
        f"{cost['python'] / _MB:,.0f} | {cost['jvm'] / _MB:,.0f} |"
        for name in _WORDS
        for size, each in found.items()
        for cost in (each["steps"][name],)
    ]
    workers = [f"| {size:,} | {each['worker'] / _MB:.1f} |" for size, each in found.items()]
    return "\n".join(
        [
            "# What a corpus of millions costs the driver's memory",
            "",
            f"`python -m benchmarks.driver --contents {contents}`: tables of keys alone, on two "
            f"cores, with a heap of {heap}. Parquet stands in for the collection. Memory is "
            "resident, at its peak during the step. On one machine the JVM is driver and executor, "
            "and its heap bounds it.",
            "",
            "| step | contents | seconds | CPU-s | Python MB | JVM MB |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "What a worker needs to look 20,000 known contents up, the pages of files aside:",
            "",
            "| contents | MB |",
            "|---|---|",
            *workers,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
