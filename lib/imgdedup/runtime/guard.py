"""Ends every program that a task started, when the task ends.

When Airflow ends a task, it kills the whole process group of the task. When something else kills
the task, such as the kernel when memory runs out, spark-submit goes on. Airflow would then start
the next attempt beside it, and both would write to the same place.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

# Waits for a line from the task. When the task dies, its end of the pipe closes, and `read` fails.
_GUARD = 'read -r word || kill -s KILL -- "-$1"'


@contextmanager
def guarded() -> Iterator[None]:
    """Kill all processes in this process's group when the block fails or the process dies in it.

    When another process leads the group, the group is not ours to kill, and nothing happens.
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
        start_new_session=True,  # signals to the group must not reach the guard
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
    """Kill the rest of the group. A driver goes on for a while after its JVM was killed."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if process.pid != group and os.getpgid(process.pid) == group:
                process.send_signal(signal.SIGKILL)
