"""Prints what corpora of any size need, by the model; measures a Milvus server if asked to.

python -m benchmarks.scale [--images 10000000,1000000000] [--executors N] [--cores N] [--name NAME]
python -m benchmarks.scale --measure 10000,50000 [--index FLAT] [--name NAME]

See `benchmarks/README.md`.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.commands import keep, repeating, status_of
from benchmarks.scale import rates
from benchmarks.scale.indexes import TIMED
from benchmarks.scale.measure import measure
from benchmarks.scale.measured import measured_page
from benchmarks.scale.page import page
from benchmarks.scale.scenario import Cluster, Scenario
from imgdedup import config
from imgdedup.local.workspace import CONF

_SIZES = "10000000,1000000000,10000000000"


def bench(arguments: argparse.Namespace) -> int:
    """Print the page of the model or of the measurement, and keep it under `--name`."""
    settings = config.load(CONF, "cluster", {})
    known = rates.read(arguments.rates) if arguments.rates else rates.read()
    if arguments.measure:
        sizes = [int(size) for size in arguments.measure.split(",")]
        asked = {"MEASURE": arguments.measure, "INDEX": arguments.index}
        command = repeating("bench-scale", asked)
        indexes = [arguments.index] if arguments.index else TIMED
        found, text = [], ""
        for each in measure(
            sizes, settings, indexes
        ):  # what is done is kept when a later one fails
            found.append(each)
            text = measured_page(command, found, known, settings)
            keep(arguments.name, text)
    else:
        names = ("images", "executors", "cores", "gpus", "index", "photo", "rates")
        index = arguments.index or "HNSW"
        values = {name.upper(): getattr(arguments, name) for name in names}
        command = repeating("bench-scale", values | {"GPUS": arguments.gpus or None})
        cluster = Cluster(arguments.executors, arguments.cores, arguments.gpus)
        scenario = Scenario(known, settings, index, arguments.photo, gpu=bool(arguments.gpus))
        sizes = [int(float(size)) for size in arguments.images.split(",")]
        text = page(command, sizes, cluster, scenario)
    keep(arguments.name, text)
    print("\n" + text)
    return 0


def main() -> int:
    """Read the arguments; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--images", default=_SIZES, help="sizes of the corpora")
    parser.add_argument("--executors", type=int, default=20, help="of Spark")
    parser.add_argument("--cores", type=int, default=16, help="of each executor")
    parser.add_argument("--gpus", type=int, default=0, help="in all, for the network of embed")
    parser.add_argument("--index", choices=TIMED, help="HNSW; measured: all")
    parser.add_argument("--photo", choices=("small", "camera"), default="small")
    parser.add_argument("--rates", type=Path, help="a file of rates in place of rates.toml")
    parser.add_argument("--measure", help="numbers of vectors to measure a Milvus server with")
    parser.add_argument("--name", help="keep the page in benchmarks/results, by this name")
    arguments = parser.parse_args()
    return status_of("bench-scale", lambda: bench(arguments))


if __name__ == "__main__":
    sys.exit(main())
