"""One thing in another colour is another picture, on any ground; an edit of all colours is none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from imgdedup.corpora.edits import grayscale, jpeg
from imgdedup.corpora.strong_edits import colour
from imgdedup.geometry.comparison import compare
from tests.pictures import SETTINGS, described, photograph

Colour = tuple[int, int, int]
BLUE, RED, GREEN, BLACK = (40, 70, 170), (180, 40, 45), (30, 120, 60), (32, 32, 34)
BEIGE, WHITE = (214, 190, 150), (250, 250, 250)


def room(sofa: Colour, wall: Colour, shape: int = 0) -> Image.Image:
    """A shaded sofa, over two fifths of the picture, with cushions, before a shaded wall."""
    rng = np.random.default_rng(shape)
    height, width = 300, 400
    x = np.arange(width)[None, :]
    weave = rng.normal(0, 1, (height // 4, width // 4)).repeat(4, 0).repeat(4, 1)
    light = 0.85 + 0.15 * np.cos((x - 150) / 90) + 0.03 * weave
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    draw.rounded_rectangle((60, 100, 340, 270), 30, fill=255)
    shade = Image.new("L", (width, height), 255)
    for _ in range(14):
        left, top = int(rng.integers(60, 300)), int(rng.integers(100, 250))
        size = int(rng.integers(15, 60))
        ImageDraw.Draw(shade).ellipse((left, top, left + size, top + size), outline=120, width=3)
    inside = np.asarray(mask)[:, :, None] > 0
    painted = np.where(inside, np.array(sofa), np.array(wall)) * light[:, :, None]
    painted = painted * (np.asarray(shade)[:, :, None] / 255)
    return Image.fromarray(painted.clip(0, 255).astype(np.uint8))


def flag(bands: list[Colour]) -> Image.Image:
    drawn = Image.new("RGB", (360, 240))
    for place, band in enumerate(bands):
        drawn.paste(band, (120 * place, 0, 120 * (place + 1), 240))
    return drawn


def is_copy(left: Image.Image, right: Image.Image, quality: int = 90) -> bool:
    pictures = described(left), described(right, jpeg(quality))
    found = compare(*pictures, SETTINGS.verify).duplicate
    assert compare(*pictures[::-1], SETTINGS.verify).duplicate == found
    return found


@pytest.mark.parametrize("wall", [BEIGE, WHITE])
@pytest.mark.parametrize("sofas", [(BLUE, RED), (GREEN, RED), (BLUE, GREEN)])
@pytest.mark.parametrize("shape", range(2))
def test_a_sofa_in_two_colours_is_no_copy(
    sofas: tuple[Colour, Colour], wall: Colour, shape: int
) -> None:
    one, other = (room(sofa, wall, shape) for sofa in sofas)
    assert not is_copy(one, other)
    assert not is_copy(one, ImageEnhance.Brightness(other).enhance(0.8))


@pytest.mark.parametrize("painted", [RED, GREEN, BLUE])
def test_a_black_product_is_no_gray_copy_of_a_coloured_one(painted: Colour) -> None:
    assert not is_copy(room(painted, WHITE), room(BLACK, WHITE))


def badged(sofa: Colour) -> Image.Image:
    """A sofa on white, with a badge of brass."""
    picture = room(sofa, WHITE)
    ImageDraw.Draw(picture).rectangle((185, 170, 215, 200), fill=(190, 150, 60))
    return picture


@pytest.mark.parametrize("painted", [RED, GREEN, BLUE])
def test_a_product_that_lost_its_paint_and_no_other_colour_is_no_copy(painted: Colour) -> None:
    dark = tuple(round(0.6 * np.dot(painted, (0.299, 0.587, 0.114))) for _ in range(3))
    assert not is_copy(badged(painted), badged(dark))
    assert is_copy(badged(painted), ImageEnhance.Color(badged(painted)).enhance(0.3))
    assert is_copy(badged(painted), grayscale(badged(painted)))


@pytest.mark.parametrize("wall", [BEIGE, WHITE])
@pytest.mark.parametrize("sofa", [RED, GREEN, BLUE])
def test_an_edit_of_the_whole_picture_leaves_a_copy(sofa: Colour, wall: Colour) -> None:
    picture = room(sofa, wall)
    assert is_copy(picture, picture, quality=15)
    assert is_copy(picture, grayscale(picture))
    assert is_copy(picture, ImageEnhance.Brightness(grayscale(picture)).enhance(0.7))
    assert is_copy(picture, ImageEnhance.Contrast(grayscale(picture)).enhance(0.7))
    assert is_copy(picture, ImageEnhance.Color(picture).enhance(0.6))
    assert is_copy(picture, ImageEnhance.Brightness(picture).enhance(1.4))
    assert is_copy(picture, ImageEnhance.Contrast(picture).enhance(0.7))


@pytest.mark.parametrize("seed", range(4))
def test_turned_hues_with_factors_of_the_channels_leave_a_copy(seed: int) -> None:
    picture = room(BLUE, BEIGE)
    assert is_copy(picture, colour(picture, np.random.default_rng(seed)).image)


def test_two_flags_that_differ_in_one_band_are_no_copies() -> None:
    one = flag([(20, 60, 180), WHITE, (200, 30, 40)])
    for other in ((0, 85, 60), (20, 95, 20)):
        assert not is_copy(one, flag([other, WHITE, (200, 30, 40)]))
    assert is_copy(one, one.resize((200, 133)), quality=60)


def test_a_caption_on_a_coloured_picture_is_no_other_colour() -> None:
    picture = room(BLUE, BEIGE)
    captioned = picture.copy()
    draw = ImageDraw.Draw(captioned)
    draw.rectangle((0, 0, 400, 44), fill="black")
    draw.text((200, 22), "HOW IT STARTED", "white", ImageFont.load_default(30), "mm")
    assert is_copy(picture, captioned)


LABELS = [((20, 20, 20), (200, 30, 30)), (RED, (30, 60, 190)), ((30, 140, 50), (240, 210, 40))]


def labelled(picture: Image.Image, label: Colour) -> Image.Image:
    """The picture with a round label that covers two hundredths of it."""
    drawn = picture.copy()
    ImageDraw.Draw(drawn).ellipse((150, 155, 208, 203), fill=label)
    return drawn


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("sofa", [BEIGE, (110, 160, 170)])
def test_a_small_plain_label_in_two_colours_is_no_copy(
    labels: tuple[Colour, Colour], sofa: Colour
) -> None:
    one, other = (labelled(room(sofa, (150, 120, 90)), label) for label in labels)
    assert not is_copy(one, other)


@pytest.mark.parametrize("label", [RED, GREEN])
def test_a_label_on_one_of_two_pictures_has_no_other_colour(label: Colour) -> None:
    picture = room(BLUE, BEIGE)
    assert is_copy(picture, labelled(picture, label))


def test_a_thing_before_pure_black_is_a_copy_of_itself_when_light_cuts_it_off() -> None:
    """Most pixels are black and stay black, so nothing is left to learn a change of tones from."""
    light = np.asarray(photograph("coffee").convert("L").resize((200, 150)), np.float32)
    one = np.zeros((300, 400, 3), np.float32)
    one[75:225, 100:300] = (190 + 0.4 * light[:, :, None]) * np.array([0.9, 0.7, 0.6])
    first, second = (Image.fromarray((gain * one).clip(0, 255).astype(np.uint8)) for gain in (1, 2))
    assert is_copy(first, second)
