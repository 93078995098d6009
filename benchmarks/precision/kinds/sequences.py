"""Files with several pictures: animations and pages that share only the first."""

import io
from collections.abc import Sequence
from functools import partial
from typing import Any

from numpy.random import Generator
from PIL import Image

from benchmarks.precision.kinds.documents import LAYOUTS
from benchmarks.precision.kinds.pairs import ANIMATIONS, OWN, Kind, Pair, Sources, Stored
from benchmarks.precision.kinds.text import any_face, one_of
from imgdedup.corpora.edits import crop, fit

_LONG_SIDE = 320  # pixels
_OPTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "GIF": ("GIF", ".gif", {"duration": 120, "loop": 0}),
    "WebP": ("WEBP", ".webp", {"duration": 120, "loop": 0, "quality": 85}),
    "APNG": ("PNG", ".png", {"duration": 120, "loop": 0}),
}
FORMS = tuple(_OPTIONS)


def animation(frames: Sequence[Image.Image], form: str) -> Stored:
    """The frames as a file of a format in `FORMS`."""
    name, suffix, options = _OPTIONS[form]
    return _saved(frames, name, suffix, options)


def pan(photo: Image.Image, rng: Generator) -> list[Image.Image]:
    """Four to seven frames of a camera that moves over a photograph, from its middle outward."""
    picture = fit(photo, round(_LONG_SIDE / 0.7))
    width, height = round(0.7 * picture.width), round(0.7 * picture.height)
    x, y = (picture.width - width) / 2, (picture.height - height) / 2
    towards = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.5, 1.0, 2)
    steps = int(rng.integers(4, 7, endpoint=True))
    frames = []
    for step in range(steps):
        left = x * (1 + towards[0] * step / (steps - 1))
        top = y * (1 + towards[1] * step / (steps - 1))
        frames.append(crop(picture, (round(left), round(top), left + width, top + height)))
    return [frame.resize((width, height)) for frame in frames]


def other_tail(sources: Sources, rng: Generator, form: str) -> Pair:
    """Two animations with the same first frame; the frames after it show another photograph."""
    frames, others = pan(sources.photo, rng), pan(sources.other, rng)
    tail = [frame.resize(frames[0].size) for frame in others[1:]]
    return Pair(animation(frames, form), animation([frames[0], *tail], form))


def other_pages(sources: Sources, rng: Generator) -> Pair:
    """Two TIFF files with the same first page; the pages after it are others."""
    kinds, face = list(LAYOUTS), any_face(rng)
    pages = [LAYOUTS[one_of(kinds, rng)](rng).drawn(face).convert("L") for _ in range(3)]
    options = {"compression": "tiff_lzw"}
    left, right = (
        _saved([pages[0], page], "TIFF", ".tif", options) for page in (pages[1], pages[2])
    )
    return Pair(left, right)


def _saved(
    frames: Sequence[Image.Image], form: str, suffix: str, options: dict[str, Any]
) -> Stored:
    file = io.BytesIO()
    frames[0].save(file, form, save_all=True, append_images=list(frames[1:]), **options)
    return Stored(file.getvalue(), suffix)


KINDS = (
    *(
        Kind(
            f"{form}, other tail",
            partial(other_tail, form=form),
            base=OWN,
            every=2,
            aim=ANIMATIONS,
        )
        for form in FORMS
    ),
    Kind("TIFF, other pages", other_pages, base=OWN, every=2, aim=ANIMATIONS),
)
