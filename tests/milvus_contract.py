"""The contract of every Collection: one suite of tests for all of them."""

from collections.abc import Sequence

import numpy as np
import pytest

from imgdedup.milvus.client import Collection
from imgdedup.space.vectors import EXTRA, asking_form, margins, stored_form

DIMS = 16
WIDTH = DIMS + EXTRA


def keys(count: int) -> list[str]:
    """Keys of the length of a content id, not in the order of their numbers."""
    return [f"{(number * 7919) % 10_007:064}" for number in range(count)]


def stored(count: int, seed: int = 0) -> np.ndarray:
    """Stored vectors of random images and levels."""
    chance = np.random.default_rng(seed)
    values = chance.standard_normal((count, DIMS)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return stored_form(values, chance.uniform(-1, 1, count).astype(np.float32))


def filled(collection: Collection, count: int) -> tuple[list[str], np.ndarray]:
    collection.create(WIDTH)
    names, vectors = keys(count), stored(count)
    collection.insert(names, vectors)
    collection.flush()
    return names, vectors


class CollectionContract:
    """Tests for subclasses, whose fixture `collection` gives a Collection before `create`."""

    def test_there_is_nothing_before_the_collection_is_created(
        self, collection: Collection
    ) -> None:
        assert collection.keys() == set()
        assert collection.count() == 0

    def test_a_new_collection_is_empty(self, collection: Collection) -> None:
        collection.create(WIDTH)
        assert collection.keys() == set()
        assert collection.count() == 0

    def test_inserted_vectors_are_counted_and_named(self, collection: Collection) -> None:
        names, _ = filled(collection, 300)
        assert collection.keys() == set(names)
        assert collection.count() == 300

    def test_a_range_of_keys_ends_below_its_bound(self, collection: Collection) -> None:
        assert collection.keys("0", "1") == set()
        names, _ = filled(collection, 300)
        names.sort()
        assert collection.keys(names[17], names[60]) == set(names[17:60])
        assert collection.keys(names[17]) == set(names[17:])
        assert collection.keys("", names[60]) == set(names[:60])
        assert collection.keys(names[17], names[17]) == set()
        assert collection.keys("a", "b") == set()
        assert collection.keys("", "") == set(names)

    def test_creating_again_changes_nothing(self, collection: Collection) -> None:
        names, _ = filled(collection, 5)
        collection.create(WIDTH)
        assert collection.keys() == set(names)

    def test_a_dropped_collection_can_be_made_again(self, collection: Collection) -> None:
        collection.drop()  # none is no error
        filled(collection, 5)
        collection.drop()
        assert (collection.keys(), collection.count()) == (set(), 0)
        names, _ = filled(collection, 3)
        assert collection.keys() == set(names)

    def test_deleted_keys_are_gone_and_missing_ones_no_error(self, collection: Collection) -> None:
        names, vectors = filled(collection, 10)
        collection.delete([*names[:4], "f" * 64])
        collection.delete([])
        collection.flush()
        assert collection.keys() == set(names[4:])
        assert collection.count() == 6
        assert collection.search(asking_form(vectors[:1]), 6)[0].keys.count(names[0]) == 0

    def test_a_deleted_key_can_be_inserted_again(self, collection: Collection) -> None:
        names, _ = filled(collection, 10)
        collection.delete(names[:1])
        collection.flush()
        other = stored(1, seed=1)
        collection.insert(names[:1], other)
        collection.flush()
        assert collection.count() == 10
        np.testing.assert_array_equal(collection.vectors(names[:1]), other)

    def test_an_upserted_key_is_there_once_with_its_new_vector(
        self, collection: Collection
    ) -> None:
        names, vectors = filled(collection, 10)
        other = stored(4, seed=1)
        collection.upsert([*names[:3], "e" * 64], other)
        collection.upsert([], other[:0])
        collection.flush()
        assert collection.count() == 11
        assert collection.keys() == {*names, "e" * 64}
        np.testing.assert_array_equal(collection.vectors(names[:3]), other[:3])
        np.testing.assert_array_equal(collection.vectors(names[3:]), vectors[3:])

    def test_no_key_has_several_vectors(self, collection: Collection) -> None:
        assert collection.repeated() == []
        filled(collection, 5)
        assert collection.repeated() == []

    def test_neighbours_come_with_the_largest_margin_first(self, collection: Collection) -> None:
        names, vectors = filled(collection, 200)
        asked = stored(7, seed=2)
        for one, near in zip(asked, collection.search(asking_form(asked), 20), strict=True):
            exact, _ = margins(one, vectors)
            best = np.argsort(-exact)[:20]
            assert near.keys == [names[row] for row in best]
            np.testing.assert_allclose(near.margins, exact[best], atol=1e-5)

    def test_the_margin_of_opposite_vectors_is_found(self, collection: Collection) -> None:
        collection.create(WIDTH)
        one = np.eye(1, DIMS, dtype=np.float32)
        collection.insert(keys(1), stored_form(-one, np.array([0.5], np.float32)))
        collection.flush()
        (near,) = collection.search(asking_form(stored_form(one, np.array([0.25], np.float32))), 1)
        assert near.margins[0] == pytest.approx(-1.375)

    def test_asking_for_more_than_there_are_gives_all(self, collection: Collection) -> None:
        names, vectors = filled(collection, 10)
        for near in collection.search(asking_form(vectors[:3]), 25):
            assert set(near.keys) == set(names)
            assert len(near.keys) == len(near.margins) == 10

    def test_vectors_come_in_the_order_of_the_keys_bit_by_bit(self, collection: Collection) -> None:
        names, vectors = filled(collection, 30)
        rows: Sequence[int] = [17, 3, 29, 0]
        found = collection.vectors([names[row] for row in rows])
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, vectors[rows])

    def test_a_vector_that_is_not_there_is_a_key_error(self, collection: Collection) -> None:
        names, _ = filled(collection, 3)
        with pytest.raises(KeyError, match="f" * 64):
            collection.vectors([names[0], "f" * 64])

    def test_equal_vectors_under_different_keys_are_all_kept(self, collection: Collection) -> None:
        collection.create(WIDTH)
        names = keys(40)
        collection.insert(names, np.repeat(stored(1), 40, axis=0))
        collection.flush()
        (near,) = collection.search(asking_form(stored(1)), 40)
        assert set(near.keys) == set(names)
        own, _ = margins(stored(1)[0], stored(1))
        np.testing.assert_allclose(near.margins, own[0], atol=1e-6)
