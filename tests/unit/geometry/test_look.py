"""The second look: what is a difference between two originals, and what is none."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from imgdedup.config import VerifyConfig
from imgdedup.corpora.edits import blur, brightness, contrast, grayscale, resize
from imgdedup.geometry.look import Look, look
from tests.pictures import SETTINGS, photograph

RULES = SETTINGS.verify


def looked(left: Image.Image, right: Image.Image, config: VerifyConfig = RULES) -> Look:
    """Look at two pictures of one frame."""
    one, other = (np.asarray(picture.convert("RGB")) for picture in (left, right))
    across, down = right.width / left.width, right.height / left.height
    matrix = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    return look(one, other, matrix, config)


def saved(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def page(total: str) -> Image.Image:
    """A page with lines of text, and a total."""
    drawn = Image.new("RGB", (900, 1200), "white")
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(22)
    for line in range(22):
        draw.text((60, 60 + 44 * line), f"Item {line}: {line * 37 % 100} pieces", "black", font)
    draw.text((560, 1100), f"Total {total}", "black", font)
    return drawn


SMALL = [10, 12, 18]


def small_print(total: str, size: float, ink: int = 0) -> Image.Image:
    """A page of small print, its letters `size` pixels high, with a total."""
    drawn = Image.new("RGB", (620, 600), "white")
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(size)
    for line in range(int(520 / size / 1.5)):
        words = (
            f"Item {line}: {line * 37 % 100} valves, net" if line % 7 else f"Total due {total} EUR"
        )
        draw.text((40 + line * 29 % 60, 40 + 1.5 * size * line), words, (ink,) * 3, font)
    return drawn


def with_one_bit(picture: Image.Image) -> Image.Image:
    return picture.convert("L").point(lambda level: 255 if level > 127 else 0)


def with_object(picture: Image.Image, share: float) -> Image.Image:
    """The picture, and a part of another photograph in it, with a share of the area."""
    side = round((share * picture.width * picture.height) ** 0.5)
    other = photograph("coffee").resize((side, side))
    changed = picture.copy()
    changed.paste(other, (picture.width // 3, picture.height // 4))
    return changed


def with_words(picture: Image.Image, words: str) -> Image.Image:
    drawn = picture.copy()
    font = ImageFont.load_default(picture.height / 9)
    place = picture.width / 2, picture.height * 0.12
    ImageDraw.Draw(drawn).text(
        place, words, "white", font, "mm", stroke_width=3, stroke_fill="black"
    )
    return drawn


@pytest.mark.parametrize(
    "edit",
    [
        lambda picture: picture,
        lambda picture: saved(picture, 15),
        lambda picture: saved(resize(picture, 0.25), 80),
        lambda picture: saved(brightness(picture, 1.7), 60),
        lambda picture: brightness(picture, 0.5),
        lambda picture: contrast(picture, 1.6),
        lambda picture: grayscale(picture),
        lambda picture: blur(picture, 1.6),
    ],
    ids=["same", "JPEG 15", "a quarter", "brighter", "darker", "contrast", "gray", "blurred"],
)
def test_a_copy_of_poor_quality_is_the_same(edit: Callable[[Image.Image], Image.Image]) -> None:
    cat = photograph("cat")
    assert looked(cat, edit(cat)).same
    assert looked(edit(cat), cat).same


@pytest.mark.parametrize("share", [0.01, 0.02, 0.08])
def test_an_object_more_is_a_difference(share: float) -> None:
    cat = saved(photograph("cat"), 90)
    changed = saved(with_object(photograph("cat"), share), 80)
    found = looked(cat, changed)
    assert not found.same
    assert looked(changed, cat).same == found.same


def test_one_digit_on_a_page_is_a_difference() -> None:
    assert looked(page("1,204.50"), saved(page("1,204.50"), 60)).same
    found = looked(page("1,204.50"), saved(page("1,209.50"), 60))
    assert not found.same
    assert not found.drawn


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize("digits", [("1,800", "1,300"), ("1,500", "1,600"), ("1,200", "1,700")])
def test_one_digit_of_small_print_is_a_difference(size: int, digits: tuple[str, str]) -> None:
    one, other = (small_print(total, size) for total in digits)
    for edited in (other, saved(other, 60), with_one_bit(other)):
        assert not looked(one, edited).same
        assert not looked(edited, one).same
    assert not looked(with_one_bit(one), with_one_bit(other)).same


@pytest.mark.parametrize("digits", [("1,800", "1,300"), ("cat", "eat")])
def test_one_letter_of_a_smaller_or_paler_copy_is_a_difference(digits: tuple[str, str]) -> None:
    one, other = (small_print(total, 18) for total in digits)
    assert not looked(one, saved(resize(other, 0.6), 75)).same
    one, other = (small_print(total, 12, ink=150) for total in digits)
    assert not looked(one, saved(other, 85)).same


def test_a_page_number_is_a_difference_to_another_one_and_to_none() -> None:
    pages = [Image.new("RGB", (620, 600), "white") for _ in range(3)]
    for drawn, number in zip(pages, "38", strict=False):
        ImageDraw.Draw(drawn).text((580, 570), number, "black", ImageFont.load_default(12))
    assert not looked(pages[0], pages[1]).same
    assert not looked(pages[0], pages[2]).same
    assert not looked(pages[2], pages[0]).same


@pytest.mark.parametrize("size", SMALL)
def test_a_copy_of_small_print_is_the_same(size: int) -> None:
    one = small_print("1,800", size)
    edited = [one, saved(one, 85), saved(one, 60), with_one_bit(one), brightness(one, 0.7)]
    if size > 12:
        edited += [resize(one, 0.5), saved(resize(one, 0.5), 85), saved(resize(one, 0.75), 75)]
    for copy in edited:
        assert looked(one, copy).same
        assert looked(copy, one).same


def test_words_on_a_photograph_are_no_difference_and_other_words_are_one() -> None:
    cat = photograph("cat")
    found = looked(cat, with_words(cat, "HELLO THERE"))
    assert found.same
    assert found.drawn
    assert not looked(with_words(cat, "HELLO THERE"), with_words(cat, "GOOD NIGHT")).same


def test_words_are_a_difference_where_nothing_may_lie_on_top() -> None:
    cat = photograph("cat")
    assert not looked(cat, with_words(cat, "HELLO THERE"), replace(RULES, overlaid=False)).same


def test_a_map_that_misses_by_pixels_is_made_exact() -> None:
    cat = photograph("cat")
    one, other = np.asarray(cat), np.asarray(saved(cat, 80).convert("RGB"))
    missing = np.array([[1.004, 0.0, 1.5], [0.0, 0.997, -1.0], [0.0, 0.0, 1.0]])
    assert look(one, other, missing, RULES).same
