"""Bounds the time of calls that have no time limit of their own."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from imgdedup.errors import ImageFailure

_T = TypeVar("_T")

# The most threads, with the given-up ones that still wait inside a library.
_slots = threading.BoundedSemaphore(64)


def call_within(seconds: float, call: Callable[[], _T]) -> _T:
    """Return or raise what `call` does, within so many seconds.

    Raises ImageFailure unavailable when the call takes longer. The call then goes on in a thread of
    its own, which ends with the process at the latest.
    """
    if not _slots.acquire(timeout=seconds):
        raise ImageFailure("unavailable", "too many earlier requests still wait for an answer")
    future: Future[_T] = Future()
    threading.Thread(target=_run, args=(future, call), daemon=True).start()
    if not wait([future], timeout=seconds).done:
        raise ImageFailure("unavailable", f"no answer within {seconds:g} s")
    return future.result()


def _run(future: "Future[_T]", call: Callable[[], _T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # `future.result` raises it
        future.set_exception(error)
    finally:
        _slots.release()
