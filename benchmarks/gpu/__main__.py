"""`make bench-gpu`: measures one worker on a GPU, or on the CPU with DEVICE=cpu.

python -m benchmarks.gpu --photos FOLDER [--files N] [--batches 64,256] [--device cpu] [--name NAME]
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import keep, repeating, status_of
from benchmarks.gpu.measure import measure
from benchmarks.gpu.page import page
from benchmarks.quality import photos
from imgdedup.config import load
from imgdedup.errors import UserError
from imgdedup.local.workspace import CONF


def main() -> int:
    """Read the arguments and run the benchmark; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--files", type=int, default=4000, help="photographs to embed")
    parser.add_argument("--batches", default="64,256,1024", help="batch sizes, with commas")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="that decode")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--weights", help="a value of embed.weights")
    parser.add_argument("--seed", type=int, default=0, help="chooses the photographs")
    parser.add_argument("--name", help="keep the page in benchmarks/results, by this name")
    arguments = parser.parse_args()
    return status_of("bench-gpu", lambda: bench(arguments))


def bench(arguments: argparse.Namespace) -> int:
    """Measure, print the page and keep it."""
    folder = arguments.photos.expanduser().resolve()
    batches = _sizes(arguments.batches)
    chosen = photos.some_of(photos.below(folder, None), arguments.files, arguments.seed)
    settings = {"embed.device": arguments.device}
    if arguments.weights:
        settings["embed.weights"] = arguments.weights
    config = load(CONF, "local", settings).embed
    gpus = ["0"] if arguments.device == "cuda" else []
    measured = measure(chosen, gpus, batches, max(1, arguments.threads), config)
    variables = {
        "PHOTOS": folder.name,
        "FILES": arguments.files,
        "BATCHES": arguments.batches,
        "DEVICE": arguments.device,
        "WEIGHTS": arguments.weights,
        "SEED": arguments.seed,
        "NAME": arguments.name,
    }
    where = f"{datetime.now(UTC):%Y-%m-%d}, on {machine.described()}"
    command = repeating("bench-gpu", variables)
    text = page(measured, len(chosen), command, where)
    keep(arguments.name, text)
    print("\n" + text)
    return 0


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"BATCHES={text}: give numbers with commas between them") from None
    if min(sizes) < 1:
        raise UserError(f"BATCHES={text}: a batch has at least one image")
    return sizes


if __name__ == "__main__":
    sys.exit(main())
