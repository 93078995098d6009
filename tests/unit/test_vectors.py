"""Unit vectors and cosines: right, and with the same bits wherever they are computed."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.vectors import similarities, unit_vectors


def lists(rows: np.ndarray) -> pa.ListArray:
    return pa.array(list(rows), pa.list_(pa.float32()))


def units(seed: int, count: int, dims: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dims)).astype(np.float32)
    return unit_vectors(lists(rows))


def test_unit_vectors_have_length_one_and_keep_their_direction() -> None:
    rows = np.random.default_rng(1).standard_normal((5, 2048)).astype(np.float32) * 1e4
    found = unit_vectors(lists(rows))
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, rows / np.linalg.norm(rows, axis=1, keepdims=True), rtol=1e-5)


def test_a_slice_of_a_batch_gives_the_rows_of_the_slice() -> None:
    rows = np.random.default_rng(2).standard_normal((6, 16)).astype(np.float32)
    np.testing.assert_array_equal(unit_vectors(lists(rows)[2:5]), unit_vectors(lists(rows))[2:5])


def test_no_rows_give_no_vectors() -> None:
    assert len(unit_vectors(lists(np.empty((0, 4), np.float32)))) == 0


def test_an_embedding_of_zeros_stays_zero() -> None:
    np.testing.assert_array_equal(unit_vectors(lists(np.zeros((1, 8), np.float32))), 0)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 40), dims=st.integers(1, 2048))
def test_a_pair_has_the_same_bits_whoever_asks_and_in_whatever_company(
    seed: int, count: int, dims: int
) -> None:
    vectors = units(seed, count + 1, dims)
    query, others = vectors[0], vectors[1:]
    together = similarities(query, others)
    alone = [similarities(other, query[None])[0] for other in others]
    assert together.dtype == np.float64
    assert together.tolist() == alone


def test_the_similarity_is_the_cosine() -> None:
    vectors = units(3, 20, 300)
    expected = vectors.astype(float) @ vectors[0].astype(float)
    assert similarities(vectors[0], vectors) == pytest.approx(expected, abs=1e-12)
