"""What shows nothing is no copy, and later frames with transparency are seen on their grounds."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.precision.judge import judge
from tests.drawings import lines, scene
from tests.pictures import SETTINGS
from tests.stand_ins import encoded

SIZE = (320, 240)
WHITE_INK, BLACK_INK = (255, 255, 255, 255), (0, 0, 0, 255)
CONTAINERS: dict[str, dict[str, object]] = {
    "PNG": {"disposal": 1, "blend": 0},
    "WEBP": {"lossless": True, "exact": True},
    "TIFF": {},
    "AVIF": {"quality": 95},
}


def is_copy(left: bytes, right: bytes) -> bool:
    """The verdict, which must be the same whichever file is left."""
    found = judge(left, right, SETTINGS)
    assert judge(right, left, SETTINGS) == found
    return found


def animated(form: str, images: list[Image.Image]) -> bytes:
    options = CONTAINERS[form]
    return encoded(images[0], form, save_all=True, append_images=images[1:], **options)


def faint(seed: int, lowest: int, levels: int) -> Image.Image:
    """A scene in a few levels."""
    gray = np.asarray(scene(seed, *SIZE).convert("L")) / 255
    return Image.fromarray((lowest + gray * levels).round().astype(np.uint8))


def noise(seed: int, spread: float) -> Image.Image:
    drawn = np.random.default_rng(seed).normal(8, spread, SIZE[::-1])
    return Image.fromarray(np.clip(drawn, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("JPEG", {"quality": 92})])
@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: faint(seed, 0, 2),
        lambda seed: faint(seed, 0, 4),
        lambda seed: faint(seed, 120, 3),
        lambda seed: faint(seed, 251, 4),
        lambda seed: noise(seed, 1),
        lambda seed: noise(seed, 4),
    ],
)
def test_pictures_of_next_to_nothing_are_no_copies(
    draw: Callable[[int], Image.Image], form: str, options: dict[str, object]
) -> None:
    files = [encoded(draw(seed), form, **options) for seed in (1, 2)]
    assert not is_copy(*files)


def test_a_faint_watermark_is_no_blank_page() -> None:
    blank = Image.new("L", (600, 800), 255)
    marked = blank.copy()
    ImageDraw.Draw(marked).rectangle((100, 300, 500, 330), fill=248)
    assert not is_copy(encoded(blank), encoded(marked))
    assert not is_copy(encoded(blank, "JPEG"), encoded(marked, "JPEG"))


@pytest.mark.parametrize("colour", ["white", "black", "#808080", "teal"])
def test_blank_pages_of_one_colour_are_copies_and_of_two_are_none(colour: str) -> None:
    page = encoded(Image.new("RGB", (600, 800), colour))
    for form, size in (("JPEG", (600, 800)), ("TIFF", (300, 400)), ("AVIF", (1200, 1600))):
        assert is_copy(page, encoded(Image.new("RGB", size, colour), form))
        assert not is_copy(page, encoded(Image.new("RGB", size, "#f0f0f0"), form))


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_picture_that_is_transparent_everywhere_has_no_copies(alpha: int) -> None:
    hidden = [scene(seed, *SIZE) for seed in (1, 2)]
    for drawn in hidden:
        drawn.putalpha(alpha)
    one, other = map(encoded, hidden)
    assert not is_copy(one, other)
    assert not is_copy(one, encoded(Image.new("RGB", SIZE, "white")))


@pytest.mark.parametrize("form", CONTAINERS)
@pytest.mark.parametrize(
    ("first", "ink"),
    [
        (lines(7, BLACK_INK), WHITE_INK),
        (lines(7, WHITE_INK), BLACK_INK),
        (scene(7, 400, 400).convert("RGBA"), WHITE_INK),
    ],
)
def test_later_frames_are_seen_on_grounds_of_their_own(
    first: Image.Image, ink: tuple[int, int, int, int], form: str
) -> None:
    one, other = (animated(form, [first, lines(seed, ink)]) for seed in (1, 2))
    assert not is_copy(one, other)
    beside = animated("WEBP" if form == "TIFF" else "TIFF", [first, lines(1, ink)])
    assert is_copy(one, beside)


def test_a_frame_of_nothing_between_others_is_no_difference() -> None:
    drawn = [lines(1, BLACK_INK), Image.new("RGBA", (400, 400)), lines(2, WHITE_INK)]
    assert is_copy(animated("WEBP", drawn), animated("TIFF", drawn))


def test_a_dark_frame_of_equal_pixels_is_no_difference_and_another_one_is() -> None:
    bright = scene(1, *SIZE)
    dark = [faint(seed, 0, 3).convert("RGB") for seed in (1, 2)]
    one, other = (animated("TIFF", [bright, each]) for each in dark)
    assert is_copy(one, animated("WEBP", [bright, dark[0]]))
    assert not is_copy(one, other)
