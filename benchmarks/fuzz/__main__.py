"""`make fuzz`: decodes many damaged image files and counts the outcomes.

python -m benchmarks.fuzz [--files N] [--seed N] [--name NAME]
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from benchmarks.commands import keep
from benchmarks.fuzz.specimens import specimens
from benchmarks.fuzz.trials import FORBIDDEN, Trial, decode_as_embed, trials
from imgdedup import config
from imgdedup.console import say
from imgdedup.local.workspace import CONF


def main() -> int:
    """Read the arguments, fuzz, print the totals; 1 when an outcome is one of FORBIDDEN."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="files to decode")
    parser.add_argument("--seed", type=int, default=0, help="draws the damage")
    parser.add_argument("--name", help="keep the totals in benchmarks/results, by this name")
    arguments = parser.parse_args()
    settings = config.load(CONF, "local", {}).embed
    found = []
    make = partial(decode_as_embed, settings)
    for trial in trials(arguments.files, arguments.seed, make, os.cpu_count() or 1):
        found.append(trial)
        if trial.outcome in FORBIDDEN:
            say(f"fuzz: file {trial.number} ({trial.specimen}) {trial.outcome}: {trial.detail}")
    text = page(found, arguments.seed)
    keep(arguments.name, text)
    print("\n" + text)
    return int(any(trial.outcome in FORBIDDEN for trial in found))


def page(found: Sequence[Trial], seed: int) -> str:
    """The totals: outcomes by reason, the slowest file, the most memory."""
    counts = Counter(trial.outcome for trial in found)
    slowest = max(found, key=lambda trial: trial.seconds)
    peak = max(trial.peak_bytes for trial in found) / 2**20
    rows = [f"| {outcome} | {count:,} |" for outcome, count in counts.most_common()]
    return "\n".join(
        [
            "# Damaged image files",
            "",
            f"    make fuzz FILES={len(found)} SEED={seed}",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}. {len(found):,} files: {len(specimens())} specimens "
            "once as they are, then specimens damaged by one to four mutations each. The files "
            "were decoded one by one in processes of their own.",
            "",
            "| outcome | files |",
            "| --- | --- |",
            *rows,
            *(f"| {outcome} | 0 |" for outcome in FORBIDDEN if not counts[outcome]),
            "",
            f"Slowest: {slowest.seconds:.2f} s (file {slowest.number}, {slowest.specimen}). Most "
            f"memory of a process: {peak:,.0f} MiB.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
