"""The original files of images, for a closer look than their thumbnails allow.

The pixels are those of the decoder: turned upright, on the same grounds, by the same scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from PIL import Image

from imgdedup.errors import ImageFailure
from imgdedup.images.depth import is_flat_gray, is_gray
from imgdedup.images.formats import FORMATS, translate_errors
from imgdedup.images.frames import frame_numbers
from imgdedup.images.limits import check_frame, open_metered
from imgdedup.images.pixels import (
    BLACK,
    WHITE,
    grounds_of,
    layer_of,
    on_ground,
    shrunk,
    turn_of,
)

_UNSEEN = 1  # of 255: opacity that shows nothing


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


def count_frames(data: bytes, max_pixels: int) -> int:
    """The frames or pages of an image file, of which none is decoded; at most MOST_FRAMES.

    Raises ImageFailure as `Decoder.decode` does, when the file cannot be opened.
    """
    with translate_errors(data):
        image, _ = open_metered(data, FORMATS)
        _check_size(image.size, max_pixels)
        return len(frame_numbers(image, data))


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
