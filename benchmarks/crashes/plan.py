"""Chooses which process of which stage or job is killed at which moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.crashes import moments
from benchmarks.crashes.jobs import DRIVER, EXECUTOR, PYTHON, WORKER
from benchmarks.crashes.moments import Moment
from benchmarks.crashes.trials import Undisturbed

_WRITING_TABLES = ("scan", "embed", "fit", "search", "verify", "group")
_WITH_WORKERS = ("embed", "index", "search", "verify", "group")
_WITH_EXECUTORS = ("embed", "search", "verify")


@dataclass(frozen=True)
class Point:
    """A process of a stage or a job, and the moment at which it is killed."""

    stage: Undisturbed
    process: str
    moment: Callable[[], Moment]  # a new one for each try, because it remembers what it has seen


def points(stages: Sequence[Undisturbed], most: int, seed: int) -> list[Point]:
    """Draw `most` kill points of all stages, or take all if there are fewer, in their order."""
    draw = Random(seed)
    found = [
        point
        for stage in stages
        for point in (_of(stage, draw) if len(stage.job.stages) == 1 else _between(stage))
    ]
    chosen = sorted(draw.sample(range(len(found)), min(most, len(found))))
    return [found[number] for number in chosen]


def _of(stage: Undisturbed, draw: Random) -> list[Point]:
    (name,) = stage.job.stages
    kills = [(kind, _around(share, draw)) for kind in (DRIVER, PYTHON) for share in (0.5, 0.8)]
    kills += [(kind, moments.written) for kind in (DRIVER, PYTHON) if name in _WRITING_TABLES]
    if name in _WRITING_TABLES:
        kills += [(kind, moments.journaled) for kind in (DRIVER, PYTHON)]
        kills += [(PYTHON, _moved(share)) for share in (0.0, 0.5)]
        kills += [(PYTHON, moments.published)]
    if name == "index":
        kills += [(kind, moments.collection_changed) for kind in (DRIVER, PYTHON)]
        kills += [(PYTHON, moments.written)]  # the record of what it settled
        if not any((stage.kept / ".imgdedup" / "milvus").glob("collections/*")):
            kills += [(PYTHON, moments.collection_begun)]
    if name in _WITH_WORKERS:
        kills += [(WORKER, _around(share, draw)) for share in (0.1, 0.8)]
    if name in _WITH_EXECUTORS:
        kills += [(EXECUTOR, _around(0.7, draw))]
    return [Point(stage, kind, moment) for kind, moment in kills]


def _between(job: Undisturbed) -> list[Point]:
    """The kills between the stages of a job."""
    counts = range(1, len(job.job.stages))
    return [Point(job, kind, _recorded(count)) for kind in (DRIVER, PYTHON) for count in counts]


def _recorded(stages: int) -> Callable[[], Moment]:
    return lambda: moments.recorded(stages)


def _around(share: float, draw: Random) -> Callable[[], Moment]:
    drawn = share + draw.uniform(-0.1, 0.1)
    return lambda: moments.after(drawn)


def _moved(share: float) -> Callable[[], Moment]:
    return lambda: moments.moved(share)
