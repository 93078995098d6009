"""The files that are damaged: every format that the decoder reads, and files that imitate one."""

import struct
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.fuzz import hostile
from imgdedup.images.formats import FORMATS
from tests.stand_ins import encoded, picture

_OWN_WAY = {"GIF", "JPEG", "PNG", "PSD", "TIFF", "WEBP", "XBM"}  # formats that are written below
_RGB = [form for form in FORMATS if form not in _OWN_WAY]
_LARGE = 200_000  # bytes; a specimen is smaller, because it is damaged hundreds of times


@cache
def specimens() -> dict[str, bytes]:
    """Files by name: sound pictures of all kinds, and other files under a picture's name."""
    image = picture(1, 96, 64)
    square = picture(2, 64, 64)
    alpha = image.copy()
    alpha.putalpha(image.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    frames: dict[str, Any] = {"save_all": True, "append_images": [picture(3, 96, 64)]}
    found = {form: encoded(square if form == "ICNS" else image, form) for form in _RGB}
    found |= {
        "JPEG": encoded(image, "JPEG", exif=exif.tobytes()),
        "JPEG progressive": encoded(image, "JPEG", progressive=True, quality=40),
        "JPEG CMYK": encoded(image.convert("CMYK"), "JPEG"),
        "JPEG gray": encoded(image.convert("L"), "JPEG"),
        "PNG": encoded(alpha, "PNG"),
        "PNG palette": encoded(image.convert("P"), "PNG"),
        "PNG 16 bit": encoded(deep, "PNG"),
        "PNG animated": encoded(image, "PNG", **frames),
        "GIF animated": encoded(image.convert("P"), "GIF", **frames),
        "WEBP": encoded(alpha, "WEBP"),
        "WEBP animated": encoded(image, "WEBP", **frames),
        "TIFF": encoded(image, "TIFF"),
        "TIFF LZW": encoded(image, "TIFF", compression="tiff_lzw"),
        "TIFF JPEG": encoded(image, "TIFF", compression="jpeg"),
        "TIFF 16 bit": encoded(deep, "TIFF"),
        "XBM": encoded(image.convert("1"), "XBM"),
        "PSD": _psd(image),
    }
    hostiles = hostile.disguised() | hostile.vast() | hostile.costly()
    return found | {name: data for name, data in hostiles.items() if len(data) < _LARGE}


def _psd(image: Image.Image) -> bytes:
    """A Photoshop file without layers, its channels uncompressed (Adobe's file format, 2019)."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, image.height, image.width, 8, 3)
    planes = np.moveaxis(np.asarray(image), 2, 0).tobytes()
    return head + struct.pack(">IIIH", 0, 0, 0, 0) + planes
