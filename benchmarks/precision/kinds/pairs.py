"""What a kind of pair is, and the two files that it makes."""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator
from PIL import Image

from imgdedup.corpora.edits import PNG, Encoding, jpeg

EVERY, STRICT = "every", "strict"  # presets
PHOTOGRAPH, OWN = "photograph", "own"  # what the left file shows

DOCUMENTS = "documents"
ANIMATIONS = "animations, pages"
TRANSPARENCY = "transparency"
SAME_FILE = "one file by two names"
LARGE_OBJECTS, SMALL_OBJECTS = "objects from 1 %", "objects of 0.5 %"
AIMS = {
    DOCUMENTS: 0.0,
    ANIMATIONS: 0.0,
    TRANSPARENCY: 0.0,
    SAME_FILE: 0.0,
    LARGE_OBJECTS: 0.01,
    SMALL_OBJECTS: 0.1,
}  # the largest share of the pairs that may lose a file
_QUALITIES = (75, 95)


@dataclass(frozen=True)
class Sources:
    """What a pair is made from: its own photograph and another one, both in mode RGB."""

    photo: Image.Image
    other: Image.Image


@dataclass(frozen=True)
class Stored:
    """The bytes of one file, with the suffix of its name.

    When `is_link` is true, the file is a symbolic link to the other file of its pair.
    """

    data: bytes
    suffix: str
    is_link: bool = False


@dataclass(frozen=True)
class Pair:
    """Two files, and in words what was drawn for them."""

    left: Stored
    right: Stored
    detail: str = ""


Make = Callable[[Sources, Generator], Pair]


@dataclass(frozen=True)
class Kind:
    """One kind of pair.

    `make` is pure: the same photographs and generator give the same bytes. When `is_copy` is
    false, neither file of a pair may be removed for the other, under the `preset`. `base` says what
    the left file shows: the photograph, or a picture of its own. When `has_words` is true, both
    files show the base under words of their own, and a copy without words is no other picture.
    When `loses` is true, the right file of two copies shows less than the left file. One in `every`
    photographs gets a pair. `aim` is a name in `AIMS`.
    """

    name: str
    make: Make
    is_copy: bool = False
    preset: str = EVERY
    base: str = PHOTOGRAPH
    has_words: bool = False
    loses: bool = False
    every: int = 1
    aim: str | None = None


def stored(image: Image.Image, encoding: Encoding) -> Stored:
    """The image as a file."""
    return Stored(encoding.encode(image), encoding.suffix)


def drawn_jpeg(
    image: Image.Image, rng: Generator, qualities: tuple[int, int] = _QUALITIES
) -> Stored:
    """The image as JPEG, at a quality drawn from a range with both ends."""
    return stored(image, jpeg(int(rng.integers(*qualities, endpoint=True))))


def two_jpegs(left: Image.Image, right: Image.Image, rng: Generator, detail: str = "") -> Pair:
    """Two images as JPEG, at qualities of their own."""
    return Pair(drawn_jpeg(left, rng), drawn_jpeg(right, rng), detail)


def two_files(left: Image.Image, right: Image.Image, rng: Generator, detail: str = "") -> Pair:
    """Two images, both as PNG or both as JPEG."""
    if rng.random() < 0.5:
        return Pair(stored(left, PNG), stored(right, PNG), f"{detail}, PNG".lstrip(", "))
    return two_jpegs(left, right, rng, f"{detail}, JPEG".lstrip(", "))
