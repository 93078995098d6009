"""`make bench-backfill`: a month of small days under a running Airflow.

python -m benchmarks.backfill [--photos FOLDER] [--out FOLDER] [--days N] [--per-day N]
    [--by-day N] [--seed N] [--name NAME]

On one root, one run takes the range of days. On a second root, `airflow backfill create` makes a
run of each day. The tables of both are compared with those of one clean run. All three roots have
the same projection.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import machine
from benchmarks.backfill.compare import Compared, compare
from benchmarks.backfill.measure import Measured, as_range, day_by_day
from benchmarks.backfill.month import Month, build
from benchmarks.backfill.page import page
from benchmarks.commands import keep, repeating
from benchmarks.quality import photos
from benchmarks.quality.__main__ import claim
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import processes
from imgdedup.local.run import require_local_folder, run_range


def main() -> int:
    """Read the arguments and run the benchmark; 1 when tables differ, 2 for a UserError."""
    arguments = _arguments()
    try:
        return bench(arguments)
    except processes.Stopped as stop:
        return stop.status
    except UserError as error:
        say(f"error: bench-backfill: {error}")
        return 2


def bench(arguments: argparse.Namespace) -> int:
    """Make the days, run them in three ways, compare the tables; return the exit status."""
    out = require_local_folder(arguments.out)
    claim(out, arguments.photos)
    days = days_before_today(arguments.days + 1)
    given = photos.below(arguments.photos.expanduser(), None) if arguments.photos else None
    found = photos.usable(given or photos.of_packages())
    month = build(out / "photos", found.files, days, arguments.per_day, arguments.seed)
    say(f"bench-backfill: {sum(month.kinds.values())} files of {len(days)} days")
    by_day = days[-1 - min(arguments.by_day, arguments.days) :]

    clean = clean_run(out / "clean", month, days, None)
    with processes.stoppable():
        ranged = as_range(rooted(out / "range", clean), month.images, days[:-1])
        daily = day_by_day(rooted(out / "by-day", clean), month.images, by_day[:-1])
    other = clean
    if by_day != days:
        other = clean_run(out / "clean-by-day", month, by_day, clean)
    tables = compare(out / "range", clean, days), compare(out / "by-day", other, by_day)
    text = report(arguments, month, (ranged, daily), tables)
    keep(arguments.name, text)
    (out / "backfill.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    return 0 if all(each.equal for table in tables for each in table) else 1


def days_before_today(count: int) -> list[str]:
    """The last `count` days that are over (UTC); the latest is the day of the daily run."""
    today = datetime.now(UTC).date()
    return [(today - timedelta(days=n)).isoformat() for n in range(count, 0, -1)]


def clean_run(root: Path, month: Month, days: Sequence[str], like: Path | None) -> Path:
    """Run the days once on a new root, with the projection of `like` if given; return the root."""
    rooted(root, like)
    if run_range(month.images, root, days):
        raise UserError("the clean run failed")
    return root


def rooted(root: Path, like: Path | None) -> Path:
    """Empty `root`, and copy the projection of the root `like` into it, if given."""
    shutil.rmtree(root, ignore_errors=True)
    if like:
        place = Path(".imgdedup") / "projection"
        shutil.copytree(like / place, root / place)
    return root


def report(
    arguments: argparse.Namespace,
    month: Month,
    measured: tuple[Measured, Measured],
    tables: tuple[list[Compared], list[Compared]],
) -> str:
    """The page of results."""
    return page(command(arguments), machine.described(), month, measured, tables)


def command(arguments: argparse.Namespace) -> str:
    """The command that repeats the benchmark; the folder shows as its last name."""
    values = {
        "PHOTOS": arguments.photos.expanduser().resolve().name if arguments.photos else None,
        "DAYS": arguments.days,
        "PER_DAY": arguments.per_day,
        "BY_DAY": arguments.by_day,
        "SEED": arguments.seed,
        "NAME": arguments.name,
    }
    return repeating("bench-backfill", {key: value or None for key, value in values.items()})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description=__doc__)
    parser.add_argument(
        "--photos",
        type=Path,
        help="folder of photographs, searched through all its sub-folders; without it, the 21 "
        "photographs that scikit-image and scikit-learn carry, enough for about ten days",
    )
    parser.add_argument("--out", default="out/bench-backfill", help="folder for all results")
    parser.add_argument("--days", type=int, default=31, help="days of the backfill")
    parser.add_argument("--per-day", type=int, default=20, help="files of each day")
    parser.add_argument(
        "--by-day", type=int, default=31, help="how many of the last days to run day by day"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws copies and deals files to days")
    parser.add_argument("--name", help="keep the figures in benchmarks/results, by this name")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
