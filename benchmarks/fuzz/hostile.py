"""Files made to cost a decoder time or memory, or to pass for a picture."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Sequence

import pillow_heif
from PIL import Image

from tests.stand_ins import encoded, picture

_SIDE = 12_000  # pixels; its square, 144 megapixels, is allowed
_MB = 1 << 20


def disguised() -> dict[str, bytes]:
    """Files that are no picture, though their names may say so."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(20 * _MB))
    return {
        "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>',
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF",
        "HTML": b"<!doctype html><title>404</title>Not found",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n%%EOF",
        "zip bomb": zipped.getvalue(),
        "gzip bomb": gzip.compress(bytes(20 * _MB)),
    }


def vast() -> dict[str, bytes]:
    """Small files that claim to be a picture of more pixels than are allowed."""
    dot = Image.new("L", (64, 64))
    size, more = struct.pack(">II", 64, 64), struct.pack(">II", 60_000, 60_000)
    bmp = bytearray(encoded(dot, "BMP"))
    bmp[18:26] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    gif = struct.pack("<6sHHBBB", b"GIF89a", 65_535, 65_535, 0, 0, 0)
    frame = struct.pack("<cHHHHBB", b",", 0, 0, 65_535, 65_535, 0, 8)
    side = struct.pack("<I", 16_382)[:3]
    return {
        "PNG of 3.6 gigapixels": png(60_000, 60_000),
        "BMP of 4 exapixels": bytes(bmp),
        "GIF of 4 gigapixels": gif + frame + b"\2\0\1\0;",
        "TIFF of 3.6 gigapixels": tiff(60_000, 60_000),
        "WebP of 268 megapixels": struct.pack(
            "<4sI8sI4s", b"RIFF", 30, b"WEBPVP8X", 10, b"\2\0\0\0"
        )
        + side
        + side,
        "JPEG 2000 of 3.6 gigapixels": encoded(dot, "JPEG2000").replace(size, more),
        "JPEG of 4 gigapixels": encoded(dot, "JPEG").replace(
            b"\x08\0\x40\0\x40", b"\x08" + b"\xff\xdc" * 2
        ),
        "PSD of 90 gigapixels": struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 300_000, 300_000, 8, 3)
        + bytes(16),
        "ICO around a PNG of 3.6 gigapixels": ico(png(60_000, 60_000)),
        "HEIF of 3.6 gigapixels": _heif(dot).replace(size, more),
    }


def costly() -> dict[str, bytes]:
    """Pictures of an allowed size whose decoding would cost far more than that size allows."""
    many, jpeg = chunk(b"teSt", b"") * 400_000, encoded(picture(1), "JPEG")
    exif = b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)
    return {
        "JPEG of 300 scans": scans(picture(1, 96, 64), 300),
        "PNG of 400,000 pieces": png(8, 8, before=many),
        "ICO around a PNG of 400,000 pieces": ico(png(8, 8, before=many)),
        "JPEG of 300 blocks of Exif": jpeg[:2] + exif * 300 + jpeg[2:],
        "GIF of a million blocks": struct.pack("<6sHHBBB", b"GIF89a", 9, 9, 0, 0, 0)
        + b"!\xfe"
        + b"\1 " * _MB,
        "TIFF of one tile of 1.6 gigapixels": tiff(100, 100, tile=40_000),
        "QOI of 144 megapixels": b"qoif" + struct.pack(">IIBB", _SIDE, _SIDE, 3, 0) + b"\xfd" * 999,
        "plain PPM of 144 megapixels": b"P3 12000 12000 255\n" + b"0 " * 999,
    }


def endless() -> dict[str, bytes]:
    """Small pictures that claim or have frames without end."""
    dot = Image.new("L", (4, 4))
    gif = encoded(dot, "GIF")
    start = gif.rindex(b",")
    one = encoded(picture(1, 16, 16), "WEBP", save_all=True, append_images=[picture(2, 16, 16)])
    frame = one[one.index(b"ANMF") :]
    frame = frame[: 8 + struct.unpack_from("<I", frame, 4)[0]]
    body = one[12 : one.index(b"ANMF")] + frame * 200_000
    control = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 1, 0, 0))
    claim = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    rows = zlib.compress(bytes(8 * 25))
    return {
        "GIF of a million frames": gif[:-1] + gif[start:-1] * 1_000_000,
        "GIF of a hundred million bytes after its frame": gif[:-1] + b"\1" * 100 * _MB,
        "GIF of a comment of tiny pieces": gif[:-1] + b"!\xfe" + b"\1 " * 50 * _MB,
        "PNG that claims two billion frames": png(8, 8, rows, claim + control),
        "PNG of 400,000 frames": png(8, 8, rows, claim + control)[:-12] + control * 400_000,
        "WebP of 200,000 frames": struct.pack("<4sI", b"RIFF", 4 + len(body)) + b"WEBP" + body,
        "TIFF of a million directories": chain([0] * 1_000_000),
        "TIFF of a directory after itself": chain([0], 0),
        "TIFF of directories in a circle": chain([0] * 100, 50),
    }


def inflated() -> dict[str, bytes]:
    """Small files whose text or colour profile inflates to a gigabyte."""
    gigabyte = zeros(1024 * _MB)
    return {
        "PNG with a text of a gigabyte": png(8, 8, before=chunk(b"zTXt", b"a\0\0" + gigabyte)),
        "PNG with a profile of a gigabyte": png(8, 8, before=chunk(b"iCCP", b"a\0\0" + gigabyte)),
    }


def png(width: int, height: int, data: bytes = b"", before: bytes = b"", color: int = 2) -> bytes:
    """A PNG of 8 bits a channel around compressed `data`, with further pieces before the data."""
    head = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    pieces = chunk(b"IHDR", head) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pieces


def chunk(name: bytes, data: bytes) -> bytes:
    """One piece of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def zeros(size: int) -> bytes:
    """Zeros, `size` of them, compressed to about a thousandth."""
    packer, block = zlib.compressobj(9), bytes(_MB)
    pieces = [packer.compress(block[: min(_MB, size - start)]) for start in range(0, size, _MB)]
    return b"".join(pieces) + packer.flush()


def ico(inner: bytes) -> bytes:
    """An icon that claims 256 x 256 pixels and holds another picture."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inner), 22) + inner


def tiff(width: int, height: int, tile: int = 0) -> bytes:
    """A gray, deflated TIFF of one strip, or of tiles of side `tile` with nothing in them."""
    entries: list[tuple[int, int]] = [(256, width), (257, height), (258, 8), (259, 8), (262, 1)]
    entries += [(277, 1), (284, 1), (339, 1)]
    data = zeros(1000)
    start = 8 + 2 + 12 * (len(entries) + (4 if tile else 3)) + 4
    where = [(322, tile), (323, tile), (324, start), (325, len(data))]
    return (
        _tiff(entries + (where if tile else [(273, start), (278, height), (279, len(data))])) + data
    )


def chain(kinds: Sequence[int], back_to: int | None = None) -> bytes:
    """A TIFF of directories of these kinds that describe one picture, of 4 x 4 pixels.

    The last one may lead back to the one of a number.
    """
    places = [24 + (2 + 12 * 10 + 4) * number for number in range(len(kinds))]
    following = [*places[1:], 0 if back_to is None else places[back_to]]
    same = [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4)]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in [*same, (279, 16)])
    return (b"II*\0" + struct.pack("<I", 24) + bytes(range(16))) + b"".join(
        struct.pack("<HHHII", 10, 254, 4, 1, kind) + packed + struct.pack("<I", place)
        for kind, place in zip(kinds, following, strict=True)
    )


def _tiff(entries: Sequence[tuple[int, int]]) -> bytes:
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + bytes(4)


def scans(image: Image.Image, more: int) -> bytes:
    """A progressive JPEG whose last scan is repeated `more` times."""
    data = encoded(image, "JPEG", progressive=True)
    last = data[data.rfind(b"\xff\xc4", 0, data.rindex(b"\xff\xda")) : -2]
    return data[:-2] + last * more + data[-2:]


def _heif(image: Image.Image) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file)
    return file.getvalue()


def filled() -> dict[str, tuple[bytes, int]]:
    """Files of 200 MB: how each begins, and the byte that fills the rest of it."""
    found = {
        f"{form} head": (encoded(picture(2, 64, 64), form)[:300], 0)
        for form in ("JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP", "AVIF", "JPEG2000", "ICO", "ICNS")
    }
    return found | {
        "GIF head, ones": (found["GIF head"][0], 255),
        "zeros": (b"", 0),
        "ones": (b"", 255),
        "JPEG head, ones": (found["JPEG head"][0], 255),
        "PPM of one comment": (b"P6 #", ord("a")),
        "plain PPM of spaces": (b"P3 100 100 255\n", ord(" ")),
    }
