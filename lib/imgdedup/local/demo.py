"""`make demo`: the whole job on real photographs whose copies are known.

python -m imgdedup.local.demo [--out FOLDER]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imgdedup.console import say
from imgdedup.corpora import corpus
from imgdedup.corpora.corpus import Truth
from imgdedup.errors import UserError
from imgdedup.local import run, summary
from imgdedup.local.workspace import LOCAL

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
PHOTOS = "photos"  # lies beside the datasets; no dataset has this name


def demo(out: Path) -> int:
    """Build the photographs, run the DAG for each day, print the report; 0 when all went well."""
    truth = photographs(out)
    return judged(out, truth, run_days(f"{out / PHOTOS}/{{dt}}", out, truth))


def photographs(out: Path) -> list[Truth]:
    """Build the photographs of all days below `out`, and tell what each file is."""
    photos = out / PHOTOS
    truth = corpus.ensure(photos, DAYS)
    say(f"demo: {len(truth)} files of {len(DAYS)} days in {photos}")
    return truth


def run_days(
    images: str,
    out: Path,
    truth: Sequence[Truth],
    settings: Mapping[str, object] | None = None,
    master: str = LOCAL,
) -> int:
    """Run the DAG for each day on the photographs at `images`; return the exit status."""
    # fit sees the first day alone. It must not choose the threshold for so small a corpus.
    chosen = {"fit.expected_images": len(truth), **(settings or {})}
    return run.run(images, out, *DAYS, settings=chosen, master=master)


def judged(out: Path, truth: Sequence[Truth], status: int) -> int:
    """Print what the runs found and missed, if they ended with status 0; the demo's status."""
    if status:
        return status
    problems = summary.print_demo(out, truth)
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
