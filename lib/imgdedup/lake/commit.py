"""Making the results of a stage visible, all of them or none, whatever is killed meanwhile.

What is to become visible lies complete beside the datasets. First a journal names every move;
then the moves are made; then the journal goes. Who finds a journal makes the moves that are left.
So after a crash the next job either finds no journal, and nothing has changed, or finishes.

Where a folder is renamed in one step (local disks, HDFS) a partition is exchanged by two renames,
and a reader never meets a half-written one. On object stores its files are moved one by one.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from imgdedup.lake.files import Files


@dataclass(frozen=True)
class Move:
    """A file or folder that takes the place of what is at `target`; no `source`: it goes."""

    target: str
    aside: str  # where what was at `target` goes until it is deleted
    source: str | None = None
    names: list[str] = field(default_factory=list)  # what a folder holds


def publish(files: Files, journal: str, moves: Sequence[Move]) -> None:
    """Make all `moves`; `journal` is the path of the journal."""
    if moves:
        files.write(journal, json.dumps([asdict(move) for move in moves]))
        finish(files, journal)


def finish(files: Files, journal: str) -> bool:
    """Make the moves that a journal names and that are left; whether there was one."""
    text = files.read(journal)
    if text is None:
        return False
    for move in json.loads(text):
        make_move(files, Move(**move))
    files.delete(journal)
    return True


def make_move(files: Files, move: Move) -> None:
    """Make one move, unless it was made before a crash."""
    if move.source is not None and not files.exists(move.source):
        return  # it was made before the crash
    if move.source is not None and move.names and not files.renames:
        _transfer(files, move.source, move.target, move.names)
        return
    files.delete(move.aside)
    if files.exists(move.target):
        files.move(move.target, move.aside)
    if move.source is not None:
        files.move(move.source, move.target)
    files.delete(move.aside)


def _transfer(files: Files, source: str, target: str, names: Sequence[str]) -> None:
    """Move the files of a folder one by one: each is in one of the two places at any time."""
    for name in files.names(target):
        if name not in names:
            files.delete(f"{target}/{name}")
    for name in names:
        if files.exists(f"{source}/{name}"):
            files.delete(f"{target}/{name}")
            files.move(f"{source}/{name}", f"{target}/{name}")
    files.delete(source)
