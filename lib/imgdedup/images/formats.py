"""Which formats are read, and what a file is that cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager

import pillow_heif
from PIL import Image

from imgdedup.errors import ImageFailure
from imgdedup.images.tiff import name_of_raw

# Formats that Pillow decodes itself, and HEIF. Formats that call other programs (EPS) stay out.
FORMATS = (
    "AVIF BMP DDS DIB GIF HEIF ICNS ICO JPEG JPEG2000 PCX PNG PPM PSD QOI SGI TGA TIFF WEBP XBM"
).split()
# Our own threads use the cores already. A thumbnail in the file may show something else.
pillow_heif.register_heif_opener(
    decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
)
Image.init()  # load the plugins now, not in several threads at once

_RAW = "camera raw"
_VIDEO = "a video"
# What a file is by its first bytes: their place, the bytes, the name.
_MARKS = (
    (0, b"%PDF-", "PDF"),
    (0, b"%!PS", "PostScript or EPS"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"FUJIFILMCCD-RAW", f"{_RAW} (Fujifilm RAF)"),
    (0, b"IIRO", f"{_RAW} (Olympus ORF)"),
    (0, b"IIRS", f"{_RAW} (Olympus ORF)"),
    (0, b"MMOR", f"{_RAW} (Olympus ORF)"),
    (0, b"IIU\0", f"{_RAW} (Panasonic RW2)"),
    (0, b"\0MRM", f"{_RAW} (Minolta MRW)"),
    (0, b"FOVb", f"{_RAW} (Sigma X3F)"),
    (6, b"HEAPCCDR", f"{_RAW} (Canon CRW)"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"gimp xcf", "GIMP XCF"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (40, b" EMF", "EMF"),
    (0, b"\x1aE\xdf\xa3", f"{_VIDEO} (Matroska or WebM)"),
    (8, b"AVI ", f"{_VIDEO} (AVI)"),
    (0, b"\0\0\1\xba", f"{_VIDEO} (MPEG)"),
    (0, b"\0\0\1\xb3", f"{_VIDEO} (MPEG)"),
    (0, b"FLV\1", f"{_VIDEO} (Flash)"),
    (0, b"OggS", f"{_VIDEO} or sound (Ogg)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", f"{_VIDEO} (Windows Media)"),
    (4, b"moov", f"{_VIDEO} (QuickTime)"),
    (4, b"mdat", f"{_VIDEO} (QuickTime)"),
    (8, b"WAVE", "sound (WAV)"),
    (0, b"ID3", "sound (MP3)"),
    (0, b"PK\3\4", "a zip archive or an office document"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"version https://git-lfs", "a pointer of Git LFS"),
)
# Brands of files in boxes (ISO/IEC 14496-12), of which HEIF and MP4 are kinds.
_BOX = b"ftyp"
_RAW_BRAND = b"crx "
_HEIF_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 msf1 avif avis".split())
# What a text is, by what stands near its beginning.
_TEXTS = ((b"<svg", "SVG"), (b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"))
_TEXT_START = (b"<", b"\xef\xbb\xbf", b"\n", b"\r", b" ", b"\t")
_HEAD = 1024  # bytes


@contextmanager
def translate_errors(data: bytes) -> Iterator[None]:
    """Turn the errors of Pillow and its codecs on bad `data` into ImageFailure.

    Raises ImageFailure not_an_image for the data of a camera raw, before anything reads them.
    """
    try:
        if raw := name_of_raw(data):
            raise ImageFailure("not_an_image", f"{_RAW} ({raw}), not read")
        yield
    except (ImageFailure, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise _unidentified(data) from None
    except Image.DecompressionBombError as error:
        raise ImageFailure("decompression_bomb", str(error)) from None
    except Exception as error:
        # Codecs raise errors of any type on bad bytes: OSError, SyntaxError, struct.error, ...
        words = str(error).lower()
        is_cut = "truncated" in words or "end of file" in words
        code = "truncated" if is_cut else "corrupt"
        raise ImageFailure(code, f"{type(error).__name__}: {error}".strip()) from None


def _unidentified(data: bytes) -> ImageFailure:
    """The failure of a file that no reader takes for a picture."""
    if data[4:8] == _BOX and data[8:12] in _HEIF_BRANDS:
        return ImageFailure("corrupt", "a HEIF or AVIF file that is damaged or of a kind not read")
    name = name_of(data)
    return ImageFailure(
        "not_an_image", f"{name}, not read" if name else "no format that this system reads"
    )


def name_of(data: bytes) -> str | None:
    """What a file that is no picture seems to be, by its first bytes; None: nothing known."""
    if data[4:8] == _BOX:
        is_raw = data[8:12] == _RAW_BRAND
        return f"{_RAW} (Canon CR3)" if is_raw else f"{_VIDEO} or sound (MP4 or QuickTime)"
    for place, mark, name in _MARKS:
        if data.startswith(mark, place):
            return name
    head = data[:_HEAD].lower()
    if head.startswith(_TEXT_START):
        return next((name for mark, name in _TEXTS if mark in head), None)
    return None
