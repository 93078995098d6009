"""Edits of photographs in everyday use, as pure functions on Pillow images.

The functions in the first part change an image by a stated amount. `EVERYDAY` names the recipes of
the second part. A recipe draws its amount from a seeded generator, within a range after which a
person still calls the picture the same. It gives the amount, and the motion of the picture's
pixels. `strong_edits.py` goes further.
"""

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imgdedup.corpora.motion import STILL, Motion, scaling, windowing

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Range = tuple[float, float]


@dataclass(frozen=True)
class Encoding:
    """A file format with the options that Pillow's writer takes for it."""

    format: str
    suffix: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def encode(self, image: Image.Image) -> bytes:
        """The image as the bytes of a file."""
        buffer = io.BytesIO()
        image.save(buffer, self.format, **self.options)
        return buffer.getvalue()


PNG = Encoding("PNG", ".png")


def jpeg(quality: int) -> Encoding:
    """JPEG at Pillow's quality scale, 1 (worst) to 95."""
    return Encoding("JPEG", ".jpg", {"quality": quality})


def webp(quality: int) -> Encoding:
    """Lossy WebP, quality 0 (worst) to 100."""
    return Encoding("WEBP", ".webp", {"quality": quality})


@dataclass(frozen=True)
class Edited:
    """An edited image, the amount of the edit in words if it has one, and how it is stored.

    `motion` takes the pixels of the picture to those of `image`.
    """

    image: Image.Image
    amount: str
    encoding: Encoding = jpeg(90)  # noqa: RUF009 - frozen, so it can be shared
    motion: Motion = STILL


Edit = Callable[[Image.Image, Generator], Edited]


def fit(image: Image.Image, long_side: int) -> Image.Image:
    """Shrink the image until its long side is at most `long_side` pixels; never enlarge it."""
    return resize(image, min(1.0, long_side / max(image.size)))


def resize(image: Image.Image, factor: float) -> Image.Image:
    """Scale both sides by `factor` (Lanczos), to one pixel at least."""
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def area_box(size: tuple[int, int], area: float, aspect: float, x: float, y: float) -> Box:
    """The box that covers the share `area` (0-1] of an image of `size` (width, height).

    `aspect` is the box's ratio of width to height relative to the image's. A box that would stick
    out of the image keeps its area and changes its ratio. `x` and `y` in [0, 1] place the box in
    the room that is left: 0.5, 0.5 is the centre.
    """
    across = min(1.0, max(area, math.sqrt(area * aspect)))
    down = area / across
    width, height = across * size[0], down * size[1]
    left, top = x * (size[0] - width), y * (size[1] - height)
    return left, top, left + width, top + height


def crop(image: Image.Image, box: Box) -> Image.Image:
    """Keep the pixels in the box, its sides rounded to whole pixels."""
    return image.crop(whole_pixels(box))


def whole_pixels(box: Box) -> tuple[int, int, int, int]:
    """The box with its sides rounded to whole pixels, one pixel wide and high at least."""
    left, top, right, bottom = (round(side) for side in box)
    return left, top, max(left + 1, right), max(top + 1, bottom)


def zoom(image: Image.Image, factor: float, x: float = 0.5, y: float = 0.5) -> Image.Image:
    """Enlarge by `factor` >= 1 within the same frame: 1/factor of each side stays visible."""
    return image.resize(image.size, Image.Resampling.LANCZOS, box=zoom_box(image, factor, x, y))


def zoom_box(image: Image.Image, factor: float, x: float = 0.5, y: float = 0.5) -> Box:
    """The box of the image that `zoom` shows."""
    return area_box(image.size, factor**-2, 1.0, x, y)


def brightness(image: Image.Image, factor: float) -> Image.Image:
    """Multiply all channels by `factor`, clipped at white."""
    return ImageEnhance.Brightness(image).enhance(factor)


def contrast(image: Image.Image, factor: float) -> Image.Image:
    """Multiply the distance of all channels from the mean gray by `factor`, clipped."""
    return ImageEnhance.Contrast(image).enhance(factor)


def grayscale(image: Image.Image) -> Image.Image:
    """The luma alone (ITU-R 601-2), as a one-channel image."""
    return ImageOps.grayscale(image)


def blur(image: Image.Image, radius: float) -> Image.Image:
    """Gaussian blur, `radius` being its standard deviation in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def between(rng: Generator, bounds: Range) -> float:
    """An amount drawn evenly from `bounds`."""
    return float(rng.uniform(*bounds))


def _factor(rng: Generator, below: Range, above: Range) -> float:
    """A factor from either range, evenly on the logarithmic scale: never close to no change."""
    low, high = below if rng.random() < 0.5 else above
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def everyday_zoom(image: Image.Image, rng: Generator) -> Edited:
    """Zoom by 1.1 to 1.5 into a place anywhere in the picture."""
    factor = between(rng, (1.1, 1.5))
    x, y = rng.random(), rng.random()
    motion = windowing(zoom_box(image, factor, x, y), image.size)
    return Edited(zoom(image, factor, x, y), f"x{factor:.2f}", motion=motion)


def everyday_crop(image: Image.Image, rng: Generator) -> Edited:
    """Crop to 45-90 % of the area, anywhere, with the aspect ratio changed by up to a fifth."""
    return drawn_crop(image, rng, (0.45, 0.9))


def drawn_crop(image: Image.Image, rng: Generator, areas: Range) -> Edited:
    """Crop to a share of the area between `areas`, the ratio of the sides changed up to a fifth."""
    area = between(rng, areas)
    box = area_box(image.size, area, between(rng, (0.8, 1.25)), rng.random(), rng.random())
    cropped = crop(image, box)
    motion = windowing(whole_pixels(box), cropped.size)
    return Edited(cropped, f"to {area:.0%}", motion=motion)


def everyday_brightness(image: Image.Image, rng: Generator) -> Edited:
    """Darken down to 0.45 or brighten up to 1.7."""
    factor = _factor(rng, (0.45, 0.8), (1.25, 1.7))
    return Edited(brightness(image, factor), f"x{factor:.2f}")


def everyday_contrast(image: Image.Image, rng: Generator) -> Edited:
    """Contrast down to 0.5 or up to 1.6."""
    factor = _factor(rng, (0.5, 0.8), (1.25, 1.6))
    return Edited(contrast(image, factor), f"x{factor:.2f}")


def everyday_grayscale(image: Image.Image, rng: Generator) -> Edited:
    """Drop the colour."""
    return Edited(grayscale(image), "")


def everyday_resize(image: Image.Image, rng: Generator) -> Edited:
    """Scale down to a quarter or up to double."""
    factor = _factor(rng, (0.25, 0.8), (1.25, 2.0))
    resized = resize(image, factor)
    return Edited(resized, f"x{factor:.2f}", motion=scaling(image.size, resized.size))


def everyday_jpeg(image: Image.Image, rng: Generator) -> Edited:
    """Recompress at quality 15 to 60."""
    quality = int(rng.integers(15, 60, endpoint=True))
    return Edited(image, f"quality {quality}", jpeg(quality))


def everyday_png(image: Image.Image, rng: Generator) -> Edited:
    """Store as PNG: other bytes, the same pixels."""
    return Edited(image, "", PNG)


def everyday_webp(image: Image.Image, rng: Generator) -> Edited:
    """Store as WebP at quality 40 to 90."""
    quality = int(rng.integers(40, 90, endpoint=True))
    return Edited(image, f"quality {quality}", webp(quality))


def everyday_blur(image: Image.Image, rng: Generator) -> Edited:
    """Slight Gaussian blur, 0.6 to 1.6 pixels."""
    radius = between(rng, (0.6, 1.6))
    return Edited(blur(image, radius), f"{radius:.1f} px")


def in_turn(*edits: Edit) -> Edit:
    """Combine edits: each changes the result of the one before; the last decides the encoding."""

    def combined(image: Image.Image, rng: Generator) -> Edited:
        amounts: list[str] = []
        motion = STILL
        for edit in edits:
            edited = edit(image, rng)
            image, motion = edited.image, motion.then(edited.motion)
            amounts += [edited.amount] if edited.amount else []
        return Edited(image, ", ".join(amounts), edited.encoding, motion)

    return combined


EVERYDAY: Mapping[str, Edit] = {
    "zoom": everyday_zoom,
    "crop": everyday_crop,
    "brightness": everyday_brightness,
    "contrast": everyday_contrast,
    "grayscale": everyday_grayscale,
    "resize": everyday_resize,
    "jpeg": everyday_jpeg,
    "png": everyday_png,
    "webp": everyday_webp,
    "blur": everyday_blur,
    "zoom-grayscale": in_turn(everyday_zoom, everyday_grayscale),
    "crop-brightness-jpeg": in_turn(everyday_crop, everyday_brightness, everyday_jpeg),
}
