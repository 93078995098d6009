"""The projected space and the levels in it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.space.projection import COPY, Projection, levels, unit
from imgdedup.space.vectors import EXTRA


def rows(seed: int, count: int, values: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, values)).astype(np.float32)


def projection(seed: int = 0, values: int = 12, dims: int = 5, members: int = 40) -> Projection:
    return Projection(
        model="m",
        mean=rows(seed, 1, values)[0] / 10,
        components=rows(seed + 1, values, dims),
        background=unit(rows(seed + 2, members, dims)).astype(np.float32),
        threshold=0.1,
        fitted_images=members,
        expected_images=members,
    )


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60))
def test_a_row_does_not_depend_on_the_other_rows(seed: int, count: int) -> None:
    space = projection(seed)
    embeddings = rows(seed, count, 12)
    together = space.stored(embeddings)
    assert together.shape == (count, space.dims + EXTRA)
    alone = [space.stored(embeddings[row : row + 1])[0] for row in range(count)]
    np.testing.assert_array_equal(together, alone)


def test_projected_vectors_are_unit_vectors_of_the_centred_directions() -> None:
    space, embeddings = projection(), rows(3, 20, 12)
    assert space.components is not None
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    expected = (directions - space.mean) @ space.components
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(space.project(embeddings * 7), expected, atol=1e-6)


def test_without_components_the_space_stays_as_it_is() -> None:
    space = replace(projection(), mean=np.zeros(12, np.float32), components=None)
    embeddings = rows(4, 3, 12)
    assert space.dims == 12
    np.testing.assert_allclose(space.project(embeddings), unit(embeddings), atol=1e-7)


@pytest.mark.parametrize("blank", [np.zeros((2, 12)), np.full((2, 12), 1e-30)])
def test_blank_embeddings_are_near_each_other_and_never_nan(blank: np.ndarray) -> None:
    bare = projection(dims=12)
    bare = replace(bare, mean=np.zeros(12, np.float32), components=None)
    for space in (bare, projection()):
        stored = space.stored(blank.astype(np.float32))
        assert np.isfinite(stored).all()
        assert stored[0] @ stored[1] == pytest.approx(2.25, abs=1e-5)


def test_a_level_is_the_mean_of_the_nearest_from_the_third_to_the_twelfth() -> None:
    background = unit(rows(5, 60, 3)).astype(np.float32)
    one = unit(rows(6, 1, 3)).astype(np.float32)
    cosines = np.sort((one @ background.T)[0])[::-1]
    others = cosines[cosines < COPY]
    assert len(others) < 60
    assert levels(one, background)[0] == pytest.approx(others[2:12].mean(), abs=1e-6)


def test_copies_in_the_background_do_not_raise_a_level() -> None:
    background = unit(rows(7, 50, 8)).astype(np.float32)
    before = levels(background[:1], background)
    copies = np.repeat(background[:1], 500, axis=0)
    assert levels(background[:1], np.vstack([background, copies])) == before


@pytest.mark.parametrize("members", [0, 1, 2])
def test_a_background_that_is_too_small_gives_level_zero(members: int) -> None:
    background = unit(rows(8, members, 8)).astype(np.float32).reshape(members, 8)
    assert levels(unit(rows(9, 3, 8)), background).tolist() == [0, 0, 0]


def test_a_background_of_copies_alone_gives_level_zero() -> None:
    one = unit(rows(10, 1, 8)).astype(np.float32)
    assert levels(one, np.repeat(one, 30, axis=0)).tolist() == [0]


def test_fingerprints_differ_when_a_margin_or_the_threshold_may_differ() -> None:
    space = projection()
    others = [
        replace(space, model="n"),
        replace(space, mean=space.mean + 1),
        replace(space, components=None),
        replace(space, background=space.background[:-1]),
        replace(space, threshold=0.1001),
    ]
    fingerprints = {each.fingerprint for each in (space, *others)}
    assert len(fingerprints) == 1 + len(others)
    assert replace(space, fitted_images=7).fingerprint == space.fingerprint
    assert projection().fingerprint == space.fingerprint
