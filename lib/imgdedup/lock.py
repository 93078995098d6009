"""One writer at a time for a root: a second one waits, and stops with a word when it has to.

On a local disk the lock is the kernel's and ends with the process, however that ends. Elsewhere
it is a file with its owner's name that the owner writes anew every half minute: who sees it
unchanged for three minutes takes it over. Clocks are not compared, and a pause of the one who
looks counts for no more than one beat. An owner that was taken for gone hears of it before it
publishes anything.
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
def exclusive(files: Files, path: str, owner: str, patience: float) -> Iterator[Callable[[], None]]:
    """Hold the lock at `path` inside the block, as `owner`, words for those who wait.

    Waits up to `patience` seconds; raises Busy that names the one who has it. What it gives, when
    called, raises Busy if the lock is no longer held.
    """
    hold = _local if isinstance(files, LocalFiles) else _leased
    with hold(files, path, owner, patience) as check:
        yield check


@contextmanager
def _local(files: Files, path: str, owner: str, patience: float) -> Iterator[Callable[[], None]]:
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
        yield lambda: None  # the kernel takes it from nobody


@contextmanager
def _leased(files: Files, path: str, owner: str, patience: float) -> Iterator[Callable[[], None]]:
    lease, ended = _Lease(files, path, owner), threading.Event()
    _wait(path, lease.taken, patience)

    def live() -> None:
        while not ended.wait(_BEAT):
            with suppress(OSError, Busy):
                lease.check()
                lease.sign()

    alive = threading.Thread(target=live, name="lock", daemon=True)
    alive.start()
    try:
        yield lease.check
    finally:
        ended.set()
        alive.join()
        with suppress(Busy):  # who has it now keeps it
            lease.check()
            files.delete(path)


class _Lease:
    """A file that belongs to whoever signed it last, as long as they sign again and again."""

    def __init__(self, files: Files, path: str, owner: str) -> None:
        self._files = files
        self._path = path
        self._owner = owner
        self._token = uuid.uuid4().hex
        self._signed = 0
        self._writing = threading.Lock()
        self._seen, self._looked, self._silent = "", 0.0, 0.0

    def taken(self) -> str | None:
        """Take the file when it is free or its owner is gone; else the name of its owner."""
        if not self._files.create(self._path, self._signature()):
            text, now = self._look() or self._seen, time.monotonic()
            pause = min(now - self._looked, _BEAT)
            self._silent = self._silent + pause if text == self._seen else 0.0
            self._seen, self._looked = text, now
            if self._silent < _DEAD:
                return _owner(text)
            self.sign()
        if not self._files.renames:  # two may have written at once: the last one has it
            time.sleep(_SETTLE)
        text = self._look()
        return None if self._token in text else _owner(text)

    def sign(self) -> None:
        """Give a sign of life."""
        with self._writing:
            self._files.write(self._path, self._signature())

    def check(self) -> None:
        """Raise Busy when the file is no longer its own."""
        with self._writing:
            text = self._files.read(self._path) or ""
        if self._token not in text:
            raise Busy(
                f"{_owner(text)} has taken the lock {self._path} over, since this run gave no "
                "sign of life: run again"
            )

    def _signature(self) -> str:
        self._signed += 1
        owner = f"{self._owner} on {socket.gethostname()}"
        return json.dumps({"owner": owner, "token": self._token, "n": self._signed})

    def _look(self) -> str:
        try:
            return self._files.read(self._path) or ""
        except OSError:  # its owner is just writing it
            return ""


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
