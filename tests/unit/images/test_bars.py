"""Bars of one tone are found, and nothing else is cut."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from imgdedup.images.bars import without_bars
from tests.pictures import photograph


def pixels(image: Image.Image, quality: int | None = None) -> np.ndarray:
    if quality is None:
        return np.asarray(image.convert("RGB"))
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", ["astronaut", "cat", "coffee", "china", "motorcycle"])
def test_a_photograph_without_bars_stays_whole(name: str) -> None:
    seen = pixels(photograph(name))
    height, width = seen.shape[:2]
    left, top, right, bottom = without_bars(seen)
    assert (right - left) * (bottom - top) > 0.97 * width * height


@pytest.mark.parametrize("border", [(0, 40), (60, 0), (30, 30), (0, 3)])
@pytest.mark.parametrize("tone", [(0, 0, 0), (255, 255, 255), (90, 20, 160)])
@pytest.mark.parametrize("quality", [None, 60])
def test_bars_are_found(
    border: tuple[int, int], tone: tuple[int, int, int], quality: int | None
) -> None:
    picture = photograph("china")
    framed = ImageOps.expand(picture, border, tone)
    width, height = picture.size
    across, down = border
    expected = (across, down, across + width, down + height)
    room = 0 if quality is None else 16  # pixels: the side of a block of a JPEG's colours
    assert without_bars(pixels(framed, quality)) == pytest.approx(expected, abs=room)


def test_bars_behind_bars_are_found() -> None:
    inner = ImageOps.expand(photograph("china"), (50, 0), "black")
    framed = ImageOps.expand(inner, (0, 30), "white")
    width, height = photograph("china").size
    assert without_bars(pixels(framed)) == (50, 30, 50 + width, 30 + height)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (80, 60)])
@pytest.mark.parametrize("tone", [0, 128, 255])
def test_a_plain_picture_stays_whole(size: tuple[int, int], tone: int) -> None:
    plain = Image.new("RGB", size, (tone, tone, tone))
    assert without_bars(pixels(plain)) == (0, 0, *size)


def test_a_small_thing_on_a_plain_ground_stays_whole() -> None:
    ground = Image.new("RGB", (200, 200), "white")
    ground.paste(photograph("cat").resize((30, 30)), (90, 90))
    assert without_bars(pixels(ground)) == (0, 0, 200, 200)
