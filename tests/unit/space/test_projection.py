"""The projected space and the levels in it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.space.projection import COPY, Part, Projection, joined, levels, unit
from imgdedup.space.vectors import EXTRA


def rows(seed: int, count: int, values: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, values)).astype(np.float32)


def projection(seed: int = 0, values: int = 12, dims: int = 5, members: int = 40) -> Projection:
    return Projection(
        model="m",
        network=Part(rows(seed, 1, values)[0] / 10, rows(seed + 1, values, dims)),
        local=None,
        weight=0.0,
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
    assert space.network.components is not None
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    expected = (directions - space.network.mean) @ space.network.components
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(space.project(embeddings * 7), expected, atol=1e-6)


def test_without_components_the_space_stays_as_it_is() -> None:
    space = replace(projection(), network=Part(np.zeros(12, np.float32), None))
    embeddings = rows(4, 3, 12)
    assert space.dims == 12
    np.testing.assert_allclose(space.project(embeddings), unit(embeddings), atol=1e-7)


@pytest.mark.parametrize("blank", [np.zeros((2, 12)), np.full((2, 12), 1e-30)])
def test_blank_embeddings_are_near_each_other_and_never_nan(blank: np.ndarray) -> None:
    bare = projection(dims=12)
    bare = replace(bare, network=Part(np.zeros(12, np.float32), None))
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
        replace(space, network=replace(space.network, mean=space.network.mean + 1)),
        replace(space, network=replace(space.network, components=None)),
        replace(space, local=space.network),
        replace(space, weight=1.0),
        replace(space, background=space.background[:-1]),
        replace(space, threshold=0.1001),
    ]
    fingerprints = {each.fingerprint for each in (space, *others)}
    assert len(fingerprints) == 1 + len(others)
    assert replace(space, fitted_images=7).fingerprint == space.fingerprint
    assert projection().fingerprint == space.fingerprint


def with_local(weight: float = 1.0) -> Projection:
    local = Part(rows(20, 1, 9)[0] / 10, rows(21, 9, 4))
    background = unit(rows(22, 40, 9)).astype(np.float32)
    return replace(projection(), local=local, weight=weight, background=background)


def test_both_parts_stand_side_by_side_by_their_weight() -> None:
    space, embeddings, local = with_local(2.0), rows(23, 6, 12), rows(24, 6, 9)
    assert space.local is not None
    assert space.dims == 9
    found = space.project(embeddings, local)
    parts = [space.network.project(embeddings), 2 * space.local.project(local)]
    np.testing.assert_allclose(found, np.hstack(parts) / np.sqrt(5), atol=1e-6)
    assert space.stored(embeddings, local).shape == (6, 9 + EXTRA)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 30))
def test_a_row_of_two_parts_does_not_depend_on_the_other_rows(seed: int, count: int) -> None:
    space, embeddings = with_local(), rows(seed, count, 12)
    local = np.random.default_rng(seed).integers(-127, 128, (count, 9)).astype(np.int8)
    local[::3] = 0
    together = space.stored(embeddings, local)
    alone = [space.stored(embeddings[[row]], local[[row]])[0] for row in range(count)]
    np.testing.assert_array_equal(together, alone)


def test_without_local_features_the_network_alone_places_an_image() -> None:
    space, embeddings = with_local(), rows(25, 4, 12)
    for absent in (np.zeros((4, 9), np.int8), np.zeros((4, 0), np.int8), None):
        found = space.project(embeddings, absent)
        np.testing.assert_allclose(found[:, :5], space.network.project(embeddings), atol=1e-6)
        assert not found[:, 5:].any()


def test_an_image_without_local_features_is_no_accidental_neighbour() -> None:
    space, embedding = with_local(), np.repeat(rows(26, 1, 12), 2, axis=0)
    local = np.vstack([np.zeros((1, 9)), rows(27, 1, 9)])
    one, other = space.project(embedding, local)
    assert one @ other == pytest.approx(1 / np.sqrt(2), abs=1e-5)


def test_joined_parts_of_zeros_get_a_direction() -> None:
    found = joined(np.zeros((2, 3), np.float32), np.zeros((2, 2), np.float32), 1.0)
    np.testing.assert_array_equal(found, [[1, 0, 0, 0, 0]] * 2)
