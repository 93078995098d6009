"""Maps are carried over to originals, and made exact to a small part of a pixel there."""

import cv2
import numpy as np
import pytest

from imgdedup.geometry.registration import of_frames, of_pixels, register
from tests.pictures import photograph

NEARLY = 0.25  # pixels


@pytest.mark.parametrize("side", [256, 288, 320])
@pytest.mark.parametrize("missing", [(2.0, -1.5), (-2.5, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("name", ["cat", "coffee", "rocket"])
def test_overlapping_tiles_tell_the_map_exactly(
    name: str, missing: tuple[float, float], side: int
) -> None:
    one = np.asarray(photograph(name).convert("L").resize((side, side)))
    true = np.array([[1.01, 0.012, -7.3], [-0.008, 0.99, -9.6], [0.0, 0.0, 1.0]])
    other = cv2.warpPerspective(one, true, (side - 24, side - 24), flags=cv2.INTER_CUBIC)
    nearly = true.copy()
    nearly[:2, 2] += missing
    nearly[0, 0] += 0.01
    apart = register(one, other, nearly) - true
    corners = np.array([(40, 40, 1), (200, 40, 1), (200, 200, 1), (40, 200, 1)])
    assert np.abs(corners @ apart.T).max() < NEARLY


def test_a_map_of_frames_holds_for_all_sizes_of_the_pictures() -> None:
    # The right half of a picture of 200 x 100 pixels, turned by a quarter: its corners and middle.
    quarter = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 199.0], [0.0, 0.0, 1.0]])
    frame_map = of_frames(quarter, (200, 100), (100, 100))
    found = np.array([(1.0, 0.0, 1), (1.0, 1.0, 1), (0.5, 0.5, 1)]) @ frame_map.T
    np.testing.assert_allclose(found[:, :2], [(0, 0), (1, 0), (0.5, 1)], atol=1e-12)
    np.testing.assert_allclose(of_pixels(frame_map, (200, 100), (100, 100)), quarter, atol=1e-9)
    larger = of_pixels(frame_map, (800, 400), (50, 50))
    # The middles of the first and the last pixel column of the half, seen on the smaller copy.
    np.testing.assert_allclose(larger @ [399.5, 199.5, 1], [24.5, 49.5, 1], atol=1e-9)
    np.testing.assert_allclose(larger @ [799.5, -0.5, 1], [-0.5, -0.5, 1], atol=1e-9)
