"""A server that ends with the block that uses it, however this process ends."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgdedup.local import processes

HOST = "127.0.0.1"
_PATIENCE = 120.0  # seconds
# Kills the server's process group when the pipe to this process closes without a word.
_GUARD = 'read -r word || kill -s KILL -- "-$1"'


@contextmanager
def kept(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[str]]:
    """Run a server in the folder of its `log` inside the block; then end it and all its children.

    The server dies with this process, too.
    """
    with log.open("a", encoding="utf-8") as output:
        server = processes.start(command, environment, log.parent, output)
    guard = subprocess.Popen(
        ["sh", "-c", _GUARD, "guard", str(server.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        processes.end([server])
        guard.communicate(b"done\n")


def wait_for(words: str, server: subprocess.Popen[str], log: Path) -> str:
    """Wait until the server has printed some words, and return its log.

    Raises RuntimeError with the end of the log when the server ends or takes too long.
    """
    ends = time.monotonic() + _PATIENCE
    while words not in (said := log.read_text()):
        if server.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(f"a server did not come up: {said[-2000:]}")
        time.sleep(0.1)
    return said


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
