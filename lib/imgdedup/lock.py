"""One writer at a time for a root: a second one waits, and stops with a word when it has to.

On a local disk the lock is the kernel's and ends with the process, however that ends. Elsewhere
it is a file with its owner's name that the owner writes anew every half minute: who sees it
unchanged for three minutes takes it over. Clocks are not compared.
"""

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imgdedup.console import say
from imgdedup.errors import TryAgain
from imgdedup.files import Files, LocalFiles

_LOOK = 1.0  # seconds between two looks at a lock that is held
_BEAT = 30.0  # seconds between two signs of life
_DEAD = 180.0  # seconds without one after which an owner counts as gone
_SETTLE = 3.0  # seconds after which an object store shows who wrote last


class Busy(TryAgain):
    """Another run writes to the root; a later try may succeed."""


@contextmanager
def exclusive(files: Files, path: str, owner: str, patience: float) -> Iterator[None]:
    """Hold the lock at `path` inside the block, as `owner`, words for those who wait.

    Waits up to `patience` seconds; raises Busy that names the one who has it.
    """
    hold = _local if isinstance(files, LocalFiles) else _leased
    with hold(files, path, owner, patience):
        yield


@contextmanager
def _local(files: Files, path: str, owner: str, patience: float) -> Iterator[None]:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:

        def taken() -> str | None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return files.read(path) or "another run"
            return None

        _wait(path, taken, patience)
        file.truncate(0)
        file.write(f"{owner}, process {os.getpid()}")
        file.flush()
        yield


@contextmanager
def _leased(files: Files, path: str, owner: str, patience: float) -> Iterator[None]:
    token = uuid.uuid4().hex
    seen, since = "", 0.0

    def sign(beat: int) -> str:
        return json.dumps(
            {"owner": f"{owner} on {socket.gethostname()}", "token": token, "n": beat}
        )

    def taken() -> str | None:
        nonlocal seen, since
        if not files.create(path, sign(0)):
            text = files.read(path) or seen
            if text != seen:
                seen, since = text, time.monotonic()
            if time.monotonic() - since < _DEAD:
                return _owner(text)
            files.write(path, sign(0))
        if not files.renames:  # two may have written at once: the last one has it
            time.sleep(_SETTLE)
        text = files.read(path) or ""
        return None if token in text else _owner(text)

    _wait(path, taken, patience)
    ended = threading.Event()

    def live() -> None:
        beat = 0
        while not ended.wait(_BEAT):
            beat += 1
            with suppress(OSError):
                files.write(path, sign(beat))

    alive = threading.Thread(target=live, name="lock", daemon=True)
    alive.start()
    try:
        yield
    finally:
        ended.set()
        alive.join()
        files.delete(path)


def _owner(text: str) -> str:
    try:
        return str(json.loads(text)["owner"])
    except (ValueError, KeyError, TypeError):
        return "another run"


def _wait(path: str, taken: Callable[[], str | None], patience: float) -> None:
    """Try until `taken` gives None; it gives the name of who has the lock."""
    deadline, told = time.monotonic() + patience, False
    while (other := taken()) is not None:
        if time.monotonic() >= deadline:
            raise Busy(
                f"{other} writes to the same root ({path}), and {patience:.0f} seconds of waiting "
                "were not enough: run again when it has ended, or raise lake.lock_patience"
            )
        if not told:
            say(f"waiting for {other}, which writes to the same root")
            told = True
        time.sleep(_LOOK)
