"""Refuses files that cost minutes or much memory to decode, though their pictures are small.

The number of pixels does not bound the time of a decoder. A JPEG may scan its pixels thousands of
times. A file that Pillow reads in Python may consist of millions of pieces. A TIFF may have tiles
far larger than its picture.
"""

import io
import re
from struct import unpack_from

from PIL import Image, TiffImagePlugin

from imgdedup.errors import ImageFailure

# Reads of one file in Python, about a microsecond each. A piece of a PNG takes three or four reads.
# Encoders usually write pieces of 8 KiB, so 256 MiB are 33,000 pieces.
_MOST_READS = 500_000
# A progressive JPEG has about ten scans. libtiff allows a hundred, too.
_MOST_SCANS = 100
_MOST_SCANNED = 1 << 32  # pixels of all scans: 24 scans of the largest picture allowed
_MOST_PIECES = 100_000  # of a JPEG
_MOST_EXIF = 256  # blocks of a JPEG, which Pillow joins one by one: 16 MiB
# Pixels and bytes of a file that Pillow decodes in Python (QOI, plain PPM, RLE in BMP): about a
# microsecond for each.
_MOST_IN_PYTHON = 1 << 25
_LARGEST_TILE = 1 << 20  # pixels: a small picture may be one tile of a usual size
_TILE_SIDES = (TiffImagePlugin.TILEWIDTH, 323)
_JPEG = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # markers that restart a scan begin no piece
_SCAN, _END = 0xDA, 0xD9
_BARE = {0x01, 0xD8}  # markers of a JPEG without a length


class Metered(io.BytesIO):
    """A file in memory that allows a limited number of reads."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = float(_MOST_READS)

    def restart(self) -> None:
        """Allow as many reads again, for the next frame."""
        self.left = float(_MOST_READS)

    def read(self, size: int | None = -1) -> bytes:
        """Read as any file does; ImageFailure decompression_bomb after too many reads."""
        self.left -= 1
        if self.left < 0:
            raise _bomb(f"more than {_MOST_READS:,} reads")
        return super().read(size)


def open_image(data: bytes, formats: list[str]) -> Image.Image:
    """Open the image of a file, without decoding it.

    Raises ImageFailure decompression_bomb when decoding would cost far more than the pixels do.
    Raises the errors of Pillow, too.
    """
    return open_metered(data, formats)[0]


def open_metered(data: bytes, formats: list[str]) -> tuple[Image.Image, Metered]:
    """Open the image of a file as `open_image` does, with the file that counts its reads."""
    if data.startswith(_JPEG) and data.count(b"Exif\0\0") > _MOST_EXIF:
        raise _bomb(f"more than {_MOST_EXIF} blocks of Exif")
    file = Metered(data)
    image = Image.open(file, formats=formats)
    if data.startswith(_JPEG):
        pixels, scans = image.width * image.height, _jpeg_scans(data)
        if scans * pixels > _MOST_SCANNED:
            raise _bomb(f"{scans:,} scans of {pixels:,} pixels")
    check_frame(image, len(data))
    if _is_decoded_in_python(image):
        file.left = float("inf")  # the check above bounds the reads of such a codec
    return image, file


def check_frame(image: Image.Image, size: int) -> None:
    """Refuse the present frame of an image, in a file of `size` bytes, if it would cost too much.

    Raises ImageFailure decompression_bomb.
    """
    pixels = image.width * image.height
    if _is_decoded_in_python(image) and pixels + size > _MOST_IN_PYTHON:
        raise _bomb(f"{pixels:,} pixels in {size:,} bytes: too many for {image.format}")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiles(image, pixels)


def _is_decoded_in_python(image: Image.Image) -> bool:
    codecs = {tile.codec_name for tile in getattr(image, "tile", [])}
    return bool(codecs & Image.DECODERS.keys())  # those registered there are written in Python


def _check_tiles(image: TiffImagePlugin.TiffImageFile, pixels: int) -> None:
    """Refuse tiles far larger than the picture: a tile is decoded whole."""
    width, height = (image.tag_v2.get(tag, 0) for tag in _TILE_SIDES)
    if width * height > max(4 * pixels, _LARGEST_TILE):
        raise _bomb(f"tiles of {width:,} x {height:,} pixels")


def _jpeg_scans(data: bytes) -> int:
    """The number of scans up to the end of the first picture in the file."""
    place, scans = 2, 0
    for _ in range(_MOST_PIECES):
        found = _MARKER.search(data, place)
        if not found or data[found.start() + 1] == _END or found.end() + 2 > len(data):
            return scans
        marker, place = data[found.start() + 1], found.end()
        scans += marker == _SCAN
        if scans > _MOST_SCANS:
            raise _bomb(f"more than {_MOST_SCANS} scans")
        if marker not in _BARE:
            place += unpack_from(">H", data, place)[0]
    raise _bomb(f"more than {_MOST_PIECES:,} pieces")


def _bomb(detail: str) -> ImageFailure:
    return ImageFailure("decompression_bomb", detail)
