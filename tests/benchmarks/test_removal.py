"""Random sequences of removal lose nothing."""

from collections import Counter

from benchmarks.removal.__main__ import page
from benchmarks.removal.machine import try_sequences


def test_random_sequences_lose_nothing() -> None:
    tally = Counter[str]()
    try_sequences(3, 3, tally)
    assert tally["sequences"] == 3
    assert tally["apply ended"] > 0


def test_the_page_says_whether_a_file_was_lost() -> None:
    tally = {"sequences": 7, "runs": 3}
    assert "no file was lost" in page("make bench-removal", tally, 1.0, None)
    told = page("make bench-removal", tally, 1.0, "lost: x")
    assert "one lost a file" in told
    assert "    lost: x" in told
