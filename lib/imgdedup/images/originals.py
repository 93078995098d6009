"""The original files of images, for a closer look than their thumbnails allow.

The pixels are those of the decoder: turned upright, on the same grounds, by the same scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from PIL import Image, JpegImagePlugin

from imgdedup.failures import ImageFailure
from imgdedup.images.depth import is_flat_gray, is_gray
from imgdedup.images.formats import FORMATS, translate_errors
from imgdedup.images.frames import frame_numbers
from imgdedup.images.limits import check_frame, open_metered
from imgdedup.images.pixels import (
    BLACK,
    SWAPPING,
    WHITE,
    grounds_of,
    layer_of,
    on_ground,
    shrunk,
    turn_of,
)

_LOSSLESS = frozenset("BMP DIB GIF ICO PCX PNG PPM PSD QOI SGI TGA XBM".split())
_UNSEEN = 1  # of 255: opacity that shows nothing
_LOSSY_IN_TIFF = frozenset("jpeg tiff_jpeg webp tiff_sgilog tiff_sgilog24".split())


@dataclass(frozen=True)
class Original:
    """What a file says of its picture; `width` and `height` are pixels as displayed.

    `grounds` are the gray levels on which the first frame is seen, the better one first. A format
    is lossless when it keeps the pixels that it was given. `quantization` are the tables of a JPEG,
    luma first, 64 values each in the order of rows.
    """

    format: str
    width: int
    height: int
    frames: int  # at most frames.MOST_FRAMES are counted
    has_alpha: bool
    grounds: tuple[int, ...]
    is_lossless: bool
    quantization: tuple[tuple[int, ...], ...] | None


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame, upright, and what its own pixels tell before they are shrunk.

    `looks` has its pixels, uint8, (height, width, 3), on each ground on which it may lie. `grounds`
    are those on which it shows, the better one first. A frame is flat when all of it is one colour,
    at the full depth of its file. It is empty when it is transparent everywhere.
    """

    looks: dict[int, np.ndarray]
    grounds: tuple[int, ...]
    has_alpha: bool
    is_flat: bool
    is_empty: bool

    def on(self, ground: int) -> np.ndarray:
        """Its pixels on a ground; an opaque frame hides the ground."""
        return self.looks[ground if self.has_alpha else WHITE]


def original_of(data: bytes, max_pixels: int) -> Original:
    """Describe an image file. A JPEG is not decoded for that; of other files one frame is.

    Raises ImageFailure as `Decoder.decode` does.
    """
    with translate_errors(data):
        image, _ = open_metered(data, FORMATS)
        _check_size(image.size, max_pixels)
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            size, has_alpha = image.size, False
            grounds: tuple[int, ...] = (WHITE,)
        else:
            layer = layer_of(image, data)
            size, grounds, has_alpha = layer.size, grounds_of(layer), layer.mode == "RGBA"
            _check_size(size, max_pixels)
        width, height = size[::-1] if turn_of(image) in SWAPPING else size
        frames = len(frame_numbers(image, data))
        is_lossless, tables = _is_lossless(image, data), _quantization(image)
    return Original(
        str(image.format), width, height, frames, has_alpha, grounds, is_lossless, tables
    )


def frames_of(data: bytes, long_side: int, most_frames: int, max_pixels: int) -> Iterator[Frame]:
    """Yield the first `most_frames` frames of an image file.

    A frame has at most `long_side` pixels on its long side, and is never enlarged. Frames may have
    different sizes. The first frame is the picture that the decoder sees. Equal files give equal
    frames. One frame is held at a time, in up to 16 bytes for each of its own pixels.

    Raises ImageFailure as `Decoder.decode` does, at the frame that cannot be decoded.
    """
    with translate_errors(data):
        image, file = open_metered(data, FORMATS)
        _check_size(image.size, max_pixels)
        numbers = frame_numbers(image, data)[:most_frames]
        scale = 2 * long_side / max(image.size)  # as the decoder asks for twice the thumbnail
        image.draft("RGB", (ceil(image.width * scale), ceil(image.height * scale)))
    for place, number in enumerate(numbers):
        with translate_errors(data):
            if place:
                file.restart()
                image.seek(number)
                _check_size(image.size, max_pixels)
                check_frame(image, len(data))
            frame = _frame(image, data, long_side, max_pixels)
        yield frame


def _frame(image: Image.Image, data: bytes, long_side: int, max_pixels: int) -> Frame:
    layer = layer_of(image, data)
    _check_size(layer.size, max_pixels)
    has_alpha, turn = layer.mode == "RGBA", turn_of(image)
    looks = {}
    for ground in (WHITE, BLACK) if has_alpha else (WHITE,):
        small = shrunk(on_ground(layer, ground), long_side)
        looks[ground] = np.asarray(small if turn is None else small.transpose(turn))
    bands = layer.getextrema()
    is_flat = all(least == most for least, most in bands)  # type: ignore[misc]
    if is_gray(image):
        is_flat = is_flat and is_flat_gray(image)
    is_empty = (
        has_alpha and not layer.getchannel("A").point(lambda alpha: alpha > _UNSEEN).getbbox()
    )
    return Frame(looks, grounds_of(layer), has_alpha, is_flat, is_empty)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageFailure("decompression_bomb", f"{width:,} x {height:,} pixels")


def _quantization(image: Image.Image) -> tuple[tuple[int, ...], ...] | None:
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    return tuple(tuple(table) for _, table in sorted(image.quantization.items()))


def _is_lossless(image: Image.Image, data: bytes) -> bool:
    if image.format == "TIFF":
        return image.info.get("compression") not in _LOSSY_IN_TIFF
    if image.format == "WEBP":
        return _is_lossless_webp(data)
    return image.format in _LOSSLESS


def _is_lossless_webp(data: bytes) -> bool:
    """Whether the first picture in a WebP is lossless: its piece says so by name."""
    place = 12
    while len(name := data[place : place + 4]) == 4:
        if name in (b"VP8L", b"VP8 "):
            return name == b"VP8L"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        # A frame of an animation has a head of 16 bytes, and its picture inside.
        place += 24 if name == b"ANMF" else 8 + length + length % 2
    return False
