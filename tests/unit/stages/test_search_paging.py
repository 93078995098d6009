"""Candidates are all pairs at or above the threshold, whatever the size of a page."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup import config
from imgdedup.config import SearchConfig
from imgdedup.milvus.client import CollectionAddress, Neighbours
from imgdedup.space.vectors import EXTRA, asking_form, margins, stored_form
from imgdedup.stages.search.neighbours import NeighbourQuery, all_neighbours
from tests.stand_ins import FakeCollection
from tests.unit.stages.given import Given

CONF = Path(__file__).parents[3] / "conf"
SECTION = config.load(CONF, "local", {}).search
DIMS = 16
Pairs = dict[tuple[str, str], float]


class Counted(FakeCollection):
    """Remembers how many queries asked for how many neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int]] = []

    def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
        self.asked.append((len(vectors), k))
        return super().search(vectors, k)


def asking(page: int = 3, crowd: int = 1000, batch: int = 7, nearest: int = 2) -> SearchConfig:
    return replace(
        SECTION, page_size=page, crowd=crowd, query_batch=batch, crowd_neighbours=nearest
    )


def clusters(seed: int, sizes: list[int]) -> tuple[list[str], np.ndarray]:
    """Keys and stored vectors in clusters of these sizes; cosines within one lie about 0.9."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((len(sizes), DIMS)).repeat(sizes, axis=0)
    rows = centres + 0.33 * chance.standard_normal(centres.shape)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    levels = chance.uniform(-0.05, 0.05, len(rows))
    keys = [f"{number:03d}" for number in chance.permutation(len(rows))]
    return keys, stored_form(units.astype(np.float32), levels.astype(np.float32))


def filled(keys: list[str], vectors: np.ndarray) -> Counted:
    collection = Counted()
    collection.create(DIMS + EXTRA)
    collection.insert(keys, vectors)
    return collection


def near_ones(
    collection: FakeCollection, vectors: np.ndarray, threshold: float, chosen: SearchConfig
) -> list[list[str]]:
    return all_neighbours(
        collection, asking_form(vectors), len(vectors), threshold, chosen, chosen.crowd
    )


def hits(
    keys: list[str], vectors: np.ndarray, threshold: float, chosen: SearchConfig
) -> list[dict[str, object]]:
    """The hits of all contents, as `ask` gives them."""
    address = CollectionAddress("", "", "", "FLAT", 1.0)
    query = NeighbourQuery(address, len(keys), threshold, chosen)
    return [row for part in query.find(keys, filled(keys, vectors)) for row in part.to_pylist()]


def brute_force(keys: list[str], vectors: np.ndarray, threshold: float) -> Pairs:
    """The margins of all pairs at or above the threshold, both ways."""
    return {
        (keys[a], keys[b]): margin
        for a in range(len(keys))
        for b, margin in enumerate(margins(vectors[a], vectors)[0].tolist())
        if a != b and margin >= threshold
    }


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    page=st.integers(1, 40),
    threshold=st.sampled_from([-2.0, 0.0, 0.8, 0.9, 0.99]),
)
def test_all_neighbours_are_found_whatever_the_size_of_a_page(
    seed: int, sizes: list[int], page: int, threshold: float
) -> None:
    keys, vectors = clusters(seed, sizes)
    found = near_ones(filled(keys, vectors), vectors, threshold, asking(page))
    for near, one in zip(found, vectors, strict=True):
        exact, _ = margins(one, vectors)
        assert len(set(near)) == len(near)
        assert set(near) >= {keys[row] for row in np.flatnonzero(exact >= threshold)}
        assert set(near) <= {keys[row] for row in np.flatnonzero(exact >= threshold - 1e-3)}


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    batch=st.integers(1, 30),
)
def test_candidates_are_all_pairs_at_or_above_the_threshold(
    seed: int, sizes: list[int], batch: int
) -> None:
    keys, vectors = clusters(seed, sizes)
    found = hits(keys, vectors, 0.9, asking(batch=batch))
    pairs = {(row["content_id"], row["other"]): row["margin"] for row in found}
    assert pairs == brute_force(keys, vectors, 0.9)
    assert all(pairs[b, a] == margin for (a, b), margin in pairs.items())
    assert not any(row["crowded"] for row in found)
    assert all(row["proposed"] for row in found)


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    crowd=st.integers(1, 12),
    page=st.integers(1, 40),
)
def test_a_content_is_crowded_when_it_has_more_neighbours_than_a_crowd_whatever_the_page(
    seed: int, sizes: list[int], crowd: int, page: int
) -> None:
    keys, vectors = clusters(seed, sizes)
    found = hits(keys, vectors, 0.8, asking(page, crowd, nearest=2))
    expected = brute_force(keys, vectors, 0.8)
    for key in keys:
        own = sorted((-margin, other) for (one, other), margin in expected.items() if one == key)
        mine = [row for row in found if row["content_id"] == key]
        proposed = [row["other"] for row in mine if row["proposed"]]
        assert {row["crowded"] for row in mine} <= {len(own) > crowd}
        assert proposed == [other for _, other in (own[:2] if len(own) > crowd else own)]


def test_a_content_stops_asking_once_it_is_known_to_be_crowded() -> None:
    keys, vectors = clusters(1, [500])
    collection = filled(keys, vectors)
    near_ones(collection, vectors, 0.3, asking(page=4, crowd=20))
    assert collection.asked == [(500, 4), (500, 22)]


def test_only_the_queries_that_are_not_done_ask_for_more() -> None:
    keys, vectors = clusters(1, [1, 1, 30])
    collection = filled(keys, vectors)
    found = near_ones(collection, vectors, 0.5, asking(page=2))
    assert collection.asked == [(32, 2), (30, 8), (30, 32)]
    assert sorted(map(len, found)) == [1, 1, *[30] * 30]


def test_one_page_is_enough_where_its_last_neighbour_is_too_far() -> None:
    keys, vectors = clusters(2, [3, 3, 3])
    collection = filled(keys, vectors)
    near_ones(collection, vectors, 0.6, asking(page=4))
    assert collection.asked == [(9, 4)]


def test_no_more_neighbours_are_asked_for_than_there_are() -> None:
    keys, vectors = clusters(3, [5])
    collection = filled(keys, vectors)
    found = near_ones(collection, vectors, -2.0, asking(page=100))
    assert collection.asked == [(5, 5)]
    assert [len(near) for near in found] == [5] * 5


def test_a_collection_that_lost_vectors_stops_the_run() -> None:
    keys, vectors = clusters(5, [4])
    collection = filled(keys, vectors)
    collection.delete(keys[:1])
    with pytest.raises(RuntimeError, match="3 of the 4 neighbours asked for"):
        near_ones(collection, vectors, 0.9, asking(page=10))


def test_an_approximate_collection_may_give_fewer_when_the_last_is_too_far() -> None:
    class Short(Counted):
        def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
            return [
                Neighbours(near.keys[:-1], near.margins[:-1]) for near in super().search(vectors, k)
            ]

    keys, vectors = clusters(7, [3, 3])
    collection = Short()
    collection.create(DIMS + EXTRA)
    collection.insert(keys, vectors)
    found = near_ones(collection, vectors, 0.6, asking(page=6))
    assert [len(near) for near in found] == [3] * 6


def test_no_queries_ask_nothing() -> None:
    collection = filled(*clusters(6, [4]))
    nothing = np.empty((0, DIMS + EXTRA), np.float32)
    assert all_neighbours(collection, nothing, 4, 0.9, asking(), 9) == []
    assert collection.asked == []


def test_vanished_contents_are_no_neighbours_and_make_no_crowd() -> None:
    keys, vectors = clusters(9, [6])
    digests = [hashlib.sha256(key.encode()).digest() for key in keys[:3]]
    address = CollectionAddress("", "", "", "FLAT", 1.0)
    for vanished, crowded, near in (
        (Given(), True, 2),
        (Given.of(*(digest[:16] for digest in digests)), False, 2),
    ):
        query = NeighbourQuery(address, 6, -1.0, asking(crowd=2, nearest=2), vanished)
        (part,) = query.find(keys[5:], filled(keys, vectors))
        rows = part.to_pylist()
        assert {row["crowded"] for row in rows} == {crowded}
        assert sum(row["proposed"] for row in rows) == near
    assert {row["other"] for row in rows} == set(keys[3:5])


def test_a_content_that_the_collection_lacks_is_named() -> None:
    keys, vectors = clusters(8, [4])
    query = NeighbourQuery(CollectionAddress("", "", "", "FLAT", 1.0), 4, 0.9, asking())
    with pytest.raises(RuntimeError, match="lacks the content 'none': run index again"):
        list(query.find(["none"], filled(keys, vectors)))
