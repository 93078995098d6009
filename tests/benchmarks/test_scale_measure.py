"""The measurement of a Milvus server: its vectors, its clock, and its page."""

import numpy as np
import pytest

from benchmarks.scale import measure as measuring
from benchmarks.scale import rates, synthetic
from benchmarks.scale.measure import Measured, ask_all
from benchmarks.scale.measured import fitted, measured_page
from imgdedup import config
from imgdedup.local.workspace import CONF
from imgdedup.space.vectors import asking_form

CONFIG = config.load(CONF, "cluster", {})


def test_neighbours_of_synthetic_vectors_are_those_of_the_whole_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(synthetic, "_BLOCK", 70)
    stored = synthetic.stored_vectors(300, 16, seed=1)
    assert stored.shape == (300, 19)
    np.testing.assert_allclose((stored**2).sum(axis=1), 2.25, rtol=1e-5)
    rows = np.array([3, 250, 71])
    near, margins = synthetic.exact_neighbours(stored, rows, 4)
    whole = asking_form(stored[rows]) @ stored.T
    whole[range(3), rows] = -np.inf
    np.testing.assert_array_equal(near, np.argsort(-whole, axis=1)[:, :4])
    np.testing.assert_allclose(margins, -np.sort(-whole, axis=1)[:, :4])


def test_synthetic_vectors_have_near_neighbours() -> None:
    stored = synthetic.stored_vectors(2000, 32, seed=0)
    _, margins = synthetic.exact_neighbours(stored, np.arange(100), 500)
    assert np.median(margins[:, 3]) > np.median(margins[:, 100]) + 0.2


def measured(index: str, vectors: int, server_ms: float, parts: int = 1) -> Measured:
    filling = (5000, 4000, 8000, 0.5, 9)
    return Measured(index, vectors, *filling, parts, 800, server_ms, 1.5, 0.4, 0.998, 90, 1.2)


def test_the_fitted_rates_give_back_what_was_measured() -> None:
    flat = [measured("FLAT", n, 0.5 + 2e-5 * n) for n in (10_000, 50_000, 200_000)]
    hnsw = [measured("HNSW", 2**10, 0.2), measured("HNSW", 2**15, 2 * 0.28, parts=2)]
    lines = fitted([*flat, *hnsw])
    assert lines[0].startswith("- FLAT: 0.5 ms, and 2e-05 ms")
    assert lines[1].startswith("- HNSW: 0.02 ms for each doubling")
    text = measured_page("make bench-scale MEASURE=10000", [*flat, *hnsw], rates.read(), CONFIG)
    assert text.count("\n| FLAT | 200,000 |") == 2
    assert "0.9980" in text


class Idle:
    """A server that computes a tenth of a second for each look at its clock."""

    def __init__(self) -> None:
        self.looks = 0

    def cpu(self) -> float:
        self.looks += 1
        return self.looks / 10


def test_queries_are_asked_in_batches_until_enough_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "_QUERIES", 6)
    asked: list[list[int]] = []
    found = ask_all([*range(20)], 4, asked.append, Idle())
    assert asked == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7]]  # the first one warms up
    assert found.queries == 8
    assert found.server == pytest.approx(0.1)
    monkeypatch.setattr(measuring, "_QUERIES", 100)
    assert ask_all([*range(5)], 4, asked.append, Idle()).queries == 5


def test_one_size_fits_no_line() -> None:
    text = measured_page(
        "make bench-scale MEASURE=9", [measured("FLAT", 9, 1)], rates.read(), CONFIG
    )
    assert "## Predicted and measured" in text
    assert "## Rates that fit" not in text
