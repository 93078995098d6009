"""`make bench-precision`: counts look-alikes that are removed, beside copies that are found.

python -m benchmarks.precision --photos FOLDER [--out FOLDER] [--photographs N] [--seed N]
    [--name NAME] [--quick [--kinds PATTERN]]
"""

import argparse
import csv
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import keep, repeating, status_of
from benchmarks.precision import corpus, full, quick
from benchmarks.precision.corpus import Corpus, Row
from benchmarks.precision.page import full_page, quick_page
from benchmarks.precision.scoring import score
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
    return status_of("bench-precision", lambda: bench(arguments))


def bench(arguments: argparse.Namespace) -> int:
    """Make the files, score the product on them, write the page; return the exit status."""
    if arguments.kinds and (arguments.name or not arguments.quick):
        raise UserError("some KINDS are for a look with QUICK, and no NAME keeps their figures")
    out, folder = require_local_folder(arguments.out), arguments.photos.expanduser().resolve()
    claim(out, folder)
    workers = arguments.workers or os.cpu_count() or 1
    available = photos.below(folder, None)
    wanted = arguments.photographs, arguments.seed
    made = corpus.ensure(out / "corpus", available, *wanted, workers)
    say(f"bench-precision: {len(made.rows):,} pairs in {made.files}")
    report = out / "report"
    report.mkdir(exist_ok=True)
    measure = _quick if arguments.quick else _full
    text = measure(arguments, made, report, workers)
    (report / f"{arguments.name or 'precision'}.md").write_text(text, encoding="utf-8")
    keep(arguments.name, text)
    print("\n" + text)
    say(f"bench-precision: the page and the list of what is wrong are in {report}")
    return 0


def _quick(arguments: argparse.Namespace, made: Corpus, report: Path, workers: int) -> str:
    """Judge the pairs without Spark, list the wrong verdicts, and give the page."""
    configured = config.load(CONF, arguments.overlay, parsed_settings(arguments.set))
    rows = [row for row in made.rows if re.search(arguments.kinds, row.kind)]
    if not rows:
        raise UserError(f'no kind matches "{arguments.kinds}"')
    found = quick.judge_all(made, rows, configured, workers)
    wrong = [
        [*_words(one.row), str(one.forward), str(one.backward), one.failure]
        for one in found
        if not one.is_right
    ]
    heads = ("kind", "left", "right", "detail", "forward", "backward", "failure")
    write_list(report / "wrong-verdicts.csv", heads, wrong)
    return quick_page(_head(arguments, made), found)


def _full(arguments: argparse.Namespace, made: Corpus, report: Path, workers: int) -> str:
    """Run the product on all files, list the false removals, and give the page."""
    settings = parsed_settings(arguments.set)
    lake = report.parent / "lake"
    found = score(made.rows, full.run_product(made.files, lake, arguments.overlay, settings))
    removals = [
        [one.row.kind, *removal, one.row.detail] for one in found.pairs for removal in one.removals
    ] + [["", *removal, ""] for removal in found.others]
    heads = ("kind", "removed", "keeper", "detail")
    write_list(report / "false-removals.csv", heads, removals)
    return full_page(_head(arguments, made), found)


def _words(row: Row) -> tuple[str, str, str, str]:
    return row.kind, row.left, row.right, row.detail


def write_list(file: Path, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows as CSV."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(heads)
        table.writerows(rows)


def command(arguments: argparse.Namespace) -> str:
    """The command that repeats the benchmark; a folder shows as its last name."""
    values = {
        "PHOTOS": arguments.photos.expanduser().resolve().name,
        "PHOTOGRAPHS": arguments.photographs,
        "SEED": arguments.seed,
        "QUICK": 1 if arguments.quick else None,
        "NAME": arguments.name,
    }
    return repeating("bench-precision", values)


def _head(arguments: argparse.Namespace, made: Corpus) -> str:
    """The title, the command, and what was measured."""
    least, median, most = made.sides
    files = {path for row in made.rows for path in (row.left, row.right)}
    settings = f" Settings: {', '.join(arguments.set)}." if arguments.set else ""
    return "\n\n".join(
        [
            f"# Precision: {arguments.name or 'here'}",
            f"    {command(arguments)}",
            f"{datetime.now(UTC):%Y-%m-%d}, on {machine.described()}. {made.photographs:,} "
            f"photographs with long sides of {least:,} to {most:,} pixels, half of them up to "
            f"{median:,}. {len(made.rows):,} generated pairs in {len(files):,} files.{settings}",
        ]
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--out", default="out/bench-precision", help="folder for all results")
    parser.add_argument(
        "--photographs", type=int, default=100, help="how many photographs get pairs"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws photographs and pairs")
    parser.add_argument("--name", help="keep the page in benchmarks/results, by this name")
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
