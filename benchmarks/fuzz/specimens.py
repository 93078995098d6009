"""The files that damage is done to: every format the decoder reads, and some that only look so."""

import gzip
import io
import struct
import zipfile
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from imgdedup.testing import encoded, picture

_RGB = ["AVIF", "BMP", "DDS", "DIB", "ICNS", "ICO", "JPEG2000", "PCX", "PPM", "QOI", "SGI", "TGA"]


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
    return found | _others()


def _psd(image: Image.Image) -> bytes:
    """A Photoshop file without layers, its channels uncompressed (Adobe's file format, 2019)."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, image.height, image.width, 8, 3)
    planes = np.moveaxis(np.asarray(image), 2, 0).tobytes()
    return head + struct.pack(">IIIH", 0, 0, 0, 0) + planes


def _others() -> dict[str, bytes]:
    """Files that are no picture, or claim to be a vast one."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(20_000_000))
    vast = bytearray(encoded(Image.new("L", (8, 8)), "PNG"))
    vast[16:24] = struct.pack(">II", 60_000, 60_000)
    vast[29:33] = struct.pack(">I", zlib.crc32(vast[12:29]))
    wide = bytearray(encoded(Image.new("L", (8, 8)), "BMP"))
    wide[18:26] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    return {
        "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>',
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF",
        "HTML": b"<!doctype html><title>404</title>Not found",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n%%EOF",
        "zip bomb": zipped.getvalue(),
        "gzip bomb": gzip.compress(bytes(20_000_000)),
        "PNG of 3.6 gigapixels": bytes(vast),
        "BMP of 4 exapixels": bytes(wide),
    }
