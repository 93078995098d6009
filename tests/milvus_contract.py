"""What every VectorIndex does, whatever is behind it."""

from collections.abc import Sequence

import numpy as np
import pytest

from imgdedup.milvus import VectorIndex
from imgdedup.vectors import similarities, unit_vectors

DIMS = 16


def keys(count: int) -> list[str]:
    """Keys of the length of a content id, not in the order of their numbers."""
    return [f"{(number * 7919) % 10_007:064}" for number in range(count)]


def unit(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((count, DIMS)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def filled(index: VectorIndex, count: int) -> tuple[list[str], np.ndarray]:
    index.create(DIMS)
    names, vectors = keys(count), unit(count)
    index.insert(names, vectors)
    index.flush()
    return names, vectors


class VectorIndexContract:
    """Collected where a subclass has a fixture `index`: a VectorIndex without a collection."""

    def test_there_are_no_keys_before_the_collection(self, index: VectorIndex) -> None:
        assert index.keys() == set()

    def test_a_new_collection_is_empty(self, index: VectorIndex) -> None:
        index.create(DIMS)
        assert index.keys() == set()
        assert index.count() == 0

    def test_inserted_vectors_are_counted_and_named(self, index: VectorIndex) -> None:
        names, _ = filled(index, 300)
        assert index.keys() == set(names)
        assert index.count() == 300

    def test_creating_again_changes_nothing(self, index: VectorIndex) -> None:
        names, _ = filled(index, 5)
        index.create(DIMS)
        assert index.keys() == set(names)

    def test_deleted_keys_are_gone_and_missing_ones_no_error(self, index: VectorIndex) -> None:
        names, vectors = filled(index, 10)
        index.delete([*names[:4], "f" * 64])
        index.delete([])
        index.flush()
        assert index.keys() == set(names[4:])
        assert index.count() == 6
        assert index.search(vectors[:1], 6)[0].keys.count(names[0]) == 0

    def test_a_deleted_key_can_be_inserted_again(self, index: VectorIndex) -> None:
        names, _ = filled(index, 10)
        index.delete(names[:1])
        index.flush()
        other = unit(1, seed=1)
        index.insert(names[:1], other)
        index.flush()
        assert index.count() == 10
        np.testing.assert_array_equal(index.vectors(names[:1]), other)

    def test_neighbours_come_most_similar_first(self, index: VectorIndex) -> None:
        names, vectors = filled(index, 200)
        asked = unit(7, seed=2)
        for query, near in zip(asked, index.search(asked, 20), strict=True):
            exact = similarities(query, vectors)
            best = np.argsort(-exact)[:20]
            assert near.keys == [names[row] for row in best]
            np.testing.assert_allclose(near.similarities, exact[best], atol=1e-5)

    def test_a_vector_is_its_own_nearest(self, index: VectorIndex) -> None:
        names, vectors = filled(index, 50)
        nearest = [near.keys for near in index.search(vectors, 1)]
        assert nearest == [[name] for name in names]

    def test_opposite_vectors_have_a_similarity_of_minus_one(self, index: VectorIndex) -> None:
        _, vectors = filled(index, 1)
        (near,) = index.search(-vectors, 1)
        assert near.similarities[0] == pytest.approx(-1)

    def test_asking_for_more_than_there_are_gives_all(self, index: VectorIndex) -> None:
        names, vectors = filled(index, 10)
        for near in index.search(vectors[:3], 25):
            assert set(near.keys) == set(names)
            assert len(near.keys) == len(near.similarities) == 10

    def test_vectors_come_in_the_order_of_the_keys_bit_by_bit(self, index: VectorIndex) -> None:
        names, vectors = filled(index, 30)
        rows: Sequence[int] = [17, 3, 29, 0]
        found = index.vectors([names[row] for row in rows])
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, vectors[rows])

    def test_a_vector_that_is_not_there_is_a_key_error(self, index: VectorIndex) -> None:
        names, _ = filled(index, 3)
        with pytest.raises(KeyError, match="f" * 64):
            index.vectors([names[0], "f" * 64])

    def test_equal_vectors_under_different_keys_are_all_kept(self, index: VectorIndex) -> None:
        index.create(DIMS)
        names = keys(40)
        index.insert(names, np.repeat(unit(1), 40, axis=0))
        index.flush()
        (near,) = index.search(unit(1), 40)
        assert set(near.keys) == set(names)
        np.testing.assert_allclose(near.similarities, 1, atol=1e-6)

    def test_unit_vectors_of_embeddings_are_stored_as_they_are(self, index: VectorIndex) -> None:
        import pyarrow as pa

        index.create(DIMS)
        given = pa.array((unit(3) * 37).tolist(), pa.list_(pa.float32()))
        index.insert(keys(3), unit_vectors(given))
        index.flush()
        np.testing.assert_array_equal(index.vectors(keys(3)), unit_vectors(given))
