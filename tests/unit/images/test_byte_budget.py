"""The decoding threads together hold no more than a budget of bytes."""

import threading
import time

import pytest

from imgdedup.errors import ImageFailure
from imgdedup.images.decode import ByteBudget, Decoder
from tests.stand_ins import encoded, picture


def test_threads_hold_no_more_than_the_budget_together() -> None:
    budget = ByteBudget(100)
    held = most = 0
    lock = threading.Lock()

    def work(size: int) -> None:
        nonlocal held, most
        for _ in range(20):
            with budget.hold(size):
                with lock:
                    held += size
                    most = max(most, held)
                time.sleep(0.0005)
                with lock:
                    held -= size

    threads = [
        threading.Thread(target=work, args=(size,), daemon=True)
        for size in (10, 30, 50, 60, 70, 100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=3)
    assert held == 0
    assert most == 100  # the largest had its turn


def test_what_fits_is_held_at_the_same_time() -> None:
    budget, together = ByteBudget(100), threading.Barrier(2)

    def work() -> None:
        with budget.hold(50):
            together.wait(timeout=10)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken


def test_a_picture_above_the_budget_is_let_through_alone() -> None:
    budget = ByteBudget(100)
    inside, leave, entered = threading.Event(), threading.Event(), threading.Event()

    def large() -> None:
        with budget.hold(1_000):
            inside.set()
            leave.wait(10)

    def small() -> None:
        with budget.hold(1):
            entered.set()

    threading.Thread(target=large, daemon=True).start()
    assert inside.wait(10)
    threading.Thread(target=small, daemon=True).start()
    assert not entered.wait(0.1)
    leave.set()
    assert entered.wait(10)


def test_a_failure_gives_its_bytes_back() -> None:
    decoder = Decoder(32, 64, 90, 1_000_000, ByteBudget(10))
    whole, done = encoded(picture(1)), threading.Event()

    def work() -> None:
        for _ in range(3):
            with pytest.raises(ImageFailure):
                decoder.decode(whole[:500])
        decoder.decode(whole)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(10)
