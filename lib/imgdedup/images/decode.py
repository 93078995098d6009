"""Image bytes to pixels: the input of the network, and the thumbnail that later stages look at.

This module handles everything that an image file can do to its pixels: EXIF orientation, CMYK,
palettes, transparency, 16 bits a channel, animation (the first frame).
"""

import io
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from PIL import Image

from imgdedup.config import EmbedConfig
from imgdedup.errors import ImageFailure
from imgdedup.images.bars import Box, without_bars
from imgdedup.images.formats import FORMATS, translate_errors
from imgdedup.images.frames import frame_numbers
from imgdedup.images.limits import open_image
from imgdedup.images.pixels import (
    SWAPPING,
    grounds_of,
    layer_of,
    on_ground,
    shrunk,
    to_rgb,
    turn_of,
)
from imgdedup.images.quality import Marks, marks_of

_HOLDING_OTHERS = ("ICO", "ICNS")  # the picture inside may have another format and another size
# A part of the decoder's fingerprint. Change it when the same file would give another thumbnail, or
# other pixels for the local features.
_VERSION = 7
# Pixels of the long side at which bars and local features are looked for. The network sees a JPEG
# at the detail that such a picture needs. The configured size of the thumbnails changes neither.
_NETWORK_DETAIL = 320
# Bytes per pixel: decoded, converted and composed copies of an image exist at the same time. A WebP
# of 169 megapixels took 15 bytes per pixel, a PNG of 16 bits a channel 13.
_BYTES_PER_PIXEL = 16


@dataclass(frozen=True)
class Seen:
    """What later stages see of an image, upright and on one ground."""

    square: np.ndarray  # uint8, (side, side, 3): the image without bars, squashed to the input
    luma: np.ndarray  # uint8, (height, width): the whole image, at most 320 pixels on the long side
    thumbnail: bytes  # JPEG, at most `thumbnail_size` on the long side, never enlarged


@dataclass(frozen=True)
class Decoded(Seen):
    """One decoded image; `width` and `height` are pixels as displayed."""

    format: str
    width: int
    height: int
    frames: int  # of an animation, or pages; 1 for a still
    has_alpha: bool  # a pixel is not opaque
    marks: Marks
    second: Seen | None = None  # on its second ground; most images have one or none


class _View(NamedTuple):
    """A picture on one ground, as it lies in its file."""

    square: Image.Image
    detail: Image.Image  # at most 320 pixels on the long side
    thumbnail: Image.Image | None  # None: it needs more detail than was decoded
    box: Box  # what is inside of bars, in pixels of `detail`


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
        with translate_errors(data):
            image = open_image(data, FORMATS)
            width, height = image.size
            self._check_size(width, height)
            name, frames = str(image.format), len(frame_numbers(image, data))
            image.draft("RGB", self._least_size(width, height, _NETWORK_DETAIL))
            again = self._open_for_thumbnail(data, width, height, image.size)
            is_reduced = image.size != (width, height)
            with self._hold(image, width * height if is_reduced else 0):
                layer = layer_of(image, data)
                if name in _HOLDING_OTHERS:
                    width, height = layer.size
                    self._check_size(width, height)
                turn = turn_of(image)
                has_alpha = layer.mode == "RGBA"
                grounds = grounds_of(layer)
                views = [self._view(on_ground(layer, ground), again is None) for ground in grounds]
                marks = marks_of(image, data, layer, grounds[0], views[0].detail, views[0].box)
            if again is not None:
                del layer, image
                with self._hold(again):
                    thumbnail = shrunk(to_rgb(again), self.thumbnail_size)
                    views[0] = views[0]._replace(thumbnail=thumbnail)
        if turn in SWAPPING:
            width, height = height, width
        first, *others = [self._seen(view, turn) for view in views]
        second = others[0] if others else None
        return Decoded(
            **vars(first),
            format=name,
            width=width,
            height=height,
            frames=frames,
            has_alpha=has_alpha,
            marks=marks,
            second=second,
        )

    def _view(self, pixels: Image.Image, is_enough: bool) -> _View:
        """What is kept of a picture, RGB; without the thumbnail unless the pixels are enough."""
        detail = shrunk(pixels, _NETWORK_DETAIL)
        box = without_bars(np.asarray(detail))
        inner = _cropped(pixels, box, detail.size)
        square = inner.resize((self.side,) * 2, Image.Resampling.BILINEAR)
        if self.thumbnail_size == _NETWORK_DETAIL:
            return _View(square, detail, detail, box)
        thumbnail = shrunk(pixels, self.thumbnail_size) if is_enough else None
        return _View(square, detail, thumbnail, box)

    def _seen(self, view: _View, turn: Image.Transpose | None) -> Seen:
        assert view.thumbnail is not None
        square, detail, thumbnail = (
            picture if turn is None else picture.transpose(turn)
            for picture in (view.square, view.detail, view.thumbnail)
        )
        file = io.BytesIO()
        thumbnail.save(file, "JPEG", quality=self.thumbnail_quality)
        return Seen(np.asarray(square), np.asarray(detail.convert("L")), file.getvalue())

    def _open_for_thumbnail(
        self, data: bytes, width: int, height: int, drafted: tuple[int, int]
    ) -> Image.Image | None:
        """The image at the detail of its thumbnail; None when one decoding serves both."""
        if self.thumbnail_size == _NETWORK_DETAIL:
            return None
        image = open_image(data, FORMATS)
        image.draft("RGB", self._least_size(width, height, self.thumbnail_size))
        return None if image.size == drafted else image

    def _hold(self, image: Image.Image, luma: int = 0) -> AbstractContextManager[None]:
        """Hold the bytes of decoding an image, and of the `luma` of the whole file beside it."""
        return self.budget.hold(self._pixels_at_most(image) * _BYTES_PER_PIXEL + luma)

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
    return f"v{_VERSION}-{config.thumbnail_size}px-q{config.thumbnail_quality}"


def _cropped(pixels: Image.Image, box: Box, size: tuple[int, int]) -> Image.Image:
    """The part of a picture inside a box; the box is in pixels of the same picture at `size`."""
    if box == (0, 0, *size):
        return pixels
    across, down = pixels.width / size[0], pixels.height / size[1]
    left, top = ceil(box[0] * across), ceil(box[1] * down)
    right, bottom = int(box[2] * across), int(box[3] * down)
    return pixels.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
