"""True copies of the same pictures, which the product should find."""

from functools import partial
from importlib import import_module
from importlib.util import find_spec

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, features

from benchmarks.precision.kinds import receipts, screens
from benchmarks.precision.kinds.cutting import segment, softened
from benchmarks.precision.kinds.documents import LAYOUTS
from benchmarks.precision.kinds.pairs import (
    OWN,
    Kind,
    Make,
    Pair,
    Sources,
    Stored,
    drawn_jpeg,
    stored,
)
from benchmarks.precision.kinds.sequences import FORMS, animation, pan
from benchmarks.precision.kinds.text import FIRMS, any_face, font, one_of, sentence, shade
from imgdedup.corpora.edits import EVERYDAY, PNG, Encoding, jpeg, resize
from imgdedup.corpora.strong_edits import caption

_ORIGINAL = jpeg(95)
_LOSSLESS = ("png", "resize")  # edits after which either file may be kept


def original(photo: Image.Image) -> Stored:
    """The photograph as the file that copies are made of."""
    return stored(photo, _ORIGINAL)


def everyday(sources: Sources, rng: Generator, edit: str) -> Pair:
    """A photograph, and an edit of the quality benchmark."""
    edited = EVERYDAY[edit](sources.photo, rng)
    return Pair(original(sources.photo), stored(edited.image, edited.encoding), edited.amount)


def captioned(sources: Sources, rng: Generator) -> Pair:
    """A photograph, and the photograph with a bar of text."""
    edited = caption(sources.photo, rng)
    return Pair(original(sources.photo), stored(edited.image, edited.encoding), edited.amount)


def with_logo(sources: Sources, rng: Generator) -> Pair:
    """A photograph, and the photograph with a firm's logo in a corner."""
    picture = sources.photo.copy()
    draw = ImageDraw.Draw(picture)
    side = rng.uniform(0.12, 0.22) * min(picture.size)
    left = rng.choice([0.03 * picture.width, 0.97 * picture.width - side])
    top = rng.choice([0.03 * picture.height, 0.97 * picture.height - side])
    draw.ellipse((left, top, left + side, top + side), fill=shade(rng, 0, 200))
    place, letter = (left + side / 2, top + side / 2), one_of(FIRMS, rng)[0]
    draw.text(place, letter, "white", font(any_face(rng), 0.6 * side), "mm")
    return Pair(original(sources.photo), drawn_jpeg(picture, rng))


def dated(sources: Sources, rng: Generator) -> Pair:
    """A photograph, and the photograph with the date that a camera stamps."""
    picture = sources.photo.copy()
    words = f"{rng.integers(1, 29):02} {rng.integers(1, 13):02} '{rng.integers(10, 27)}"
    place = 0.96 * picture.width, 0.95 * picture.height
    letters = font(any_face(rng), max(10.0, 0.06 * picture.height))
    ImageDraw.Draw(picture).text(place, words, (255, 150, 40), letters, "rs")
    return Pair(original(sources.photo), drawn_jpeg(picture, rng))


def lowest_quality(sources: Sources, rng: Generator) -> Pair:
    """A photograph, and the photograph as JPEG of quality 15."""
    return Pair(original(sources.photo), stored(sources.photo, jpeg(15)))


def quarter_size(sources: Sources, rng: Generator) -> Pair:
    """A photograph, and the photograph with a quarter of its sides."""
    return Pair(original(sources.photo), drawn_jpeg(resize(sources.photo, 0.25), rng))


def saved_again(left: Image.Image, rng: Generator) -> Pair:
    """A rendered picture as PNG, and as JPEG of quality 60 to 90, half of them at 50-75 %."""
    factor = float(rng.uniform(0.5, 0.75)) if rng.random() < 0.5 else 1.0
    right = resize(left, factor) if factor < 1 else left
    return Pair(stored(left, PNG), drawn_jpeg(right, rng, (60, 90)), f"x{factor:.2f}")


def document(sources: Sources, rng: Generator, layout: str) -> Pair:
    """A document saved again."""
    return saved_again(LAYOUTS[layout](rng).drawn(any_face(rng)), rng)


def receipt_photograph(sources: Sources, rng: Generator) -> Pair:
    """A photographed receipt saved again."""
    return saved_again(receipts.one(sources, rng), rng)


def screenshot(sources: Sources, rng: Generator) -> Pair:
    """A screenshot of a chat saved again."""
    told = screens.messages(rng, 2400)
    return saved_again(screens.chat("Lena", told, 2400, any_face(rng))[0], rng)


def slide(sources: Sources, rng: Generator) -> Pair:
    """A slide saved again."""
    points = [sentence(rng, 5, 16) for _ in range(4)]
    page = screens.slide(sentence(rng, 2, 5), points, any_face(rng), shade(rng, 20, 150))
    return saved_again(page, rng)


def animated_again(sources: Sources, rng: Generator, form: str) -> Pair:
    """An animation, and all its frames at 50 to 95 % of the sides in any animated format."""
    frames = pan(sources.photo, rng)
    factor, other = float(rng.uniform(0.5, 0.95)), one_of(list(FORMS), rng)
    smaller = [resize(frame, factor) for frame in frames]
    return Pair(animation(frames, form), animation(smaller, other), f"{other}, x{factor:.2f}")


def flattened(sources: Sources, rng: Generator, ground: str) -> Pair:
    """A cut-out on transparent ground, and the cut-out on a plain ground as JPEG."""
    photo = np.asarray(sources.photo)
    mask = segment(photo, rng)
    if mask is None:
        height, width = photo.shape[:2]
        y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1) * 2 - 1
        mask = (x**2 + y**2 <= 0.8).astype(np.float32)
    alpha = Image.fromarray(np.rint(255 * softened(mask, 0.8)).astype(np.uint8))
    cutout = sources.photo.copy()
    cutout.putalpha(alpha)
    flat = Image.new("RGB", cutout.size, ground)
    flat.paste(cutout, mask=alpha)
    return Pair(stored(cutout, PNG), drawn_jpeg(flat, rng))


def twelve_bits(sources: Sources, rng: Generator) -> Pair:
    """A gray photograph as 12-bit values in a TIFF of 16 bits, and as PNG of 8 bits."""
    gray = sources.photo.convert("L")
    values = Image.fromarray(np.rint(np.asarray(gray) * (4095 / 255)).astype(np.uint16))
    return Pair(stored(values, Encoding("TIFF", ".tif")), stored(gray, PNG))


def sixteen_bits(sources: Sources, rng: Generator) -> Pair:
    """A photograph as PNG of 16 bits a channel, and as JPEG."""
    bgr = np.asarray(sources.photo)[:, :, ::-1].astype(np.uint16) * 257
    _, data = cv2.imencode(".png", np.ascontiguousarray(bgr))
    return Pair(Stored(data.tobytes(), ".png"), drawn_jpeg(sources.photo, rng))


def in_format(sources: Sources, rng: Generator, form: str) -> Pair:
    """A photograph as JPEG, and in another format at quality 50 to 90."""
    quality = int(rng.integers(50, 90, endpoint=True))
    options = {"quality": quality}
    other = stored(sources.photo, Encoding(form, f".{form.lower()}", options))
    return Pair(original(sources.photo), other, f"quality {quality}")


def _formats() -> dict[str, str]:
    """Formats of phones that this machine can write, by the name of the kind."""
    found = {"AVIF": "AVIF"} if features.check("avif") else {}
    if find_spec("pillow_heif") is not None:
        import_module("pillow_heif").register_heif_opener()
        found["HEIC"] = "HEIF"
    return found


def _of_photograph(name: str, make: Make, *, loses: bool = True) -> Kind:
    return Kind(name, make, is_copy=True, loses=loses)


def _of_own(name: str, make: Make, *, loses: bool = True) -> Kind:
    return Kind(name, make, is_copy=True, base=OWN, loses=loses, every=2)


KINDS = (
    *(
        _of_photograph(edit, partial(everyday, edit=edit), loses=edit not in _LOSSLESS)
        for edit in EVERYDAY
    ),
    _of_photograph("caption", captioned),
    _of_photograph("logo", with_logo),
    _of_photograph("date stamp", dated),
    _of_photograph("JPEG quality 15", lowest_quality),
    _of_photograph("quarter of the size", quarter_size),
    _of_photograph("16-bit PNG and JPEG", sixteen_bits),
    *(
        _of_photograph(f"JPEG and {name}", partial(in_format, form=form))
        for name, form in _formats().items()
    ),
    *(_of_own(f"{name} saved again", partial(document, layout=name)) for name in LAYOUTS),
    _of_own("photographed receipt saved again", receipt_photograph),
    _of_own("chat saved again", screenshot),
    _of_own("slide saved again", slide),
    *(_of_own(f"{form} with all frames", partial(animated_again, form=form)) for form in FORMS),
    *(
        _of_own(f"transparent, and on {ground}", partial(flattened, ground=ground))
        for ground in ("white", "black")
    ),
    _of_own("12 bits and 8 bits", twelve_bits),
)
