"""Mapping ahead on threads: the order of the results, the window, an early end."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from imgdedup.images.prefetch import map_ahead


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 6))
def test_mapping_ahead_keeps_the_order_within_its_window(waits: list[int], window: int) -> None:
    begun = 0

    def items() -> Iterator[tuple[int, int]]:
        nonlocal begun
        for item in enumerate(waits):
            begun += 1
            yield item

    def work(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 2000)
        return item[0]

    results: list[int] = []
    with ThreadPoolExecutor(3) as pool:
        for result in map_ahead(pool, work, items(), window):
            assert begun <= len(results) + window + 1
            results.append(result)
    assert results == list(range(len(waits)))


def test_mapping_ahead_drops_what_waits_when_its_consumer_stops() -> None:
    gate, ran = threading.Event(), []

    def work(item: int) -> int:
        if item:
            gate.wait(10)
        ran.append(item)
        return item

    with ThreadPoolExecutor(1) as pool:
        results = map_ahead(pool, work, range(10), window=5)
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]
        gate.set()
    assert len(ran) <= 2
