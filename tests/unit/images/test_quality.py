"""The marks of an image: its real resolution, its bars, and how well it is compressed."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from imgdedup.images.bars import frame_of, without_bars
from imgdedup.images.decode import ByteBudget, Decoder
from imgdedup.images.quality import Marks, detail_of, is_lossless, quality_of
from tests.drawings import scene
from tests.pictures import between_bars, natural, scaled
from tests.stand_ins import encoded

Resampling = Image.Resampling
DECODER = Decoder(
    side=32, thumbnail_size=320, thumbnail_quality=90, max_pixels=10**8, budget=ByteBudget(1 << 30)
)
STEP = 2**0.25  # of the key `detail` in the order of keepers


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(picture, "JPEG", quality=quality))).convert("RGB")


def marks(picture: Image.Image, form: str = "PNG", **options: object) -> Marks:
    return DECODER.decode(encoded(picture, form, **options)).marks


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_full_of_detail_has_the_detail_of_its_pixels(seed: int) -> None:
    for times in (1.0, 0.5, 0.3):
        picture = scaled(natural(seed), times)
        assert detail_of(picture) == pytest.approx((picture.width * picture.height) ** 0.5)


@pytest.mark.parametrize("times", [1.5, 2.0, 3.0, 4.0, 7.0])
@pytest.mark.parametrize("by", [Resampling.BILINEAR, Resampling.BICUBIC, Resampling.LANCZOS])
@pytest.mark.parametrize("quality", [None, 90, 20])
def test_an_enlargement_has_no_more_detail_than_its_origin(
    times: float, by: Resampling, quality: int | None
) -> None:
    origin = natural(5, 320, 240)
    larger = scaled(origin, times, by)
    found = detail_of(larger if quality is None else jpeg(larger, quality))
    assert 0.5 * detail_of(origin) < found < detail_of(origin)


@pytest.mark.parametrize("times", range(2, 9))
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (3, 6)])
def test_repeated_pixels_are_no_detail(times: int, place: tuple[int, int]) -> None:
    origin = natural(6, 320, 240)
    repeated = scaled(origin, times, Resampling.NEAREST)
    part = repeated.crop((*place, *repeated.size))
    found = detail_of(part)
    assert 0.75 * detail_of(origin) < found < detail_of(origin) / STEP


@pytest.mark.parametrize("times", [2, 3, 4, 5])
@pytest.mark.parametrize("quality", [95, 75, 40])
def test_repeated_pixels_are_no_detail_in_a_jpeg(times: int, quality: int) -> None:
    origin = jpeg(natural(6, 320, 240), 90)
    repeated = scaled(origin, times, Resampling.NEAREST)
    assert detail_of(jpeg(repeated, quality)) < detail_of(origin) / STEP


def test_the_blocks_of_a_jpeg_and_a_few_lines_are_no_repeated_pixels() -> None:
    picture = natural(7)
    assert detail_of(jpeg(picture, 10)) > 0.45 * detail_of(picture)
    lines = np.full((600, 800), 200, np.uint8)
    for place in range(16, 560, 96):
        lines[place], lines[:, place] = 40, 40
    assert detail_of(Image.fromarray(lines)) == pytest.approx(480_000**0.5)


@pytest.mark.parametrize("soft", [0.5, 2, 6])
@pytest.mark.parametrize("ground", ["white", "black", "gray"])
def test_a_transparent_picture_has_the_detail_of_its_flattened_copies(
    soft: float, ground: str
) -> None:
    picture = natural(3)
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((100, 70, 540, 410), fill=255)
    picture.putalpha(mask.filter(ImageFilter.GaussianBlur(soft)))
    flat = Image.new("RGB", picture.size, ground)
    flat.paste(picture, mask=picture.getchannel("A"))
    assert marks(picture).detail >= marks(flat, "JPEG", quality=95).detail / STEP**0.5


@pytest.mark.parametrize("quality", [95, 85, 75])
def test_everyday_compression_takes_no_detail(quality: int) -> None:
    picture = natural(7)
    assert detail_of(jpeg(picture, quality)) == detail_of(picture)


def test_a_blurred_picture_has_less_detail_and_the_more_blurred_the_less() -> None:
    picture = natural(8)
    found = [detail_of(picture.filter(ImageFilter.GaussianBlur(blur))) for blur in (0, 1, 2, 4, 8)]
    assert all(less < more / STEP for more, less in pairwise(found))


@pytest.mark.parametrize("size", [(1, 1), (20, 500), (40, 33), (65, 71), (64, 64)])
def test_pictures_of_every_size_have_a_detail(size: tuple[int, int]) -> None:
    side = (size[0] * size[1]) ** 0.5
    for picture in (Image.new("RGB", size, "gray"), Image.new("L", size), natural(9, *size)):
        assert 0 < detail_of(picture) <= side


def test_the_detail_of_a_large_jpeg_is_that_of_the_file_and_not_of_its_reduced_decoding() -> None:
    picture = natural(10, 2048, 1536)
    side = (2048 * 1536) ** 0.5
    assert marks(picture, "JPEG", quality=90).detail == pytest.approx(side, abs=0.1)
    larger = scaled(scaled(picture, 0.25), 4)
    assert marks(larger, "JPEG", quality=90).detail < side / 4


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_the_detail_does_not_depend_on_the_colours_of_a_file(mode: str) -> None:
    picture = natural(11, 2048, 1536)
    expected = marks(picture, "JPEG", quality=90).detail
    assert marks(picture.convert(mode), "JPEG", quality=90).detail == expected


@pytest.mark.parametrize("frame", [(1920, 1080), (1080, 1920)])
@pytest.mark.parametrize("quality", [None, 80])
def test_blurred_bars_are_bars_and_no_detail(frame: tuple[int, int], quality: int | None) -> None:
    picture = natural(12, 1080, 1080)
    framed = between_bars(picture, *frame, blur=40)
    found = marks(framed) if quality is None else marks(framed, "JPEG", quality=quality)
    assert found.bars == pytest.approx(1 - 1080 / 1920, abs=0.02)
    assert found.detail == pytest.approx(marks(picture).detail, rel=0.05)
    assert marks(picture).bars == 0


def test_plain_bars_above_and_below_are_bars_and_margins_all_around_are_none() -> None:
    picture = natural(13, 600, 400)
    for border, bars in (((0, 100), 1 / 3), ((300, 0), 0.5), ((100, 100), 0.0)):
        size = picture.width + 2 * border[0], picture.height + 2 * border[1]
        framed = Image.new("RGB", size, "white")
        framed.paste(picture, border)
        found = marks(framed)
        assert found.bars == pytest.approx(bars, abs=0.02)
        assert found.detail == pytest.approx(marks(picture).detail, rel=0.03)


def test_a_smooth_sky_and_a_smooth_ground_are_no_bars() -> None:
    picture = np.asarray(natural(14).convert("L")).copy()
    picture[:100] = np.linspace(90, 200, 640)
    picture[-60:] = np.linspace(200, 60, 640)
    box = without_bars(np.dstack([picture] * 3))
    assert frame_of(picture, box).bars == 0


def quality(picture: Image.Image, form: str, **options: object) -> int:
    data = encoded(picture, form, **options)
    return quality_of(Image.open(io.BytesIO(data)), data)


@pytest.mark.parametrize("given", [1, 10, 20, 50, 75, 90, 95, 99])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_quality_of_a_jpeg_is_told_by_its_tables(given: int, mode: str) -> None:
    assert quality(natural(1, 64, 48).convert(mode), "JPEG", quality=given) == given


def test_a_jpeg_is_never_without_loss() -> None:
    assert quality(natural(1, 64, 48), "JPEG", quality=100) == 99


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "1", {}),
        ("BMP", "RGB", {}),
        ("TIFF", "RGB", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"lossless": True}),
    ],
)
def test_formats_without_loss_have_the_best_quality(
    form: str, mode: str, options: dict[str, object]
) -> None:
    assert quality(natural(1, 64, 48).convert(mode), form, **options) == 100


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("GIF", "P", {}),
        ("PNG", "P", {}),
        ("TIFF", "RGB", {"compression": "jpeg"}),
        ("WEBP", "RGB", {"quality": 90}),
        ("AVIF", "RGB", {"quality": 90}),
        ("JPEG2000", "RGB", {}),
    ],
)
def test_palettes_and_formats_that_do_not_tell_have_a_usual_quality(
    form: str, mode: str, options: dict[str, object]
) -> None:
    assert quality(natural(1, 64, 48).convert(mode), form, **options) == 75


def keeps_pixels(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        return is_lossless(image, data)


def animated(**options: object) -> bytes:
    first, *others = (scene(seed, 300, 200) for seed in range(5))
    return encoded(first, "WEBP", save_all=True, append_images=others, **options)


@pytest.mark.parametrize(
    ("form", "options", "is_lossless"),
    [
        ("PNG", {}, True),
        ("GIF", {}, True),
        ("BMP", {}, True),
        ("TIFF", {}, True),
        ("TIFF", {"compression": "tiff_lzw"}, True),
        ("TIFF", {"compression": "jpeg"}, False),
        ("WEBP", {"lossless": True}, True),
        ("WEBP", {"quality": 90}, False),
        ("JPEG", {}, False),
        ("HEIF", {}, False),
        ("AVIF", {}, False),
    ],
)
def test_a_format_is_lossless_when_it_keeps_every_pixel(
    form: str, options: dict[str, object], is_lossless: bool
) -> None:
    assert keeps_pixels(encoded(scene(1), form, **options)) == is_lossless


def test_an_animated_webp_is_lossless_by_its_first_frame() -> None:
    assert keeps_pixels(animated(lossless=True))
    assert not keeps_pixels(animated(quality=80))
