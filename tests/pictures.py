"""Photographs of installed packages, drawn pictures, and pictures as the stages describe them."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

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


def natural(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """A drawn picture with the spectrum of a photograph.

    Its amplitudes fall with the frequency, and a lens takes 3 dB of the finest.
    """
    chance = np.random.default_rng(seed)
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)
    frequency = np.hypot(across[None], down[:, None])
    frequency[0, 0] = 1e9
    waves = np.exp(2j * np.pi * chance.random(frequency.shape) - 0.7 * frequency) / frequency
    tones = np.fft.irfft2(waves, (height, width))
    levels = np.clip(128 + 45 * (tones - tones.mean()) / max(tones.std(), 1e-9), 0, 255)
    return Image.fromarray(levels.astype(np.uint8)).convert("RGB")


def scaled(
    picture: Image.Image, times: float, by: Image.Resampling = Image.Resampling.LANCZOS
) -> Image.Image:
    """A picture at so many times its size."""
    width, height = (round(side * times) for side in picture.size)
    return picture.resize((width, height), by)


def between_bars(picture: Image.Image, width: int, height: int, blur: float) -> Image.Image:
    """A picture in the middle of itself, enlarged and blurred."""
    times = max(width / picture.width, height / picture.height)
    back = scaled(picture, times, Image.Resampling.BICUBIC)
    left, top = (back.width - width) // 2, (back.height - height) // 2
    back = back.crop((left, top, left + width, top + height))
    back = back.filter(ImageFilter.GaussianBlur(blur))
    back.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return back
