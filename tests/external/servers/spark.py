"""A Spark standalone cluster on loopback: a master and workers, each a JVM of its own."""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyspark

from imgdedup.local.java import BRIEF
from tests.external.servers.kept import HOST, kept, wait_for

_SPARK = Path(pyspark.__file__).parent
_CLASS = str(_SPARK / "bin" / "spark-class")
_DEPLOY = "org.apache.spark.deploy"
_ADDRESS = re.compile(rf"spark://{re.escape(HOST)}:\d+")
_SIZE = ("--cores", "1", "--memory", "2g", "--work-dir", "work")
_PORTS = ("--port", "0", "--webui-port", "0")
_EXECUTOR = "CoarseGrainedExecutorBackend"

_Server = subprocess.Popen[str]


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    address: str  # spark://host:port
    workers: Sequence[_Server]

    def executors(self) -> list[psutil.Process]:
        """The JVMs that run tasks now, oldest first."""
        found = [
            child
            for worker in self.workers
            for child in psutil.Process(worker.pid).children(recursive=True)
            if _EXECUTOR in " ".join(_command_line(child))
        ]
        return sorted(found, key=lambda process: process.pid)


@contextmanager
def running(folder: Path, changes: Mapping[str, str], workers: int = 2) -> Iterator[Cluster]:
    """Run a cluster inside the block: `workers` of one core and 2 GiB, and their master.

    What the servers write is in `folder`. `changes` are laid over the environment of the nodes,
    which know no package of this project.
    """
    hidden = ("AWS_", "PYSPARK_", "SPARK_", "PYTHONPATH", "IMGDEDUP_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(hidden)}
    environment |= {
        "SPARK_HOME": str(_SPARK),
        "SPARK_DAEMON_JAVA_OPTS": BRIEF,
        "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",  # its port would be fixed
        **changes,
    }
    with ExitStack() as stack:

        def start(name: str, host: str, kind: str, *words: str) -> tuple[_Server, Path]:
            own, log = folder / name, folder / name / "log"
            own.mkdir(parents=True)
            places = {"SPARK_LOCAL_IP": host, "SPARK_LOCAL_DIRS": str(own / "local")}
            command = [_CLASS, f"{_DEPLOY}.{kind}", "--host", host, *_PORTS, *words]
            return stack.enter_context(kept(command, environment | places, log)), log

        master, log = start("master", HOST, "master.Master")
        found = _ADDRESS.search(wait_for("elected leader", master, log))
        assert found is not None
        # Each node has an address of loopback: Spark runs no second copy of a task on one host.
        nodes = [
            start(f"node{n}", f"127.0.0.{n + 2}", "worker.Worker", *_SIZE, found[0])
            for n in range(workers)
        ]
        for worker, log in nodes:
            wait_for("Successfully registered", worker, log)
        yield Cluster(found[0], [worker for worker, _ in nodes])


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def bare_python(folder: Path) -> Path:
    """Make the Python of the nodes: it has all packages that this one has, but not ours."""
    venv.create(folder, symlinks=True)
    ((packages),) = folder.glob("lib/python*/site-packages")
    (own,) = {path for path in sys.path if path.endswith("site-packages")}
    # A .pth file in a folder that is added this way is not read: an editable install stays behind.
    (packages / "shared.pth").write_text(f"{own}\n")
    return folder / "bin" / "python"
