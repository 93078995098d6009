"""Files that take minutes to decode, or much memory, though their pictures are of a fair size.

Pixels alone do not bound the time of a decoder: a JPEG may go over them thousands of times, what
Pillow reads in Python may consist of millions of pieces, a TIFF of tiles far larger than itself.
"""

import io
import re
from struct import unpack_from

from PIL import Image, TiffImagePlugin

from imgdedup.failures import ImageFailure

# Reads of one file in Python, about a microsecond each. Three or four for a piece of a PNG, and 256
# MiB in the 8 KiB that encoders usually write are 33,000 pieces.
_MOST_READS = 500_000
# Progressive JPEGs have some ten scans; libtiff allows a hundred, too.
_MOST_SCANS = 100
_MOST_SCANNED = 1 << 32  # pixels of all scans; at the most pixels that are allowed, 24 scans
_MOST_PIECES = 100_000  # of a JPEG
_MOST_EXIF = 256  # blocks of a JPEG, which Pillow joins one by one: 16 MiB
# Pixels and bytes of a file that Pillow decodes in Python (QOI, plain PPM, RLE in BMP): about a
# microsecond for each.
_MOST_IN_PYTHON = 1 << 25
_LARGEST_TILE = 1 << 20  # pixels: a small picture may be one tile of a usual size
_TILE_SIDES = (TiffImagePlugin.TILEWIDTH, 323)
_JPEG = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # those that restart a scan are no piece
_SCAN, _END = 0xDA, 0xD9
_BARE = {0x01, 0xD8}  # markers of a JPEG without a length


class Metered(io.BytesIO):
    """A file in memory that may be read so often, and no more: ImageFailure decompression_bomb."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = float(_MOST_READS)

    def read(self, size: int | None = -1) -> bytes:
        """As any file's."""
        self.left -= 1
        if self.left < 0:
            raise _bomb(f"more than {_MOST_READS:,} reads")
        return super().read(size)


def opened(data: bytes, formats: list[str]) -> Image.Image:
    """The image of a file, not yet decoded.

    Raises ImageFailure decompression_bomb when it would cost far more than its pixels, and what
    Pillow raises.
    """
    if data.startswith(_JPEG) and data.count(b"Exif\0\0") > _MOST_EXIF:
        raise _bomb(f"more than {_MOST_EXIF} blocks of Exif")
    file = Metered(data)
    image = Image.open(file, formats=formats)
    pixels = image.width * image.height
    if data.startswith(_JPEG):
        scans = _jpeg_scans(data)
        if scans * pixels > _MOST_SCANNED:
            raise _bomb(f"{scans:,} scans of {pixels:,} pixels")
    codecs = {tile.codec_name for tile in getattr(image, "tile", [])}
    if codecs & Image.DECODERS.keys():  # those that are registered there are written in Python
        if pixels + len(data) > _MOST_IN_PYTHON:
            raise _bomb(f"{pixels:,} pixels in {len(data):,} bytes: too many for {image.format}")
        file.left = float("inf")  # they may read as many bytes as they decode
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiles(image, pixels)
    return image


def _check_tiles(image: TiffImagePlugin.TiffImageFile, pixels: int) -> None:
    """Tiles are decoded whole, what lies outside the picture, too."""
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
