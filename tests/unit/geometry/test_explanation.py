"""The explanation of a copy says what was really done to it."""

import re
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from imgdedup.corpora.edits import (
    EVERYDAY,
    Edit,
    Edited,
    blur,
    brightness,
    contrast,
    crop,
    grayscale,
    in_turn,
    jpeg,
    resize,
    zoom,
)
from imgdedup.corpora.strong_edits import STRONG, turn
from imgdedup.corpora.turned_edits import TURNED, mirror
from imgdedup.geometry.agreement import share
from imgdedup.geometry.comparison import compare
from imgdedup.geometry.explanation import Explanation, explain
from tests.pictures import SETTINGS, described, described_copy, photograph

PHOTOS = ["astronaut", "motorcycle"]
MOVING: dict[str, Edit] = {
    **{name: EVERYDAY[name] for name in ("zoom", "crop", "resize", "crop-brightness-jpeg")},
    **{name: STRONG[name] for name in ("letterbox", "turn", "mirror-crop-gray")},
    **TURNED,
    "crop-turn": in_turn(EVERYDAY["crop"], turn),
    "mirror-turn-resize": in_turn(mirror, turn, EVERYDAY["resize"]),
}


def explained(original: Image.Image, copy: Image.Image | Edited) -> Explanation:
    other = described_copy(copy) if isinstance(copy, Edited) else described(copy, jpeg(90))
    found = compare(described(original), other, SETTINGS.verify).explanation
    assert found is not None
    return found


@pytest.mark.parametrize("edit", MOVING)
@pytest.mark.parametrize("name", PHOTOS)
def test_the_motion_of_the_pixels_is_told(name: str, edit: str) -> None:
    original = photograph(name)
    copy = MOVING[edit](original, np.random.default_rng(zlib.crc32(f"{edit} {name}".encode())))
    found = explained(original, copy)
    motion, sizes = copy.motion, (original.size, copy.image.size)
    if found.wider == "right":
        motion, sizes = motion.inverse, sizes[::-1]
    assert found.crop == pytest.approx(motion.shown(*sizes), abs=0.03)
    assert found.scale == pytest.approx(motion.scale, rel=0.02)
    assert found.mirrored == motion.mirrored
    apart = (found.rotation - motion.rotation) % 360
    assert min(apart, 360 - apart) < 1
    assert -180 < found.rotation <= 180


def test_the_wider_picture_is_the_one_that_shows_more() -> None:
    whole = photograph("cat")
    part = crop(whole, (50, 40, 250, 200))
    assert explained(whole, part).wider == "left"
    assert explained(part, whole).wider == "right"
    # The number of pixels of the smaller part does not matter.
    assert explained(whole, resize(part, 3)).wider == "left"
    framed = ImageOps.expand(whole, (0, 60), "black")
    assert explained(whole, framed).wider == "right"


def test_if_both_show_the_same_the_larger_then_the_coloured_then_the_finer_is_wider() -> None:
    original = photograph("astronaut")
    for lesser in (resize(original, 0.5), grayscale(original), blur(original, 2)):
        assert explained(original, lesser).wider == "left"
        assert explained(lesser, original).wider == "right"


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3])
def test_brightness_and_contrast_are_ratios(factor: float) -> None:
    original = photograph("cat")
    found = explained(original, resize(brightness(original, factor), 0.9))
    assert found.brightness == pytest.approx(factor, rel=0.06)
    assert found.contrast == pytest.approx(1, rel=0.06)
    found = explained(original, resize(contrast(original, factor), 0.9))
    assert found.brightness == pytest.approx(1, rel=0.06)
    assert found.contrast == pytest.approx(factor, rel=0.06)


def test_grayscale_tells_that_just_one_of_the_two_has_no_colour() -> None:
    original = photograph("cat")
    gray = grayscale(original)
    assert explained(original, gray).grayscale
    assert explained(gray, original).grayscale
    assert not explained(gray, gray.resize((200, 133))).grayscale
    assert not explained(original, resize(original, 0.5)).grayscale


def numbers_aside(label: str) -> str:
    return re.sub(r" (to )?-?\d[\d.]*(%|x| degrees)", "", label)


LABELS: Sequence[tuple[str, Edit]] = [
    ("re-encoded", lambda image, _: Edited(image, "", jpeg(60))),
    ("resized", lambda image, _: Edited(resize(image, 0.6), "")),
    ("zoomed", lambda image, _: Edited(zoom(image, 1.3, 0.2, 0.7), "")),
    ("cropped", lambda image, _: Edited(crop(image, (30, 20, 300, 200)), "")),
    ("cropped, resized", lambda image, _: Edited(resize(crop(image, (0, 0, 250, 250)), 0.8), "")),
    ("darker", lambda image, _: Edited(brightness(image, 0.6), "")),
    ("less contrast", lambda image, _: Edited(contrast(image, 0.6), "")),
    ("more contrast", lambda image, _: Edited(contrast(resize(image, 0.98), 1.4), "")),
    ("grayscale", lambda image, _: Edited(grayscale(image), "")),
    ("mirrored", mirror),
    ("rotated", turn),
    ("mirrored, rotated, resized, grayscale", in_turn(
        mirror, turn, lambda image, _: Edited(grayscale(resize(image, 0.7)), "")
    )),
]  # fmt: skip


@pytest.mark.parametrize(("label", "edit"), LABELS, ids=[label for label, _ in LABELS])
def test_the_label_names_the_edits(label: str, edit: Edit) -> None:
    original = photograph("cat")
    found = explained(original, edit(original, np.random.default_rng(0)))
    assert numbers_aside(found.edit) == label


def test_the_label_names_the_amounts() -> None:
    original = photograph("cat")
    assert explained(original, zoom(original, 1.3)).edit == "zoomed 1.30x"
    half = crop(original, (0, 0, 200, 266))
    assert explained(original, half).edit == "cropped to 50%"
    quarter = turn(half, np.random.default_rng(1))
    assert re.fullmatch(r"rotated (-90|90|180) degrees", explained(half, quarter).edit)


def test_a_gray_picture_with_a_larger_coloured_crop_of_it_was_coloured() -> None:
    original = photograph("cat")
    found = explained(grayscale(original), crop(original, (40, 30, 300, 220)))
    assert found.wider == "left"
    assert "coloured" in found.edit
    assert "grayscale" not in found.edit


def test_other_colours_and_perspective_are_named() -> None:
    original = photograph("cat")
    for name, word in (("colour", "other colours"), ("perspective", "perspective")):
        found = explained(original, STRONG[name](original, np.random.default_rng(4)))
        assert word in found.edit
    for change in (ImageEnhance.Contrast, ImageEnhance.Brightness, ImageEnhance.Color):
        assert "colours" not in explained(original, change(original).enhance(0.6)).edit


def captioned(name: str) -> Image.Image:
    """A photograph with three lines of outlined text across its middle."""
    picture = photograph(name).copy()
    font = ImageFont.load_default(picture.height / 8)
    lines = "LOOK AT THIS\nthe good old days\nwait for it"
    middle = (picture.width / 2, picture.height / 2)
    ImageDraw.Draw(picture).multiline_text(
        middle, lines, "white", font, "mm", stroke_width=3, stroke_fill="black"
    )
    return picture


@pytest.mark.parametrize("name", PHOTOS)
def test_text_drawn_over_a_picture_is_an_overlay(name: str) -> None:
    found = explained(photograph(name), captioned(name))
    assert "overlay" in found.edit
    assert found.crop == pytest.approx((0, 0, 1, 1), abs=0.01)


@pytest.mark.parametrize("colour", ["white", "black"])
@pytest.mark.parametrize("name", PHOTOS)
def test_a_bar_is_an_overlay_and_no_change_of_tone(name: str, colour: str) -> None:
    picture = photograph(name).copy()
    width, height = picture.size
    ImageDraw.Draw(picture).rectangle((0, round(0.84 * height), width, height), colour)
    found = explained(photograph(name), picture)
    assert found.edit == "overlay"
    assert found.brightness == pytest.approx(1, abs=0.05)
    assert found.contrast == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_picture_with_nothing_drawn_on_it_is_not_called_an_overlay(name: str) -> None:
    original = photograph(name)
    for edit in ("zoom", "crop", "brightness", "contrast", "jpeg"):
        copy = EVERYDAY[edit](original, np.random.default_rng(3))
        assert "overlay" not in explained(original, copy).edit


def test_a_plain_picture_is_explained_too() -> None:
    plain = Image.new("RGB", (300, 200), (90, 120, 160))
    found = explained(plain, resize(plain, 0.5))
    assert found.wider == "left"
    assert found.edit == "resized 0.50x"
    assert (found.brightness, found.contrast) == pytest.approx((1, 1), abs=0.02)


@pytest.mark.parametrize("bits", [1e-14, -1e-14])
def test_the_last_bits_of_a_map_do_not_change_the_explanation(bits: float) -> None:
    left, right = described(photograph("cat")), described(grayscale(photograph("cat")))
    shared = share(left.luma, right.luma, np.eye(3))
    assert shared is not None
    nearly = np.eye(3) + bits * np.array([[1, -1, 9], [1, 1, 9], [0.01, 0.01, 0]])
    facts = [
        explain(left, right, matrix, shared, recoloured=False, overlaid=False)
        for matrix in (np.eye(3), nearly)
    ]
    assert facts[0] == facts[1]
    assert not np.signbit(facts[0].rotation)
