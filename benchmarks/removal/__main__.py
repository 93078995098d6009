"""`make bench-removal`: checks random sequences of plan, apply, undo, purge, run and restore.

python -m benchmarks.removal [--sequences N] [--seed N] [--broken] [--name NAME]
"""

import argparse
import io
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from benchmarks.commands import keep
from benchmarks.drawn import try_machine
from benchmarks.removal.machine import STEPS, sequences
from imgdedup.console import say
from imgdedup.removal import local_files


def main() -> int:
    """Read the arguments, try the sequences, print the counts; 1 when one lost a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal", description=__doc__)
    parser.add_argument("--sequences", type=int, default=200, help="how many to try")
    parser.add_argument("--seed", type=int, default=0, help="draws the sequences")
    parser.add_argument("--broken", action="store_true", help="let renames overwrite files")
    parser.add_argument("--name", help="keep the counts in benchmarks/results, by this name")
    arguments = parser.parse_args()
    tally, since, fault = Counter[str](), time.monotonic(), None
    broken = (
        patch.object(local_files, "rename_new", _overwrite) if arguments.broken else nullcontext()
    )
    try:
        with broken, redirect_stdout(io.StringIO()):  # the commands tell all that they do
            try_machine(sequences(tally), arguments.sequences, STEPS, arguments.seed)
    except AssertionError as error:
        fault = "\n".join([*getattr(error, "__notes__", []), str(error)])
    except KeyboardInterrupt:
        say("removal: stopped; the counts are those until then")
    command = f"make bench-removal SEQUENCES={arguments.sequences} SEED={arguments.seed}"
    command += " BROKEN=1" if arguments.broken else ""
    text = page(command, tally, time.monotonic() - since, fault)
    keep(arguments.name, text)
    print(text)
    return int(fault is not None)


def _overwrite(source: str, target: str) -> None:
    Path(source).replace(target)


def page(command: str, tally: Mapping[str, int], seconds: float, fault: str | None) -> str:
    """The counts, and the shrunk steps of a sequence that lost a file."""
    rows = [f"| {what} | {count:,} |" for what, count in sorted(tally.items())]
    found = ["", "A sequence that loses a file:", "", re.sub("^", "    ", fault or "", flags=re.M)]
    return "\n".join(
        [
            "# Random sequences of removal",
            "",
            f"    {command}",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}. {tally['sequences']:,} sequences of up to {STEPS} "
            f"steps in {seconds:.0f} s: "
            + ("one lost a file." if fault else "no file was lost, and none was unknown."),
            "",
            "| what happened | times |",
            "| --- | --- |",
            *rows,
            *(found if fault else []),
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
