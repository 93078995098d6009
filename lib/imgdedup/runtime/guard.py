"""Lets no program outlive the task that started it.

Airflow kills the whole process group of a task that it ends itself. A task that dies of something
else, such as the kernel when memory runs out, leaves its spark-submit running: Airflow would
start the next attempt beside it, and two of them would write to the same place.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

# Reads until the task says that it is done, or is gone: then nobody holds the pipe any more.
_GUARD = 'read -r word || kill -s KILL -- "-$1"'


@contextmanager
def guarded() -> Iterator[None]:
    """Kill what runs in the group of this process, should the block fail or the process die in it.

    Without effect in a process that does not lead its group: the group is then somebody else's.
    """
    group = os.getpid()
    if os.getpgid(0) != group:
        yield
        return
    guard = subprocess.Popen(
        ["sh", "-c", _GUARD, "guard", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what is sent to the group must not reach the guard
    )
    try:
        yield
    except BaseException:
        _kill_others(group)
        raise
    finally:
        with suppress(BrokenPipeError):
            guard.communicate(b"done\n")


def _kill_others(group: int) -> None:
    """Kill the rest of the group: a driver goes on for a while when its JVM was killed."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if process.pid != group and os.getpgid(process.pid) == group:
                process.send_signal(signal.SIGKILL)
