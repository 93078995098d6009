"""`make bench-report`: writes the report of many groups, and opens it in a headless Chromium.

python -m benchmarks.report [--groups 10000] [--seed 0] [--name NAME]
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.commands import keep, repeating, status_of
from benchmarks.machine import described
from benchmarks.report.browser import MISSING, measure
from benchmarks.report.synthetic import write_lake
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.report import pages

_MB = 1e6


def main() -> int:
    """Measure, print the page, and keep it under `--name`; 1 when the console says anything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--groups", type=int, default=10_000, help="groups of copies")
    parser.add_argument("--seed", type=int, default=0, help="draws the lake")
    parser.add_argument("--name", help="keep the page in benchmarks/results, by this name")
    return status_of("bench-report", lambda: _bench(parser.parse_args()))


def _bench(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="imgdedup-report-") as folder:
        root = Path(folder)
        images = write_lake(root, arguments.groups, arguments.seed)
        say(f"report: a lake of {arguments.groups:,} groups with {images:,} images")
        written = [_timed(root) for _ in range(2)]
        sizes = _sizes(root / "report")
        (gallery,) = root.glob("report/pages-*/gallery.html")
        try:
            seen = measure(gallery)
        except FileNotFoundError:
            raise UserError(MISSING) from None
    text = page(arguments, images, written, sizes, seen)
    keep(arguments.name, text)
    print("\n" + text)
    return int(bool(seen["console"]))


def _timed(root: Path) -> float:
    started = time.monotonic()
    pages.write(str(root))
    return time.monotonic() - started


def _sizes(report: Path) -> dict[str, tuple[int, int]]:
    """Files and bytes of the thumbnails, the data, and the rest."""
    found = {"thumbnails": (0, 0), "data of the gallery": (0, 0), "all other files": (0, 0)}
    for path in report.rglob("*"):
        if path.is_file():
            kind = "all other files"
            if path.suffix == ".jpg":
                kind = "thumbnails"
            elif path.name.startswith("groups-"):
                kind = "data of the gallery"
            files, size = found[kind]
            found[kind] = files + 1, size + path.stat().st_size
    return found


def page(
    arguments: argparse.Namespace,
    images: int,
    written: list[float],
    sizes: dict[str, tuple[int, int]],
    seen: dict[str, Any],
) -> str:
    """The results as a page of Markdown."""
    again = repeating("bench-report", {"GROUPS": arguments.groups, "NAME": arguments.name})
    filters = [
        f"| filter: {name} ({words}) | {milliseconds:,.0f} ms |"
        for name, (milliseconds, words) in seen["filters"].items()
    ]
    kinds = [f"| {kind} | {files:,} | {size / _MB:,.1f} |" for kind, (files, size) in sizes.items()]
    return "\n".join(
        [
            f"# The report of {arguments.groups:,} groups",
            "",
            f"    {again}",
            "",
            f"{images:,} images on {described()}; the load when the measurement ended was "
            f"{os.getloadavg()[0]:.1f}. The tables are synthetic. A headless Chromium without a "
            "GPU opened the gallery from the disk. Filters that are typed wait 150 ms for the next "
            "key, and that is counted.",
            "",
            "| measured | |",
            "|---|---|",
            f"| write the report | {written[0]:.1f} s |",
            f"| write it again, nothing new | {written[1]:.1f} s |",
            f"| first paint | {seen['paint']:,.0f} ms |",
            f"| all groups ready, {seen['cards']} cards made | {seen['ready']:,.0f} ms |",
            *filters,
            f"| memory of the scripts | {seen['heap'] / _MB:,.0f} MB |",
            f"| lines on the console | {len(seen['console'])} |",
            "",
            "| part | files | MB |",
            "|---|---|---|",
            *kinds,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
