"""`make demo`: the whole job on real photographs whose copies are known.

python -m imgdedup.local.demo [--out FOLDER]
"""

import argparse
import sys
from pathlib import Path

from imgdedup.console import say
from imgdedup.corpora import corpus
from imgdedup.errors import UserError
from imgdedup.local import report, run

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
PHOTOS = "photos"  # lies beside the datasets; no dataset has this name


def demo(out: Path) -> int:
    """Build the photographs, run the DAG for each day, print the report; 0 when all went well."""
    photos = out / PHOTOS
    truth = corpus.ensure(photos, DAYS)
    say(f"demo: {len(truth)} files of {len(DAYS)} days in {photos}")
    # fit sees the first day alone. It must not choose the threshold for so small a corpus.
    settings = {"fit.expected_images": len(truth)}
    status = run.run(f"{photos}/{{dt}}", out, *DAYS, settings=settings)
    if status:
        return status
    problems = report.print_demo(out, truth)
    for problem in problems:
        say(f"error: demo: {problem}")
    return 1 if problems else 0


def main() -> int:
    """Read the arguments and run the demo; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.local.demo", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder for photographs and tables"
    )
    try:
        return demo(parser.parse_args().out)
    except UserError as error:
        say(f"error: demo: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
