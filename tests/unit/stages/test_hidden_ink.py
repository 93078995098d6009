"""A transparent drawing is no copy of one that lost some of its ink on a ground of that colour."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.precision.judge import judge
from tests.drawings import Colour, cut_out, flattened, lines
from tests.pictures import SETTINGS, scaled
from tests.stand_ins import encoded

WHITE, BLACK = (255, 255, 255, 255), (0, 0, 0, 255)
RED, BLUE = (200, 30, 30, 255), (30, 60, 160, 255)
Draw = Callable[[int], Image.Image]


def is_copy(drawing: Image.Image, ground: str, times: float) -> bool:
    """Whether a JPEG of the drawing on a ground is its copy, whichever of the two is left."""
    flat = encoded(scaled(flattened(drawing, ground), times), "JPEG", quality=92)
    whole = encoded(drawing, "PNG")
    found = judge(whole, flat, SETTINGS)
    assert judge(flat, whole, SETTINGS) == found
    return found


def logo(first: Colour, second: Colour) -> Draw:
    """A word of two inks, over a bar."""

    def draw(seed: int) -> Image.Image:
        drawn = Image.new("RGBA", (600, 240))
        pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(90)
        start, end = "BACK"[seed:] + "HEM", "TRAIN"[seed:] + "K"
        width = pen.textlength(start, font)
        pen.text((20, 60), start, first, font)
        pen.text((20 + width, 60), end, second, font)
        pen.rectangle((20, 180, 20 + width, 190), fill=first)
        return drawn

    return draw


def line_art(seed: int) -> Image.Image:
    """Lines of black and of white ink, which cross."""
    drawn = lines(seed, BLACK)
    drawn.alpha_composite(lines(seed + 100, WHITE))
    return drawn


def flag(seed: int) -> Image.Image:
    """A white stripe over a red one."""
    drawn = Image.new("RGBA", (480, 320))
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((40, 40, 440, 160), fill=WHITE)
    pen.rectangle((40, 160, 440, 280), fill=RED)
    pen.ellipse((200, 200, 240 + 10 * seed, 240), fill=(255, 220, 0, 255))
    return drawn


def sticker(seed: int) -> Image.Image:
    """A cut-out in a white outline."""
    inside = cut_out(seed)
    outline = Image.new("RGBA", inside.size, WHITE)
    outline.putalpha(inside.getchannel("A").filter(ImageFilter.MaxFilter(9)))
    outline.alpha_composite(inside)
    return outline


@pytest.mark.parametrize("draw", [logo(BLACK, WHITE), logo(BLUE, WHITE), line_art, flag])
@pytest.mark.parametrize("times", [0.6, 1, 2])
def test_a_copy_that_lost_the_white_ink_is_none(draw: Draw, times: float) -> None:
    assert not is_copy(draw(0), "white", times)


def test_a_copy_that_lost_the_black_ink_is_none() -> None:
    assert not is_copy(logo(BLACK, RED)(0), "black", 2)


@pytest.mark.parametrize("times", [1, 1.5])
@pytest.mark.parametrize("ground", ["#808080", "#a0c0e0"])
def test_a_ground_between_white_and_black_hides_no_ink(ground: str, times: float) -> None:
    assert is_copy(logo(WHITE, BLACK)(0), ground, times)


@pytest.mark.parametrize(
    ("draw", "grounds"),
    [
        (logo(RED, BLUE), ["white", "black"]),
        (logo(BLUE, WHITE), ["black"]),
        (flag, ["black"]),
        (cut_out, ["white", "black"]),
        (sticker, ["white", "black"]),
    ],
)
@pytest.mark.parametrize("times", [0.6, 2])
def test_a_copy_on_a_ground_that_hides_nothing_is_one(
    draw: Draw, grounds: list[str], times: float
) -> None:
    assert all(is_copy(draw(1), ground, times) for ground in grounds)
