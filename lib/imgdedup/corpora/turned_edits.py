"""Everyday edits that turn a picture: straightened a little, or mirrored.

They belong to the everyday suite of the quality benchmark. The demo does not use them.
"""

import math
from collections.abc import Mapping

from numpy.random import Generator
from PIL import Image, ImageOps

from imgdedup.corpora.edits import Edit, Edited, between
from imgdedup.corpora.motion import Motion, mirroring


def mirror(image: Image.Image, rng: Generator) -> Edited:
    """Swap left and right."""
    return Edited(ImageOps.mirror(image), "", motion=mirroring(image.size))


def tilt(image: Image.Image, rng: Generator) -> Edited:
    """Turn by 3 to 12 degrees either way.

    Half of the copies keep the frame, with black corners. The other half is cut to the largest
    upright frame of the picture's ratio that has no corners.
    """
    degrees = between(rng, (3, 12)) * (1 if rng.random() < 0.5 else -1)
    turned = image.convert("RGB").rotate(degrees, Image.Resampling.BICUBIC)
    motion = _rotating(image.size, degrees)
    if rng.random() < 0.5:
        return Edited(turned, f"{degrees:.0f} degrees, black corners", motion=motion)
    width, height = image.size
    sine, cosine = abs(math.sin(math.radians(degrees))), math.cos(math.radians(degrees))
    ratio = max(width / height, height / width)
    share = 1 / (cosine + ratio * sine)
    left, top = math.ceil((1 - share) / 2 * width), math.ceil((1 - share) / 2 * height)
    inner = turned.crop((left, top, width - left, height - top))
    shift = Motion(c=-left, f=-top)
    return Edited(inner, f"{degrees:.0f} degrees, cut", motion=motion.then(shift))


def _rotating(size: tuple[int, int], degrees: float) -> Motion:
    """The motion that turns a picture counter-clockwise about its middle, in its own frame."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = size[0] / 2, size[1] / 2
    return Motion(
        a=cosine,
        b=sine,
        c=x - cosine * x - sine * y,
        d=-sine,
        e=cosine,
        f=y + sine * x - cosine * y,
    )


TURNED: Mapping[str, Edit] = {"tilt": tilt, "mirror": mirror}
