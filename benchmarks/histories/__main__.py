"""`make bench-histories`: compares random histories of a lake with clean runs.

python -m benchmarks.histories [--histories N] [--seed N] [--broken] [--name NAME]
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.commands import keep
from benchmarks.drawn import try_machine
from benchmarks.histories.broken import empty_partitions_stand
from benchmarks.histories.laboratory import SETTINGS, Laboratory
from benchmarks.histories.machine import STEPS, histories
from benchmarks.histories.session import session
from imgdedup import config
from imgdedup.console import say
from imgdedup.local.workspace import CONF

_BROKEN = "pairs"
_LEAKAGE = {"group.leakage_columns": ["price"]}  # changes with the picture of an image, and its day
_COUNTED = ("histories", "compared")


def main() -> int:
    """Read the arguments, try the histories, print the counts; 1 when a history ended wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.histories", description=__doc__)
    parser.add_argument("--histories", type=int, default=260, help="how many to try")
    parser.add_argument("--seed", type=int, default=0, help="draws the histories")
    parser.add_argument(
        "--broken", action="store_true", help=f"leave emptied partitions of {_BROKEN} as they were"
    )
    parser.add_argument("--name", help="keep the counts in benchmarks/results, by this name")
    arguments = parser.parse_args()
    tally, since = Counter[str](), time.monotonic()
    settings = config.load(CONF, "local", SETTINGS | _LEAKAGE)
    with tempfile.TemporaryDirectory() as folder, session(Path(folder)) as spark:
        laboratory = Laboratory(spark, Path(folder), settings)
        broken = empty_partitions_stand(laboratory, _BROKEN) if arguments.broken else nullcontext()
        with broken:
            fault = tried(laboratory, arguments.histories, arguments.seed, tally)
        stages = laboratory.stages.total()
    command = f"make bench-histories HISTORIES={arguments.histories} SEED={arguments.seed}"
    command += " BROKEN=1" if arguments.broken else ""
    text = page(command, tally, stages, time.monotonic() - since, fault)
    keep(arguments.name, text)
    print("\n" + text)
    return int(fault is not None)


def tried(laboratory: Laboratory, number: int, seed: int, tally: Counter[str]) -> str | None:
    """Try the histories until Ctrl-C; return the shrunk steps and differences of a wrong one."""
    try:
        try_machine(histories(laboratory, tally), number, STEPS, seed)
    except AssertionError as error:
        say("histories: a history differs from a clean run")
        notes = [note for note in getattr(error, "__notes__", []) if not note.startswith("You can")]
        return "\n".join([*notes, str(error)])
    except KeyboardInterrupt:
        say("histories: stopped; the counts are those until then")
    return None


def page(
    command: str, tally: Mapping[str, int], stages: int, seconds: float, fault: str | None
) -> str:
    """The counts, and the shrunk steps of a history that ended wrong."""
    happened = [f"| {what} | {count:,} |" for what, count in tally.items() if what not in _COUNTED]
    found = ["", "The history shrinks to", "", re.sub("^", "    ", fault or "", flags=re.MULTILINE)]
    return "\n".join(
        [
            "# Random histories",
            "",
            f"    {command}",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}. {tally['histories']:,} histories were drawn. "
            f"{tally['compared']:,} of their ends, each after other steps, were compared with a "
            f"clean run. {stages:,} stages ran in {seconds / 60:.0f} minutes: "
            + ("one history differs from a clean run." if fault else "0 differences."),
            "",
            "| what happened | times |",
            "| --- | --- |",
            *happened,
            *(found if fault else []),
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
