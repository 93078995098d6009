"""Drawings: white on transparent ground, and signs that a turn makes into another sign."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageOps

from benchmarks.precision.kinds.pairs import (
    OWN,
    STRICT,
    TRANSPARENCY,
    Kind,
    Pair,
    Sources,
    stored,
    two_files,
)
from benchmarks.precision.kinds.text import any_face, font, shade
from imgdedup.corpora.edits import PNG

_SIDE = 512  # pixels
_SIGN = 400


def strokes(rng: Generator) -> Image.Image:
    """A drawing of 3 to 8 white lines, rings and boxes on transparent ground, mode RGBA."""
    mask = Image.new("L", (_SIDE, _SIDE), 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(int(rng.integers(3, 8, endpoint=True))):
        x, y = (float(each) for each in rng.uniform(0.1, 0.6, 2) * _SIDE)
        w, h = (float(each) for each in rng.uniform(0.15, 0.38, 2) * _SIDE)
        width = int(rng.integers(8, 26))
        what = int(rng.integers(3))
        if what == 0:
            draw.line((x, y, x + w, y + h), fill=255, width=width)
        elif what == 1:
            draw.ellipse((x, y, x + w, y + h), outline=255, width=width)
        else:
            draw.rectangle((x, y, x + w, y + h), outline=255, width=width)
    drawing = Image.new("RGBA", mask.size, (255, 255, 255, 0))
    drawing.putalpha(mask)
    return drawing


def white_drawings(sources: Sources, rng: Generator) -> Pair:
    """Two drawings in white, which differ only in what is transparent."""
    return Pair(stored(strokes(rng), PNG), stored(strokes(rng), PNG))


def arrow(rng: Generator) -> Image.Image:
    """A sign with an arrow to the right."""
    ground, ink = shade(rng, 150, 256), shade(rng, 0, 100)
    sign = Image.new("RGB", (_SIGN, _SIGN), ground)
    draw = ImageDraw.Draw(sign)
    half, tip = rng.uniform(20, 60), rng.uniform(0.82, 0.92) * _SIGN
    neck, wide = rng.uniform(0.5, 0.65) * _SIGN, rng.uniform(90, 140)
    start, middle = rng.uniform(0.08, 0.2) * _SIGN, rng.uniform(0.4, 0.6) * _SIGN
    corners = np.array(
        [
            (start, middle - half),
            (neck, middle - half),
            (neck, middle - wide),
            (tip, middle),
            (neck, middle + wide),
            (neck, middle + half),
            (start, middle + half),
        ]
    )
    draw.polygon([(float(x), float(y)) for x, y in corners], fill=ink)
    return sign


def arrows(sources: Sources, rng: Generator) -> Pair:
    """A sign to the right, and the same sign to the left."""
    sign = arrow(rng)
    return two_files(sign, ImageOps.mirror(sign), rng)


def six_and_nine(sources: Sources, rng: Generator) -> Pair:
    """A plate with the number six, and the plate turned by half: a nine."""
    ground, ink = shade(rng, 150, 256), shade(rng, 0, 100)
    plate = Image.new("RGB", (_SIGN, _SIGN), ground)
    letters = font(any_face(rng), rng.uniform(0.5, 0.85) * _SIGN)
    ImageDraw.Draw(plate).text((_SIGN / 2, _SIGN / 2), "6", ink, letters, "mm")
    return two_files(plate, plate.transpose(Image.Transpose.ROTATE_180), rng)


KINDS = (
    Kind("white drawings", white_drawings, base=OWN, every=2, aim=TRANSPARENCY),
    Kind("left and right arrow", arrows, preset=STRICT, base=OWN, every=4),
    Kind("six and nine", six_and_nine, preset=STRICT, base=OWN, every=4),
)
