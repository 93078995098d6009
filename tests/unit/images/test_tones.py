"""How much colour a picture has: in files of every kind, as far as compression leaves it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from imgdedup.corpora.edits import Encoding
from imgdedup.images.tones import BLACK_AND_WHITE, COLOURS, GRAY, ONE_TONE, tones_of
from tests.pictures import decoded, natural

SIZES = [(480, 320), (1500, 1000)]  # the second one is decoded at a fraction of its size, as a JPEG
FORMS = [("PNG", {}), ("JPEG", {"quality": 90}), ("JPEG", {"quality": 50}), ("WEBP", {})]


def tones(image: Image.Image, form: str = "PNG", **options: int) -> int:
    return decoded(image, Encoding(form, "", options)).marks.tones


def coloured(size: tuple[int, int]) -> Image.Image:
    bands = [natural(seed, *size).convert("L") for seed in (1, 2, 3)]
    gray = natural(4, *size)
    return Image.blend(gray, Image.merge("RGB", bands), 0.4)


def page(size: tuple[int, int]) -> Image.Image:
    drawn = Image.new("L", size, "white")
    font = ImageFont.load_default(24)
    for top in range(10, size[1], 32):
        ImageDraw.Draw(drawn).text((10, top), "the quick brown fox jumps " * 5, "black", font)
    return drawn.point(lambda level: 255 * (level > 127))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("form", "options"), FORMS)
def test_the_tones_of_a_file(size: tuple[int, int], form: str, options: dict[str, int]) -> None:
    picture = coloured(size)
    gray = picture.convert("L")
    given = {
        "colours": (picture, COLOURS),
        "one tone": (ImageOps.colorize(gray, "#201005", "#fff0d0"), ONE_TONE),
        "gray": (gray, GRAY),
        "gray in three channels": (gray.convert("RGB"), GRAY),
        "a page": (page(size), BLACK_AND_WHITE),
    }
    found = {what: tones(image, form, **options) for what, (image, _) in given.items()}
    assert found == {what: expected for what, (_, expected) in given.items()}


def test_dots_and_drawings_of_one_bit_are_black_and_white() -> None:
    dots = natural(5).convert("1")
    assert tones(dots) == BLACK_AND_WHITE
    assert tones(dots.convert("RGB")) == BLACK_AND_WHITE
    drawing = np.zeros((100, 200, 4), np.uint8)
    drawing[40:60, 20:180, 3] = 255
    assert tones(Image.fromarray(drawing)) == BLACK_AND_WHITE


def test_a_small_part_in_colour_is_colour() -> None:
    stamped = page((800, 600)).convert("RGB")
    stamped.paste("#c02020", (600, 500, 680, 560))
    assert tones(stamped, "JPEG", quality=80) == COLOURS


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2)])
def test_pictures_of_every_size_have_tones(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "gray")
    assert tones_of(picture, picture) == GRAY
