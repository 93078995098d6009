"""Fonts and words for rendered pictures."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import ImageFont

PILLOW = "Pillow"  # the font that Pillow carries
_DEJAVU = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono")
WORDS = (
    "the a our we you they this that some next last first new old small large early late north "
    "south train ticket meeting budget report garden window kitchen harbour market river bridge "
    "station letter parcel doctor teacher engineer neighbour weekend morning evening Monday Friday "
    "April October summer winter coffee bread apples oranges paper pencils printer cable screen "
    "keyboard battery lamp chair table carpet paint hammer screws is was will can should must has "
    "arrives leaves starts ends costs needs shows brings takes opens closes moves waits and or but "
    "because before after with without near under over for from to in on at"
).split()
GOODS = (
    "Paper A4|Desk lamp|Office chair|Cable 2 m|Coffee beans|Green tea|Oat milk|Rye bread|Apples|"
    "Oranges|Tomatoes|Olive oil|Notebook|Ink cartridge|Battery AA|Light bulb|Screws M4|Wall paint|"
    "Paint brush|Garden hose|Hand soap|Towel|Water bottle|Cheese|Butter|Eggs|Rice 1 kg|Honey"
).split("|")
NAMES = (
    "Anna Berg|Tomas Novak|Lena Fischer|Marta Rossi|Paul Dubois|Ines Costa|Erik Larsen|Mia Jansen|"
    "Jonas Weber|Clara Moreau|Hugo Silva|Nora Lind"
).split("|")
FIRMS = "Northgate Supplies|Harbour Foods|Linden & Sons|Blue Mill|Corner Market|Alder Works".split(
    "|"
)


@cache
def faces() -> tuple[str, ...]:
    """The names of the fonts at hand: Pillow's own, and DejaVu where matplotlib carries it."""
    folder = _dejavu_folder()
    found = [name for name in _DEJAVU if folder and (folder / f"{name}.ttf").is_file()]
    return (PILLOW, *found)


@cache
def font(face: str, size: float) -> ImageFont.FreeTypeFont:
    """The font of a face in `faces()`, `size` pixels high."""
    folder = _dejavu_folder()
    if face != PILLOW and folder:
        return ImageFont.truetype(folder / f"{face}.ttf", size)
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)  # what Pillow returns for any size
    return found


def any_face(rng: Generator) -> str:
    """One of the faces at hand."""
    return faces()[int(rng.integers(len(faces())))]


def one_of(words: list[str], rng: Generator) -> str:
    """One of some words."""
    return words[int(rng.integers(len(words)))]


def sentence(rng: Generator, least: int, most: int) -> list[str]:
    """`least` to `most` words."""
    return [one_of(WORDS, rng) for _ in range(int(rng.integers(least, most, endpoint=True)))]


def with_other_word(words: list[str], rng: Generator) -> list[str]:
    """The words with one of them exchanged."""
    place = int(rng.integers(len(words)))
    others = [word for word in WORDS if word != words[place] and len(word) > 3]
    return [*words[:place], one_of(others, rng), *words[place + 1 :]]


def wrapped(words: list[str], face: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """The words in lines of at most `width` pixels."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def shade(rng: Generator, low: int, high: int) -> tuple[int, int, int]:
    """A colour with channels from `low` up to `high`."""
    red, green, blue = (int(level) for level in rng.integers(low, high, 3))
    return red, green, blue


def noisy(pixels: np.ndarray, rng: Generator, deviation: float) -> np.ndarray:
    """Pixels, uint8, with the noise of a sensor; `deviation` in levels."""
    noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(deviation)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def _dejavu_folder() -> Path | None:
    spec = find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], "mpl-data", "fonts", "ttf")
