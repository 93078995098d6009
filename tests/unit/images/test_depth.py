"""Files of 16 bits a channel show their picture, however many of the bits they use."""

import struct
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.fuzz.hostile import chunk
from benchmarks.precision.judge import judge
from imgdedup.geometry.comparison import compare
from tests.drawings import DECODER, encoded_tags, kept, scene
from tests.pictures import SETTINGS
from tests.stand_ins import encoded

SCENE = scene(5, 320, 240)
GRAY = np.asarray(SCENE.convert("L"))
SHORT = 3


def shown(data: bytes) -> np.ndarray:
    return DECODER.decode(data).luma


def of_bits(levels: np.ndarray, bits: int) -> np.ndarray:
    """Levels of 0-255 as values of so many bits, with all of them in use."""
    return np.round(levels.astype(np.float64) * ((1 << bits) - 1) / 255).astype(np.uint16)


def by_opencv(values: np.ndarray, form: str) -> bytes:
    """A file of 16 bits a channel, RGB or RGBA, which Pillow does not write."""
    order = [2, 1, 0, 3][: values.shape[2]]
    return bytes(cv2.imencode(form, values[:, :, order])[1])


def with_significant_bits(png: bytes, bits: int) -> bytes:
    return png[:33] + chunk(b"sBIT", bytes([bits])) + png[33:]


def packed_tiff(values: np.ndarray) -> bytes:
    """A TIFF of 12 bits a pixel: two pixels in three bytes."""
    height, width = values.shape
    even, odd = (values[:, start::2].astype(int) for start in (0, 1))
    three = [even >> 4, (even & 15) << 4 | odd >> 8, odd & 255]
    data = np.stack(three, axis=2).astype(np.uint8).tobytes()
    entries = {256: width, 257: height, 258: 12, 259: 1, 262: 1, 273: 134, 277: 1, 278: height}
    entries[279] = len(data)
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)
    return head.ljust(134, b"\0") + data


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_gray_file_of_fewer_bits_shows_its_picture(bits: int, form: str) -> None:
    data = encoded(Image.fromarray(of_bits(GRAY, bits)), form)
    plain = encoded(Image.fromarray(GRAY))
    assert np.abs(shown(data).astype(int) - shown(plain)).max() <= 1
    assert compare(kept(data), kept(encoded(SCENE, "JPEG")), SETTINGS.verify).duplicate


@pytest.mark.parametrize("form", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [10, 12, 15, 16])
def test_a_colour_file_of_fewer_bits_shows_its_picture(bits: int, form: str) -> None:
    data = by_opencv(of_bits(np.asarray(SCENE), bits), form)
    found, plain = DECODER.decode(data), DECODER.decode(encoded(SCENE))
    assert np.abs(found.square.astype(int) - plain.square).max() <= 2
    assert compare(kept(data), kept(encoded(SCENE, "JPEG")), SETTINGS.verify).duplicate


def test_opacity_has_the_scale_of_the_colours() -> None:
    opaque = np.dstack([np.asarray(SCENE), np.full_like(GRAY, 255)])
    data = by_opencv(of_bits(opaque, 12), ".png")
    assert np.abs(shown(data).astype(int) - shown(encoded(SCENE))).max() <= 2


def test_a_packed_tiff_of_twelve_bits_has_its_own_scale() -> None:
    values = of_bits(GRAY, 12) // 4
    assert shown(packed_tiff(values)).max() <= 64
    assert np.abs(shown(packed_tiff(values * 4)).astype(int) - GRAY).max() <= 4


def test_a_picture_in_the_upper_half_of_its_bits_keeps_its_levels() -> None:
    values = of_bits(GRAY, 16) // 5 * 3
    assert values.max() > 32_767
    found = shown(encoded(Image.fromarray(values)))
    assert np.abs(found - GRAY * 0.6).max() <= 1


@pytest.mark.parametrize("most", [1, 20, 100])
def test_a_few_levels_around_black_stay_black(most: int) -> None:
    noise = np.random.default_rng(2).integers(0, most + 1, (90, 120)).astype(np.uint16)
    assert shown(encoded(Image.fromarray(noise))).max() <= most
    colours = np.random.default_rng(3).integers(0, most + 1, (90, 120, 3)).astype(np.uint16)
    assert shown(by_opencv(colours, ".png")).max() <= most


@pytest.mark.parametrize("tag", [281, 341])
def test_a_tiff_that_names_its_brightest_value_is_believed(tag: int) -> None:
    dark = Image.fromarray(of_bits(GRAY, 12) // 4)
    assert shown(encoded(dark, "TIFF")).max() > 128
    assert shown(encoded_tags(dark, {tag: (SHORT, 4095)})).max() <= 64
    bright = Image.fromarray(of_bits(GRAY, 12))
    assert shown(encoded_tags(bright, {tag: (SHORT, 65_535)})).max() > 200
    assert shown(encoded_tags(bright, {tag: (SHORT, 1023)})).max() > 200


def test_a_png_whose_values_are_scaled_to_16_bits_keeps_its_darkness() -> None:
    dark = Image.fromarray((GRAY // 4).astype(np.uint16) << 8)
    assert 40 < shown(with_significant_bits(encoded(dark), 12)).max() <= 64
    left = Image.fromarray(of_bits(GRAY, 12) // 4)
    assert shown(encoded(left)).max() > 200
    assert 40 < shown(with_significant_bits(encoded(left), 12)).max() <= 64


RANGES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "below zero": ("f4", lambda share: share - 1),
    "tiny": ("f4", lambda share: share * 1e-3),
    "from a thousand": ("f4", lambda share: 1000 + share),
    "from a million": ("f4", lambda share: 1e6 + share * 100),
    "around zero": ("f4", lambda share: share * 2 - 1),
    "whole, below zero": ("i4", lambda share: share * 1000 - 1001),
    "whole, from a million": ("i4", lambda share: 1e6 + share * 1000),
    "in the middle": ("u2", lambda share: 30_000 + share * 100),
    "at the end": ("u2", lambda share: 60_000 + share * 20),
}


def in_range(levels: np.ndarray, name: str) -> np.ndarray:
    kind, scaled = RANGES[name]
    return scaled(levels / 255).astype(kind)


@pytest.mark.parametrize("name", RANGES)
def test_a_picture_in_any_range_shows_what_it_has(name: str) -> None:
    found = shown(encoded(Image.fromarray(in_range(GRAY, name)), "TIFF"))
    assert found.max() - found.min() > 200
    assert np.corrcoef(found.ravel(), GRAY.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("name", RANGES)
def test_two_pictures_of_one_narrow_range_are_no_copies_and_a_smaller_one_is(name: str) -> None:
    picture, *others = (
        encoded(Image.fromarray(in_range(np.asarray(drawn.convert("L")), name)), "TIFF")
        for drawn in (SCENE, scene(6, 320, 240), SCENE.resize((160, 120)))
    )
    assert [judge(picture, other, SETTINGS) for other in others] == [False, True]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_a_hot_pixel_does_not_set_the_scale(form: str) -> None:
    values = GRAY.astype(np.uint16) * 3 // 4
    values[7, 9] = 65_535
    found = shown(encoded(Image.fromarray(values), form))
    assert np.corrcoef(found.ravel(), GRAY.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("form", [".png", ".tiff"])
def test_colours_of_a_narrow_range_show_what_they_have(form: str) -> None:
    def stored(drawn: Image.Image) -> bytes:
        values = (30_000, 40_000, 20_000) + np.asarray(drawn) / 255 * (100, 200, 150)
        return by_opencv(values.astype(np.uint16), form)

    found = shown(stored(SCENE))
    assert found.max() - found.min() > 100
    assert judge(stored(SCENE), stored(SCENE.resize((160, 120))), SETTINGS)
    assert not judge(stored(SCENE), stored(scene(6, 320, 240)), SETTINGS)


def test_values_that_are_no_numbers_are_black_and_do_not_set_the_scale() -> None:
    values = in_range(GRAY, "from a thousand")
    values[:20], values[20:40] = np.nan, np.inf
    found = shown(encoded(Image.fromarray(values), "TIFF"))
    assert found[:20].max() == 0
    assert found[20:40].min() == 255
    assert found[40:].max() - found[40:].min() > 200
    small, large = (
        encoded(Image.fromarray(np.full(shape, np.nan, "f4")), "TIFF")
        for shape in ((90, 120), (180, 240))
    )
    assert not judge(small, large, SETTINGS)


def test_a_constant_deep_file_is_flat_and_one_of_two_values_is_not() -> None:
    values = np.full((90, 120), 30_000, np.uint16)
    plain, larger = (encoded(Image.fromarray(each)) for each in (values, np.tile(values, (2, 2))))
    assert judge(plain, larger, SETTINGS)
    values[5, 5] = 30_001
    assert not judge(encoded(Image.fromarray(values)), larger, SETTINGS)
