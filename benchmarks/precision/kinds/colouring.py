"""Pictures of which only a colour differs: a recoloured object, a product, a flag."""

import colorsys

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.precision.kinds.cutting import blended, region
from benchmarks.precision.kinds.pairs import OWN, Kind, Pair, Sources, two_files, two_jpegs

Colour = tuple[int, int, int]

_AREAS = (0.15, 0.40)  # of the picture that is turned in hue
_SATURATION = 90  # of 255: gray things get at least this much
_PRODUCT = 640  # pixels each way
_FLAG = (720, 480)
COLOURS: dict[str, Colour] = {
    "black": (32, 32, 34),
    "red": (190, 30, 40),
    "blue": (35, 70, 170),
    "green": (30, 120, 60),
    "yellow": (235, 200, 40),
    "white": (240, 240, 238),
    "orange": (235, 125, 30),
}


def recoloured(sources: Sources, rng: Generator) -> Pair:
    """A photograph, and the photograph with an object of 15 to 40 % turned in hue by 60-180°."""
    photo = np.asarray(sources.photo)
    mask = region(photo, rng, _AREAS, 1.0)
    hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)
    degrees = float(rng.uniform(60, 180)) * (1 if rng.random() < 0.5 else -1)
    hsv[:, :, 0] = (hsv[:, :, 0].astype(int) + round(degrees / 2)) % 180
    hsv[:, :, 1] = np.maximum(hsv[:, :, 1], _SATURATION)
    turned = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))
    right = Image.fromarray(blended(photo, turned, mask))
    return two_jpegs(sources.photo, right, rng, f"{mask.mean():.0%}, {degrees:.0f}°")


def product(colour: Colour, shape: int, light: float) -> Image.Image:
    """A product with shade and a highlight on white; `shape` draws its outline."""
    rng = np.random.default_rng(shape)
    side = _PRODUCT
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    heights = np.linspace(0.12, 0.88, 9) * side
    half = side * (0.10 + 0.26 * rng.random(9)).astype(float)
    left = [(side / 2 - w, y) for w, y in zip(half, heights, strict=True)]
    right = [(side / 2 + w, y) for w, y in zip(half, heights, strict=True)]
    draw.polygon([*left, *reversed(right)], fill=255)
    if rng.random() < 0.6:  # a handle
        x, y = side / 2 + half[4], side * rng.uniform(0.4, 0.6)
        draw.ellipse((x - 60, y - 70, x + 90, y + 80), outline=255, width=22)
    opacity = np.asarray(mask.filter(ImageFilter.GaussianBlur(5)), np.float32) / 255
    opacity = np.clip(opacity * 3 - 1, 0, 1)[:, :, None]
    x = np.linspace(-1, 1, side, dtype=np.float32)[None, :, None]
    shade = 0.75 + 0.35 * np.cos(2.0 * (x - light))
    body = np.array(colour, np.float32) * shade
    shine = 70 * np.exp(-(((x - light) / 0.06) ** 2))
    scene = 250 * (1 - opacity) + np.clip(body + shine, 0, 255) * opacity
    picture = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for seam in heights[2:7:2]:  # seams, as on any product
        across = float(np.interp(seam, heights, half))
        dark = tuple(int(0.6 * level) for level in colour)
        draw.line((side / 2 - across + 6, seam, side / 2 + across - 6, seam), fill=dark, width=3)
    return picture


def products(sources: Sources, rng: Generator) -> Pair:
    """One product on white in two colours."""
    names = [str(name) for name in rng.choice([*COLOURS], 2, replace=False)]
    shape, light = int(rng.integers(1 << 30)), float(rng.uniform(-0.4, 0.2))
    left, right = (product(COLOURS[name], shape, light) for name in names)
    return two_files(left, right, rng, " and ".join(names))


def tricolour(bands: list[Colour], upright: bool) -> Image.Image:
    """A flag of three bands, side by side when `upright`, else one above the other."""
    flag = Image.new("RGB", _FLAG)
    draw = ImageDraw.Draw(flag)
    width, height = _FLAG
    for place, colour in enumerate(bands):
        share = place / 3, (place + 1) / 3
        if upright:
            draw.rectangle((share[0] * width, 0, share[1] * width, height), fill=colour)
        else:
            draw.rectangle((0, share[0] * height, width, share[1] * height), fill=colour)
    return flag


def tricolours(sources: Sources, rng: Generator) -> Pair:
    """Two flags of three bands; one or two of their colours differ in hue."""
    hues, lights = rng.random(3), rng.uniform(0.45, 0.95, 3)
    turned = (hues + rng.uniform(0.2, 0.5, 3) * (rng.permutation(3) < rng.integers(1, 3, 1))) % 1
    upright = bool(rng.random() < 0.5)
    left, right = (
        tricolour([_hue(h, v) for h, v in zip(each, lights, strict=True)], upright)
        for each in (hues, turned)
    )
    return two_files(left, right, rng)


def _hue(hue: float, light: float) -> Colour:
    red, green, blue = (round(255 * level) for level in colorsys.hsv_to_rgb(hue, 0.85, light))
    return red, green, blue


KINDS = (
    Kind("recoloured object", recoloured),
    Kind("product in two colours", products, base=OWN, every=2),
    Kind("tricolour", tricolours, base=OWN, every=2),
)
