"""Pictures that tests draw themselves, with more to see in them than `testing.picture` has."""

import io

import numpy as np
from PIL import Image, ImageDraw
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from imgdedup.geometry.features import extract
from imgdedup.geometry.picture import Picture
from imgdedup.images.decode import decoder_of
from tests.pictures import SETTINGS

SIDE = 400  # pixels
DECODER = decoder_of(SETTINGS.embed, side=32)
Colour = tuple[int, int, int, int]


def scene(seed: int, width: int = SIDE, height: int = 300) -> Image.Image:
    """Shapes of many colours on a ground of soft colours, RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (3, 4, 3), dtype=np.uint8)
    drawn = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(drawn)
    for _ in range(40):
        across, down = rng.integers(0, width), rng.integers(0, height)
        wide, high = rng.integers(8, 60, 2)
        box = [int(side) for side in (across, down, across + wide, down + high)]
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, fill=tuple(int(level) for level in rng.integers(0, 256, 3)))
    return drawn


def lines(seed: int, colour: Colour, side: int = SIDE) -> Image.Image:
    """Line art of one colour on nothing, RGBA."""
    rng = np.random.default_rng(seed)
    drawn = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(drawn)
    for _ in range(12):
        (left, right), (top, bottom) = np.sort(rng.integers(20, side - 20, (2, 2)))
        box = (int(left), int(top), int(right) + 8, int(bottom) + 8)
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, outline=colour, width=6)
    return drawn


def cut_out(seed: int) -> Image.Image:
    """A scene from which a shape with soft edges was cut, on nothing, RGBA."""
    drawn = scene(seed).convert("RGBA")
    mask = Image.new("L", (drawn.width * 2, drawn.height * 2))
    ImageDraw.Draw(mask).ellipse((90, 60, mask.width - 90, mask.height - 60), fill=255)
    drawn.putalpha(mask.resize(drawn.size))
    return drawn


def flattened(image: Image.Image, ground: str) -> Image.Image:
    """The picture on a ground of one colour, RGB."""
    page = Image.new("RGB", image.size, ground)
    page.paste(image, mask=image.getchannel("A"))
    return page


def kept(data: bytes) -> Picture:
    """What verify sees of the file of a picture."""
    found = DECODER.decode(data)
    size = found.width, found.height
    looks = [
        (look.thumbnail, *size, extract(look.luma).to_bytes(max(look.luma.shape)))
        for look in (found, found.second)
        if look is not None
    ]
    second = Picture(*looks[1]) if found.second else None
    return Picture(*looks[0], second)


def encoded_tags(image: Image.Image, tags: dict[int, tuple[int, object]]) -> bytes:
    """A TIFF with further tags in its directory: their type and value, as Pillow writes them."""
    directory = ImageFileDirectory_v2()
    for tag, (kind, value) in tags.items():
        directory.tagtype[tag] = kind
        directory[tag] = value
    file = io.BytesIO()
    image.save(file, "TIFF", tiffinfo=directory)
    return file.getvalue()
