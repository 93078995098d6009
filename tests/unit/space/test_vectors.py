"""The two forms of a vector and its margins are right, and have the same bits everywhere."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.space.vectors import EXTRA, asking_form, bytes_matrix, margins, matrix, stored_form


def lists(rows: np.ndarray) -> pa.ListArray:
    return pa.array(list(rows), pa.list_(pa.float32()))


def images(seed: int, count: int, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors and levels."""
    chance = np.random.default_rng(seed)
    rows = chance.standard_normal((count, dims))
    units = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return units, chance.uniform(-1, 1, count).astype(np.float32)


def test_lists_become_rows() -> None:
    rows = np.random.default_rng(1).standard_normal((6, 16)).astype(np.float32)
    np.testing.assert_array_equal(matrix(lists(rows)), rows)


def test_a_slice_of_a_batch_gives_the_rows_of_the_slice() -> None:
    rows = np.random.default_rng(2).standard_normal((6, 16)).astype(np.float32)
    np.testing.assert_array_equal(matrix(lists(rows)[2:5]), rows[2:5])


def test_no_lists_give_no_rows() -> None:
    assert len(matrix(lists(np.empty((0, 4), np.float32)))) == 0


@given(seed=st.integers(0, 2**32 - 1), dims=st.integers(1, 300))
def test_the_product_of_an_asking_and_a_stored_vector_is_the_margin(seed: int, dims: int) -> None:
    units, levels = images(seed, 12, dims)
    stored = stored_form(units, levels)
    assert stored.shape == (12, dims + EXTRA)
    assert stored.dtype == np.float32
    wide, deep = units.astype(np.float64), levels.astype(np.float64)
    expected = wide @ wide.T - (deep[:, None] + deep) / 2
    products = asking_form(stored).astype(np.float64) @ stored.T.astype(np.float64)
    np.testing.assert_allclose(products, expected, atol=1e-6)
    for row in range(12):
        found, similarities = margins(stored[row], stored)
        np.testing.assert_allclose(found, expected[row], atol=1e-6)
        np.testing.assert_allclose(similarities, wide @ wide[row], atol=1e-6)


def test_all_stored_vectors_are_equally_long() -> None:
    units, _ = images(3, 50, 40)
    stored = stored_form(units, np.linspace(-1, 1, 50, dtype=np.float32))
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1.5, atol=1e-6)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 40), dims=st.integers(1, 2048))
def test_a_pair_has_the_same_bits_whichever_side_asks_and_beside_any_others(
    seed: int, count: int, dims: int
) -> None:
    stored = stored_form(*images(seed, count + 1, dims))
    one, others = stored[0], stored[1:]
    together = margins(one, others)
    alone = [margins(other, one[None]) for other in others]
    for each, found in enumerate(together):
        assert found.dtype == np.float64
        assert found.tolist() == [values[each][0] for values in alone]


def test_margins_are_rounded_to_six_decimals() -> None:
    stored = stored_form(*images(5, 20, 8))
    for values in margins(stored[0], stored):
        assert values.tolist() == [pytest.approx(round(value, 6), abs=1e-15) for value in values]


@given(
    st.lists(st.one_of(st.none(), st.binary(min_size=3, max_size=3)), max_size=9),
    st.integers(0, 4),
)
def test_binary_values_are_rows_and_nulls_are_rows_of_zeros(
    values: list[bytes | None], start: int
) -> None:
    column = pa.array(values, pa.binary())[start:]
    size = 3 if any(value is not None for value in values[start:]) else 0
    rows = [np.frombuffer(value or bytes(size), np.int8) for value in values[start:]]
    found = bytes_matrix(column)
    assert (found.dtype, found.shape) == (np.int8, (len(rows), size))
    np.testing.assert_array_equal(found, np.array(rows, np.int8).reshape(len(rows), size))
