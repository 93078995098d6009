"""Decides which reads are tried again, and when a failing store is not asked any more."""

import random
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from imgdedup.errors import TRANSIENT, ImageFailure

_T = TypeVar("_T")

# An address is down after so many failed tries in a row (the tries of two images). A scheme is down
# after so many failing addresses in a row: a manifest may name a million buckets that do not exist.
_TRIES = 6
_ADDRESSES = 8


@dataclass
class _Silence:
    """Failures in a row of one address or scheme."""

    since: float
    next_try: float
    witnesses: set[Hashable] = field(default_factory=set)


class Circuits:
    """Which addresses are down in this process; safe to use from several threads.

    An address is down when enough tries, and all tries of `outage` seconds, have failed. Then it is
    tried once in `outage` seconds, until it answers. Only failing addresses are kept.
    """

    def __init__(self, outage: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._outage = outage
        self._clock = clock
        self._silent: dict[str, _Silence] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """The number of addresses and schemes that are kept because they fail."""
        return len(self._silent)

    def admit(self, address: str) -> bool:
        """Tell whether the address may be asked now."""
        now = self._clock()
        with self._lock:
            down = [
                silence
                for name, least in _names(address)
                if (silence := self._silent.get(name))
                and len(silence.witnesses) >= least
                and now - silence.since >= self._outage
            ]
            if any(now < silence.next_try for silence in down):
                return False
            for silence in down:
                silence.next_try = now + self._outage
            return True

    def answered(self, address: str) -> None:
        """Record an answer of the address. "There is no such file" is an answer, too."""
        with self._lock:
            for name, _ in _names(address):
                self._silent.pop(name, None)

    def failed(self, address: str) -> None:
        """Record a failed try."""
        now = self._clock()
        with self._lock:
            for (name, least), witness in zip(_names(address), (object(), address), strict=True):
                silence = self._silent.setdefault(name, _Silence(now, now + self._outage))
                silence.next_try = now + self._outage
                if len(silence.witnesses) < least:
                    silence.witnesses.add(witness)


def _names(address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    return (address, _TRIES), (address.partition("://")[0], _ADDRESSES)


@dataclass(frozen=True)
class Patience:
    """Tries a call up to `attempts` times.

    The first wait is at most `backoff` seconds, and every later wait twice the one before.
    """

    attempts: int
    backoff: float
    circuits: Circuits

    def call(self, address: str, once: Callable[[], _T]) -> _T:
        """Call `once` until it answers, and return the result.

        Raises the ImageFailure of `once`, a transient one only after the last try. Raises
        ImageFailure unavailable while the address is down.
        """
        for attempt in range(self.attempts):
            if not self.circuits.admit(address):
                raise ImageFailure("unavailable", f"{address} has stopped answering")
            try:
                found = once()
            except ImageFailure as failure:
                if failure.code not in TRANSIENT:
                    self.circuits.answered(address)
                    raise
                self.circuits.failed(address)
                if attempt + 1 == self.attempts:
                    raise
            else:
                self.circuits.answered(address)
                return found
            # Workers that were refused at the same moment must not come back at the same moment.
            time.sleep(self.backoff * 2**attempt * random.uniform(0.5, 1.0))
        raise AssertionError("the last attempt returns or raises")
