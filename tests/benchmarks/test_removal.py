"""Random sequences of removal lose nothing."""

from collections import Counter

from benchmarks.drawn import try_machine
from benchmarks.removal.__main__ import page
from benchmarks.removal.machine import STEPS, sequences


def test_random_sequences_lose_nothing() -> None:
    tally = Counter[str]()
    try_machine(sequences(tally), 3, STEPS, 3)
    assert tally["sequences"] == 3
    assert tally["apply ended"] > 0


def test_the_page_says_whether_a_file_was_lost() -> None:
    tally = {"sequences": 7, "runs": 3}
    assert "no file was lost" in page("make bench-removal", tally, 1.0, None)
    told = page("make bench-removal", tally, 1.0, "lost: x")
    assert "one lost a file" in told
    assert "    lost: x" in told
