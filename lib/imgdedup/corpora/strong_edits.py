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
from imgdedup.corpora.motion import Motion, mirroring, scaling, turning

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
    """One to three lines of outlined text anywhere in the picture, 6-14 % of its height each."""
    picture = image.convert("RGB")
    draw = ImageDraw.Draw(picture)
    lines = int(rng.integers(1, 3, endpoint=True))
    for _ in range(lines):
        size = picture.height * between(rng, (0.06, 0.14))
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
    """Plain bars of 8-25 % of the side each, above and below or left and right."""
    share = between(rng, (0.08, 0.25))
    lying = rng.random() < 0.5
    width, height = image.size
    across, down = (0, round(height * share)) if lying else (round(width * share), 0)
    colour = _black_and_white(rng)[0]
    framed = ImageOps.expand(image.convert("RGB"), (across, down), colour)
    where = "above and below" if lying else "left and right"
    return Edited(framed, f"{share:.0%} {where}", motion=Motion(c=across, f=down))


def turn(image: Image.Image, rng: Generator) -> Edited:
    """Turn by 90, 180 or 270 degrees counter-clockwise."""
    quarters = int(rng.integers(1, 3, endpoint=True))
    turned = image.transpose(
        (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)[
            quarters - 1
        ]
    )
    return Edited(turned, f"{90 * quarters} degrees", motion=turning(image.size, quarters))


def mirror(image: Image.Image, rng: Generator) -> Edited:
    """Swap left and right."""
    return Edited(ImageOps.mirror(image), "", motion=mirroring(image.size))


def half_crop(image: Image.Image, rng: Generator) -> Edited:
    """Crop to 45-80 % of the area, anywhere."""
    return drawn_crop(image, rng, (0.45, 0.80))


def perspective(image: Image.Image, rng: Generator) -> Edited:
    """Move each corner of what is shown inward by up to 12 % of either side.

    The motion is the projective map's affine part at the middle of the picture.
    """
    width, height = image.size
    inward = rng.uniform(0.0, 0.12, (4, 2)) * (width, height)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float)
    towards = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    seen = corners + inward * towards
    back = _projective(corners, seen)
    shown = image.transform(
        image.size, Image.Transform.PERSPECTIVE, tuple(back), Image.Resampling.BICUBIC
    )
    return Edited(
        shown, f"up to {(inward / (width, height)).max():.0%}", motion=_affine(back, *image.size)
    )


def colour(image: Image.Image, rng: Generator) -> Edited:
    """Turn the hue by 30-150 degrees either way, and multiply each channel by 0.7 to 1.3."""
    degrees = between(rng, (30, 150)) * (1 if rng.random() < 0.5 else -1)
    gains = rng.uniform(0.7, 1.3, 3)
    hue, saturation, value = image.convert("RGB").convert("HSV").split()
    hue = hue.point([round(level + degrees / 360 * 256) % 256 for level in range(256)])
    shifted = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    table = [min(255, round(level * gain)) for gain in gains for level in range(256)]
    return Edited(shifted.point(table), f"hue by {degrees:.0f} degrees")


def posterise(image: Image.Image, rng: Generator) -> Edited:
    """Keep two or three bits of each channel: four or eight levels."""
    bits = int(rng.integers(2, 3, endpoint=True))
    return Edited(ImageOps.posterize(image, bits), f"{bits} bits")


def tiny_jpeg(image: Image.Image, rng: Generator) -> Edited:
    """Shrink to a third of the side and compress at quality 4 to 9."""
    quality = int(rng.integers(4, 9, endpoint=True))
    small = resize(image, 1 / 3)
    motion = scaling(image.size, small.size)
    return Edited(small, f"quality {quality}, a third of the side", jpeg(quality), motion)


STRONG: Mapping[str, Edit] = {
    "tiny-crop": tiny_crop,
    "caption": caption,
    "text": text,
    "letterbox": letterbox,
    "turn": turn,
    "mirror": mirror,
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
