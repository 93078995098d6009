"""Plans for the tests of removal."""

from pathlib import Path

from benchmarks.removal.lake import DAY, read_folder, write_tables
from imgdedup.removal import commands
from imgdedup.removal.limits import Limits

ALL = Limits(most_share=1.0, across=True)


def planned(root: str, data: Path, limits: Limits = ALL) -> str:
    """Write the tables of a folder, and plan; the id of the plan."""
    write_tables(root, {DAY: read_folder(data)})
    return commands.plan(root, limits).id
