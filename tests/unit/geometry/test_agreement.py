"""What two aligned pictures share, and how well it agrees."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from imgdedup.corpora.edits import jpeg
from imgdedup.geometry.agreement import Agreement, agreement, share
from tests.pictures import photograph

PHOTOS = ["astronaut", "cat", "coffee", "china"]
STILL = np.eye(3)


def luma(name: str) -> np.ndarray:
    return np.array(photograph(name).convert("L").resize((240, 180)))


def agreed(left: np.ndarray, right: np.ndarray, matrix: np.ndarray = STILL) -> Agreement:
    shared = share(left, right, matrix)
    assert shared is not None
    found = agreement(shared)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("box", "factor"),
    [((0, 0, 120, 180), 1.0), ((60, 40, 180, 140), 1.0), ((20, 0, 220, 180), 0.5)],
)
def test_a_crop_is_shared_wholly_from_either_side(
    box: tuple[int, int, int, int], factor: float
) -> None:
    picture = luma("cat")
    left, top, right, bottom = box
    size = round((right - left) * factor), round((bottom - top) * factor)
    crop = cv2.resize(picture[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    middle = (1 - factor) / 2  # pixels are counted from their centres
    matrix = np.array(
        [[factor, 0, -left * factor - middle], [0, factor, -top * factor - middle], [0, 0, 1]]
    )
    for pair in ((picture, crop, matrix), (crop, picture, np.linalg.inv(matrix))):
        shared = share(*pair)
        assert shared is not None
        assert shared.overlap == pytest.approx(1, abs=0.03)
        found = agreement(shared)
        assert found is not None
        assert found.worst > 0.95
        if factor < 1:  # the frame is that of the coarser picture
            assert shared.coarse.shape == crop.shape


def test_the_coarser_picture_gives_the_frame_whichever_side_it_is_on() -> None:
    picture = luma("coffee")
    small = cv2.resize(picture, (120, 90), interpolation=cv2.INTER_AREA)
    matrix = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
    there, back = share(picture, small, matrix), share(small, picture, np.linalg.inv(matrix))
    assert there is not None
    assert back is not None
    assert (there.swapped, back.swapped) == (False, True)
    np.testing.assert_array_equal(there.coarse, small)
    np.testing.assert_array_equal(back.coarse, small)
    np.testing.assert_allclose(back.fine, there.fine, atol=1)


@pytest.mark.parametrize("shift", [60, 120, 180])
def test_the_overlap_is_the_share_of_the_smaller_picture(shift: int) -> None:
    picture = luma("astronaut")
    shared = share(picture, picture, np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1.0]]))
    assert shared is not None
    assert shared.overlap == pytest.approx(1 - shift / 240, abs=0.01)
    assert not shared.shown[:, :shift].any()


def test_pictures_beside_each_other_share_nothing() -> None:
    picture = luma("astronaut")
    assert share(picture, picture, np.array([[1, 0, 500], [0, 1, 0], [0, 0, 1.0]])) is None


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.6, 90), (1, -20), (1.4, -50)])
def test_neither_brightness_nor_contrast_spoils_the_agreement(
    name: str, gain: float, offset: float
) -> None:
    picture = luma(name)
    changed = np.clip(gain * picture.astype(float) + offset, 0, 255).astype(np.uint8)
    for pair in ((picture, changed), (changed, picture)):
        found = agreed(*pair)
        assert found.typical > 0.98
        assert found.worst > 0.9
        assert found.disagreeing < 0.01


@pytest.mark.parametrize("name", PHOTOS)
def test_compression_hardly_spoils_the_agreement(name: str) -> None:
    picture = luma(name)
    stored = io.BytesIO(jpeg(20).encode(Image.fromarray(picture)))
    found = agreed(picture, np.array(Image.open(stored)))
    assert found.typical > 0.95
    assert found.worst > 0.7


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("other", PHOTOS)
def test_another_photograph_disagrees(name: str, other: str) -> None:
    if name != other:
        found = agreed(luma(name), luma(other))
        assert found.typical < 0.3
        assert found.worst < 0
        assert found.disagreeing > 0.5


def test_the_negative_disagrees_everywhere() -> None:
    picture = luma("cat")
    found = agreed(picture, 255 - picture)
    assert found.disagreeing == 1
    assert found.typical < -0.9


def test_a_changed_spot_is_marked_where_it_is() -> None:
    picture, other = luma("astronaut"), luma("coffee")
    changed = picture.copy()
    changed[100:150, 30:90] = other[100:150, 30:90]
    found = agreed(picture, changed)
    assert found.typical > 0.98
    assert 0 < found.disagreeing < 0.2
    down, across = np.nonzero(
        cv2.resize(found.doubtful.astype(np.uint8), (240, 180), interpolation=cv2.INTER_NEAREST)
    )
    reach = 10
    assert 100 - reach <= down.min() <= down.max() < 150 + reach
    assert 30 - reach <= across.min() <= across.max() < 90 + reach


def test_pictures_without_texture_have_nothing_to_correlate() -> None:
    plain = np.full((180, 240), 90, np.uint8)
    faint = plain + (np.indices(plain.shape).sum(axis=0) % 2).astype(np.uint8)
    for left, right in ((plain, plain), (plain, faint)):
        shared = share(left, right, STILL)
        assert shared is not None
        assert agreement(shared) is None
