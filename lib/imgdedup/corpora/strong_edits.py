"""Edits that go further than everyday use, yet leave a picture that a person recognises.

`STRONG` names the edits that need no other picture. `collage` needs three others. All edits draw
their amounts from a seeded generator, as the everyday edits do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont, ImageOps

from imgdedup.corpora.edits import (
    Edit,
    Edited,
    between,
    drawn_crop,
    everyday_grayscale,
    in_turn,
    jpeg,
    resize,
)
from imgdedup.corpora.motion import Motion, scaling, turning
from imgdedup.corpora.turned_edits import mirror

COLLAGE = "collage"
WORDS = (
    "when you open the box|nobody:|SALE|happy birthday|BREAKING NEWS|me on a Monday|summer 2024|"
    "wait for it|do not repost|Look at this!|50 % OFF|greetings from the coast|the good old days"
).split("|")

Colour = tuple[int, int, int]


def tiny_crop(image: Image.Image, rng: Generator) -> Edited:
    """Crop to 10-25 % of the area, anywhere, with the aspect ratio changed by up to a fifth."""
    return drawn_crop(image, rng, (0.10, 0.25))


def collage(others: Sequence[Image.Image]) -> Edit:
    """The edit that puts a picture into one cell of a two-by-two grid, with three others.

    The grid has the picture's aspect ratio. Its sides are 1 to 1.5 times those of the picture. The
    others are cropped to their cells.
    """
    if len(others) != 3:
        raise ValueError(f"{len(others)} other pictures for the three other cells of a collage")

    def beside_others(image: Image.Image, rng: Generator) -> Edited:
        factor = between(rng, (1.0, 1.5))
        width, height = (max(1, round(side * factor / 2)) for side in image.size)
        place = int(rng.integers(4))
        cells = [ImageOps.fit(other, (width, height)) for other in others]
        cells.insert(place, image.resize((width, height), Image.Resampling.LANCZOS))
        grid = Image.new("RGB", (2 * width, 2 * height))
        for number, cell in enumerate(cells):
            grid.paste(cell, (number % 2 * width, number // 2 * height))
        shift = Motion(c=place % 2 * width, f=place // 2 * height)
        motion = scaling(image.size, (width, height)).then(shift)
        return Edited(grid, f"cell {place + 1} of 4", motion=motion)

    return beside_others


def caption(image: Image.Image, rng: Generator) -> Edited:
    """A bar of 10-20 % of the height over the upper or lower edge, with a line of text in it."""
    picture = image.convert("RGB")
    height = max(1, round(picture.height * between(rng, (0.10, 0.20))))
    top = 0 if rng.random() < 0.5 else picture.height - height
    ground, ink = _black_and_white(rng)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, top, picture.width - 1, top + height - 1), fill=ground)
    words = _words(rng)
    font = _font(draw, words, 0.6 * height, 0.9 * picture.width)
    draw.text((picture.width / 2, top + height / 2), words, ink, font, "mm")
    return Edited(picture, f"bar of {height / picture.height:.0%}")


def text(image: Image.Image, rng: Generator) -> Edited:
    """One to three lines of outlined text anywhere in the picture, 8-20 % of its height each."""
    picture = image.convert("RGB")
    draw = ImageDraw.Draw(picture)
    lines = int(rng.integers(1, 3, endpoint=True))
    for _ in range(lines):
        size = picture.height * between(rng, (0.08, 0.20))
        ink, edge = _black_and_white(rng)
        words = _words(rng)
        font = _font(draw, words, size, 0.9 * picture.width)
        width, height = draw.textlength(words, font), font.size
        place = (
            rng.random() * max(0.0, picture.width - width),
            rng.random() * max(0.0, picture.height - height),
        )
        stroke = max(1, round(font.size / 16))
        draw.text(place, words, ink, font, "la", stroke_width=stroke, stroke_fill=edge)
    return Edited(picture, f"{lines} line{'s'[: lines > 1]}")


def letterbox(image: Image.Image, rng: Generator) -> Edited:
    """Plain bars that make the frame 1.2 to 2.2 times as large: on two sides, or all around."""
    factor = between(rng, (1.2, 2.2))
    where = ("above and below", "left and right", "all around")[int(rng.integers(3))]
    width, height = image.size
    across, down = {
        "above and below": (0.0, (factor - 1) / 2 * height),
        "left and right": ((factor - 1) / 2 * width, 0.0),
        "all around": ((factor**0.5 - 1) / 2 * width, (factor**0.5 - 1) / 2 * height),
    }[where]
    left, top = round(across), round(down)
    black_or_white = _black_and_white(rng)[0]
    red, green, blue = (int(level) for level in rng.integers(0, 256, 3))
    colour = black_or_white if rng.random() < 0.7 else (red, green, blue)
    framed = ImageOps.expand(image.convert("RGB"), (left, top), colour)
    return Edited(framed, f"x{factor:.2f} {where}", motion=Motion(c=left, f=top))


def turn(image: Image.Image, rng: Generator) -> Edited:
    """Turn by 90, 180 or 270 degrees counter-clockwise."""
    quarters = int(rng.integers(1, 3, endpoint=True))
    turned = image.transpose(
        (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)[
            quarters - 1
        ]
    )
    return Edited(turned, f"{90 * quarters} degrees", motion=turning(image.size, quarters))


def half_crop(image: Image.Image, rng: Generator) -> Edited:
    """Crop to 40-70 % of the area, anywhere."""
    return drawn_crop(image, rng, (0.40, 0.70))


def perspective(image: Image.Image, rng: Generator) -> Edited:
    """Move each corner of what is shown by up to 15 % of either side, inward or any way.

    What lies outside of the picture is black. The motion is the projective map's affine part at the
    middle of the picture.
    """
    width, height = image.size
    least = 0.0 if rng.random() < 0.5 else -0.15
    inward = rng.uniform(least, 0.15, (4, 2)) * (width, height)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float)
    towards = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    seen = corners + inward * towards
    back = _projective(corners, seen)
    shown = image.transform(
        image.size, Image.Transform.PERSPECTIVE, tuple(back), Image.Resampling.BICUBIC
    )
    most = float(np.abs(inward / (width, height)).max())
    return Edited(shown, f"up to {most:.0%}", motion=_affine(back, *image.size))


def colour(image: Image.Image, rng: Generator) -> Edited:
    """Turn the hue by 56-281 degrees, and multiply each channel by 0.7 to 1.3."""
    steps = int(rng.integers(40, 200, endpoint=True))
    gains = rng.uniform(0.7, 1.3, 3)
    hue, saturation, value = image.convert("RGB").convert("HSV").split()
    hue = hue.point([(level + steps) % 256 for level in range(256)])
    shifted = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    table = [min(255, round(level * gain)) for gain in gains for level in range(256)]
    return Edited(shifted.point(table), f"hue by {steps / 256 * 360:.0f} degrees")


def posterise(image: Image.Image, rng: Generator) -> Edited:
    """Stretch the contrast to the full range, and keep two bits of each channel: four levels."""
    return Edited(ImageOps.posterize(ImageOps.autocontrast(image), 2), "2 bits")


def tiny_jpeg(image: Image.Image, rng: Generator) -> Edited:
    """Shrink to 0.35 of the side and compress at quality 4 to 9."""
    quality = int(rng.integers(4, 9, endpoint=True))
    small = resize(image, 0.35)
    motion = scaling(image.size, small.size)
    return Edited(small, f"quality {quality}, 0.35 of the side", jpeg(quality), motion)


STRONG: Mapping[str, Edit] = {
    "tiny-crop": tiny_crop,
    "caption": caption,
    "text": text,
    "letterbox": letterbox,
    "turn": turn,
    "mirror-crop-gray": in_turn(mirror, half_crop, everyday_grayscale),
    "perspective": perspective,
    "colour": colour,
    "posterise": posterise,
    "tiny-jpeg": tiny_jpeg,
}


def _words(rng: Generator) -> str:
    return WORDS[int(rng.integers(len(WORDS)))]


def _black_and_white(rng: Generator) -> tuple[Colour, Colour]:
    """Black and white in either order."""
    black, white = (0, 0, 0), (255, 255, 255)
    return (black, white) if rng.random() < 0.5 else (white, black)


def _font(
    draw: ImageDraw.ImageDraw, words: str, height: float, width: float
) -> ImageFont.FreeTypeFont:
    """Pillow's own font, `height` pixels high, or smaller where the words would exceed `width`."""
    font = _default_font(height)
    return _default_font(height * min(1.0, width / max(1.0, draw.textlength(words, font))))


def _default_font(height: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(4.0, height))
    assert isinstance(font, ImageFont.FreeTypeFont)  # what Pillow returns for any size
    return font


def _projective(points: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The eight coefficients, as Pillow takes them, of the map of four points (4, 2) to others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(points, images, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.solve(np.array(rows), np.array(values))


def _affine(back: np.ndarray, width: int, height: int) -> Motion:
    """The affine part of a map at the frame's middle; `back` has the inverse map's coefficients."""
    a, b, c, d, e, f, g, h = (float(value) for value in back)
    x, y = width / 2, height / 2
    depth = g * x + h * y + 1
    u, v = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
    slope = Motion(
        (a - u * g) / depth, (b - u * h) / depth, 0, (d - v * g) / depth, (e - v * h) / depth, 0
    )
    moved = slope(x, y)
    way_back = replace(slope, c=u - moved[0], f=v - moved[1], exact=False)
    return way_back.inverse
