"""The frames of original files, for a closer look, and what a file says of its picture."""

import numpy as np
import pytest
from PIL import Image

from imgdedup.errors import ImageFailure
from imgdedup.images.decode import Decoder
from imgdedup.images.originals import count_frames, frames_of
from imgdedup.images.pixels import BLACK, WHITE
from tests.drawings import DECODER, cut_out, flattened, lines, scene
from tests.stand_ins import encoded, picture

MOST_PIXELS = 10_000_000
SCENES = [scene(seed, 300, 200) for seed in range(5)]
RED_INK, WHITE_INK = (200, 30, 60, 255), (255, 255, 255, 255)


def frames(data: bytes, long_side: int = 1000, most: int = 100) -> list[np.ndarray]:
    found = frames_of(data, long_side, most, MOST_PIXELS)
    return [frame.on(frame.grounds[0]) for frame in found]


def animated(form: str, images: list[Image.Image], **options: object) -> bytes:
    return encoded(images[0], form, save_all=True, append_images=images[1:], **options)


@pytest.mark.parametrize(
    ("form", "options", "most"),
    [
        ("PNG", {}, 0),
        ("TIFF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("AVIF", {"quality": 95}, 12),
        ("HEIF", {"quality": 95}, 12),
        ("GIF", {}, 30),
    ],
)
def test_every_frame_comes_in_order(form: str, options: dict[str, object], most: int) -> None:
    found = frames(animated(form, SCENES, **options))
    assert len(found) == len(SCENES)
    for frame, drawn in zip(found, SCENES, strict=True):
        assert (frame.dtype, frame.shape) == (np.uint8, (200, 300, 3))
        assert np.abs(frame.astype(int) - np.asarray(drawn)).mean() <= most


def test_the_picture_that_a_heif_names_as_its_own_comes_first() -> None:
    data = animated("HEIF", SCENES[:3], quality=95, primary_index=1)
    order = [SCENES[place] for place in (1, 0, 2)]
    for frame, drawn in zip(frames(data), order, strict=True):
        assert np.abs(frame.astype(int) - np.asarray(drawn)).mean() <= 12


def test_no_more_frames_are_given_than_are_asked_for() -> None:
    data = animated("PNG", SCENES)
    assert [len(frames(data, most=most)) for most in (0, 1, 3, 5, 9)] == [0, 1, 3, 5, 5]


@pytest.mark.parametrize(
    "form", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "HEIF", "BMP", "ICO", "PPM"]
)
def test_the_first_frame_is_what_the_decoder_sees(form: str) -> None:
    data = encoded(scene(1, 250, 250) if form == "ICO" else scene(1, 900, 700), form)
    (first,) = frames(data, long_side=320)
    assert np.array_equal(
        np.asarray(Image.fromarray(first).convert("L")), DECODER.decode(data).luma
    )


def test_pages_may_have_different_sizes() -> None:
    data = animated("TIFF", [scene(1, 300, 200), scene(2, 100, 400), scene(3, 50, 50)])
    shapes = [frame.shape[:2] for frame in frames(data, long_side=200)]
    assert shapes == [(133, 200), (200, 50), (50, 50)]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_frames_are_turned_upright(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(SCENES[0], form, exif=exif)
    (first,) = frames(data)
    assert first.shape == (300, 200, 3)
    upright = np.asarray(SCENES[0].transpose(Image.Transpose.ROTATE_270))
    assert np.abs(first.astype(int) - upright).mean() < 6


def test_frames_are_shrunk_and_never_enlarged() -> None:
    large = encoded(scene(1, 2400, 1600), "JPEG", quality=92)
    assert frames(large, long_side=600)[0].shape == (400, 600, 3)
    assert frames(large, long_side=5000)[0].shape == (1600, 2400, 3)
    small = np.asarray(scene(1, 2400, 1600).resize((600, 400), Image.Resampling.LANCZOS))
    assert np.abs(frames(large, long_side=600)[0].astype(int) - small).mean() < 3


def test_a_transparent_frame_lies_on_its_own_ground_or_on_the_one_asked_for() -> None:
    for drawn, own in ((cut_out(1), "white"), (lines(1, WHITE_INK), "black")):
        data = encoded(drawn)
        assert np.array_equal(frames(data)[0], np.asarray(flattened(drawn, own)))
        for ground, name in ((WHITE, "white"), (BLACK, "black")):
            (frame,) = frames_of(data, 1000, 1, MOST_PIXELS)
            assert np.array_equal(frame.on(ground), np.asarray(flattened(drawn, name)))


def test_each_frame_of_an_animation_has_grounds_of_its_own() -> None:
    drawn = [SCENES[0].convert("RGBA"), lines(1, WHITE_INK, 200), lines(2, (0, 0, 0, 255), 200)]
    data = animated("TIFF", drawn)
    found = list(frames_of(data, 1000, 9, MOST_PIXELS))
    assert [frame.grounds for frame in found] == [(WHITE,), (BLACK,), (WHITE,)]
    assert [frame.has_alpha for frame in found] == [False, True, True]


@pytest.mark.parametrize(
    ("image", "is_flat", "is_empty"),
    [
        (Image.new("RGB", (90, 60), "teal"), True, False),
        (Image.new("RGBA", (90, 60), (9, 9, 9, 99)), True, False),
        (Image.new("RGBA", (90, 60), (9, 9, 9, 1)), True, True),
        (SCENES[0], False, False),
        (cut_out(1), False, False),
        (Image.fromarray(np.full((60, 90), 30_000, np.uint16)), True, False),
        (
            Image.fromarray(np.full((60, 90), 30_000, np.uint16) + np.eye(60, 90, dtype=np.uint16)),
            False,
            False,
        ),
        (Image.fromarray(np.eye(60, 90, dtype=np.uint8)), False, False),
    ],
)
def test_a_frame_tells_whether_it_is_flat_or_empty(
    image: Image.Image, is_flat: bool, is_empty: bool
) -> None:
    (frame,) = frames_of(encoded(image), 30, 1, MOST_PIXELS)
    assert (frame.is_flat, frame.is_empty) == (is_flat, is_empty)


def test_frames_of_an_animation_are_laid_over_each_other() -> None:
    drawn = [lines(seed, RED_INK, 120) for seed in range(3)]
    found = frames(animated("WEBP", drawn, lossless=True))
    for frame, each in zip(found, drawn, strict=True):
        assert np.array_equal(frame, np.asarray(flattened(each, "white")))


def test_a_later_frame_that_is_damaged_ends_the_frames_with_a_failure() -> None:
    whole = animated("GIF", SCENES)
    found = frames_of(whole[: len(whole) // 2], 1000, 100, MOST_PIXELS)
    assert next(found).on(WHITE).shape == (200, 300, 3)
    with pytest.raises(ImageFailure) as raised:
        list(found)
    assert raised.value.code in ("truncated", "corrupt")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture", "not_an_image"),
        (encoded(scene(1))[:5000], "truncated"),
        (encoded(Image.new("L", (4000, 3000))), "decompression_bomb"),
        (animated("TIFF", [scene(1), Image.new("RGB", (4000, 3000))]), "decompression_bomb"),
    ],
)
def test_a_bad_file_fails_as_it_does_for_the_decoder(data: bytes, code: str) -> None:
    with pytest.raises(ImageFailure) as raised:
        frames(data)
    assert raised.value.code == code


def test_equal_files_give_equal_frames() -> None:
    data = animated("WEBP", SCENES, quality=50)
    for one, other in zip(frames(data, 128), frames(bytes(data), 128), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "data",
    [
        encoded(scene(1)),
        encoded(cut_out(1)),
        encoded(lines(1, WHITE_INK)),
        encoded(scene(1), "JPEG"),
        animated("GIF", SCENES),
        encoded(picture(1), "HEIF"),
        encoded(picture(1, 32, 32), "ICO"),
    ],
)
def test_the_frames_agree_with_the_decoder(data: bytes) -> None:
    found, decoded = next(frames_of(data, 1000, 1, MOST_PIXELS)), DECODER.decode(data)
    assert count_frames(data, MOST_PIXELS) == decoded.frames
    assert found.on(WHITE).shape == (decoded.height, decoded.width, 3)
    assert found.has_alpha == decoded.has_alpha
    assert len(found.grounds) == 1 + (decoded.second is not None)


def test_frames_are_counted_without_the_pixels_of_a_jpeg() -> None:
    cut = encoded(scene(1, 900, 700), "JPEG")[:4000]
    assert count_frames(cut, MOST_PIXELS) == 1
    with pytest.raises(ImageFailure):
        Decoder.decode(DECODER, cut)
