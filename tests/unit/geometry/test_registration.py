"""A map that misses by pixels is made exact to a small part of a pixel."""

import cv2
import numpy as np
import pytest

from imgdedup.geometry.registration import register
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
