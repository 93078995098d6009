"""Image bytes to pixels: the input of the network, and the thumbnail that later stages look at.

This module handles everything that an image file can do to its pixels: EXIF orientation, CMYK,
palettes, transparency (on white), 16 bits a channel, animation (the first frame).
"""

import io
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import ceil

import numpy as np
from PIL import Image

from imgdedup.config import EmbedConfig
from imgdedup.failures import ImageFailure
from imgdedup.images.limits import open_image

# Formats that Pillow decodes itself. Formats that call other programs (EPS) stay out.
FORMATS = (
    "AVIF BMP DDS DIB GIF ICNS ICO JPEG JPEG2000 PCX PNG PPM PSD QOI SGI TGA TIFF WEBP XBM"
).split()
Image.init()  # load the plugins now, not in several threads at once
_HOLDING_OTHERS = ("ICO", "ICNS")  # the picture inside may have another format and another size
_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A part of the decoder's fingerprint. Change it when the same file would give another thumbnail.
_VERSION = 1
_OTHER_SIZE_VERSION = 2  # of thumbnails that do not share the decoding of the network's input
# The network sees a JPEG at the detail that a thumbnail of this long side needs, in pixels. The
# configured size of the thumbnails must not change the embeddings.
_NETWORK_DETAIL = 320
# Bytes per pixel: decoded, converted and composed copies of an image exist at the same time. A WebP
# of 169 megapixels took 15 bytes per pixel, a PNG of 16 bits a channel 13.
_BYTES_PER_PIXEL = 16


@dataclass(frozen=True)
class Decoded:
    """One decoded image; `width` and `height` are pixels as displayed."""

    format: str
    width: int
    height: int
    square: np.ndarray  # uint8, (side, side, 3): the whole image squashed to the network's input
    thumbnail: bytes  # JPEG, at most `thumbnail_size` on the long side, never enlarged


class ByteBudget:
    """Bounds the bytes that several threads hold at once.

    A request above the limit waits until no other thread holds bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes fit into the budget, and hold them."""
        size = min(size, self._limit)
        with self._changed:
            self._changed.wait_for(lambda: self._held + size <= self._limit)
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()


@dataclass(frozen=True)
class Decoder:
    """Decodes images for a network of input `side`; safe to use from several threads.

    `side` and `thumbnail_size` are pixels, `thumbnail_quality` is JPEG's 1-95. `budget` bounds
    the decoded bytes that all threads hold.
    """

    side: int
    thumbnail_size: int
    thumbnail_quality: int
    max_pixels: int
    budget: ByteBudget

    def decode(self, data: bytes) -> Decoded:
        """Decode one image file.

        Raises ImageFailure: not_an_image, decompression_bomb, truncated or corrupt.
        """
        with _translate_errors():
            image = open_image(data, FORMATS)
            width, height = image.size
            self._check_size(width, height)
            name = str(image.format)
            image.draft("RGB", self._least_size(width, height, _NETWORK_DETAIL))
            again = self._open_for_thumbnail(data, width, height, image.size)
            thumbnail = None
            with self._hold(image):
                pixels = to_rgb(image)
                if name in _HOLDING_OTHERS:
                    width, height = pixels.size
                    self._check_size(width, height)
                # Not earlier: loading a TIFF turns it upright and removes the tag.
                orientation = _orientation(image)
                square = pixels.resize((self.side, self.side), Image.Resampling.BILINEAR)
                if again is None:
                    thumbnail = self._shrink(pixels)
            if again is not None:
                del pixels, image
                with self._hold(again):
                    thumbnail = self._shrink(to_rgb(again))
        assert thumbnail is not None
        if orientation in _TRANSPOSE:
            square = square.transpose(_TRANSPOSE[orientation])
            thumbnail = thumbnail.transpose(_TRANSPOSE[orientation])
            if orientation >= 5:
                width, height = height, width
        file = io.BytesIO()
        thumbnail.save(file, "JPEG", quality=self.thumbnail_quality)
        return Decoded(name, width, height, np.asarray(square), file.getvalue())

    def _open_for_thumbnail(
        self, data: bytes, width: int, height: int, drafted: tuple[int, int]
    ) -> Image.Image | None:
        """The image at the detail of the thumbnail; None when the network's detail serves it."""
        if self.thumbnail_size == _NETWORK_DETAIL:
            return None
        image = open_image(data, FORMATS)
        image.draft("RGB", self._least_size(width, height, self.thumbnail_size))
        return None if image.size == drafted else image

    def _shrink(self, pixels: Image.Image) -> Image.Image:
        pixels.thumbnail((self.thumbnail_size,) * 2, Image.Resampling.LANCZOS)
        return pixels

    def _hold(self, image: Image.Image) -> AbstractContextManager[None]:
        return self.budget.hold(self._pixels_at_most(image) * _BYTES_PER_PIXEL)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self.max_pixels:
            raise ImageFailure("decompression_bomb", f"{width:,} x {height:,} pixels")

    def _pixels_at_most(self, image: Image.Image) -> int:
        """The most pixels that decoding may give: decoding alone tells the size of an icon."""
        return self.max_pixels if image.format in _HOLDING_OTHERS else image.width * image.height

    def _least_size(self, width: int, height: int, detail: int) -> tuple[int, int]:
        """The least size: a short side of twice the input or more, a long side of twice `detail`.

        JPEG decodes straight to an eighth, a quarter or a half of its size. That is much faster,
        and a photograph of twelve megapixels needs less memory.
        """
        scale = 2 * max(detail / max(width, height), self.side / min(width, height))
        return ceil(width * scale), ceil(height * scale)


def decoder_of(config: EmbedConfig, side: int) -> Decoder:
    """The decoder of the stage embed for a network of input `side`. It has its own budget."""
    return Decoder(
        side,
        config.thumbnail_size,
        config.thumbnail_quality,
        config.max_pixels,
        ByteBudget(config.decode_budget),
    )


def fingerprint(config: EmbedConfig) -> str:
    """The name of how thumbnails are made.

    For one network, decoders with equal fingerprints give equal pixels.
    """
    size = config.thumbnail_size
    version = _VERSION if size == _NETWORK_DETAIL else _OTHER_SIZE_VERSION
    return f"v{version}-{size}px-q{config.thumbnail_quality}"


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn the errors of Pillow and its codecs on bad data into ImageFailure."""
    try:
        yield
    except (ImageFailure, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise ImageFailure("not_an_image", "no format that this system reads") from None
    except Image.DecompressionBombError as error:
        raise ImageFailure("decompression_bomb", str(error)) from None
    except Exception as error:
        # Codecs raise errors of any type on bad bytes: OSError, SyntaxError, struct.error, ...
        code = "truncated" if "truncated" in str(error).lower() else "corrupt"
        raise ImageFailure(code, f"{type(error).__name__}: {error}") from None


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1  # a damaged EXIF block says nothing about the pixels


def to_rgb(image: Image.Image) -> Image.Image:
    """The image, or its first frame, in mode RGB; transparency is laid on white."""
    image.load()
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _from_deep(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """Single-channel images of more than 8 bits; Pillow's own conversion would clip them."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    top = float(values.max(initial=0))
    # Full scale is the range of the format: 1.0 (floating point), 8 bits or 16 bits.
    full = 1.0 if image.mode == "F" and top <= 1 else 255.0 if top <= 255 else 65535.0
    full = max(full, top)
    if image.mode.startswith("I;16"):
        full = 65535.0
    scaled = np.clip(values * (255.0 / full), 0, 255).astype(np.uint8)
    return Image.fromarray(scaled).convert("RGB")
