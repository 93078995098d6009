"""Counts the frames of an animation, or the pages of a file, without decoding them.

A file can claim billions of frames, or have a million tiny ones. So formats in which a count means
to read all frames are counted from their bytes, and every count has an end.
"""

from collections.abc import Sequence

from PIL import Image

from imgdedup.images.tiff import pages

MOST_FRAMES = 10_000  # further ones are not counted
_MOST_PIECES = 2_000_000  # of a file that are looked at; a usual GIF of 256 MiB has half as many
_COUNTED_BY_READER = ("WEBP", "AVIF", "HEIF")  # when they open the file


def frame_numbers(image: Image.Image, data: bytes) -> Sequence[int]:
    """The numbers of the frames of an opened image, as `seek` takes them, at most MOST_FRAMES.

    `data` is its file. The first number is that of the frame that is shown when the file is opened.
    Levels and masks of a TIFF, layers and the pictures in an icon are no frames.
    """
    if image.format == "TIFF":
        return pages(data, MOST_FRAMES)
    count = max(1, min(_count(image, data), MOST_FRAMES))
    if image.format == "HEIF" and (shown := image.tell()):
        return [shown, *(number for number in range(count) if number != shown)]
    return range(count)


def _count(image: Image.Image, data: bytes) -> int:
    if image.format == "GIF":
        return _count_in_gif(data)
    if image.format == "PNG":
        claimed = int(getattr(image, "n_frames", 1))
        return min(claimed, _count_in_png(data)) if claimed > 1 else 1
    return int(getattr(image, "n_frames", 1)) if image.format in _COUNTED_BY_READER else 1


def _count_in_gif(data: bytes) -> int:
    """How many frames a GIF begins. What is no block is skipped, as Pillow does it."""
    place, frames, left = 13 + _colours(data, 10), 0, _MOST_PIECES
    while left > 0 and frames < MOST_FRAMES:
        left -= 1
        kind = data[place : place + 1]
        if kind in (b"", b";"):
            break
        if kind == b",":
            frames += 1
            place += 11 + _colours(data, place + 9)
        elif kind == b"!":
            place += 2
        else:
            place += 1
            continue
        # A block ends with pieces, each behind its length, and a length of zero.
        while left > 0 and place < len(data) and (length := data[place]):
            place += 1 + length
            left -= 1
        place += 1
    return frames


def _colours(data: bytes, place: int) -> int:
    """The bytes of the colour table that the flags at a place announce."""
    flags = data[place] if place < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 128 else 0


def _count_in_png(data: bytes) -> int:
    """How many frames a PNG has, with a picture before them that is not one of them."""
    place, frames, has_picture = 8, 0, False
    for _ in range(_MOST_PIECES):
        name = data[place + 4 : place + 8]
        if len(name) < 4 or name == b"IEND" or frames >= MOST_FRAMES:
            break
        if name == b"fcTL":
            frames += 1
        elif name == b"IDAT" and not has_picture:
            has_picture = True
            frames += frames == 0
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return frames
