"""Which edited versions count as copies: each switch of `[verify]` refuses its own edits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from imgdedup.config import VerifyConfig
from imgdedup.corpora.edits import grayscale, jpeg, resize, webp
from imgdedup.geometry.comparison import compare
from imgdedup.geometry.picture import Picture
from tests.drawings import scene
from tests.pictures import SETTINGS, described, photograph

ALL = SETTINGS.verify
STRICT = replace(
    ALL, mirrored=False, turned=False, recoloured=False, grayscale=False, overlaid=False
)
DRAWN = scene(7)
Edit = Callable[[Image.Image], Image.Image]


def barred(picture: Image.Image) -> Image.Image:
    other = picture.copy()
    draw = ImageDraw.Draw(other)
    draw.rectangle((0, 0, other.width, 45), fill="black")
    draw.text((60, 4), "LOOK AT THIS", "white", ImageFont.load_default(32))
    return other


def hued(picture: Image.Image) -> Image.Image:
    """The picture behind an orange filter."""
    filtered = np.asarray(picture) * np.array([1.0, 0.75, 0.45])
    return Image.fromarray(filtered.astype(np.uint8))


REFUSED: dict[str, Edit] = {
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "recoloured": hued,
    "grayscale": grayscale,
    "overlaid": barred,
}
ALWAYS: dict[str, Edit] = {
    "saved again": lambda picture: picture,
    "smaller": lambda picture: resize(picture, 0.5),
    "cut": lambda picture: picture.crop((20, 15, 360, 280)),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "more contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(1.2),
    "askew": lambda picture: picture.rotate(3, Image.Resampling.BICUBIC).crop((20, 20, 380, 280)),
}


def is_copy(left: Image.Image | Picture, right: Image.Image | Picture, rules: VerifyConfig) -> bool:
    """The verdict, which must be the same from either side."""
    one, other = (each if isinstance(each, Picture) else described(each) for each in (left, right))
    found = compare(one, other, rules).duplicate
    assert compare(other, one, rules).duplicate == found
    return found


def with_switch(rules: VerifyConfig, name: str, on: bool) -> VerifyConfig:
    changed: dict[str, Any] = {name: on}
    return replace(rules, **changed)


@pytest.mark.parametrize("name", REFUSED)
def test_a_switch_refuses_its_own_edit_and_no_other(name: str) -> None:
    edited = described(REFUSED[name](DRAWN), jpeg(90))
    assert is_copy(DRAWN, edited, ALL)
    assert not is_copy(DRAWN, edited, with_switch(ALL, name, False))
    assert is_copy(DRAWN, edited, with_switch(STRICT, name, True))


@pytest.mark.parametrize("name", ALWAYS)
def test_no_switch_refuses_another_encoding_size_crop_or_tone(name: str) -> None:
    assert is_copy(DRAWN, described(ALWAYS[name](DRAWN), jpeg(85)), STRICT)


def turned_hues(picture: Image.Image, degrees: float) -> Image.Image:
    pixels = np.asarray(picture.convert("HSV")).copy()
    pixels[:, :, 0] += np.uint8(round(degrees / 360 * 256) % 256)
    return Image.fromarray(pixels, "HSV").convert("RGB")


def mixed(picture: Image.Image, weights: list[list[float]]) -> Image.Image:
    """The picture with channels that are sums of its channels with these weights."""
    pixels = np.asarray(picture) @ np.array(weights).T
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


SEPIA = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]
WARM, COOL = np.diag([1.12, 1.0, 0.85]).tolist(), np.diag([0.88, 1.0, 1.12]).tolist()
CASTS: dict[str, Edit] = {
    "20 degrees": lambda picture: turned_hues(picture, 20),
    "-20 degrees": lambda picture: turned_hues(picture, -20),
    "30 degrees": lambda picture: turned_hues(picture, 30),
    "sepia": lambda picture: mixed(picture, SEPIA),
    "warm": lambda picture: mixed(picture, WARM),
    "cool": lambda picture: mixed(picture, COOL),
}


@pytest.mark.parametrize("name", CASTS)
@pytest.mark.parametrize("photo", ["cat", "china"])
def test_a_slight_change_of_all_colours_is_one(photo: str, name: str) -> None:
    picture = photograph(photo)
    edited = described(CASTS[name](picture), jpeg(85))
    assert is_copy(picture, edited, ALL)
    assert not is_copy(picture, edited, replace(ALL, recoloured=False))
    assert not is_copy(picture, edited, STRICT)


@pytest.mark.parametrize("photo", ["cat", "china"])
def test_compression_and_tones_change_no_colours(photo: str) -> None:
    picture = photograph(photo)
    for encoding in (jpeg(30), webp(40)):
        assert is_copy(picture, described(picture, encoding), STRICT)
    for factor in (0.6, 1.4):
        for edit in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            edited = edit(picture).enhance(factor)
            assert is_copy(picture, described(edited, jpeg(80)), STRICT)


def test_a_half_turn_with_a_mirror_needs_both_switches() -> None:
    upside_down = DRAWN.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    assert is_copy(DRAWN, upside_down, ALL)
    assert not is_copy(DRAWN, upside_down, replace(ALL, mirrored=False))
    assert not is_copy(DRAWN, upside_down, replace(ALL, turned=False))


def arrow() -> Image.Image:
    """A sign with an arrow to the left."""
    sign = Image.new("RGB", (320, 320), (20, 60, 160))
    draw = ImageDraw.Draw(sign)
    draw.polygon([(40, 160), (150, 60), (150, 120), (280, 120), (280, 200), (150, 200)], "white")
    draw.polygon([(40, 160), (150, 260), (150, 160)], "white")
    return sign


def test_an_arrow_to_the_left_is_no_copy_of_one_to_the_right() -> None:
    other = arrow().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert is_copy(arrow(), other, ALL)
    assert not is_copy(arrow(), other, STRICT)
    assert is_copy(arrow(), resize(arrow(), 0.6), STRICT)


def test_a_six_is_no_copy_of_a_nine() -> None:
    six = Image.new("RGB", (240, 320), "white")
    ImageDraw.Draw(six).text((120, 160), "6", "black", ImageFont.load_default(260), "mm")
    nine = six.transpose(Image.Transpose.ROTATE_180)
    assert is_copy(six, nine, ALL)
    assert not is_copy(six, nine, replace(ALL, turned=False))


def symmetric(seed: int, both_ways: bool) -> Image.Image:
    """A scene beside its mirror image; with `both_ways`, above its mirror image, too."""
    half = scene(seed, 200, 150 if both_ways else 300)
    whole = Image.new("RGB", (400, 300))
    whole.paste(half, (0, 0))
    whole.paste(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (200, 0))
    if both_ways:
        upper = whole.crop((0, 0, 400, 150))
        whole.paste(upper.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, 150))
    return whole


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("both_ways", [False, True])
def test_a_symmetric_picture_is_not_refused_for_its_symmetry(seed: int, both_ways: bool) -> None:
    whole = symmetric(seed, both_ways)
    mirrored = whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for copy in (whole, mirrored, resize(mirrored, 0.5)):
        assert is_copy(whole, described(copy, jpeg(80)), STRICT)


@pytest.mark.parametrize(("least", "allowed"), [(0.0, True), (0.3, True), (0.6, False)])
def test_a_crop_shows_the_least_part_at_least(least: float, allowed: bool) -> None:
    half = DRAWN.crop((60, 40, 330, 240))
    assert is_copy(DRAWN, half, replace(ALL, cropped=least)) == allowed


def test_a_picture_that_shows_all_is_a_copy_whatever_part_is_asked_for() -> None:
    rules = replace(ALL, cropped=1.0)
    assert is_copy(DRAWN, described(resize(DRAWN, 0.7), jpeg(60)), rules)
    assert not is_copy(DRAWN, DRAWN.crop((0, 0, 370, 300)), rules)


@pytest.mark.parametrize(
    ("frames", "still_of_animation", "copies"),
    [
        ((1, 1), False, True),
        ((12, 12), False, True),
        ((1, 12), False, False),
        ((1, 12), True, True),
        ((11, 12), False, False),
        ((11, 12), True, False),
    ],
)
def test_the_numbers_of_frames_must_allow_a_copy(
    frames: tuple[int, int], still_of_animation: bool, copies: bool
) -> None:
    left, right = (replace(described(DRAWN), frames=number) for number in frames)
    rules = replace(ALL, animations=still_of_animation)
    assert is_copy(left, right, rules) == copies


def broad_arrow(*, marked: bool) -> Image.Image:
    """An arrow to the left, the same above and below unless it is marked."""
    drawn = Image.new("RGB", (480, 320), "white")
    draw = ImageDraw.Draw(drawn)
    head, shaft = [(60, 160), (200, 50), (200, 270)], (200, 110, 420, 210)
    draw.polygon(head, fill="navy")
    draw.rectangle(shaft, fill="navy")
    if marked:
        draw.rectangle((230, 120, 400, 140), fill="white")
    return drawn


@pytest.mark.parametrize(
    ("marked", "mirrored", "turned", "expected"),
    [
        (False, True, False, True),
        (False, False, True, True),
        (False, False, False, False),
        (True, True, False, True),
        (True, False, True, False),
        (True, False, False, False),
    ],
)
def test_a_mirrored_drawing_that_a_turn_explains_is_refused_by_both_switches(
    *, marked: bool, mirrored: bool, turned: bool, expected: bool
) -> None:
    left = broad_arrow(marked=marked)
    right = left.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    rules = replace(ALL, mirrored=mirrored, turned=turned)
    found = compare(described(left), described(right), rules)
    assert found.duplicate == expected
