"""Moments in a stage at which something is killed, told by the clock or by what it has written."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crashes.jobs import Running

_JOURNAL, _STAGING, _INDEX = ".imgdedup/journal.json", ".imgdedup/staging", ".imgdedup/milvus"


@dataclass(frozen=True)
class Moment:
    """A moment by its name; `reached` gets the root, the job, and its undisturbed seconds."""

    name: str
    reached: Callable[[Path, Running, float], bool]


def after(share: float) -> Moment:
    """When the job has run for a share of the seconds that it takes undisturbed."""
    return Moment(
        f"after {share:.0%} of its time",
        lambda root, running, seconds: running.seconds >= share * seconds,
    )


def written() -> Moment:
    """When the first results lie beside the tables."""
    return Moment(
        "first results written", lambda root, running, seconds: bool(_files(root / _STAGING))
    )


def indexed() -> Moment:
    """When the first file of the index has changed since this was first asked."""
    before: list[object] = []

    def reached(root: Path, running: Running, seconds: float) -> bool:
        now = _files(root / _INDEX)
        before.append(now) if not before else None
        return now != before[0]

    return Moment("first change of the index", reached)


def collected() -> Moment:
    """When the index has the folder of a collection."""
    return Moment(
        "collection begun",
        lambda root, running, seconds: any((root / _INDEX / "collections").glob("*")),
    )


def journaled() -> Moment:
    """When the journal of the stage's results is there."""
    return Moment("journal written", lambda root, running, seconds: (root / _JOURNAL).exists())


def moved(share: float) -> Moment:
    """When that share of what the journal names, at least one, is in its place."""
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


def wait(moment: Moment, root: Path, running: Running, seconds: float) -> bool:
    """Wait for a moment; False when the job ended before."""
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
