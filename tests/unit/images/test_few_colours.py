"""A picture that was reduced to few colours has lost something, and a drawing of few has not."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from imgdedup.images.quality import quality_of
from tests.drawings import flattened, lines, scene
from tests.pictures import natural
from tests.stand_ins import encoded

FILES: dict[str, dict[str, object]] = {"PNG": {}, "GIF": {}, "WEBP": {"lossless": True}}
LOSSY, FULL_PALETTE, LOSSLESS = 75, 90, 100


def quality(picture: Image.Image, form: str = "PNG") -> int:
    data = encoded(picture, form, **FILES[form])
    return quality_of(Image.open(io.BytesIO(data)), data)


@cache
def coloured(seed: int) -> Image.Image:
    """A drawn picture with the spectrum of a photograph, and colours of its own."""
    luma, *others = (natural(each, 320, 240).convert("L") for each in (seed, seed + 1, seed + 2))
    return Image.merge("RGB", [luma, *(Image.blend(luma, other, 0.4) for other in others)])


def reduced(picture: Image.Image, colours: int, dither: Image.Dither) -> Image.Image:
    palette = picture.quantize(colours, Image.Quantize.MEDIANCUT)
    return picture.quantize(palette=palette, dither=dither)


@pytest.mark.parametrize("colours", [16, 32, 64, 256])
@pytest.mark.parametrize("dither", [Image.Dither.NONE, Image.Dither.FLOYDSTEINBERG])
@pytest.mark.parametrize("form", FILES)
def test_a_photograph_in_few_colours_has_lost_something(
    colours: int, dither: Image.Dither, form: str
) -> None:
    few = reduced(coloured(20), colours, dither)
    assert quality(few, form) == LOSSY
    assert quality(few.convert("RGB"), form) == LOSSY


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_posterised_photograph_has_lost_something(bits: int) -> None:
    assert quality(ImageOps.posterize(coloured(21), bits)) == LOSSY


@pytest.mark.parametrize("grays", [4, 16])
@pytest.mark.parametrize("form", FILES)
def test_a_scan_in_few_grays_has_lost_nothing(grays: int, form: str) -> None:
    page, noise = text("black", "white", "L").convert("L"), natural(27, 500, 400).convert("L")
    scan = Image.blend(page, noise, 0.3).quantize(grays)
    assert quality(scan, form) == LOSSLESS
    assert quality(scan.convert("L"), form) == LOSSLESS


def test_a_reduced_photograph_on_a_page_has_lost_something() -> None:
    page = Image.new("RGB", (800, 600), "white")
    page.paste(reduced(coloured(22), 200, Image.Dither.FLOYDSTEINBERG).convert("RGB"), (240, 180))
    assert quality(page) == LOSSY


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photograph_with_all_its_colours_has_lost_nothing(mode: str) -> None:
    assert quality(coloured(23).convert(mode)) == LOSSLESS
    assert quality(coloured(23).convert(mode), "WEBP") == LOSSLESS


def text(ink: str, paper: str, mode: str) -> Image.Image:
    """A page of small print; letters have soft edges in mode L."""
    page = Image.new("RGB", (500, 400), paper)
    draw = ImageDraw.Draw(page)
    draw.fontmode = mode
    rng = np.random.default_rng(24)
    for line in range(24):
        words = " ".join(f"{word:x}" for word in rng.integers(0, 1 << 24, 14))
        draw.text((10, 10 + 16 * line), words, ink, ImageFont.load_default(11))
    return page


def chart() -> Image.Image:
    page = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(page)
    for place, colour in enumerate(["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"]):
        draw.rectangle((40 + 60 * place, 40 + 30 * place, 80 + 60 * place, 260), fill=colour)
        draw.text((40 + 60 * place, 265), f"{place}", "black", ImageFont.load_default(12))
    return page


def gradient() -> Image.Image:
    """A ground from dark to light blue, in steps of one level, with letters on it."""
    page = Image.linear_gradient("L").resize((256, 256))
    page = ImageOps.colorize(page, "#102040", "#80a0ff")
    ImageDraw.Draw(page).text((40, 100), "Gradient", "white", ImageFont.load_default(40))
    return page


@pytest.mark.parametrize(
    "drawing",
    [
        text("black", "white", "L"),
        text("black", "white", "1"),
        text("#80ff80", "#102010", "L"),
        text("#80ff80", "#102010", "1"),
        chart(),
        scene(25).quantize(64),
        flattened(lines(26, (0, 0, 0, 255)), "white"),
        Image.new("RGB", (64, 64), "red"),
        Image.new("RGB", (1, 1), "red"),
    ],
)
@pytest.mark.parametrize("form", FILES)
def test_a_drawing_of_few_colours_has_lost_nothing(drawing: Image.Image, form: str) -> None:
    assert quality(drawing, form) == LOSSLESS
    assert quality(drawing.quantize(16), form) == LOSSLESS


def discs() -> Image.Image:
    """Discs in many colours that lie on each other, with soft edges: some thousand colours."""
    page, rng = Image.new("RGB", (1200, 900), "white"), np.random.default_rng(28)
    draw = ImageDraw.Draw(page)
    for _ in range(24):
        left, top = int(rng.integers(0, 1000)), int(rng.integers(0, 700))
        colour = tuple(rng.integers(0, 256, 3).tolist())
        draw.ellipse((left, top, left + 180, top + 180), colour, "black", 9)
    return page.resize((400, 300), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_drawing_that_fills_a_palette_has_lost_some_colours(form: str) -> None:
    assert quality(discs()) == LOSSLESS
    assert quality(discs().quantize(256), form) == FULL_PALETTE
    assert quality(discs().convert("L").quantize(256), form) == LOSSLESS


def test_a_gradient_in_steps_of_one_level_has_lost_nothing() -> None:
    assert quality(gradient()) == LOSSLESS
