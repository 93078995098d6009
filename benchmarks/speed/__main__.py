"""`make bench`: measures the whole run by the number of images, and other tools beside it.

python -m benchmarks.speed --photos FOLDER [--out FOLDER] [--sizes 75,1000] [--seed N]
    [--name NAME] [--peers FOLDER]
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.commands import RESULTS, repeating, status_of
from benchmarks.quality import photos
from benchmarks.quality.__main__ import claim
from benchmarks.speed import ours, peers
from benchmarks.speed.corpus import DAYS, Corpus, build
from benchmarks.speed.page import growth, page
from benchmarks.speed.scorer import score
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local.run import require_local_folder

SIZES = "75,1000,4000,11000"
FIRST, SECOND = DAYS
_SAMPLE = 60  # files of the runs that are not measured


def main() -> int:
    """Read the arguments and run the benchmark; a UserError becomes one line and status 2."""
    arguments = _arguments()
    return status_of("bench", lambda: bench(arguments))


def bench(arguments: argparse.Namespace) -> int:
    """Build the files, run every tool on them, write the results; return the exit status."""
    sizes = require_sizes(arguments.sizes)
    out, folder = require_local_folder(arguments.out), arguments.photos.expanduser().resolve()
    claim(out, folder)
    available = photos.usable(photos.below(folder, None)).files
    seed = arguments.seed
    corpora = [build(out / f"files-{size}", available, size, DAYS[:1], seed) for size in sizes[1:]]
    corpora.insert(0, build(out / f"files-{sizes[0]}", available, sizes[0], DAYS, seed))
    sample = build(out / "sample", available, _SAMPLE, DAYS[:1], seed)
    say("bench: a first run, which does not count")
    _run(out, sample, FIRST, is_new=True)
    home = arguments.peers and arguments.peers.expanduser().absolute()
    ready, left_out = peers.prepared(home, sample.folder / FIRST, out / "peers")
    result: dict[str, Any] = {
        "name": arguments.name or "speed",
        "command": command(arguments),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine.described(),
        "source": folder.name,
        "corpora": [corpus.kinds(FIRST) for corpus in corpora],
        "sizes": [],
        "days": [],
        "tools": list(dict.fromkeys(each.peer.package.requirement for each in ready)),
        "peers": [],
        "left_out": left_out,
    }
    for corpus in corpora:
        result["sizes"].append(_run(out, corpus, FIRST, is_new=True))
        if corpus is corpora[0]:
            result["days"] = _days(out, corpus, result["sizes"][0])
        result["peers"] += _peers(out, corpus, ready, left_out)
        write(result, out / "report")  # what is there already, should a larger size fail
    if arguments.name:
        write(result, RESULTS)
    print("\n" + page(result, None))
    return 0


def write(result: dict[str, Any], folder: Path) -> None:
    """Write the page, the chart and the figures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    name = result["name"]
    (folder / f"{name}.md").write_text(page(result, f"{name}.svg"), encoding="utf-8")
    (folder / f"{name}.svg").write_text(growth(result), encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def require_sizes(text: str) -> list[int]:
    """Read whole numbers of at least 30 with commas between them, rising; UserError otherwise."""
    try:
        sizes = sorted({int(word) for word in text.split(",")})
        if sizes[0] < 30:
            raise ValueError
        return sizes
    except ValueError:
        raise UserError(f'"{text}" are no sizes: write SIZES as 75,1000; 30 at least') from None


def command(arguments: argparse.Namespace) -> str:
    """The command that repeats the benchmark; a folder shows as its last name."""
    values = {
        "PHOTOS": arguments.photos.expanduser().resolve().name,
        "SIZES": arguments.sizes,
        "SEED": arguments.seed,
        "NAME": arguments.name,
        "PEERS": arguments.peers and arguments.peers.name,
    }
    return repeating("bench", values)


def _days(out: Path, corpus: Corpus, first: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a second day on the lake of the `first`, then that day again."""
    found = {"the first day": first}
    for what in ("another day", "that day again, nothing new"):
        found[what] = _run(out, corpus, SECOND, is_new=False)
    return [{"what": what, **figures} for what, figures in found.items()]


def _run(out: Path, corpus: Corpus, day: str, *, is_new: bool) -> dict[str, Any]:
    lake = out / f"lake-{corpus.size}"
    if is_new:
        shutil.rmtree(lake, ignore_errors=True)
    say(f"bench: {corpus.size:,} files, {day}")
    cost = ours.run(corpus, day, lake, out / "logs" / f"{corpus.size}-{day}.log")
    so_far = DAYS[: DAYS.index(day) + 1]
    found = score(corpus.of(*so_far), ours.pairs(lake, so_far))
    say(f"bench: {cost.wall:.1f} s, {cost.cpu:.1f} CPU-seconds, recall {found.recall:.3f}")
    return {**ours.figures(cost, corpus.size), "score": asdict(found)}


def _peers(
    out: Path, corpus: Corpus, ready: Sequence[peers.Ready], left_out: list[str]
) -> list[dict[str, Any]]:
    """Run the other tools on the first day of a corpus; a row for each of their rules."""
    rows = []
    for each in ready:
        say(f"bench: {corpus.size:,} files, {each.peer.tool}")
        try:
            cost, found = peers.run(each, corpus.folder / FIRST, out / "peers")
        except UserError as error:
            left_out.append(f"{each.peer.tool} on {corpus.size:,} files is left out: {error}.")
            say(f"bench: {left_out[-1]}")
            continue
        for place, (words, least) in enumerate(each.peer.rules):
            kept = [pair for pair, value in found if value >= least]
            rows.append(
                {
                    "tool": words,
                    "family": each.peer.tool,
                    "is_first": place == 0,
                    **ours.totals(cost, corpus.size),
                    "score": asdict(score(corpus.of(FIRST), kept)),
                }
            )
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--out", default="out/bench", help="folder for all results")
    parser.add_argument("--sizes", default=SIZES, help="numbers of files, with commas between them")
    parser.add_argument("--seed", type=int, default=0, help="draws photographs and edits")
    parser.add_argument("--name", help="keep the figures in benchmarks/results, by this name")
    parser.add_argument(
        "--peers",
        type=Path,
        help="folder for the environments of other tools, made when they are missing; without it, "
        "no other tool runs",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
