"""What is drawn on a photograph passes the second look, and an object in it does not."""

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from imgdedup.corpora.edits import resize
from imgdedup.geometry.look import Look, look
from tests.pictures import SETTINGS, photograph

Picture = Image.Image
PHOTOGRAPHS = "cat", "coffee", "china"
SIZES = 1.0, 0.8


def saved(picture: Picture, quality: int) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def looked(photo: Picture, changed: Picture, size: float) -> tuple[Look, Look]:
    """Look at a photograph and at a changed one of another size, in both orders."""
    left, right = saved(photo, 92), saved(resize(changed, size), 82)
    across, down = right.width / left.width, right.height / left.height
    matrix = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    one, other = np.asarray(left), np.asarray(right)
    return (
        look(one, other, matrix, SETTINGS.verify),
        look(other, one, np.linalg.inv(matrix), SETTINGS.verify),
    )


def font(picture: Picture, share: float) -> ImageFont.FreeTypeFont:
    found = ImageFont.load_default(share * picture.height)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


def captioned(picture: Picture, words: str = "greetings from the coast") -> Picture:
    draw, height = ImageDraw.Draw(picture), picture.height
    draw.rectangle((0, 0.85 * height, picture.width, height), "white")
    place = picture.width / 2, 0.925 * height
    draw.text(place, words, "black", font(picture, 0.08), "mm")
    return picture


def with_badge(picture: Picture) -> Picture:
    draw, side = ImageDraw.Draw(picture), 0.18 * picture.height
    left, top = 0.97 * picture.width - side, 0.04 * picture.height
    draw.ellipse((left, top, left + side, top + side), (120, 20, 140))
    draw.text((left + side / 2, top + side / 2), "N", "white", font(picture, 0.11), "mm")
    return picture


def dated(picture: Picture) -> Picture:
    place = 0.95 * picture.width, 0.95 * picture.height
    ink = 255, 150, 40
    ImageDraw.Draw(picture).text(place, "24 09 '19", ink, font(picture, 0.07), "rs")
    return picture


def outlined(picture: Picture) -> Picture:
    place = picture.width / 2, picture.height / 4
    ink, letters = "yellow", font(picture, 0.11)
    draw = ImageDraw.Draw(picture)
    draw.text(place, "HOLIDAY 2021", ink, letters, "mm", stroke_width=2, stroke_fill="black")
    return picture


def marked(picture: Picture) -> Picture:
    """Words that let half of the photograph through."""
    mask = Image.new("L", picture.size)
    place = picture.width / 2, picture.height / 2
    ImageDraw.Draw(mask).text(place, "PREVIEW ONLY", 150, font(picture, 0.14), "mm")
    picture.paste((255, 255, 255), mask=mask.rotate(12, Image.Resampling.BICUBIC))
    return picture


def labelled(picture: Picture) -> Picture:
    draw = ImageDraw.Draw(picture)
    box = 0.1 * picture.width, 0.1 * picture.height, 0.7 * picture.width, 0.22 * picture.height
    draw.rectangle(box, (20, 40, 90))
    place = 0.4 * picture.width, 0.16 * picture.height
    draw.text(place, "Corner Market", "white", font(picture, 0.08), "mm")
    return picture


def pasted(picture: Picture, edge: float) -> Picture:
    """A round part of another photograph, with an edge that is `edge` pixels soft."""
    side = round(0.2 * picture.height)
    part = photograph("flower").convert("RGB").resize((side, side))
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((2, 2, side - 3, side - 3), 255)
    place = picture.width // 2, picture.height // 3
    picture.paste(part, place, mask.filter(ImageFilter.GaussianBlur(edge)))
    return picture


def discs(picture: Picture, *shades: tuple[int, int, int]) -> Picture:
    """A disc in another one and so on, each half as wide as the last one."""
    draw = ImageDraw.Draw(picture)
    x, y, radius = 0.45 * picture.width, 0.4 * picture.height, 0.11 * picture.height
    for shade in shades:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), shade)
        radius /= 2
    return picture


def with_figure(picture: Picture) -> Picture:
    """A figure of flat tones: a head, a body and two legs."""
    draw, unit = ImageDraw.Draw(picture), 0.05 * picture.height
    x, y = 0.4 * picture.width, 0.3 * picture.height
    for leg in (-0.8, 0.4):
        draw.rectangle((x + leg * unit, y + 4 * unit, x + (leg + 0.4) * unit, y + 6 * unit), "navy")
    draw.ellipse((x - 1.5 * unit, y + unit, x + 1.5 * unit, y + 5 * unit), (200, 60, 40))
    draw.ellipse((x - unit, y - unit, x + unit, y + unit), (240, 200, 170))
    return picture


def with_bird(picture: Picture) -> Picture:
    unit = 0.06 * picture.height
    wings = [(0, 1), (2, 0), (4, 2.5), (6, 0), (8, 1), (6, 1.2), (4.4, 4), (3.6, 4), (2, 1.2)]
    x, y = 0.3 * picture.width, 0.2 * picture.height
    draw = ImageDraw.Draw(picture)
    draw.polygon([(x + unit * across, y + unit * down) for across, down in wings], (25, 25, 30))
    return picture


def with_wire(picture: Picture) -> Picture:
    xs = np.linspace(0, picture.width, 60)
    ys = picture.height * (0.2 + 0.1 * np.sin(math.pi * xs / picture.width))
    points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
    ImageDraw.Draw(picture).line(points, (25, 25, 30), 3)
    return picture


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("drawn", [captioned, with_badge, dated, outlined, labelled])
def test_what_is_drawn_is_no_difference(
    drawn: Callable[[Picture], Picture], name: str, size: float
) -> None:
    photo = photograph(name).convert("RGB")
    forth, back = looked(photo, drawn(photo.copy()), size)
    assert forth.same
    assert back.same


@pytest.mark.parametrize("name", ["cat", "coffee"])
def test_a_mark_that_lets_the_photograph_through_is_no_difference(name: str) -> None:
    photo = photograph(name).convert("RGB")
    assert all(found.same for found in looked(photo, marked(photo.copy()), 1.0))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_another_caption_in_the_same_bar_is_a_difference(name: str) -> None:
    photo = photograph(name).convert("RGB")
    one, other = captioned(photo.copy()), captioned(photo.copy(), "do not repost")
    assert not any(found.same for found in looked(one, other, 1.0))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(
    "changed",
    [
        lambda picture: pasted(picture, 0.5),
        lambda picture: pasted(picture, 2.0),
        lambda picture: discs(picture, (210, 35, 35)),
        lambda picture: discs(picture, (250, 250, 246), (236, 236, 232)),
        lambda picture: discs(picture, (230, 200, 40), (30, 90, 200)),
        with_figure,
        with_bird,
        with_wire,
    ],
    ids=["hard part", "soft part", "ball", "plate", "ring", "figure", "bird", "wire"],
)
def test_an_object_is_a_difference(
    changed: Callable[[Picture], Picture], name: str, size: float
) -> None:
    photo = photograph(name).convert("RGB")
    forth, back = looked(photo, changed(photo.copy()), size)
    assert not forth.same
    assert not back.same


def test_a_letter_far_from_the_corners_is_an_object() -> None:
    photo = photograph("cat").convert("RGB")
    changed = discs(photo.copy(), (120, 20, 140))
    place = 0.45 * photo.width, 0.4 * photo.height
    ImageDraw.Draw(changed).text(place, "N", "white", font(photo, 0.13), "mm")
    assert not looked(photo, changed, 1.0)[0].same


def test_the_removal_of_an_object_before_writing_is_a_difference() -> None:
    """The photograph without the object shows letters there, too: they are not drawn on it."""
    sign = labelled(photograph("cat").convert("RGB"))
    assert not looked(sign, discs(sign.copy(), (210, 35, 35)), 1.0)[0].same
