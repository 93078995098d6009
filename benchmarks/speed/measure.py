"""Runs a command, and measures its time, its memory and its CPU by class of process."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from imgdedup.local import processes

PERIOD = 0.2  # seconds between two samples
_PATIENCE = 10.0  # seconds that processes have to end after the command has ended
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux

ClassOf = Callable[[Sequence[str]], str]  # command line to the class of its process


@dataclass(frozen=True)
class Sample:
    """The CPU-seconds that each class of process has used, `at` seconds after the start."""

    at: float
    cpu: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """What a command cost.

    `cpu` is what the kernel counted for the command and its descendants. The kernel does not count
    a process whose parent ignores its end, such as Spark's Python workers: it is counted from the
    samples. The samples miss processes that live for less than a sample, and the last moments of
    all others. Resident memory counts a page once for each process that shares it.
    """

    status: int  # exit status
    wall: float  # seconds
    cpu: float  # seconds of all cores together, user and system
    others: float  # CPU-seconds of everything else on the machine meanwhile
    peak_of_one: int  # resident bytes of the largest process, at any sample
    peak_of_all: int  # resident bytes of all processes together, at any sample
    samples: tuple[Sample, ...]
    lines: tuple[tuple[float, str], ...]  # each line of the output, and the seconds before it


def measured(
    command: Sequence[str],
    log: Path,
    class_of: ClassOf,
    environment: Mapping[str, str] | None = None,
) -> Measured:
    """Run `command` and measure it; its output goes to `log`.

    Nothing else may start or await a child of this process meanwhile.
    """
    _adopt_orphans()
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[tuple[float, str]] = []
    samples = [Sample(0.0, {})]
    watch = _Watch(class_of)
    cpu, busy, started = _cpu_of_children(), _cpu_of_all(), time.monotonic()
    process = processes.start(command, dict(environment or os.environ), Path.cwd(), subprocess.PIPE)
    reader = threading.Thread(target=_read, args=(process, log, started, lines), daemon=True)
    try:
        reader.start()
        while True:
            samples.append(Sample(time.monotonic() - started, watch.look()))
            with suppress(subprocess.TimeoutExpired):
                process.wait(PERIOD)
                break
        wall = time.monotonic() - started
        watch.await_orphans()
        reader.join(_PATIENCE)  # an orphan holds the output open
        samples.append(Sample(wall, watch.look()))
    finally:
        processes.end([process])
    used = _cpu_of_children() - cpu + watch.uncounted
    return Measured(
        process.returncode,
        wall,
        used,
        max(0.0, _cpu_of_all() - busy - used),
        watch.peak_of_one,
        watch.peak_of_all,
        tuple(samples),
        tuple(lines),
    )


class _Watch:
    """Adds up the CPU of the processes that descend from this one and started later."""

    def __init__(self, class_of: ClassOf):
        self.peak_of_one = 0
        self.peak_of_all = 0
        self._class_of = class_of
        self._own = psutil.Process()
        self._before = set(self._own.children(recursive=True))
        self._cpu: Counter[str] = Counter()
        self._seconds: dict[psutil.Process, float] = {}  # CPU at the last sample
        self._classes: dict[psutil.Process, str] = {}
        self._parents: dict[psutil.Process, int] = {}  # at the last sample, by process id
        self._ignoring: set[int] = set()  # process ids of parents that ignore ends of children

    @property
    def uncounted(self) -> float:
        """CPU-seconds of processes whose parents, at the last sample, ignored their ends."""
        parents = self._parents.items()
        return sum(self._seconds[each] for each, parent in parents if parent in self._ignoring)

    def look(self) -> dict[str, float]:
        """Take a sample; return the CPU-seconds so far, by class."""
        resident = [0]
        for process in self._own.children(recursive=True):
            if process not in self._before:
                with suppress(psutil.Error), process.oneshot():
                    resident.append(self._look_at(process))
        self.peak_of_one = max(self.peak_of_one, *resident)
        self.peak_of_all = max(self.peak_of_all, sum(resident))
        return dict(self._cpu)

    def await_orphans(self) -> None:
        """Wait for the processes that outlived their parents, so that the kernel counts them."""
        deadline = time.monotonic() + _PATIENCE
        while orphans := [each for each in self._own.children() if each not in self._before]:
            self.look()
            for orphan in orphans:
                with suppress(ChildProcessError):
                    os.waitpid(orphan.pid, os.WNOHANG)
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)

    def _look_at(self, process: psutil.Process) -> int:
        """Count what a process used since the last sample; return its resident bytes."""
        times = process.cpu_times()
        seconds = times.user + times.system
        # A process that is about to become another program still has the old command line.
        with suppress(psutil.ZombieProcess):
            self._classes[process] = self._class_of(process.cmdline())
        name = self._classes.get(process) or self._class_of([])
        self._cpu[name] += seconds - self._seconds.get(process, 0.0)
        self._seconds[process] = seconds
        parent = self._parents[process] = process.ppid()
        if _ignores_ends_of_children(parent):
            self._ignoring.add(parent)
        return int(process.memory_info().rss)


def _adopt_orphans() -> None:
    """Become the parent of descendants whose parents end; without it they are not counted."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _ignores_ends_of_children(pid: int) -> bool:
    """Tell whether a process ignores the signal SIGCHLD; False where /proc does not say it."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("SigIgn:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGCHLD - 1) & 1)
    return False


def _cpu_of_children() -> float:
    """CPU-seconds of all descendants that have ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_of_all() -> float:
    """CPU-seconds of all processes since the machine started."""
    times = psutil.cpu_times()
    return float(times.user + getattr(times, "nice", 0.0) + times.system)


def _read(
    process: subprocess.Popen[str], log: Path, started: float, lines: list[tuple[float, str]]
) -> None:
    assert process.stdout is not None
    with log.open("w", encoding="utf-8") as file:
        for line in process.stdout:
            lines.append((time.monotonic() - started, line.rstrip("\n")))
            file.write(line)
