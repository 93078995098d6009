"""`make demo-cluster`: runs on a Spark cluster, a Milvus server and an S3 server, all on loopback.

python -m benchmarks.cluster [--out FOLDER] [--photos FOLDER]

Runs the demo. With `--photos` it runs one day of these photographs on one machine and on the
cluster, and compares the tables row by row. The servers have their files in OUT/servers, and end
with this program. The nodes of the cluster have no imgdedup of their own.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import lakes
from benchmarks.commands import status_of
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import demo, run
from imgdedup.local.java import BRIEF, choose_java
from imgdedup.local.workspace import LOCAL
from tests.external.servers import milvus, s3, spark

_BUCKET = "demo"
_DAY = "2026-01-01"


@dataclass(frozen=True)
class Servers:
    """Running servers, and the settings of a run that uses them."""

    store: s3.Store
    master: str  # the address of Spark's cluster
    settings: Mapping[str, object]


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Start the servers; they end with the block."""
    if not (s3.HAS_SERVER and milvus.HAS_BINARY):
        raise UserError(f"there are no servers to start: {s3.WHY_NOT}; {milvus.WHY_NO_BINARY}")
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:

        def place(name: str) -> Path:
            (folder / name).mkdir(parents=True)
            return folder / name

        store = stack.enter_context(s3.running(place("s3")))
        os.environ |= store.environment  # the drivers inherit it
        say(f"an S3 server is at {store.address}")
        address = stack.enter_context(milvus.serving(place("milvus")))
        say(f"a Milvus server is at {address}")
        nodes = store.environment | {"JAVA_HOME": str(choose_java().home)}
        cluster = stack.enter_context(spark.running(place("spark"), nodes))
        say(f"a Spark cluster of two nodes is at {cluster.address}")
        properties = {
            "spark.pyspark.python": str(spark.bare_python(folder / "python")),
            "spark.executor.extraJavaOptions": BRIEF,
        }
        settings = {
            "milvus.uri": address,
            "milvus.import_storage": str(place("import")),
            "milvus.upsert_rows": 0,  # so that even a small day is imported
            "spark.properties": properties,
        }
        yield Servers(store, cluster.address, settings)


def demo_cluster(out: Path) -> int:
    """Run the demo on the servers, and print its report; 0 when all went well."""
    truth = demo.photographs(out)
    with servers(out / "servers") as started:
        started.store.upload(out / demo.PHOTOS, _BUCKET, "photos")
        images = f"s3://{_BUCKET}/photos/{{dt}}/"
        status = demo.run_days(images, out, truth, started.settings, started.master)
        return demo.judged(out, truth, status)


def compare(photos: Path, out: Path) -> int:
    """Run a day on one machine and on the cluster, and compare the tables; 0 when they are equal.

    Both runs read the photographs from the S3 server.
    """
    roots = {"one machine": out / "one-machine", "the cluster": out / "cluster"}
    for root in roots.values():
        shutil.rmtree(root, ignore_errors=True)
    with servers(out / "servers") as started:
        started.store.upload(photos, _BUCKET, "photos")
        images = f"s3://{_BUCKET}/photos/"
        plans = {"one machine": (LOCAL, {}), "the cluster": (started.master, started.settings)}
        for name, (master, settings) in plans.items():
            since = time.monotonic()
            status = run.run(images, roots[name], _DAY, settings=settings, master=master)
            if status:
                return status
            say(f"{name} took {time.monotonic() - since:.0f} s")
    expected, found = map(lakes.tables, roots.values())
    told = lakes.differences(found, expected)
    for line in told or [_told(found)]:
        say(line)
    return 1 if told else 0


def _told(tables: lakes.Contents) -> str:
    counts = ", ".join(f"{name} {rows.total():,}" for (name, _), rows in tables.items())
    return f"the tables are equal, row by row: {counts}"


def main() -> int:
    """Read the arguments and run; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/demo-cluster"), help="all its files")
    parser.add_argument("--photos", type=Path, help="photographs in place of the demo")
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    if arguments.photos is None:
        return status_of("demo-cluster", lambda: demo_cluster(out))
    photos = arguments.photos.expanduser().resolve()
    return status_of("demo-cluster", lambda: compare(photos, out))


if __name__ == "__main__":
    sys.exit(main())
