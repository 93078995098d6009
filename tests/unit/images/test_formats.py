"""Which files are read, and in which words a file that is no picture is refused."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from imgdedup.errors import ImageFailure
from imgdedup.geometry.comparison import compare
from imgdedup.images import formats
from imgdedup.images.tiff import name_of_raw, pages
from tests.drawings import DECODER, encoded_tags, kept, scene
from tests.pictures import SETTINGS
from tests.stand_ins import encoded, picture

SMALL = picture(1, 48, 32)
BYTE, ASCII, SHORT, LONG = 1, 2, 3, 4
NIKON = (ASCII, "NIKON CORPORATION")


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(ImageFailure) as raised:
        DECODER.decode(data)
    return raised.value.code, raised.value.detail


def boxed(brand: bytes) -> bytes:
    return struct.pack(">I4s4sI", 24, b"ftyp", brand, 0) + b"mp42isom" + bytes(500)


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a.jpg", encoded(SMALL, "JPEG"))
    return file.getvalue()


RAWS = {
    "DNG": encoded_tags(SMALL, {50706: (BYTE, b"\1\4\0\0")}),
    "NIKON CORPORATION": encoded_tags(SMALL, {254: (LONG, 1), 271: NIKON, 330: (LONG, 8)}),
    "Canon CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(4000),
    "Canon CR3": boxed(b"crx "),
    "Fujifilm RAF": b"FUJIFILMCCD-RAW 0201" + bytes(4000),
    "Olympus ORF": b"IIRO\x08\0\0\0" + bytes(4000),
    "Panasonic RW2": b"IIU\0\x18\0\0\0" + bytes(4000),
}
OTHERS = {
    "PDF": encoded(SMALL, "PDF"),
    "PostScript or EPS": encoded(SMALL, "EPS"),
    "SVG": b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "an HTML page": b"\n<!DOCTYPE html><title>404</title>Not found",
    "a video or sound (MP4 or QuickTime)": boxed(b"isom"),
    "a video (Matroska or WebM)": b"\x1aE\xdf\xa3" + bytes(500),
    "a video (AVI)": b"RIFF\0\1\0\0AVI LIST" + bytes(500),
    "JPEG XL": b"\xff\x0a" + bytes(500),
    "DICOM": bytes(128) + b"DICM" + bytes(500),
    "gzip": gzip.compress(bytes(500)),
    "a zip archive or an office document": archive(),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
}


@pytest.mark.parametrize("name", RAWS)
def test_a_camera_raw_is_named_and_its_preview_is_not_taken_for_it(name: str) -> None:
    assert refusal(RAWS[name]) == ("not_an_image", f"camera raw ({name}), not read")


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_a_known_kind_is_named(name: str) -> None:
    assert refusal(OTHERS[name]) == ("not_an_image", f"{name}, not read")


@pytest.mark.parametrize("data", [b"no picture", bytes(600), b"<rss/>", b"I", b"II*\0"])
def test_other_files_have_no_name(data: bytes) -> None:
    assert refusal(data) == ("not_an_image", "no format that this system reads")


@pytest.mark.parametrize(
    "tags",
    [
        {271: NIKON},
        {271: NIKON, 254: (LONG, 1)},
        {271: NIKON, 254: (LONG, 0), 330: (LONG, 8)},
        {254: (LONG, 1), 330: (LONG, 8)},
    ],
)
def test_a_scan_or_an_export_of_a_camera_is_no_camera_raw(
    tags: dict[int, tuple[int, object]],
) -> None:
    assert DECODER.decode(encoded_tags(SMALL, tags)).format == "TIFF"


def test_what_a_sensor_saw_is_known_by_its_colours_inside() -> None:
    data = bytearray(encoded_tags(SMALL, {262: (SHORT, 2), 271: NIKON, 330: (LONG, 0)}))
    inner = struct.pack("<HHHIHHI", 1, 262, SHORT, 1, 32803, 0, 0)
    place = data.index(struct.pack("<HHII", 330, LONG, 1, 0)) + 8
    data[place : place + 4] = struct.pack("<I", len(data))
    assert name_of_raw(bytes(data) + inner) == "NIKON CORPORATION"


def test_damaged_directories_name_nothing_and_end() -> None:
    whole = RAWS["NIKON CORPORATION"]
    rng = np.random.default_rng(1)
    for _ in range(500):
        damaged = bytearray(whole)
        for place in rng.integers(4, len(whole), 6):
            damaged[place] = rng.integers(0, 256)
        assert len(name_of_raw(bytes(damaged)) or "") <= 40
        assert pages(bytes(damaged), 100)[0] == 0


@pytest.mark.parametrize("quality", [40, 90])
def test_a_heif_and_its_jpeg_are_a_pair(quality: int) -> None:
    drawn = scene(1, 900, 700)
    telephone = kept(encoded(drawn, "HEIF", quality=quality))
    exported = kept(encoded(drawn.resize((600, 467)), "JPEG", quality=80))
    assert DECODER.decode(encoded(drawn, "HEIF")).format == "HEIF"
    assert compare(telephone, exported, SETTINGS.verify).duplicate
    other = kept(encoded(scene(2, 900, 700), "HEIF"))
    assert not compare(telephone, other, SETTINGS.verify).duplicate


def test_a_heif_of_ten_bits_shows_its_picture() -> None:
    file = io.BytesIO()
    deep = np.asarray(SMALL).astype(np.uint16) * 257
    pillow_heif.encode("RGB;16", SMALL.size, deep.tobytes(), file, quality=95)
    seen, plain = (DECODER.decode(data).square for data in (file.getvalue(), encoded(SMALL)))
    assert np.abs(seen.astype(int) - plain).mean() <= 5


def test_a_thumbnail_inside_a_heif_is_not_taken_for_the_picture() -> None:
    drawn = scene(3, 1600, 1200)
    data = encoded(drawn, "HEIF", quality=90, thumbnails=[800])
    with Image.open(io.BytesIO(data)) as image:
        assert image.draft("RGB", (640, 480)) is None


def test_a_damaged_heif_is_no_foreign_file() -> None:
    whole = encoded(scene(1), "HEIF")
    assert refusal(whole[:200])[0] == "corrupt"
    assert refusal(whole[:-500])[0] == "truncated"


def test_every_format_is_one_that_pillow_knows() -> None:
    assert set(formats.FORMATS) <= set(Image.OPEN)
    assert sorted(formats.FORMATS) == formats.FORMATS
