"""One writer at a time for a root: a second writer waits, and gives up after some time.

On a local disk the kernel keeps the lock, and frees it when the process ends, however that ends. So
it is for a root that is written as a `file:` uri: whoever writes the same root as a path meets it.
Elsewhere the lock is a lease: a file with the name of its owner, which the owner writes again every
half minute. A writer that sees the file unchanged for three minutes takes the lease over. Clocks
are not compared. When the waiting writer itself pauses, the pause counts for at most one beat. An
owner that lost its lease learns that before it publishes anything.
"""

import fcntl
import json
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgdedup.console import say
from imgdedup.errors import TryAgain
from imgdedup.lake.files import LocalFiles, Texts


@dataclass(frozen=True)
class Pace:
    """The times of a lock, in seconds."""

    look: float = 1.0  # between two looks at a lock that another writer holds
    beat: float = 30.0  # between two signs of life of an owner
    dead: float = 180.0  # without a sign of life until an owner counts as gone
    settle: float = 3.0  # until an object store shows which of two writers wrote last


_PACE = Pace()


class Busy(TryAgain):
    """Another run writes to the root; a later try may succeed."""


@contextmanager
def exclusive(
    files: Texts, path: str, owner: str, patience: float, pace: Pace = _PACE
) -> Iterator[Callable[[], None]]:
    """Hold the lock at `path` inside the block. `owner` names the holder to other writers.

    Waits up to `patience` seconds, then raises Busy that names the holder. Gives a function that
    raises Busy when the lock is no longer held.
    """
    local = path if isinstance(files, LocalFiles) else _local_path(path)
    hold = (
        _leased(files, path, owner, patience, pace)
        if local is None
        else _local(local, owner, patience, pace)
    )
    with hold as require_held:
        yield require_held


def _local_path(uri: str) -> str | None:
    """The path of a `file:` uri as Hadoop reads it: nothing in it is escaped."""
    found = re.match(r"file:(?://)?(?=/)", uri, re.IGNORECASE)
    return uri[found.end() :] if found else None


@contextmanager
def _local(path: str, owner: str, patience: float, pace: Pace) -> Iterator[Callable[[], None]]:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:

        def take() -> str | None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return LocalFiles().read(path) or "another run"
            return None

        _wait(path, take, patience, pace)
        file.truncate(0)
        file.write(f"{owner}, process {os.getpid()}")
        file.flush()
        yield lambda: None  # the kernel takes it from nobody


@contextmanager
def _leased(
    files: Texts, path: str, owner: str, patience: float, pace: Pace
) -> Iterator[Callable[[], None]]:
    lease, ended = _Lease(files, path, owner, pace), threading.Event()
    _wait(path, lease.take, patience, pace)

    def live() -> None:
        while not ended.wait(pace.beat):
            with suppress(OSError, Busy):
                lease.require_held()
                lease.sign()

    alive = threading.Thread(target=live, name="lock", daemon=True)
    alive.start()
    try:
        yield lease.require_held
    finally:
        ended.set()
        alive.join()
        with suppress(Busy):  # a writer that took it over keeps it
            lease.require_held()
            files.delete(path)


class _Lease:
    """A file that belongs to the writer that signed it last, as long as that writer signs again."""

    def __init__(self, files: Texts, path: str, owner: str, pace: Pace) -> None:
        self._pace = pace
        self._files = files
        self._path = path
        self._owner = owner
        self._token = uuid.uuid4().hex
        self._signed = 0
        self._writing = threading.Lock()
        self._seen, self._looked, self._silent = "", 0.0, 0.0

    def take(self) -> str | None:
        """Take the file if it is free or its owner is gone, else give the name of its owner."""
        if not self._files.create(self._path, self._signature()):
            text, now = self._look() or self._seen, time.monotonic()
            pause = min(now - self._looked, self._pace.beat)
            self._silent = self._silent + pause if text == self._seen else 0.0
            self._seen, self._looked = text, now
            if self._silent < self._pace.dead:
                return _owner(text)
            self.sign()
        if not self._files.renames:  # two writers may have created it at once: the last one wins
            time.sleep(self._pace.settle)
        text = self._look()
        return None if self._token in text else _owner(text)

    def sign(self) -> None:
        """Give a sign of life."""
        with self._writing:
            self._files.write(self._path, self._signature())

    def require_held(self) -> None:
        """Raise Busy when another writer has taken the file."""
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
        except OSError:  # the owner is writing the file at this moment
            return ""


def _owner(text: str) -> str:
    try:
        return str(json.loads(text)["owner"])
    except (ValueError, KeyError, TypeError):
        return "another run"


def _wait(path: str, take: Callable[[], str | None], patience: float, pace: Pace) -> None:
    """Try until `take` gives None; it gives the name of the holder."""
    deadline, told = time.monotonic() + patience, False
    while (other := take()) is not None:
        if time.monotonic() >= deadline:
            raise Busy(
                f"{other} writes to the same root ({path}), and {patience:.0f} seconds of waiting "
                "were not enough: run again when it has ended, or raise lake.lock_patience"
            )
        if not told:
            say(f"waiting for {other}, which writes to the same root")
            told = True
        time.sleep(pace.look)
