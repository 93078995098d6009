"""A transparent picture is laid on the grounds on which it shows; flattened copies are found."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgdedup.geometry.grounds import compare_on_grounds
from imgdedup.images.decode import Decoded
from imgdedup.images.pixels import BLACK, WHITE, grounds_of, on_ground
from tests.drawings import DECODER, cut_out, flattened, kept, lines, scene
from tests.pictures import SETTINGS
from tests.stand_ins import encoded

WHITE_INK, BLACK_INK = (255, 255, 255, 255), (0, 0, 0, 255)
RED_INK, GRAY_INK, PALE_INK = (200, 30, 60, 255), (150, 150, 150, 255), (226, 226, 226, 255)
SMALLER = (270, 270)


def decode(image: Image.Image, form: str = "PNG", **options: object) -> Decoded:
    return DECODER.decode(encoded(image, form, **options))


def are_copies(one: bytes, other: bytes) -> bool:
    left, right = kept(one), kept(other)
    found = {
        compare_on_grounds(*pair, SETTINGS.verify).duplicate
        for pair in ((left, right), (right, left))
    }
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    ("ink", "grounds"),
    [
        (BLACK_INK, (WHITE,)),
        (WHITE_INK, (BLACK,)),
        ((245, 245, 245, 255), (BLACK,)),
        (RED_INK, (WHITE, BLACK)),
        (GRAY_INK, (WHITE, BLACK)),
        (PALE_INK, (BLACK, WHITE)),
        ((30, 30, 30, 255), (WHITE, BLACK)),
    ],
)
def test_a_drawing_is_laid_on_each_ground_on_which_it_shows(
    ink: tuple[int, int, int, int], grounds: tuple[int, ...]
) -> None:
    for seed in range(3):
        drawn = lines(seed, ink)
        assert grounds_of(drawn) == grounds
        assert grounds_of(drawn.resize(SMALLER)) == grounds
        assert grounds_of(drawn.resize((60, 60))) == grounds


def test_other_formats_and_sizes_of_a_picture_have_the_same_grounds() -> None:
    for seed in range(3):
        whole = decode(cut_out(seed))
        for form, options in (("WEBP", {"quality": 60}), ("AVIF", {"quality": 60}), ("GIF", {})):
            saved = decode(cut_out(seed).resize((300, 225)), form, **options)
            assert (saved.second is None) == (whole.second is None)
            assert np.abs(saved.square.astype(int) - whole.square).mean() < 8, form


def test_an_opaque_picture_has_no_second_ground() -> None:
    opaque = scene(1).convert("RGBA")
    assert decode(opaque).second is None
    assert np.array_equal(decode(opaque).luma, decode(scene(1)).luma)
    little = scene(1).convert("RGBA")
    little.paste((0, 0, 0, 0), (0, 0, 20, 20))
    found = decode(little)
    assert (found.has_alpha, found.second) == (True, None)


def test_a_picture_of_nothing_is_white() -> None:
    found = decode(Image.new("RGBA", (40, 40), (90, 90, 90, 0)))
    assert (found.luma == 255).all()
    assert (found.has_alpha, found.second) == (True, None)


def test_what_a_transparent_pixel_hides_does_not_matter() -> None:
    drawn = np.array(lines(1, WHITE_INK))
    drawn[drawn[:, :, 3] == 0] = (255, 0, 0, 0)
    np.testing.assert_array_equal(
        decode(Image.fromarray(drawn)).luma, decode(lines(1, WHITE_INK)).luma
    )


@pytest.mark.parametrize("ground", [WHITE, BLACK])
def test_half_opaque_pixels_are_mixed_with_the_ground(ground: int) -> None:
    layer = Image.new("RGBA", (4, 4), (100, 100, 100, 51))
    mixed = np.asarray(on_ground(layer, ground))
    assert np.abs(mixed.astype(int) - round(100 * 0.2 + ground * 0.8)).max() <= 1


@pytest.mark.parametrize(
    ("image", "has_alpha"),
    [
        (scene(1), False),
        (scene(1).convert("RGBA"), False),
        (scene(1).convert("P"), False),
        (scene(1).convert("LA"), False),
        (cut_out(1), True),
        (cut_out(1).convert("LA"), True),
    ],
)
def test_alpha_is_a_pixel_that_is_not_opaque(image: Image.Image, has_alpha: bool) -> None:
    assert decode(image).has_alpha == has_alpha


def test_a_transparent_palette_entry_counts_when_a_pixel_has_it() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    for form in ("PNG", "GIF"):
        assert not decode(image, form, transparency=1).has_alpha
        assert decode(image, form, transparency=0).has_alpha


@pytest.mark.parametrize("ink", [WHITE_INK, BLACK_INK, RED_INK, PALE_INK])
def test_two_drawings_of_one_ink_are_no_copies_and_the_same_drawing_is_one(
    ink: tuple[int, int, int, int],
) -> None:
    first, second = lines(1, ink), lines(2, ink)
    assert not are_copies(encoded(first), encoded(second))
    assert are_copies(encoded(first), encoded(first.resize(SMALLER)))
    assert are_copies(encoded(first), encoded(first, "WEBP", lossless=True))
    apart = np.abs(decode(first).square.astype(int) - decode(second).square)
    assert apart.mean() > 10


@pytest.mark.parametrize("ground", ["white", "black"])
@pytest.mark.parametrize("seed", range(3))
def test_a_flattened_copy_is_a_copy_on_either_ground(seed: int, ground: str) -> None:
    for drawn in (cut_out(seed), lines(seed, RED_INK), lines(seed, GRAY_INK)):
        smaller = drawn.resize((drawn.width * 3 // 4, drawn.height * 3 // 4))
        copy = encoded(flattened(smaller, ground), "JPEG", quality=80)
        assert are_copies(encoded(drawn), copy)


def test_a_drawing_flattened_on_its_own_tone_is_a_blank_page_and_no_copy() -> None:
    for ink, ground, lost in ((WHITE_INK, "black", "white"), (BLACK_INK, "white", "black")):
        drawn = lines(3, ink)
        assert are_copies(encoded(drawn), encoded(flattened(drawn, ground), "JPEG"))
        assert not are_copies(encoded(drawn), encoded(flattened(drawn, lost), "JPEG"))


def labelled(text: str) -> Image.Image:
    """A red disc above a white word, on nothing."""
    drawn = Image.new("RGBA", (400, 400))
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((80, 20, 320, 260), fill=RED_INK)
    draw.rectangle((150, 90, 250, 190), fill=(30, 60, 200, 255))
    draw.text((60, 290), text, fill=WHITE_INK, font_size=80)
    return drawn


def test_what_shows_on_one_of_two_grounds_tells_two_pictures_apart() -> None:
    one, other = labelled("UMBRA"), labelled("LIGHT")
    assert grounds_of(one) == grounds_of(other) == (WHITE, BLACK)
    assert not are_copies(encoded(one), encoded(other))
    assert are_copies(encoded(one), encoded(one.resize(SMALLER)))
