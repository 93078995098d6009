"""Every kind of picture file gives its pixels to the network and to the thumbnail."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.Image import Transpose

from imgdedup import config
from imgdedup.errors import ImageFailure
from imgdedup.images.decode import ByteBudget, Decoded, Decoder, fingerprint
from tests.stand_ins import encoded, picture

SETTINGS = config.load(Path(__file__).parents[3] / "conf", "local", {}).embed
BUDGET = ByteBudget(1 << 30)
DECODER = Decoder(
    side=32, thumbnail_size=64, thumbnail_quality=90, max_pixels=1_000_000, budget=BUDGET
)
PHOTO = picture(seed=1)  # 80 x 60
GRAY = PHOTO.convert("L")
LEVELS = np.asarray(GRAY)
ALMOST_LOSSLESS: dict[str, dict[str, object]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 98, "subsampling": 0},
}
# How a camera held in each of EXIF's orientations stores an upright picture.
STORED = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}


def decode(data: bytes) -> Decoded:
    return DECODER.decode(data)


def thumbnail(decoded: Decoded) -> Image.Image:
    image = Image.open(io.BytesIO(decoded.thumbnail))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return image


def difference(one: object, other: object) -> int:
    """The largest difference of two pictures in levels of 0-255."""
    return int(np.abs(np.asarray(one, int) - np.asarray(other, int)).max())


def plain(image: Image.Image) -> Decoded:
    """The same pixels from a file that holds nothing special."""
    return decode(encoded(image.convert("RGB"), "PNG"))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_seen_upright_however_the_camera_was_held(form: str, orientation: int) -> None:
    turn = STORED[orientation]
    stored = PHOTO if turn is None else PHOTO.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(stored, form, exif=exif, **ALMOST_LOSSLESS.get(form, {})))
    upright = plain(PHOTO)
    assert (found.format, found.width, found.height) == (form, 80, 60)
    assert thumbnail(found).size == (64, 48)
    assert difference(found.square, upright.square) <= 4
    assert difference(thumbnail(found), thumbnail(upright)) <= 12


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_means_nothing_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(PHOTO, "PNG", exif=exif))
    assert (found.width, found.height) == (80, 60)
    assert difference(found.square, plain(PHOTO).square) == 0


def test_the_whole_picture_is_squashed_to_the_square() -> None:
    halves = Image.new("RGB", (200, 20), "red")
    halves.paste("blue", (100, 0, 200, 20))
    square = decode(encoded(halves)).square
    assert (square.shape, square.dtype) == ((32, 32, 3), np.uint8)
    assert (square[:, :15] == (255, 0, 0)).all()
    assert (square[:, 17:] == (0, 0, 255)).all()


@pytest.mark.parametrize(
    ("mode", "form", "tolerance"),
    [
        ("L", "PNG", 0),
        ("L", "JPEG", 8),
        ("1", "PNG", 0),
        ("1", "TIFF", 0),
        ("P", "PNG", 0),
        ("P", "GIF", 0),
        ("CMYK", "TIFF", 2),
        ("CMYK", "JPEG", 12),
        ("YCbCr", "TIFF", 4),
        ("RGB", "BMP", 0),
        ("RGB", "AVIF", 40),
        ("RGB", "JPEG2000", 3),
    ],
)
def test_every_mode_shows_the_same_picture(mode: str, form: str, tolerance: int) -> None:
    stored = PHOTO.convert(mode)
    found = decode(encoded(stored, form))
    assert found.format == form
    assert difference(found.square, plain(stored).square) <= tolerance


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    black = Image.new(mode, (40, 40), (0,) * (len(mode) - 1) + (0,))
    black.paste((0,) * (len(mode) - 1) + (128,), (0, 0, 20, 40))
    black.paste((0,) * (len(mode) - 1) + (255,), (0, 0, 20, 20))
    square = decode(encoded(black)).square
    assert (square[:14, :14] == 0).all()
    assert difference(square[18:, :14], 127) <= 1
    assert (square[:, 18:] == 255).all()


def test_a_transparent_palette_entry_is_laid_on_white() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 20, 40))
    for form in ("PNG", "GIF"):
        square = decode(encoded(image, form, transparency=0)).square
        assert (square[:, :14] == (0, 0, 255)).all()
        assert (square[:, 18:] == 255).all()


def test_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.new("RGB", (40, 40), (255, 0, 0))
    square = decode(encoded(image, transparency=(255, 0, 0))).square
    assert (square == 255).all()


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (LEVELS.astype(np.uint16) * 257, "PNG"),
        (LEVELS.astype(np.uint16) * 257, "TIFF"),
        ((LEVELS.astype(np.uint16) * 257).astype(">u2"), "TIFF"),
        (LEVELS.astype(np.int32), "TIFF"),
        (LEVELS.astype(np.int32) * 257, "TIFF"),
        (LEVELS.astype(np.float32) / 255, "TIFF"),
        (LEVELS.astype(np.float32), "TIFF"),
        (LEVELS.astype(np.float32) * 257, "TIFF"),
    ],
)
def test_more_than_8_bits_a_channel_are_scaled_not_clipped(values: np.ndarray, form: str) -> None:
    found = decode(encoded(Image.fromarray(values), form))
    assert difference(found.square, plain(GRAY).square) <= 1


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_beyond_16_bits_are_scaled_to_the_largest(kind: type) -> None:
    spread = (LEVELS.astype(np.float64) - LEVELS.min()) / (LEVELS.max() - LEVELS.min())
    found = decode(encoded(Image.fromarray((spread * 5e6).astype(kind)), "TIFF"))
    expected = plain(Image.fromarray((spread * 255).astype(np.uint8)))
    assert difference(found.square, expected.square) <= 1


def test_values_that_are_no_numbers_are_black() -> None:
    values = LEVELS.astype(np.float32)
    values[:, :40] = np.nan
    seen, expected = decode(encoded(Image.fromarray(values), "TIFF")), plain(GRAY)
    assert (seen.luma[:, :40] == 0).all()
    assert difference(seen.luma[:, 41:], expected.luma[:, 41:]) <= 1


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_seen(form: str) -> None:
    first = PHOTO.convert("P") if form == "GIF" else PHOTO
    options = {"lossless": True} if form == "WEBP" else {}
    others = [Image.new(first.mode, first.size), first.transpose(Transpose.ROTATE_180)]
    data = encoded(first, form, save_all=True, append_images=others, **options)
    assert difference(decode(data).square, plain(first).square) <= 1


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [
        ((1, 1), (1, 1)),
        ((16, 16), (16, 16)),
        ((64, 10), (64, 10)),
        ((65, 65), (64, 64)),
        ((2000, 100), (64, 3)),
        ((100, 2000), (3, 64)),
        ((5000, 1), (64, 1)),
    ],
)
def test_a_thumbnail_is_shrunk_to_its_size_and_never_enlarged(
    size: tuple[int, int], shrunk: tuple[int, int]
) -> None:
    for form in ("PNG", "JPEG"):
        found = decode(encoded(picture(2, *size), form))
        assert (found.width, found.height) == size
        assert thumbnail(found).size == shrunk
        assert found.square.shape == (32, 32, 3)


def test_a_picture_with_more_pixels_than_allowed_is_refused() -> None:
    assert decode(encoded(Image.new("L", (1000, 1000)))).width == 1000
    with pytest.raises(ImageFailure) as raised:
        decode(encoded(Image.new("L", (1001, 1000))))
    assert (raised.value.code, raised.value.detail) == (
        "decompression_bomb",
        "1,001 x 1,000 pixels",
    )


class Watched(ByteBudget):
    """A budget that remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__(1 << 30)
        self.asked: list[int] = []

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        self.asked.append(size)
        with super().hold(size):
            yield


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    budget = Watched()
    decoder = Decoder(32, 320, 90, 20_000_000, budget)
    large = picture(3, 5200, 3200)
    found = decoder.decode(encoded(large, "JPEG", quality=95))
    decoder.decode(encoded(large, "PNG", compress_level=1))
    assert (found.width, found.height) == (5200, 3200)
    jpeg, png = budget.asked
    assert jpeg * 12 < png  # the luma of all pixels is the most of it
    assert difference(found.square, plain(large.resize((325, 200))).square) <= 6


@pytest.mark.filterwarnings("ignore:::PIL")
@given(
    data=st.sampled_from(
        [encoded(PHOTO.resize((20, 15)), form) for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP")]
    ),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 2_000),
)
def test_damaged_files_are_decoded_or_refused_never_anything_else(
    data: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    with suppress(ImageFailure):
        found = decode(bytes(damaged[:length]))
        assert found.square.shape == (32, 32, 3)
        assert max(thumbnail(found).size) <= 64


@pytest.mark.parametrize("size", [16, 64, 320, 900])
def test_the_size_of_the_thumbnail_does_not_change_what_the_network_sees(size: int) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    large = encoded(Image.fromarray(noise), "JPEG", quality=90)
    budget = ByteBudget(1 << 30)
    usual, other = (Decoder(32, side, 90, 10_000_000, budget).decode(large) for side in (320, size))
    assert np.array_equal(usual.square, other.square)
    assert max(thumbnail(other).size) == size


def test_the_fingerprint_of_the_decoder_names_size_and_quality() -> None:
    usual, other = (fingerprint(replace(SETTINGS, thumbnail_size=size)) for size in (320, 500))
    assert usual == "v7-320px-q85"
    assert other == "v7-500px-q85"
