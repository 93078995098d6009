"""Watches the progress and the memory of a stage from its driver."""

import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType

import psutil
from pyspark.sql import SparkSession

from imgdedup.console import say

_PROGRESS_SECONDS = 5.0
_MEMORY_SECONDS = 0.5


class PeakMemory:
    """Samples the resident memory of this process, its JVM and all their children.

    In local mode that is the whole job: driver, Python workers and embedded servers. Pages that
    processes share are counted once per process, so the figure is an upper bound.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._top = _top()
        self._peak = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def restart(self) -> None:
        """Forget the peak so far: what follows is another stage's."""
        now = _resident(self._top)
        with self._peak:
            self.peak_bytes = now

    def _watch(self) -> None:
        while True:
            now = _resident(self._top)
            with self._peak:
                self.peak_bytes = max(self.peak_bytes, now)
            if self._done.wait(_MEMORY_SECONDS):
                return


def _top() -> psutil.Process:
    """The process above all that a job consists of."""
    own = psutil.Process()
    parent = own.parent()
    # spark-submit's JVM starts the Python driver, not the other way round.
    return parent if parent is not None and "java" in parent.name() else own


def _resident(top: psutil.Process) -> int:
    total = 0
    for process in [top, *top.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


@contextlib.contextmanager
def progress(spark: SparkSession, stage: str) -> Iterator[None]:
    """Say how many tasks of the running Spark stages are done, each time the number changes."""
    done = threading.Event()
    thread = threading.Thread(
        target=_report, args=(spark, stage, done), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _report(spark: SparkSession, stage: str, done: threading.Event) -> None:
    tracker = spark.sparkContext.statusTracker()
    last = None
    while not done.wait(_PROGRESS_SECONDS):
        active = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
        state = [(info.numCompletedTasks, info.numTasks) for info in active if info is not None]
        if state and state != last:
            last = state
            finished, total = (sum(counts) for counts in zip(*state, strict=True))
            if finished:
                say(f"{stage}: {finished} of {total} tasks")
