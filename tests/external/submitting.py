"""Submits jobs to a Spark cluster as Airflow does: the driver runs here, the tasks on the nodes."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgdedup.local.java import BRIEF
from tests.external.servers.kept import kept
from tests.pipeline.jobs import REPOSITORY, Ended, command, ended

DAY = "2026-01-01"
_PROPERTIES = {
    "spark.executor.extraJavaOptions": BRIEF,
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "false",
}


@dataclass(frozen=True)
class Job:
    """A job that was submitted, and what it has printed."""

    process: "subprocess.Popen[str]"
    log: Path

    def wait(self) -> Ended:
        """Wait for the end of the job, ten minutes at most, and tell how it ended."""
        status = self.process.wait(timeout=600)
        return ended(status, self.log.read_text())

    def until(self, done: Callable[[], object]) -> None:
        """Wait until something holds; AssertionError when the job ends before."""
        ends = time.monotonic() + 300
        while not done():
            assert self.process.poll() is None, "the job ended too early"
            assert time.monotonic() < ends, "it took too long"
            time.sleep(0.02)


@dataclass(frozen=True)
class Submitter:
    """Runs jobs on the cluster at `master`, with the configuration in the folder `conf`."""

    master: str
    conf: Path

    @contextmanager
    def started(
        self,
        stages: str,
        root: Path | str,
        manifest: str = "",
        settings: Mapping[str, object] | None = None,
        **properties: str,
    ) -> Iterator[Job]:
        """Start a job that ends with the block.

        `properties` are further ones of Spark, with two underscores for a dot.
        """
        further = {f"spark.{name.replace('__', '.')}": text for name, text in properties.items()}
        options = ["--master", self.master, "--driver-memory", "1g"]
        options += [f"--conf={name}={text}" for name, text in (_PROPERTIES | further).items()]
        job = command(
            *(stages, root, DAY, manifest),
            settings=settings,
            conf=self.conf,
            overlay="cluster",
        )
        log = self.conf / f"job{len(list(self.conf.glob('job*')))}.log"
        with kept(["spark-submit", *options, *job], os.environ, log) as process:
            yield Job(process, log)

    def run(
        self,
        stages: str,
        root: Path | str,
        manifest: str = "",
        settings: Mapping[str, object] | None = None,
    ) -> Ended:
        """Run a job and tell how it ended."""
        with self.started(stages, root, manifest, settings) as job:
            return job.wait()


def configure(conf: Path, milvus_uri: str, python: Path) -> None:
    """Make the configuration of a small cluster whose nodes have this Python."""
    conf.mkdir()
    for name in ("base.toml", "presets"):
        (conf / name).symlink_to(REPOSITORY / "conf" / name)
    (conf / "cluster.toml").write_text(
        f"milvus.uri = {json.dumps(milvus_uri)}\n"
        "spark.shuffle_partitions = 4\n"
        "spark.interpreted_rows = 5000\n"
        f'spark.properties = {{ "spark.pyspark.python" = {json.dumps(str(python))} }}\n'
    )
