"""Ends everything that a command started, also processes whose parents are gone."""

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO

import psutil

# Each signal, and the seconds that processes have to end. Spark and Python end cleanly on the
# first. No process can refuse the last.
_SIGNALS = ((signal.SIGINT, 10), (signal.SIGTERM, 5), (signal.SIGKILL, 5))
_STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked this process to end: Ctrl-C, `kill`, or the terminal was closed."""

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.status = 128 + signum  # as shells report it


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped inside the block on a signal that asks this process to end."""

    def stop(signum: int, frame: FrameType | None) -> None:
        for each in _STOPPERS:  # a second Ctrl-C must not stop the clean-up
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signum)

    before = {each: signal.signal(each, stop) for each in _STOPPERS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: os.PathLike[str],
    output: int | IO[str],
    inherits: Sequence[int] = (),
) -> subprocess.Popen[str]:
    """Start `command` as the leader of a session of its own, so that `end` finds all of it.

    `output` takes stdout and stderr: a file, or `subprocess.PIPE`. `inherits` are file
    descriptors that stay open in the new process.
    """
    return subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=inherits,
    )


def end(leaders: Iterable[subprocess.Popen[str]]) -> None:
    """End the sessions and descendants of `leaders`, politely first, and wait until they are gone.

    A process can outlive its parent (Spark's Python workers and Airflow's task runners do). So all
    processes of a session are ended, not only children.
    """
    leaders = list(leaders)
    remaining: set[psutil.Process] = set()
    for signum, seconds in _SIGNALS:
        remaining |= _members(leaders)
        for process in remaining:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signum)
        _, alive = psutil.wait_procs(remaining, timeout=seconds)
        remaining = set(alive)
        if not remaining and not _members(leaders):
            break
    for leader in leaders:
        leader.wait()


def _members(leaders: Sequence[subprocess.Popen[str]]) -> set[psutil.Process]:
    sessions = {leader.pid for leader in leaders}
    members = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                members.add(process)
                members.update(process.children(recursive=True))
    return members
