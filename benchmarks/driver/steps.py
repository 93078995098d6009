"""Runs the steps on a corpus of one size, in a process of its own, and prints what they cost.

python -m benchmarks.driver.steps FOLDER CONTENTS
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.driver.lake import MODEL, Stored, make
from imgdedup import config
from imgdedup.config import Config
from imgdedup.images.decode import fingerprint
from imgdedup.lake import Lake
from imgdedup.local.workspace import CONF
from imgdedup.relations.collected import compare
from imgdedup.relations.contents import count_contents, embedded, only
from imgdedup.relations.prefixes import holds
from imgdedup.runtime.session import start_session
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages import index
from imgdedup.stages.embed import reuse
from imgdedup.stages.search.neighbours import share_vanished

_DT = "2026-01-11"
_LOOKUPS = 20_000


@dataclass(frozen=True)
class Cost:
    """What one step cost. Peaks are resident memory, in bytes."""

    seconds: float
    cpu: float  # seconds of the driver's processes and of their workers
    python: int  # of the driver's Python process
    jvm: int  # of the driver's JVM, which in local mode is the executor, too


def main() -> None:
    """Make a lake, run the steps, and print their costs as one line of JSON."""
    root, contents = Path(sys.argv[1]), int(sys.argv[2])
    settings = config.load(CONF, "local", {})
    spark = start_session("index", "", settings)
    differing = min(1000, contents // 100)
    stored = make(spark, root, contents, differing, fingerprint(settings.embed))
    costs, worker = run(spark, Lake(spark, str(root)), stored, contents, differing, settings)
    spark.stop()
    print(json.dumps({"steps": {name: asdict(cost) for name, cost in costs.items()}} | worker))


def run(
    spark: SparkSession,
    lake: Lake,
    stored: Stored,
    contents: int,
    differing: int,
    settings: Config,
) -> tuple[dict[str, Cost], dict[str, int]]:
    """Run the steps; return their costs, and the private memory that a look-up took in a worker."""
    embeddings = lake.read("embeddings")
    table, known = embedded(embeddings), reuse.Known()

    def fit() -> None:
        assert count_contents(embeddings) == contents

    def fill() -> None:
        found = compare(table, stored, contents)
        assert (found.missing_count, found.surplus_count) == (differing, differing)
        index.delete(found.surplus, stored)  # type: ignore[arg-type]

    def search() -> None:
        found = compare(table, stored, contents)
        only(snapshot_of(embeddings), found.missing).select("dt").distinct().collect()
        assert len(share_vanished(found.surplus, found.surplus_count)) == differing

    def remember() -> None:
        nonlocal known
        known = reuse.find_known(embeddings, _DT, settings.embed)
        assert len(known) == contents

    steps = {"fit": fit, "index": fill, "search": search, "embed": remember}
    costs = {name: measured(step) for name, step in steps.items()}
    return costs, {"worker": _private_memory(spark, known, contents)}


def measured(step: Callable[[], None]) -> Cost:
    """Run a step, and measure the peaks of the driver's two processes during it."""
    python = psutil.Process()
    (jvm,) = (each for each in python.children(recursive=True) if each.name() == "java")
    for process in (python, jvm):
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # forgets the peak until now
    began, used = time.monotonic(), _cpu(python)
    step()
    seconds, used = time.monotonic() - began, _cpu(python) - used
    return Cost(seconds, used, *(_status(each.pid, "VmHWM") for each in (python, jvm)))


def _cpu(root: psutil.Process) -> float:
    """The CPU-seconds of a process and of all below it."""
    times = [each.cpu_times() for each in (root, *root.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _status(process: int | str, name: str) -> int:
    """A number of bytes that the kernel tells of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(name))
    return int(kilobytes) * 1024


def _private_memory(spark: SparkSession, known: reuse.Known, contents: int) -> int:
    """The memory in bytes, without pages of files, that a worker needs to look contents up."""

    def look(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        before = _status("self", "RssAnon")
        prefixes = known.by(MODEL)
        for batch in numbers:
            for number in batch["id"].to_pylist():
                assert holds(prefixes, hashlib.sha256(str(number).encode()).digest())
        used = _status("self", "RssAnon") - before
        yield pa.RecordBatch.from_pydict({"private": [used]})

    step = max(1, contents // _LOOKUPS)
    numbers = spark.range(0, contents, step, 2)
    return max(row["private"] for row in numbers.mapInArrow(look, "private LONG").collect())


if __name__ == "__main__":
    main()
