"""Screenshots, slides and memes: pictures whose words are what tells them apart."""

from functools import partial

from numpy.random import Generator
from PIL import Image, ImageDraw

from benchmarks.precision.kinds.pairs import OWN, Kind, Pair, Sources, two_files, two_jpegs
from benchmarks.precision.kinds.text import (
    NAMES,
    any_face,
    font,
    one_of,
    sentence,
    shade,
    with_other_word,
    wrapped,
)
from imgdedup.corpora.edits import fit

Message = tuple[bool, list[str]]  # whether it is the owner's, and its words

_WIDTH = 1080  # pixels of a phone's screen
_HEIGHTS = (2400, 9600)  # one screen, and a long screenshot
_SLIDE = (1600, 900)
_MEME = 800  # pixels of the long side, at most
_MINE, _THEIRS, _GROUND, _BAR = (208, 240, 196), (255, 255, 255), (232, 226, 218), (60, 90, 110)


def messages(rng: Generator, height: int) -> list[Message]:
    """More messages than a screenshot of this height, in pixels, can show."""
    return [(bool(rng.random() < 0.5), sentence(rng, 3, 24)) for _ in range(height // 120)]


def chat(title: str, told: list[Message], height: int, face: str) -> tuple[Image.Image, int]:
    """A screenshot of a chat, and how many messages it shows whole."""
    screen = Image.new("RGB", (_WIDTH, height), _GROUND)
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, _WIDTH, 180), fill=_BAR)
    draw.text((60, 110), title, "white", font(face, 52), "lm")
    letters, y = font(face, 40), 220
    for count, (is_mine, words) in enumerate(told):
        lines = wrapped(words, letters, 680)
        width, tall = max(letters.getlength(line) for line in lines) + 60, 54 * len(lines) + 40
        if y + tall > height - 40:
            return screen, count
        left = _WIDTH - 40 - width if is_mine else 40
        box = (left, y, left + width, y + tall)
        draw.rounded_rectangle(box, 28, fill=_MINE if is_mine else _THEIRS)
        for number, line in enumerate(lines):
            draw.text((left + 30, y + 18 + 54 * number), line, (30, 30, 30), letters)
        y += tall + 26
    return screen, len(told)


def two_screens(rng: Generator, height: int) -> tuple[Image.Image, Image.Image]:
    """Two screenshots of a chat; one bubble has other words."""
    title, told, face = one_of(NAMES, rng), messages(rng, height), any_face(rng)
    left, shown = chat(title, told, height, face)
    place = int(rng.integers(shown))
    is_mine, words = told[place]
    # Words of the same number: the other bubbles hardly move.
    others = sentence(rng, len(words), len(words))
    told = [*told[:place], (is_mine, others), *told[place + 1 :]]
    return left, chat(title, told, height, face)[0]


def chats(sources: Sources, rng: Generator, height: int) -> Pair:
    """The files of two screenshots of a chat."""
    return two_files(*two_screens(rng, height), rng)


def slide(
    title: list[str], points: list[list[str]], face: str, colour: tuple[int, int, int]
) -> Image.Image:
    """A slide with a title and points."""
    page = Image.new("RGB", _SLIDE, "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, _SLIDE[0], 150), fill=colour)
    draw.text((80, 80), " ".join(title), "white", font(face, 64), "lm")
    letters, y = font(face, 42), 220
    for words in points:
        draw.ellipse((84, y + 18, 98, y + 32), fill=colour)
        for line in wrapped(words, letters, 1350):
            draw.text((125, y), line, (40, 40, 45), letters)
            y += 56
        y += 24
    return page


def slides(sources: Sources, rng: Generator) -> Pair:
    """Two slides; one word is another."""
    title, face, colour = sentence(rng, 2, 5), any_face(rng), shade(rng, 20, 150)
    points = [sentence(rng, 5, 16) for _ in range(int(rng.integers(3, 5, endpoint=True)))]
    place = int(rng.integers(len(points)))
    others = [*points[:place], with_other_word(points[place], rng), *points[place + 1 :]]
    left, right = slide(title, points, face, colour), slide(title, others, face, colour)
    return two_files(left, right, rng)


def meme(photo: Image.Image, top: str, bottom: str, face: str) -> Image.Image:
    """A photograph with outlined words at its upper and lower edge."""
    picture = fit(photo, _MEME)
    draw = ImageDraw.Draw(picture)
    for words, y, anchor in ((top, 0.03, "ma"), (bottom, 0.97, "md")):
        size = 0.13 * picture.height
        width = font(face, size).getlength(words)
        letters = font(face, size * min(1.0, 0.92 * picture.width / width))
        place = picture.width / 2, y * picture.height
        stroke = max(1, round(letters.size / 14))
        draw.text(place, words, "white", letters, anchor, stroke_width=stroke, stroke_fill="black")
    return picture


def memes(sources: Sources, rng: Generator) -> Pair:
    """One photograph with other words in each file."""
    face = any_face(rng)
    words = [" ".join(sentence(rng, 2, 6)).upper() for _ in range(4)]
    left = meme(sources.photo, words[0], words[1], face)
    right = meme(sources.photo, words[2], words[3], face)
    return two_jpegs(left, right, rng)


KINDS = (
    *(
        Kind(
            f"chat, {height} px, one bubble",
            partial(chats, height=height),
            base=OWN,
            every=2 if height < 5000 else 4,
        )
        for height in _HEIGHTS
    ),
    Kind("slide, one word", slides, base=OWN, every=2),
    Kind("meme, other words", memes, has_words=True),
)
