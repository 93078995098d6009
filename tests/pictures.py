"""Photographs that installed packages carry, and pictures described as the stages describe them."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from imgdedup import config
from imgdedup.corpora.corpus import EDITED_PHOTOS, LONE_PHOTOS
from imgdedup.corpora.edits import Edited, Encoding, fit
from imgdedup.geometry.features import extract
from imgdedup.geometry.picture import Picture
from imgdedup.images.decode import Decoded, decoder_of

SETTINGS = config.load(Path(__file__).parents[1] / "conf", "local", {})
_FOLDERS = {"scikit-image": ("skimage", "data"), "scikit-learn": ("sklearn", "datasets/images")}
_LONG_SIDE = 400  # pixels: more than a thumbnail has, and quick to edit
_PLAINLY = Encoding("BMP", ".bmp")  # lossless, and quick to write
_DECODER = decoder_of(SETTINGS.embed, side=8)


@cache
def photograph(name: str) -> Image.Image:
    """A photograph by its name in the demo's corpus, RGB or L; all tests share it."""
    package, file = (EDITED_PHOTOS | LONE_PHOTOS)[name]
    module, folder = _FOLDERS[package]
    spec = find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations
    with Image.open(Path(spec.submodule_search_locations[0], folder, file)) as image:
        return fit(image.convert("L" if image.mode == "L" else "RGB"), _LONG_SIDE)


def decoded(image: Image.Image, encoding: Encoding = _PLAINLY) -> Decoded:
    """The size and the thumbnail that embed keeps of a picture in this encoding."""
    return _DECODER.decode(encoding.encode(image))


def features(kept: Decoded) -> bytes:
    """The local features that embed keeps of a decoded picture."""
    return extract(kept.luma).to_bytes(max(kept.luma.shape))


def described(image: Image.Image, encoding: Encoding = _PLAINLY) -> Picture:
    """A picture as verify sees it."""
    kept = decoded(image, encoding)
    return Picture(kept.thumbnail, kept.width, kept.height, features(kept))


def described_copy(edited: Edited) -> Picture:
    """An edited copy as verify sees it."""
    return described(edited.image, edited.encoding)
