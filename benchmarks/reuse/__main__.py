"""`make bench-reuse`: counts what is embedded when images come again, and the time it takes.

python -m benchmarks.reuse --photos FOLDER [--out FOLDER] [--files N] [--seed N] [--name NAME]
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import keep, status_of
from benchmarks.quality import photos
from benchmarks.quality.__main__ import claim
from benchmarks.reuse.runs import FIRST, SECOND, Measured, measured, page
from imgdedup.console import say
from imgdedup.local.run import require_local_folder


def main() -> int:
    """Read the arguments and run the benchmark; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reuse", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--out", default="out/bench-reuse", help="folder for all results")
    parser.add_argument("--files", type=int, default=1000, help="photographs of the first day")
    parser.add_argument("--seed", type=int, default=0, help="chooses the photographs")
    parser.add_argument("--name", help="keep the figures in benchmarks/results, by this name")
    arguments = parser.parse_args()
    return status_of("bench-reuse", lambda: bench(arguments))


def bench(arguments: argparse.Namespace) -> int:
    """Lay out two days of photographs, embed them five times, and print the figures."""
    out, folder = require_local_folder(arguments.out), arguments.photos.expanduser().resolve()
    claim(out, folder)
    available = photos.below(folder, None)
    new = max(1, arguments.files // 20)
    chosen = photos.some_of(available, arguments.files + new, arguments.seed)
    lay_out(out / "corpus", chosen, arguments.files)
    shutil.rmtree(out / "lake", ignore_errors=True)
    manifest, lake = f"{out / 'corpus'}/{{dt}}", out / "lake"
    without_reuse = {"embed.reuse_contents": 0}
    runs: list[Measured] = []
    for what, dt, settings in (
        ("the first day, all new", FIRST, {}),
        ("the first day again", FIRST, {}),
        (f"the second day: the same and {new} new", SECOND, {}),
        ("the second day again", SECOND, {}),
        ("the second day without reuse", SECOND, without_reuse),
    ):
        say(f"bench-reuse: {what}")
        runs.append(measured(what, lake, dt, manifest, settings))
    command = f"make bench-reuse PHOTOS={folder.name} FILES={arguments.files} SEED={arguments.seed}"
    text = page(runs, command, f"{datetime.now(UTC):%Y-%m-%d}, on {machine.described()}")
    keep(arguments.name, text)
    print("\n" + text)
    return 0 if runs[-2].rows == runs[-1].rows else 1


def lay_out(corpus: Path, chosen: Sequence[Path], first: int) -> None:
    """Link the first `first` files into the folder of the first day, all into the second's."""
    shutil.rmtree(corpus, ignore_errors=True)
    for dt, files in ((FIRST, chosen[:first]), (SECOND, chosen)):
        day = corpus / dt
        day.mkdir(parents=True)
        for number, file in enumerate(files):
            (day / f"{number:05}{file.suffix.lower()}").symlink_to(file)


if __name__ == "__main__":
    sys.exit(main())
