"""Every way in which an image fails, with a real file for each."""

import hashlib
import os
import pickle
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgdedup import config
from imgdedup.errors import FAILURES, TRANSIENT, ImageFailure
from imgdedup.images.decode import ByteBudget, Decoder
from imgdedup.sources import reader_of
from imgdedup.stages.embed.worker import read_image
from tests.archives import tar_of
from tests.stand_ins import encoded, picture

DECODER = Decoder(32, 64, 90, max_pixels=1_000_000, budget=ByteBudget(1 << 28))
MAX_BYTES = 100_000
SETTINGS = config.load(Path(__file__).parents[3] / "conf", "local", {}).embed
READER = reader_of(replace(SETTINGS, max_file_bytes=MAX_BYTES, read_attempts=1))
PHOTO = picture(1, 200, 150)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def broken_gif() -> bytes:
    """A GIF whose compressed data starts with a code size that does not exist."""
    data = bytearray(encoded(PHOTO.convert("P"), "GIF"))
    data[data.index(b",\0\0\0\0\xc8\0\x96\0") + 10] = 99
    return bytes(data)


JPEG, PNG = encoded(PHOTO, "JPEG"), encoded(PHOTO, "PNG")
FILES = {
    "half.jpg": (JPEG[: len(JPEG) // 2], "truncated"),
    "header_only.jpg": (JPEG[:30], "truncated"),
    "half.png": (PNG[: len(PNG) // 2], "truncated"),
    "half.gif": (encoded(PHOTO, "GIF")[:5000], "truncated"),
    "half.tif": (encoded(PHOTO, "TIFF")[:5000], "truncated"),
    "half.bmp": (encoded(PHOTO, "BMP")[:5000], "truncated"),
    "half.webp": (encoded(PHOTO, "WEBP")[:500], "corrupt"),
    "broken.gif": (broken_gif(), "corrupt"),
    "no_pixels.png": (png_header(100, 100), "truncated"),
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"This is no picture.\n" * 20, "not_an_image"),
    "page.png": (b"<!DOCTYPE html><html><body>404</body></html>", "not_an_image"),
    "random.jpg": (np.random.default_rng(1).bytes(5000), "not_an_image"),
    "zeros.png": (bytes(5000), "not_an_image"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_an_image"),
    # Pillow would hand it to a program that runs PostScript.
    "vector.jpg": (encoded(PHOTO, "EPS")[:MAX_BYTES], "not_an_image"),
    "document.pdf": (encoded(PHOTO, "PDF"), "not_an_image"),
    "one_byte.jpg": (b"\xff", "not_an_image"),
    "bomb.png": (png_header(30_000, 30_000), "decompression_bomb"),
    "small_bomb.png": (png_header(1_001, 1_000), "decompression_bomb"),
    "large.png": (PNG + bytes(MAX_BYTES), "too_large"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_fails_with_its_code(tmp_path: Path, name: str) -> None:
    data, code = FILES[name]
    (tmp_path / name).write_bytes(data)
    for read in (
        read_image(str(tmp_path / name), None, DECODER, READER),
        read_image("content", data, DECODER, READER),
    ):
        assert read.failure is not None
        assert read.failure.code == code, read.failure.detail
        assert read.failure.detail
        assert read.decoded is None


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_that_could_be_read_keeps_its_content_id_and_size(name: str) -> None:
    data, code = FILES[name]
    read = read_image("content", data, DECODER, READER)
    known = code not in ("empty", "too_large")
    assert read.content_id == (hashlib.sha256(data).hexdigest() if known else None)
    assert read.size_bytes == (len(data) if known else None)


def test_every_code_has_a_file_that_fails_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # where nobody listens
    codes = {code for _, code in FILES.values()}
    nowhere, stores = str(tmp_path / "nothing.jpg"), ("s3://a/b.jpg", "http://127.0.0.1/a.jpg")
    for uri in (str(tmp_path), nowhere, "nonsense://a/b.jpg", *stores):
        read = read_image(uri, None, DECODER, READER)
        assert (read.content_id, read.size_bytes, read.decoded) == (None, None, None)
        assert read.failure is not None
        codes.add(read.failure.code)
    assert codes == set(FAILURES)


def test_a_good_file_has_no_failure() -> None:
    read = read_image("content", JPEG, DECODER, READER)
    assert read.failure is None
    assert read.decoded is not None
    assert (read.content_id, read.size_bytes) == (hashlib.sha256(JPEG).hexdigest(), len(JPEG))


def test_only_a_store_that_may_be_back_is_worth_a_second_chance() -> None:
    assert {"unavailable"} == TRANSIENT
    assert FAILURES.keys() > TRANSIENT


def test_a_failure_has_one_of_the_codes() -> None:
    with pytest.raises(ValueError, match="broken is not a failure code"):
        ImageFailure("broken", "")


def test_a_failure_crosses_between_processes() -> None:
    failure = pickle.loads(pickle.dumps(ImageFailure("missing", "a.jpg")))
    assert (failure.code, failure.detail) == ("missing", "a.jpg")


@pytest.mark.parametrize("name", ["%ff", "%ff.tar#%fe.jpg"])
def test_the_words_of_a_failure_are_text_whatever_bytes_a_name_has(
    tmp_path: Path, name: str
) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    tar_of(tmp_path / os.fsdecode(b"\xff.tar"), {"a.jpg": b"1"})
    failure = read_image(f"{tmp_path.as_uri()}/{name}", None, DECODER, READER).failure
    assert failure is not None
    assert failure.detail.encode()
    assert "udcff" in failure.detail
