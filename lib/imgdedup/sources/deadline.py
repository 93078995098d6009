"""A bound on the time of calls that have none of their own."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from imgdedup.failures import ImageFailure

_T = TypeVar("_T")

# Threads at most, those included that are given up and still wait inside a library.
_slots = threading.BoundedSemaphore(64)


def within(seconds: float, call: Callable[[], _T]) -> _T:
    """What `call` returns or raises; ImageFailure unavailable when it takes longer.

    A call that takes longer goes on in a thread of its own, which ends with the process at last.
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
    except BaseException as error:  # it is raised where the result is waited for
        future.set_exception(error)
    finally:
        _slots.release()
