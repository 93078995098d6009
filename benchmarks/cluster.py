"""`make demo-cluster`: the demo on a Spark cluster, a Milvus server and an S3 server.

python -m benchmarks.cluster [--out FOLDER]

All servers run on loopback, with their files in OUT/servers, and end with this program. The nodes
of the cluster have no imgdedup of their own.
"""

import argparse
import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.commands import status_of
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import demo
from imgdedup.local.java import BRIEF, choose_java
from tests.external.servers import milvus, s3, spark

_BUCKET = "demo"


def demo_cluster(out: Path) -> int:
    """Start the servers, run the demo on them, print its report; 0 when all went well."""
    if not (s3.HAS_SERVER and milvus.HAS_BINARY):
        raise UserError(f"there are no servers to start: {s3.WHY_NOT}; {milvus.WHY_NO_BINARY}")
    truth = demo.photographs(out)
    servers = out / "servers"
    shutil.rmtree(servers, ignore_errors=True)
    with ExitStack() as stack:

        def folder(name: str) -> Path:
            (servers / name).mkdir(parents=True)
            return servers / name

        store = stack.enter_context(s3.running(folder("s3")))
        store.upload(out / demo.PHOTOS, _BUCKET, "photos")
        os.environ |= store.environment  # the drivers inherit it
        say(f"demo: the photographs are in an S3 server at {store.address}")
        address = stack.enter_context(milvus.serving(folder("milvus")))
        say(f"demo: a Milvus server is at {address}")
        nodes = store.environment | {"JAVA_HOME": str(choose_java().home)}
        cluster = stack.enter_context(spark.running(folder("spark"), nodes))
        say(f"demo: a Spark cluster of two nodes is at {cluster.address}")
        properties = {
            "spark.pyspark.python": str(spark.bare_python(servers / "python")),
            "spark.executor.extraJavaOptions": BRIEF,
        }
        settings = {"milvus.uri": address, "spark.properties": properties}
        images = f"s3://{_BUCKET}/photos/{{dt}}/"
        status = demo.run_days(images, out, truth, settings, cluster.address)
        return demo.judged(out, truth, status)


def main() -> int:
    """Read the arguments and run the demo; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/demo-cluster"), help="all its files")
    out = parser.parse_args().out.absolute()
    return status_of("demo-cluster", lambda: demo_cluster(out))


if __name__ == "__main__":
    sys.exit(main())
