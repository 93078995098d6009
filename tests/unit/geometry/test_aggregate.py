"""Local descriptors: what changes them, what does not, and the codebook they are made with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgdedup.corpora.edits import grayscale, resize, zoom
from imgdedup.geometry.aggregate import Codebook, builtin_codebook, learn_codebook, load
from imgdedup.geometry.features import Features, extract
from tests.pictures import photograph

PHOTOS = ["astronaut", "cat", "coffee", "china"]


def features_of(image: Image.Image) -> Features:
    return extract(np.array(image.convert("L").resize((300, 200))))


def described(image: Image.Image) -> np.ndarray:
    """The local descriptor of a picture as a unit vector."""
    values = builtin_codebook().aggregate(features_of(image)).astype(float)
    return values / np.linalg.norm(values)


@pytest.mark.parametrize("name", PHOTOS)
def test_copies_are_nearer_than_other_photographs(name: str) -> None:
    original = photograph(name)
    own = described(original)
    others = max(float(own @ described(photograph(other))) for other in PHOTOS if other != name)
    copies = {
        "mirrored": original.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "half turn": original.transpose(Image.Transpose.ROTATE_180),
        "zoom": zoom(original, 1.3),
        "gray": grayscale(original),
        "small": resize(original, 0.6),
    }
    for edit, copy in copies.items():
        assert own @ described(copy) > others + 0.1, edit


def test_the_order_of_the_features_plays_no_part() -> None:
    found = features_of(photograph("cat"))
    order = np.random.default_rng(0).permutation(len(found))
    shuffled = Features(
        found.points[order], found.sizes[order], found.angles[order], found.descriptors[order]
    )
    apart = builtin_codebook().aggregate(found).astype(int) - builtin_codebook().aggregate(shuffled)
    assert np.abs(apart).max() <= 1


@pytest.mark.parametrize("count", [0, 1, 7])
def test_too_few_features_say_nothing(count: int) -> None:
    found = features_of(photograph("cat"))
    few = Features(
        found.points[:count], found.sizes[:count], found.angles[:count], found.descriptors[:count]
    )
    descriptor = builtin_codebook().aggregate(few)
    assert descriptor.shape == (2048,)
    assert descriptor.dtype == np.int8
    assert not descriptor.any()


def test_a_codebook_survives_storing_and_has_a_fingerprint_of_its_own(tmp_path: Path) -> None:
    units = np.concatenate([features_of(photograph(name)).unit for name in PHOTOS])
    learned = learn_codebook(units)
    assert (learned.axes.shape, learned.centres.shape) == ((128, 64), (32, 64))
    assert learn_codebook(units).fingerprint == learned.fingerprint
    learned.save(tmp_path / "codebook.npz")
    again = load(tmp_path / "codebook.npz")
    assert again.fingerprint == learned.fingerprint != builtin_codebook().fingerprint
    moved = replace(learned, mean=learned.mean + np.float32(1e-3))
    assert moved.fingerprint != learned.fingerprint
    found = features_of(photograph("cat"))
    np.testing.assert_array_equal(again.aggregate(found), learned.aggregate(found))


def test_the_codebook_of_the_package_has_the_shapes_that_it_names() -> None:
    found: Codebook = builtin_codebook()
    assert (found.mean.shape, found.axes.shape) == ((128,), (128, 64))
    assert found.centres.shape == (32, 64)
    np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(64), atol=1e-4)
