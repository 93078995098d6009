"""One trial: hurts a stage or a job, gives its command again, and compares the tables.

The tables have to be those of the undisturbed one.
"""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from benchmarks import lakes
from benchmarks.crashes.jobs import Job, Running, started, stragglers
from benchmarks.crashes.moments import Moment, wait
from benchmarks.lakes import Contents
from imgdedup import config
from imgdedup.local.workspace import CONF


@dataclass(frozen=True)
class Undisturbed:
    """An undisturbed stage or job: the lake before it and after it, and its seconds."""

    job: Job
    turn: str  # which run of the history it belongs to, in words
    kept: Path  # a copy of the lake before
    before: Contents
    after: Contents
    seconds: float


@dataclass(frozen=True)
class Trial:
    """The result of hurting a stage once."""

    turn: str
    stage: str
    hurt: str  # the process that was killed, or "full disk"
    moment: str
    status: int  # of the command that was hurt
    seen: str  # what readers found before the command was given again
    left: int  # processes that outlived the command
    again: int  # status of the same command given again
    seconds: float  # of the command given again
    differences: list[str] = field(default_factory=list)
    said: str = ""  # the last line of the command that was hurt
    said_again: str = ""  # why it failed again, if it did

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, and no reader saw half of a partition."""
        return not self.again and not self.differences and "half" not in self.seen


def undisturbed(job: Job, turn: str, kept: Path, run: Callable[[Job], float]) -> Undisturbed:
    """Copy the lake to `kept`, then run a stage; `run` runs the job and gives its seconds."""
    shutil.copytree(job.root, kept)
    before = lakes.tables(job.root)
    seconds = run(job)
    return Undisturbed(job, turn, kept, before, contents(job), seconds)


def contents(job: Job) -> Contents:
    """Read the tables, and the keys of the collection as one more table."""
    settings = config.load(CONF, "local", job.settings).milvus
    lakes.require_told(job.root)
    found = lakes.tables(job.root)
    pinned = lakes.pinned(job.root)
    if pinned is not None:
        found[lakes.COLLECTION, ""] = lakes.vectors(job.root, settings, *pinned)
    return found


def killed(stage: Undisturbed, kind: str, moment: Moment, space: Path) -> Trial | None:
    """Kill a process of a stage, -9, at a moment; None when the stage ended first."""
    job = stage.job
    restore(stage)
    with started(job, space, kind) as running:
        if not wait(moment, job.root, running, stage.seconds) or not _kill(running, kind):
            return None
        status = running.ended()
        left, said = stragglers(running), last(running.said())
        seen = seen_by_readers(stage)
        again = repeat(stage, space / "again")
    return Trial(stage.turn, job.name, kind, moment.name, status, seen, left, said=said, **again)


def restore(stage: Undisturbed) -> None:
    """Put the lake as it was before the stage."""
    shutil.rmtree(stage.job.root, ignore_errors=True)
    shutil.copytree(stage.kept, stage.job.root)


def repeat(stage: Undisturbed, space: Path) -> dict[str, Any]:
    """Give the command again, at once; return the result by the names in Trial."""
    with started(stage.job, space) as running:
        status, seconds, said = running.ended(), running.seconds, running.said()
    return {
        "again": status,
        "seconds": seconds,
        "differences": lakes.differences(contents(stage.job), stage.after),
        "said_again": last(said) if status else "",
    }


def last(said: Sequence[str]) -> str:
    """The last line that a job said; if the job failed, the line that says why."""
    errors = [line for line in said if line.startswith("error: ")]
    return [*said, *errors][-1] if said else ""


def seen_by_readers(stage: Undisturbed) -> str:
    """Count the partitions that readers find as before, as after, or as they never should."""
    counts: Counter[str] = Counter()
    after = {place: rows for place, rows in stage.after.items() if place[0] != lakes.COLLECTION}
    try:
        found: Mapping[lakes.Partition, object] = lakes.tables(stage.job.root)
    except (OSError, pa.ArrowException) as error:
        return f"half a partition: {error}"
    for place in sorted(stage.before.keys() | after.keys()):
        before, now = stage.before.get(place), found.get(place)
        if before == after.get(place):
            counts["half"] += now != before
        elif now == before:
            counts["before"] += 1
        elif now == after.get(place):
            counts["after"] += 1
        else:
            counts["gone for a moment" if now is None else "half"] += 1
    told = [f"{number} {what}" for what, number in counts.items() if number]
    return ", ".join(told) or "nothing to change"


def _kill(running: Running, kind: str) -> bool:
    """Kill the process as soon as there is one; False when the job ended first."""
    while running.leader.poll() is None:
        process = running.process(kind)
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
                return True
        time.sleep(0.002)
    return False
