"""The moments of a stage at which a process is killed, by the clock or by what is written."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crashes.jobs import Running

_JOURNAL, _STAGING, _MILVUS = ".imgdedup/journal.json", ".imgdedup/staging", ".imgdedup/milvus"


@dataclass(frozen=True)
class Moment:
    """A moment and its name; `reached` takes the root, the job and its undisturbed seconds."""

    name: str
    reached: Callable[[Path, Running, float], bool]


def after(share: float) -> Moment:
    """When the job has run for a share of its undisturbed seconds."""
    return Moment(
        f"after {share:.0%} of its time",
        lambda root, running, seconds: running.seconds >= share * seconds,
    )


def written() -> Moment:
    """When the first results lie beside the tables."""
    return Moment(
        "first results written", lambda root, running, seconds: bool(_files(root / _STAGING))
    )


def collection_changed() -> Moment:
    """When a file of Milvus has changed since the first look."""
    before: list[object] = []

    def reached(root: Path, running: Running, seconds: float) -> bool:
        now = _files(root / _MILVUS)
        before.append(now) if not before else None
        return now != before[0]

    return Moment("first change of the collection", reached)


def collection_begun() -> Moment:
    """When Milvus has the folder of a collection."""
    return Moment(
        "collection begun",
        lambda root, running, seconds: any((root / _MILVUS / "collections").glob("*")),
    )


def journaled() -> Moment:
    """When the journal of the stage's results is there."""
    return Moment("journal written", lambda root, running, seconds: (root / _JOURNAL).exists())


def moved(share: float) -> Moment:
    """When a share of the moves that the journal names, and at least one, is made."""
    targets: list[tuple[Path, int | None]] = []

    def reached(root: Path, running: Running, seconds: float) -> bool:
        if not targets:
            try:
                moves = json.loads((root / _JOURNAL).read_text(encoding="utf-8"))
            except FileNotFoundError:
                return False
            targets.extend((Path(move["target"]), _inode(Path(move["target"]))) for move in moves)
        done = sum(_inode(path) != before for path, before in targets)
        return done >= max(1, round(share * len(targets)))

    return Moment(f"{share:.0%} of the results moved in" if share else "first moved in", reached)


def published() -> Moment:
    """When the journal is gone again."""
    seen: list[bool] = []

    def reached(root: Path, running: Running, seconds: float) -> bool:
        there = (root / _JOURNAL).exists()
        if there and not seen:
            seen.append(True)
        return bool(seen) and not there

    return Moment("all published", reached)


def recorded(stages: int) -> Moment:
    """When so many stages of the job have their row in `runs`, and the next one begins."""
    before: list[int] = []

    def reached(root: Path, running: Running, seconds: float) -> bool:
        now = len(list((root / "runs").glob("dt=*/*.parquet")))
        before.append(now) if not before else None
        return now >= before[0] + stages

    return Moment(f"{stages} of its stages done", reached)


def wait(moment: Moment, root: Path, running: Running, seconds: float) -> bool:
    """Wait for a moment; False when the job ended first."""
    while running.leader.poll() is None:
        if moment.reached(root, running, seconds):
            return True
        time.sleep(0.0002)  # a partition is exchanged within a millisecond
    return False


def _files(folder: Path) -> set[tuple[str, int, int]]:
    found = set()
    for path in folder.rglob("*"):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            found.add((str(path), stat.st_size, stat.st_mtime_ns))
    return found


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
