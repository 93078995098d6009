"""One product in two finishes is two pictures; a picture whose colours were changed is one."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from imgdedup.corpora.edits import grayscale, jpeg, resize
from imgdedup.geometry.comparison import compare
from tests.pictures import SETTINGS, described, photograph

BLUE, RED, DARK_BLUE, DARK_RED, PALE_BLUE, PALE_RED = (
    (0.3, 0.5, 1.0),
    (1.0, 0.3, 0.3),
    (0.2, 0.22, 0.5),
    (0.5, 0.15, 0.15),
    (0.44, 0.5, 0.6),
    (0.6, 0.46, 0.46),
)
Finish = tuple[float, float, float]
LUMA = np.array([0.299, 0.587, 0.114])


def product(finish: Finish) -> Image.Image:
    """A gray cat on white whose middle is painted, with the same light and shade in every paint."""
    gray = np.asarray(grayscale(photograph("cat")), dtype=float)
    height, width = gray.shape
    y, x = np.mgrid[:height, :width]
    apart = np.hypot((x - width / 2) / width, (y - height / 2) / height)
    paint = np.array(finish) / (np.array(finish) @ LUMA)
    pixels = np.repeat(gray[:, :, None], 3, 2)
    painted = apart < 0.18
    pixels[painted] = (0.35 * pixels[painted]) * paint
    pixels[apart > 0.42] = 255
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def is_copy(left: Image.Image, right: Image.Image, quality: int = 95) -> bool:
    pictures = described(left), described(right, jpeg(quality))
    found = {compare(*pair, SETTINGS.verify).duplicate for pair in (pictures, pictures[::-1])}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("finishes", [(BLUE, RED), (DARK_BLUE, DARK_RED), (PALE_BLUE, PALE_RED)])
def test_one_product_in_two_finishes_is_no_copy(finishes: tuple[Finish, Finish]) -> None:
    one, other = map(product, finishes)
    assert not is_copy(one, other)


@pytest.mark.parametrize("finish", [BLUE, RED])
def test_a_product_in_one_finish_stays_a_copy(finish: Finish) -> None:
    picture = product(finish)
    assert is_copy(picture, picture, quality=20)
    assert is_copy(picture, grayscale(picture))
    assert is_copy(picture, ImageEnhance.Color(picture).enhance(0.6))
    assert is_copy(picture, ImageEnhance.Brightness(picture).enhance(0.6))
    assert is_copy(picture, resize(picture, 1 / 3), quality=20)


def test_a_tint_on_all_of_a_picture_leaves_a_copy() -> None:
    picture = product(BLUE)
    tinted = np.asarray(picture) * np.array([1.0, 0.8, 0.7])
    assert is_copy(picture, Image.fromarray(tinted.astype(np.uint8)))
