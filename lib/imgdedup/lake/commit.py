"""Makes the results of a stage visible: all of them or none, whichever process is killed.

The results lie complete beside the datasets. First a journal is written that names every move.
Then the moves are made, and then the journal is deleted. After a crash the next run looks for the
journal. If there is none, nothing has changed. If there is one, the run finishes its moves.

Local disks and HDFS rename a folder in one step: two renames replace a partition, and a reader
never sees a half-written partition. On object stores the files are moved one by one.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from imgdedup.lake.files import Files


@dataclass(frozen=True)
class Move:
    """A file or folder that replaces `target`. Without a `source`, `target` is removed."""

    target: str
    aside: str  # where the old target goes until it is deleted
    source: str | None = None
    names: list[str] = field(default_factory=list)  # the files of a folder


def publish(files: Files, journal: str, moves: Sequence[Move]) -> None:
    """Write the journal at the path `journal`, and make all `moves`."""
    if moves:
        files.write(journal, json.dumps([asdict(move) for move in moves]))
        finish(files, journal)


def finish(files: Files, journal: str) -> bool:
    """Make the moves that a journal still asks for; return whether there was a journal."""
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
    """Move the files of a folder one by one. Each file is always in one of the two places."""
    for name in files.names(target):
        if name not in names:
            files.delete(f"{target}/{name}")
    for name in names:
        if files.exists(f"{source}/{name}"):
            files.delete(f"{target}/{name}")
            files.move(f"{source}/{name}", f"{target}/{name}")
    files.delete(source)
