"""Candidates are all pairs at or above the threshold, whatever the size of a page."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup import config
from imgdedup.config import SearchConfig
from imgdedup.errors import UserError
from imgdedup.milvus import Neighbours
from imgdedup.search import _find_in, all_neighbours
from imgdedup.testing import FakeIndex
from imgdedup.vectors import similarities, unit_vectors

CONF = Path(__file__).parents[2] / "conf"
MOST = config.load(CONF, "local", {}).search.max_neighbours
DIMS = 16


class Counted(FakeIndex):
    """Remembers how many queries asked for how many neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int]] = []

    def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
        self.asked.append((len(vectors), k))
        return super().search(vectors, k)


def asking(
    similarity: float = 0.9, page: int = 3, most: int = MOST, batch: int = 7
) -> SearchConfig:
    return SearchConfig(
        similarity=similarity, page_size=page, max_neighbours=most, query_batch=batch
    )


def clusters(seed: int, sizes: list[int]) -> tuple[list[str], np.ndarray]:
    """Keys and unit vectors in clusters of these sizes; cosines within one lie about 0.9."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((len(sizes), DIMS)).repeat(sizes, axis=0)
    rows = (centres + 0.33 * chance.standard_normal(centres.shape)).astype(np.float32)
    keys = [f"{number:03d}" for number in chance.permutation(len(rows))]
    return keys, unit_vectors(pa.array(list(rows), pa.list_(pa.float32())))


def filled(keys: list[str], vectors: np.ndarray) -> Counted:
    index = Counted()
    index.create(DIMS)
    index.insert(keys, vectors)
    return index


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    page=st.integers(1, 40),
    similarity=st.sampled_from([-1.0, 0.0, 0.8, 0.9, 0.99]),
)
def test_all_neighbours_are_found_whatever_the_size_of_a_page(
    seed: int, sizes: list[int], page: int, similarity: float
) -> None:
    keys, vectors = clusters(seed, sizes)
    index = filled(keys, vectors)
    found = all_neighbours(index, vectors, len(keys), asking(similarity, page))
    for near, query in zip(found, vectors, strict=True):
        exact = similarities(query, vectors)
        assert len(set(near)) == len(near)
        assert set(near) >= {keys[row] for row in np.flatnonzero(exact >= similarity)}
        assert set(near) <= {keys[row] for row in np.flatnonzero(exact >= similarity - 1e-3)}


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    batch=st.integers(1, 30),
)
def test_candidates_are_all_pairs_at_or_above_the_threshold(
    seed: int, sizes: list[int], batch: int
) -> None:
    keys, vectors = clusters(seed, sizes)
    table = pa.RecordBatch.from_pydict(
        {"content_id": keys, "embedding": pa.array(list(vectors), pa.list_(pa.float32()))}
    )
    stored = unit_vectors(table["embedding"])
    found = _find_in(table, filled(keys, stored), len(keys), asking(0.9, batch=batch))
    pairs = {
        (row["content_id"], row["other"]): row["similarity"]
        for part in found
        for row in part.to_pylist()
    }
    expected = {
        (keys[a], keys[b]): similarity
        for a in range(len(keys))
        for b, similarity in enumerate(similarities(stored[a], stored).tolist())
        if a != b and similarity >= 0.9
    }
    assert pairs == expected
    assert all(pairs[b, a] == similarity for (a, b), similarity in pairs.items())


def test_only_the_queries_that_are_not_done_ask_for_more() -> None:
    keys, vectors = clusters(1, [1, 1, 30])
    index = filled(keys, vectors)
    found = all_neighbours(index, vectors, len(keys), asking(0.5, page=2))
    assert index.asked == [(32, 2), (30, 8), (30, 32)]
    assert sorted(map(len, found)) == [1, 1, *[30] * 30]


def test_one_page_is_enough_where_its_last_neighbour_is_too_far() -> None:
    keys, vectors = clusters(2, [3, 3, 3])
    index = filled(keys, vectors)
    all_neighbours(index, vectors, len(keys), asking(0.6, page=4))
    assert index.asked == [(9, 4)]


def test_no_more_is_asked_for_than_there_is() -> None:
    keys, vectors = clusters(3, [5])
    index = filled(keys, vectors)
    found = all_neighbours(index, vectors, len(keys), asking(-1.0, page=100))
    assert index.asked == [(5, 5)]
    assert [len(near) for near in found] == [5] * 5


def test_an_image_with_more_neighbours_than_a_server_gives_stops_the_run() -> None:
    keys, vectors = clusters(4, [30])
    with pytest.raises(UserError, match=r"more than 20 neighbours .* raise search\.similarity"):
        all_neighbours(filled(keys, vectors), vectors, 30, asking(0.3, page=3, most=20))
    found = all_neighbours(filled(keys, vectors), vectors, 30, asking(0.3, page=3, most=30))
    assert [len(near) for near in found] == [30] * 30


def test_an_index_that_lost_vectors_stops_the_run() -> None:
    keys, vectors = clusters(5, [4])
    index = filled(keys, vectors)
    index.delete(keys[:1])
    with pytest.raises(RuntimeError, match="3 of the 4 neighbours asked for"):
        all_neighbours(index, vectors, 4, asking(page=10))


def test_an_approximate_index_may_give_fewer_when_the_last_is_too_far() -> None:
    class Short(Counted):
        def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
            return [
                Neighbours(near.keys[:-1], near.similarities[:-1])
                for near in super().search(vectors, k)
            ]

    keys, vectors = clusters(7, [3, 3])
    index = Short()
    index.create(DIMS)
    index.insert(keys, vectors)
    found = all_neighbours(index, vectors, 6, asking(0.6, page=6))
    assert [len(near) for near in found] == [3] * 6


def test_no_queries_ask_nothing() -> None:
    index = filled(*clusters(6, [4]))
    assert all_neighbours(index, np.empty((0, DIMS), np.float32), 4, asking()) == []
    assert index.asked == []
