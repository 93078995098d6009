"""What the network and the local features see of a picture, whatever its bars and its thumbnail."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from imgdedup.images.decode import ByteBudget, Decoded, Decoder
from tests.stand_ins import encoded, picture

DECODER = Decoder(
    side=32, thumbnail_size=64, thumbnail_quality=90, max_pixels=10**7, budget=ByteBudget(1 << 30)
)
PHOTO = picture(seed=1, width=320, height=240)


def decode(image: Image.Image, form: str = "PNG", **options: object) -> Decoded:
    return DECODER.decode(encoded(image, form, **options))


def test_the_network_sees_a_picture_without_its_bars() -> None:
    framed = ImageOps.expand(PHOTO, (0, 100), "black")
    whole = decode(PHOTO).square.astype(int)
    for seen, most in ((decode(framed), 2), (decode(framed, "JPEG", quality=60), 8)):
        assert np.abs(seen.square - whole).mean() < most
        assert seen.luma.shape == (320, round(320 * 320 / 440))
        assert (seen.width, seen.height) == (320, 440)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_local_features_see_the_picture_upright(orientation: int) -> None:
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = PHOTO if turn is None else PHOTO.transpose(turn)
    np.testing.assert_array_equal(decode(stored, exif=exif).luma, decode(PHOTO).luma)


def test_the_local_features_see_the_same_picture_whatever_the_thumbnail() -> None:
    large = encoded(PHOTO.resize((1600, 1200)), "JPEG")
    found = [replace(DECODER, thumbnail_size=size).decode(large).luma for size in (100, 320, 700)]
    assert found[0].shape == (240, 320)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[1], found[2])
