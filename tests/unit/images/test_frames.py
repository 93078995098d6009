"""Frames and pages are counted without decoding them."""

import struct

import pytest

from benchmarks.fuzz.hostile import chain, chunk
from imgdedup.images.originals import frames_of
from tests.drawings import DECODER, encoded_tags, lines
from tests.stand_ins import encoded, picture

PICTURES = [picture(seed, 64, 48) for seed in range(6)]
LOSSLESS = {"WEBP": {"lossless": True}}


def animated(form: str, count: int, **options: object) -> bytes:
    first, *others = PICTURES[:count]
    options |= LOSSLESS.get(form, {})
    return encoded(first, form, save_all=True, append_images=others, **options)


def frames(data: bytes) -> int:
    return DECODER.decode(data).frames


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_the_frames_of_an_animation_are_counted(form: str, count: int) -> None:
    assert frames(animated(form, count)) == count


@pytest.mark.parametrize(
    "form",
    ["GIF", "PNG", "JPEG", "BMP", "TIFF", "WEBP", "AVIF", "HEIF", "ICO", "JPEG2000", "TGA", "PPM"],
)
def test_a_still_has_one_frame(form: str) -> None:
    assert frames(encoded(PICTURES[0], form)) == 1


def test_the_frames_of_a_gif_may_have_palettes_comments_and_transparency() -> None:
    drawn = [lines(seed, (200, 30, 60, 255), 100) for seed in range(4)]
    data = encoded(drawn[0], "GIF", save_all=True, append_images=drawn[1:], comment="a;,!b" * 200)
    assert frames(data) == 4
    assert frames(data[:-1] + b"\0\0\0junk;") == 4


def test_the_frames_that_a_cut_file_begins_are_counted() -> None:
    whole = animated("GIF", 6)
    counts = [frames(whole[: len(whole) * tenth // 10]) for tenth in range(3, 11)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == 6


def test_a_picture_before_the_frames_of_a_png_counts() -> None:
    assert frames(animated("PNG", 3, default_image=True)) == 3


def test_a_png_has_no_more_frames_than_it_holds() -> None:
    data = animated("PNG", 3)
    true, claimed = (chunk(b"acTL", struct.pack(">II", count, 0)) for count in (3, 9))
    assert true in data
    assert frames(data.replace(true, claimed)) == 3


@pytest.mark.parametrize(
    ("kinds", "count"),
    [((0, 1, 1), 1), ((0, 1, 4), 1), ((2, 2, 2), 3), ((1, 0), 2), ((0, 0, 1, 0), 3)],
)
def test_smaller_forms_of_a_page_and_masks_are_no_pages(kinds: tuple[int, ...], count: int) -> None:
    """Kind 1 is a smaller form, 2 a page of several, 4 a mask."""
    data = chain(kinds)
    assert frames(data) == len(list(frames_of(data, 4, 9, 99))) == count


def test_layers_icons_and_views_of_a_stereo_camera_are_no_frames() -> None:
    assert frames(encoded(picture(1, 64, 64), "ICO", sizes=[(16, 16), (32, 32), (64, 64)])) == 1
    assert frames(encoded(PICTURES[0], "MPO", save_all=True, append_images=PICTURES[1:3])) == 1


def test_a_tiff_of_one_page_has_one_frame_whatever_its_tags() -> None:
    assert frames(encoded_tags(PICTURES[0], {254: (4, 1)})) == 1
