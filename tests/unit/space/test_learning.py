"""The projection learned from a corpus is sound, and its threshold keeps to its budget."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgdedup import config
from imgdedup.space import learning
from imgdedup.space.learning import learn_projection
from imgdedup.space.projection import Projection, levels
from imgdedup.space.vectors import margins
from imgdedup.stages.fit import figures, outgrown_words

CONF = Path(__file__).parents[3] / "conf"
SECTION = replace(config.load(CONF, "local", {}).fit, dims=16, background=300)
VALUES = 64


def images(seed: int, count: int) -> np.ndarray:
    """Embeddings as a network gives them: never negative, with a few strong directions."""
    chance = np.random.default_rng(seed)
    strong = np.random.default_rng(0).standard_normal((20, VALUES))
    return np.abs(chance.standard_normal((count, 20)) @ strong + 2).astype(np.float32)


def variants(one: np.ndarray, count: int, noise: float) -> np.ndarray:
    return (one + noise * np.random.default_rng(1).standard_normal((count, VALUES))).astype("f4")


def pair_counts(space: Projection, embeddings: np.ndarray) -> np.ndarray:
    """For each image the number of others at or above the threshold."""
    stored = space.stored(embeddings)
    reaching = [(margins(one, stored)[0] >= space.threshold).sum() - 1 for one in stored]
    return np.array(reaching)


def test_other_images_of_the_corpus_keep_to_the_budget() -> None:
    chosen = replace(SECTION, candidates_per_image=10.0, growth=1.0)
    space = learn_projection(images(1, 1500), 1500, "m", chosen)
    assert (space.dims, len(space.background), space.expected_images) == (16, 300, 1500)
    assert 5 < pair_counts(space, images(2, 1500)).mean() < 20


def test_a_larger_corpus_expected_means_a_higher_threshold() -> None:
    sample = images(3, 800)
    found = [
        learn_projection(sample, 800, "m", chosen).threshold
        for chosen in (
            replace(SECTION, growth=1.0),
            replace(SECTION, growth=4.0),
            replace(SECTION, expected_images=100_000),
        )
    ]
    assert found == sorted(found)
    assert len(set(found)) == 3


def test_thousands_of_variants_of_one_image_change_neither_space_nor_threshold() -> None:
    sample = images(4, 500)
    crowd = variants(sample[0], 3000, noise=0.02)
    alone = learn_projection(sample, 3500, "m", SECTION)
    crowded = learn_projection(np.vstack([sample, crowd]), 3500, "m", SECTION)
    assert crowded.fingerprint == alone.fingerprint
    assert pair_counts(crowded, crowd[:200]).min() == 199


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 20, 59, 60, 61, 130])
def test_a_small_corpus_has_no_components_and_a_tiny_one_no_centre(count: int) -> None:
    sample = images(5, count)
    space = learn_projection(sample, count, "m", SECTION)
    assert np.isfinite(space.stored(images(6, 20))).all()
    assert (space.network.components is None) == (count < 60)
    assert space.dims == (VALUES if count < 60 else min(16, count // 2))
    assert bool(space.network.mean.any()) == (count >= 8)
    if count <= 20:
        assert space.threshold == learning.EVERYTHING
        assert pair_counts(space, sample).tolist() == [count - 1] * count


@pytest.mark.parametrize("count", [1, 3, 100, 2000])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_embeddings_are_all_candidates(count: int, value: float) -> None:
    sample = np.full((count, VALUES), value, np.float32)
    space = learn_projection(sample, count, "m", SECTION)
    stored = space.stored(sample[:50])
    assert np.isfinite(stored).all()
    assert pair_counts(space, sample[:50]).tolist() == [min(count, 50) - 1] * min(count, 50)


def test_more_dims_than_values_are_not_asked_for() -> None:
    space = learn_projection(images(7, 400), 400, "m", replace(SECTION, dims=5000))
    assert space.dims == VALUES


def test_the_same_sample_gives_the_same_projection() -> None:
    found = {learn_projection(images(8, 200), 200, "m", SECTION).fingerprint for _ in range(2)}
    assert len(found) == 1


@pytest.mark.parametrize("count", [1, 900, 2500])
def test_kept_rows_are_below_the_similarity_and_dropped_rows_are_not(count: int) -> None:
    chance = np.random.default_rng(count)
    rows = chance.standard_normal((count, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    left = learning.drop_similar(rows, 0.9)
    cosines = left @ left.T - 2 * np.eye(len(left))
    assert cosines.max() < 0.9 + 1e-6
    assert ((rows @ left.T).max(axis=1) >= 0.9 - 1e-6).all()
    assert (left[0] == rows[0]).all()


@pytest.mark.parametrize("share", [0.5, 0.01, 1e-4, 1e-9])
def test_the_least_margin_is_the_lowest_that_keeps_to_the_share(share: float) -> None:
    projected = images(9, 1300)
    projected = (projected / np.linalg.norm(projected, axis=1, keepdims=True)).astype(np.float32)
    own = levels(projected, projected[:200])
    half = own / 2
    exact = projected @ projected.T - half[:, None] - half
    pairs = exact[np.triu_indices(1300, 1)]
    found = learning.choose_threshold(projected, own, share)
    assert (pairs >= found + 1e-6).mean() <= share
    assert (pairs >= found - 1e-3).mean() > share


def test_a_corpus_that_outgrew_its_threshold_is_told_with_both_numbers() -> None:
    space = learn_projection(images(10, 30), 30, "m", SECTION)
    assert figures(60, space)["outgrown"] is False
    assert figures(61, space)["outgrown"] is True
    assert "has 61 distinct images" in outgrown_words(61, space)
    assert "chosen for 60" in outgrown_words(61, space)


def local(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-127, 128, (count, 96)).astype(np.int8)


def test_the_local_descriptors_get_a_projection_and_a_weight_of_their_own() -> None:
    chosen = replace(SECTION, local_dims=20, candidates_per_image=10.0, growth=1.0)
    sample, beside = images(11, 900), local(12, 900)
    beside[::10] = 0
    space = learn_projection(sample, 900, "m", chosen, beside)
    assert space.local is not None
    assert (space.network.dims, space.local.dims, space.dims) == (16, 20, 36)
    assert 0.5 <= space.weight <= 2
    stored = space.stored(sample, beside)
    assert np.isfinite(stored).all()
    reaching = [(margins(one, stored)[0] >= space.threshold).sum() - 1 for one in stored]
    assert 3 < np.mean(reaching) < 20


@pytest.mark.parametrize("beside", [None, np.zeros((80, 96), np.int8), np.zeros((80, 0), np.int8)])
def test_a_corpus_without_local_features_is_placed_by_the_network_alone(
    beside: np.ndarray | None,
) -> None:
    space = learn_projection(images(13, 80), 80, "m", SECTION, beside)
    assert space.local is None
    assert space.fingerprint == learn_projection(images(13, 80), 80, "m", SECTION).fingerprint


@pytest.mark.parametrize("count", [1, 2, 7, 8, 59, 60, 200])
def test_a_small_corpus_with_local_features_has_finite_vectors(count: int) -> None:
    sample, beside = images(14, count), local(15, count)
    beside[: count // 3] = 0
    space = learn_projection(sample, count, "m", SECTION, beside)
    assert np.isfinite(space.stored(sample, beside)).all()


def test_ten_thousand_equal_blank_frames_change_nothing_for_the_others() -> None:
    sample, beside = images(16, 300), local(17, 300)
    blank = np.repeat(images(18, 1), 10_000, axis=0)
    space = learn_projection(sample, 10_300, "m", SECTION, beside)
    crowded = learn_projection(
        np.vstack([sample, blank]),
        10_300,
        "m",
        SECTION,
        np.vstack([beside, np.zeros((10_000, 96), np.int8)]),
    )
    assert crowded.local is not None
    assert space.local is not None
    np.testing.assert_array_equal(crowded.local.mean, space.local.mean)
    assert crowded.threshold == pytest.approx(space.threshold, abs=0.05)


def test_the_part_that_reaches_farther_for_different_images_counts_less() -> None:
    chance = np.random.default_rng(19)
    narrow = learning.unit(chance.standard_normal((500, 6))).astype(np.float32)
    wide = learning.unit(chance.standard_normal((500, 200))).astype(np.float32)
    assert learning.choose_weight(narrow, wide) > 1.2
    assert learning.choose_weight(wide, narrow) < 0.8
    assert learning.choose_weight(narrow, narrow) == 1.0
    assert learning.choose_weight(narrow[:1], wide[:1]) == 1.0


def test_copies_in_the_sample_change_neither_the_threshold_nor_the_levels_much() -> None:
    chosen = replace(SECTION, candidates_per_image=4.0, expected_images=2000)
    originals = images(20, 600)
    noise = np.random.default_rng(21).standard_normal((600, VALUES))
    edited = (originals + 3.0 * noise).astype(np.float32)
    alone = learn_projection(originals, 600, "m", chosen)
    together = learn_projection(np.vstack([originals, edited]), 1200, "m", chosen)
    assert together.threshold == pytest.approx(alone.threshold, abs=0.06)


def test_a_threshold_above_the_first_margin_of_copies_is_chosen_from_what_lies_above() -> None:
    chance = np.random.default_rng(22)
    centres = np.repeat(chance.standard_normal((100, 12)), 8, axis=0)
    alike = learning.unit(centres + 0.7 * chance.standard_normal((800, 12))).astype(np.float32)
    first = levels(alike, alike[:300])
    background = alike[learning.mark_distinct(alike, learning.COPY_MARGINS[0], first)]
    share = 1e-7
    found = learning.choose_above_copies(alike, background, share)
    assert found > learning.COPY_MARGINS[0]
