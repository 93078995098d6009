"""Maps between pictures: known ones are found again, whole frames lie on each other in all ways."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.geometry.alignment import (
    LEAST_INLIERS,
    Alignment,
    align,
    apply,
    frames,
    linear_at,
    scale_of,
)
from imgdedup.geometry.features import extract
from tests.pictures import photograph

PHOTOS = ["astronaut", "cat", "coffee"]
SIZE = (280, 210)  # width, height
CORNERS = np.array([(0.0, 0.0), (279.0, 0.0), (279.0, 209.0), (0.0, 209.0)])
MAPS = {
    "nothing": np.eye(3),
    "shift": np.array([[1, 0, 25], [0, 1, -12], [0, 0, 1.0]]),
    "shrink": np.diag([0.5, 0.5, 1]),
    "zoom": np.array([[1.4, 0, -60], [0, 1.4, -30], [0, 0, 1]]),
    "turn": np.array([[0.94, -0.34, 50], [0.34, 0.94, -40], [0, 0, 1]]),
    "mirror": np.array([[-1, 0, 279], [0, 1, 0], [0, 0, 1.0]]),
    "mirror, turn and shrink": np.array([[-0.6, 0.2, 220], [0.2, 0.6, 0], [0, 0, 1]]),
    "quarter turn": np.array([[0, 1, 0], [-1, 0, 279], [0, 0, 1.0]]),
    "half turn": np.array([[-1, 0, 279], [0, -1, 209], [0, 0, 1.0]]),
    "stretch": np.array([[1.1, 0, -10], [0, 0.95, 5], [0, 0, 1]]),
    "shear": np.array([[1, 0.12, -10], [0.03, 1, 0], [0, 0, 1]]),
    "tilt": np.array([[1, 0.05, 0], [0.02, 1, 0], [3e-4, -4e-4, 1]]),
}


def luma(name: str) -> np.ndarray:
    return np.array(photograph(name).convert("L").resize(SIZE))


def warped(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.asarray(cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_AREA))


def aligned(left: np.ndarray, right: np.ndarray) -> Alignment | None:
    width = left.shape[1]
    features = extract(left)
    return align(features, features.mirrored(width), width, extract(right))


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("name", MAPS)
def test_a_known_map_is_found_again(photo: str, name: str) -> None:
    picture, truth = luma(photo), MAPS[name]
    found = aligned(picture, warped(picture, truth))
    assert found is not None
    assert found.inliers >= 20
    assert found.mirrored == ("mirror" in name)
    # Within the part that both show, at the corners of the middle half.
    middle = CORNERS / 2 + (69.75, 52.25)
    missed = np.linalg.norm(apply(found.matrix, middle) - apply(truth, middle), axis=1)
    assert missed.max() < 1.5


@pytest.mark.parametrize("name", ["zoom", "mirror", "quarter turn"])
def test_the_way_back_is_the_inverse_map(name: str) -> None:
    picture = luma("astronaut")
    copy = warped(picture, MAPS[name])
    there, back = aligned(picture, copy), aligned(copy, picture)
    assert there is not None
    assert back is not None
    centre = np.array([[140.0, 105.0]])
    np.testing.assert_allclose(apply(back.matrix @ there.matrix, centre), centre, atol=1.0)


def test_a_map_is_the_same_each_time() -> None:
    picture = luma("cat")
    copy = warped(picture, MAPS["tilt"])
    first, second = aligned(picture, copy), aligned(picture, copy)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.matrix, second.matrix)
    assert first.inliers == second.inliers


def test_two_photographs_share_no_map_with_many_inliers() -> None:
    for left, right in (("astronaut", "cat"), ("cat", "coffee"), ("coffee", "astronaut")):
        found = aligned(luma(left), luma(right))
        assert found is None or found.inliers < 8


def test_pictures_without_features_have_no_map() -> None:
    plain = np.full((210, 280), 100, np.uint8)
    assert aligned(plain, plain) is None
    assert aligned(luma("cat"), plain) is None
    assert aligned(plain, luma("cat")) is None


def test_inliers_are_counted_at_distinct_places() -> None:
    # One mark with hundreds of features around it supports a map no better than a few places do.
    mark = np.full((210, 280), 255, np.uint8)
    cv2.putText(mark, "R", (130, 110), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 2)
    found = aligned(mark, mark)
    assert found is not None
    assert LEAST_INLIERS <= found.inliers < 40


def boundary(size: tuple[int, int]) -> set[tuple[float, float]]:
    """The corners of a frame (width, height), in pixels counted from a pixel's centre."""
    return {(x - 0.5, y - 0.5) for x in (0, size[0]) for y in (0, size[1])}


@pytest.mark.parametrize(
    ("left", "right", "count"),
    [
        ((64, 64), (64, 64), 8),
        ((64, 64), (20, 20), 8),
        ((300, 200), (150, 100), 4),
        ((300, 200), (100, 150), 4),
        ((320, 213), (33, 22), 4),
        ((320, 16), (320, 16), 4),
        ((300, 200), (200, 200), 0),
        ((300, 200), (300, 180), 0),
    ],
)
def test_a_frame_lies_on_another_in_each_way_that_fits(
    left: tuple[int, int], right: tuple[int, int], count: int
) -> None:
    found = list(frames(left, right))
    assert len(found) == count
    assert len({tuple(np.round(matrix, 6).ravel()) for matrix in found}) == count
    assert sum(np.linalg.det(matrix) < 0 for matrix in found) == count / 2
    for matrix in found:
        mapped = apply(matrix, np.array(sorted(boundary(left))))
        assert {(x, y) for x, y in np.round(mapped, 4)} == boundary(right)


def test_the_frame_as_it_is_comes_first() -> None:
    np.testing.assert_allclose(next(frames((300, 200), (300, 200))), np.eye(3), atol=1e-6)


numbers = st.floats(-0.4, 0.4)


@given(st.tuples(numbers, numbers, numbers, numbers), st.tuples(numbers, numbers))
def test_a_map_is_linear_close_to_a_point(
    slope: tuple[float, float, float, float], tilt: tuple[float, float]
) -> None:
    a, b, c, d = slope
    matrix = np.array([[1 + a, b, 7], [c, 1 + d, -3], [tilt[0] / 1000, tilt[1] / 1000, 1]])
    step = 1e-4
    near = np.array([(50, 40), (50 + step, 40), (50, 40 + step)])
    mapped = apply(matrix, near)
    slopes = np.stack([mapped[1] - mapped[0], mapped[2] - mapped[0]], axis=1) / step
    linear = linear_at(matrix, (50, 40))
    np.testing.assert_allclose(linear, slopes, atol=1e-4)
    area = abs(np.linalg.det(slopes))
    assert scale_of(matrix, (50, 40)) == pytest.approx(np.sqrt(area), abs=1e-3)
