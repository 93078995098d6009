"""Which stage and which class of process a run's time and CPU belong to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from benchmarks.speed.measure import Sample
from imgdedup.console import MARK
from imgdedup.flow import JOBS, STAGES

START = "start of Airflow"
ENDS = "ends of the jobs"  # from a job's last stage to the next job, or to the end of the run
PARTS = (START, *STAGES, ENDS)

JVM = "JVM"
DRIVER = "Python driver"
WORKERS = "Python workers"
AIRFLOW = "Airflow"
MILVUS = "Milvus server"
OTHER = "runner and shells"
CLASSES = (JVM, DRIVER, WORKERS, AIRFLOW, MILVUS, OTHER)

_STAGE_DONE = re.compile(re.escape(MARK) + r"(\w+): .*\brows in\b.* [\d.,]+ s$")
_JOB_STARTS = re.compile(re.escape(MARK) + r".* (\w+) starts$")


@dataclass(frozen=True)
class Span:
    """A part of a run, from `start` to `stop` in seconds; `part` is one of PARTS."""

    part: str
    start: float
    stop: float


def process_class(command: Sequence[str]) -> str:
    """Tell the class of a process from its command line."""
    program = PurePath(command[0]).name if command else ""
    if program == "java":
        return JVM
    module = command[2] if command[1:2] == ["-m"] and len(command) > 2 else ""
    if "milvus" in program or module.startswith("milvus"):
        return MILVUS
    if not program.startswith("python"):
        return OTHER
    if module in ("pyspark.daemon", "pyspark.worker"):
        return WORKERS
    scripts = {f"{job.name}.py" for job in JOBS}
    paths = [PurePath(word) for word in command[1:]]
    if any(path.name in scripts and path.parent.name == "jobs" for path in paths):
        return DRIVER
    if module == "airflow" or module.endswith(".dag_runner"):
        return AIRFLOW
    return OTHER


def spans(lines: Iterable[tuple[float, str]], wall: float) -> list[Span]:
    """Cut a run of `wall` seconds into parts at its progress lines (seconds, text).

    A stage ends with its line. It begins where the stage before it ended, or where its job started.
    So the first stage of a job has the start of Spark.
    """
    cuts: list[Span] = []
    at, waiting = 0.0, START
    for seconds, line in lines:
        done = _STAGE_DONE.match(line)
        if done and done[1] in STAGES:
            cuts.append(Span(done[1], at, seconds))
            at, waiting = seconds, ENDS
        elif (starts := _JOB_STARTS.match(line)) and starts[1] in {job.name for job in JOBS}:
            cuts.append(Span(waiting, at, seconds))
            at = seconds
    return [*cuts, Span(ENDS, at, wall)]


def seconds_of(cuts: Iterable[Span]) -> dict[str, float]:
    """The seconds of each part."""
    found = dict.fromkeys(PARTS, 0.0)
    for span in cuts:
        found[span.part] += span.stop - span.start
    return found


def cpu_of(cuts: Iterable[Span], samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """The CPU-seconds of each part, by class.

    Between two samples a class uses CPU evenly.
    """
    times = [sample.at for sample in samples]
    curves = {
        name: [sample.cpu.get(name, 0.0) for sample in samples]
        for name in CLASSES
        if any(name in sample.cpu for sample in samples)
    }
    found = {part: dict.fromkeys(curves, 0.0) for part in PARTS}
    for span in cuts:
        for name, curve in curves.items():
            before, after = np.interp([span.start, span.stop], times, curve)
            found[span.part][name] += float(after - before)
    return found


def cpu_of_classes(by_part: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The CPU-seconds of each class in all parts together."""
    names = {name for classes in by_part.values() for name in classes}
    return {
        name: sum(classes.get(name, 0.0) for classes in by_part.values())
        for name in CLASSES
        if name in names
    }
