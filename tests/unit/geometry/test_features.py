"""Local features: where they lie, that they survive storing, and that mirroring needs no pixels."""

import cv2
import numpy as np
import pytest

from imgdedup.geometry.features import Features, extract
from tests.pictures import photograph

PHOTOS = ["astronaut", "cat", "coffee"]


def luma(name: str, size: tuple[int, int] = (240, 180)) -> np.ndarray:
    """A photograph's gray pixels, (height, width), distorted to a size (width, height)."""
    return np.array(photograph(name).convert("L").resize(size))


def counterparts(first: Features, second: Features, most: float) -> np.ndarray:
    """For each of the first features its most similar one of the second, -1 if none is near.

    Near is within `most` pixels, with half again the size at most.
    """
    apart = np.linalg.norm(first.points[:, None] - second.points, axis=2)
    stretched = np.abs(np.log(first.sizes[:, None] / second.sizes))
    cosines = np.where((apart < most) & (stretched < np.log(1.5)), first.unit @ second.unit.T, -1)
    return np.where(cosines.max(axis=1) > 0.85, cosines.argmax(axis=1), -1)


def test_features_survive_storing() -> None:
    found = extract(luma("astronaut"))
    data = found.to_bytes(240)
    again = Features.from_bytes(data, 240)
    assert len(again) == len(found) > 100
    assert len(data) == 72 * len(found)
    np.testing.assert_array_equal(again.descriptors, found.descriptors)
    for name, apart in (("points", 0.005), ("sizes", 0.005), ("angles", 1e-3)):
        np.testing.assert_allclose(getattr(again, name), getattr(found, name), atol=apart)
        assert getattr(again, name).dtype == getattr(found, name).dtype
    assert Features.from_bytes(data, 240).to_bytes(240) == data


def test_stored_features_are_read_at_any_size_of_the_picture() -> None:
    found = extract(luma("astronaut"))
    larger = Features.from_bytes(found.to_bytes(240), 480)
    np.testing.assert_allclose(larger.points, (found.points + 0.5) * 2 - 0.5, atol=0.01)
    np.testing.assert_allclose(larger.sizes, found.sizes * 2, atol=0.01)


def test_descriptors_in_levels_are_close_to_the_exact_ones() -> None:
    found = extract(luma("astronaut"))
    sift = cv2.SIFT.create(
        300, contrastThreshold=0.01, edgeThreshold=15, enable_precise_upscale=True
    )
    small = cv2.resize(luma("astronaut"), (224, 168), interpolation=cv2.INTER_AREA)
    _, exact = sift.detectAndCompute(small, None)
    roots = np.sqrt(exact / exact.sum(axis=1, keepdims=True))
    assert np.median((found.unit @ roots.T).max(axis=1)) > 0.995


def test_a_plain_picture_has_no_features_and_that_survives_storing() -> None:
    found = extract(np.full((180, 240), 127, np.uint8))
    assert len(found) == 0
    again = Features.from_bytes(found.to_bytes(240), 240)
    assert (again.points.shape, again.descriptors.shape) == ((0, 2), (0, 128))
    assert len(again.mirrored(240)) == 0


@pytest.mark.parametrize("name", PHOTOS)
def test_mirrored_features_are_those_of_the_mirror_image(name: str) -> None:
    picture = luma(name)
    mirrored = extract(picture).mirrored(picture.shape[1])
    seen = extract(np.ascontiguousarray(picture[:, ::-1]))
    other = counterparts(mirrored, seen, most=1.0)
    assert (other >= 0).mean() > 0.9
    turned = mirrored.angles[other >= 0] - seen.angles[other[other >= 0]]
    assert np.median(np.abs(np.angle(np.exp(1j * turned)))) < np.radians(1)


def test_mirroring_twice_changes_nothing() -> None:
    found = extract(luma("cat"))
    again = found.mirrored(240).mirrored(240)
    np.testing.assert_allclose(again.points, found.points, atol=1e-4)
    np.testing.assert_allclose(again.angles, found.angles, atol=1e-5)
    np.testing.assert_array_equal(again.descriptors, found.descriptors)


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.6])
def test_features_are_measured_in_pixels_of_the_picture_whatever_its_size(factor: float) -> None:
    picture = luma("astronaut")
    size = round(240 * factor), round(180 * factor)
    resized = extract(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    ratio = size[0] / 240
    scaled = Features(
        (resized.points + 0.5) / ratio - 0.5,
        resized.sizes / ratio,
        resized.angles,
        resized.descriptors,
    )
    assert (counterparts(scaled, extract(picture), most=1.5) >= 0).mean() > 0.5


def test_features_lie_in_the_frame_and_are_not_too_many() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (320, 200), np.uint8)
    for picture in (noise, luma("coffee"), luma("coffee", (320, 40))):
        found = extract(picture)
        height, width = picture.shape
        assert 0 < len(found) <= 300
        assert (found.points >= -0.5).all()
        assert (found.points < [width, height]).all()
        assert (found.sizes > 0).all()
        np.testing.assert_allclose(np.linalg.norm(found.unit, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 320), (320, 1), (16, 16), (320, 16)])
def test_tiny_and_narrow_pictures_are_looked_at_without_fault(size: tuple[int, int]) -> None:
    assert len(extract(luma("cat", size))) <= 300
    assert len(extract(np.zeros(size[::-1], np.uint8))) == 0


def test_an_icon_has_features_though_it_is_small() -> None:
    assert len(extract(luma("astronaut", (48, 36)))) > 20
