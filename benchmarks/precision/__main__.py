"""`make bench-precision`: counts look-alikes that are removed, beside copies that are found.

python -m benchmarks.precision --photos FOLDER [--out FOLDER] [--photographs N] [--seed N]
    [--name NAME] [--quick [--kinds PATTERN]]
"""

import argparse
import csv
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.precision import corpus, quick
from benchmarks.precision.corpus import Corpus
from benchmarks.precision.kinds import KINDS
from benchmarks.precision.page import quick_tables
from benchmarks.precision.quick import Judged
from benchmarks.quality import photos
from benchmarks.quality.__main__ import claim
from imgdedup import config
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local.run import parsed_settings, require_local_folder
from imgdedup.local.workspace import CONF


def main() -> int:
    """Read the arguments and run the benchmark; a UserError becomes one line and status 2."""
    arguments = _arguments()
    try:
        return bench(arguments)
    except UserError as error:
        say(f"error: bench-precision: {error}")
        return 2


def bench(arguments: argparse.Namespace) -> int:
    """Make the files and score the product on them; return the exit status."""
    out, folder = require_local_folder(arguments.out), arguments.photos.expanduser().resolve()
    claim(out, folder)
    workers = arguments.workers or os.cpu_count() or 1
    made = corpus.ensure(
        out / "corpus",
        photos.below(folder, None),
        arguments.photographs,
        arguments.seed,
        workers,
    )
    say(f"bench-precision: {len(made.rows):,} pairs in {made.files}")
    return score_quickly(arguments, out, made, workers)


def score_quickly(arguments: argparse.Namespace, out: Path, made: Corpus, workers: int) -> int:
    """Judge all pairs without Spark, print the tables, and list what was judged wrongly."""
    settings = config.load(CONF, arguments.overlay, parsed_settings(arguments.set))
    rows = [row for row in made.rows if re.search(arguments.kinds, row.kind)]
    found = quick.judge_all(made, rows, settings, workers)
    report = out / "report"
    report.mkdir(exist_ok=True)
    write_wrong(found, report / "quick-wrong.csv")
    print("\n" + quick_tables(found))
    say(f"bench-precision: the wrong verdicts are in {report / 'quick-wrong.csv'}")
    return 0


def write_wrong(found: Sequence[Judged], file: Path) -> None:
    """List the pairs that at least one order judges wrongly."""
    copies = {kind.name for kind in KINDS if kind.is_copy}
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["kind", "left", "right", "detail", "forward", "backward", "failure"])
        for one in found:
            row, truth = one.row, one.row.kind in copies
            if not one.forward == one.backward == truth:
                verdicts = [one.forward, one.backward, one.failure]
                table.writerow([row.kind, row.left, row.right, row.detail, *verdicts])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--out", default="out/bench-precision", help="folder for all results")
    parser.add_argument(
        "--photographs", type=int, default=100, help="how many photographs get pairs"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws photographs and pairs")
    parser.add_argument("--name", help="keep the figures in benchmarks/results, by this name")
    parser.add_argument(
        "--quick", action="store_true", help="judge the pairs one by one, without Spark"
    )
    parser.add_argument(
        "--kinds", default="", metavar="PATTERN", help="with --quick: only kinds that match"
    )
    parser.add_argument("--workers", type=int, help="processes; without it, one a core")
    parser.add_argument("--overlay", default="local", help="the file of conf/ over base.toml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="section.key=value", help="single settings"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
