"""Motions compose, invert, and say what every edit really does to a picture."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgdedup.corpora.edits import EVERYDAY, Edit, in_turn
from imgdedup.corpora.motion import STILL, Motion, mirroring, scaling, turning, windowing
from imgdedup.corpora.strong_edits import COLLAGE, STRONG, collage, tiny_crop, turn
from imgdedup.corpora.turned_edits import TURNED, mirror
from tests.stand_ins import picture

SIZE = (240, 160)
quarters = st.integers(0, 3)


def detailed(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture with detail everywhere, so that a wrong motion shows."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


EDITS: dict[str, Edit] = {
    **EVERYDAY,
    **TURNED,
    **STRONG,
    COLLAGE: collage([detailed(seed, (200, 220)) for seed in (7, 8, 9)]),
    "crop-turn-mirror": in_turn(tiny_crop, turn, mirror),
}


def as_numbers(motion: Motion) -> list[float]:
    return [motion.a, motion.b, motion.c, motion.d, motion.e, motion.f]


def moved(image: Image.Image, motion: Motion, size: tuple[int, int]) -> np.ndarray:
    """The gray pixels of the image after the motion; -1 where the image does not reach."""
    back = as_numbers(motion.inverse)
    gray = Image.fromarray(np.asarray(image.convert("L"), np.float32))
    whole = Image.new("F", image.size, 1.0)
    shown, covered = (
        np.asarray(part.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR))
        for part in (gray, whole)
    )
    return np.where(covered > 0.99, shown, -1)


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("seed", range(3))
def test_an_edit_moves_the_pixels_where_it_says(name: str, seed: int) -> None:
    image = detailed(1)
    edited = EDITS[name](image, np.random.default_rng(seed))
    data = edited.encoding.encode(edited.image)
    copy = np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float32)
    due = moved(image, edited.motion, edited.image.size)
    there = due >= 0
    # Text and hue change the luma, too, and a motion follows a perspective only roughly.
    least = {"caption": 0.5, "text": 0.4, "perspective": 0.3, "colour": 0.4, "tiny-jpeg": 0.75}
    correlation = np.corrcoef(due[there], copy[there])[0, 1]
    assert correlation >= least.get(name, 0.9)
    crop = edited.motion.shown(image.size, edited.image.size)
    place = edited.motion.inverse.shown(edited.image.size, image.size)
    # A tilted picture leaves the corners of its box black.
    room = 0.25 if name in ("tilt", "perspective") else 0.06
    assert there.mean() == pytest.approx((place[2] - place[0]) * (place[3] - place[1]), abs=room)
    assert all(0 <= share <= 1 for share in (*crop, *place))


def test_which_edits_show_a_part_and_which_show_more() -> None:
    image = detailed(1)
    for name, edit in EDITS.items():
        edited = edit(image, np.random.default_rng(0))
        crop = edited.motion.shown(image.size, edited.image.size)
        place = edited.motion.inverse.shown(edited.image.size, image.size)
        whole = (0, 0, 1, 1)
        is_part = any(word in name for word in ("crop", "zoom", "perspective"))
        assert (crop != pytest.approx(whole)) == is_part, name
        if name != "perspective":
            assert (place != pytest.approx(whole)) == (name in {"letterbox", COLLAGE}), name
        assert edited.motion.exact == (name != "perspective")
        assert edited.motion.mirrored == ("mirror" in name)


@given(left=quarters, right=quarters)
def test_turns_add_up(left: int, right: int) -> None:
    first = turning(SIZE, left)
    between = SIZE if left % 2 == 0 else SIZE[::-1]
    both = first.then(turning(between, right))
    assert as_numbers(both) == as_numbers(turning(SIZE, left + right))
    assert both.rotation == 90 * ((left + right) % 4)
    assert not both.mirrored
    assert both.scale == 1


@given(factor=st.floats(0.1, 10), turns=quarters, mirrors=st.booleans(), x=st.floats(0, 100))
def test_a_motion_says_its_scale_rotation_and_mirroring(
    factor: float, turns: int, mirrors: bool, x: float
) -> None:
    motion = (mirroring(SIZE) if mirrors else STILL).then(turning(SIZE, turns))
    motion = motion.then(Motion(a=factor, e=factor, c=x))
    assert motion.mirrored == mirrors
    assert motion.rotation == pytest.approx(90 * turns)
    assert motion.scale == pytest.approx(factor)
    assert as_numbers(motion.then(motion.inverse)) == pytest.approx(as_numbers(STILL), abs=1e-6)
    back = motion.inverse
    assert back.mirrored == mirrors
    assert back.rotation == pytest.approx(90 * turns if mirrors else -90 * turns % 360)


def test_what_a_window_shows_is_the_window() -> None:
    motion = windowing((60, 40, 180, 120), (300, 200))
    assert motion.shown(SIZE, (300, 200)) == (0.25, 0.25, 0.75, 0.75)
    assert motion.inverse.shown((300, 200), SIZE) == (0, 0, 1, 1)
    assert motion.scale == 2.5
    assert scaling(SIZE, (120, 80)).scale == 0.5


def test_parts_in_turn_make_one_motion() -> None:
    image = detailed(2)
    crop = tiny_crop(image, np.random.default_rng(5))
    box = crop.motion.shown(image.size, crop.image.size)
    both = in_turn(tiny_crop, mirror)(image, np.random.default_rng(5))
    assert both.motion.shown(image.size, both.image.size) == pytest.approx(box)
    assert both.motion.mirrored
    first = in_turn(mirror, tiny_crop)(image, np.random.default_rng(5))
    mirrored = (1 - box[2], box[1], 1 - box[0], box[3])
    assert first.motion.shown(image.size, first.image.size) == pytest.approx(mirrored)


@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(STRONG)))
def test_a_strong_edit_is_a_function_of_the_seed_and_spares_its_input(seed: int, name: str) -> None:
    image = picture(1, 60, 40)
    before = image.tobytes()
    files = [
        edited.encoding.encode(edited.image)
        for edited in (STRONG[name](image, np.random.default_rng(seed)) for _ in range(2))
    ]
    assert files[0] == files[1]
    assert image.tobytes() == before


def test_strong_edits_keep_their_bounds() -> None:
    image = detailed(3)
    area = image.width * image.height
    for seed in range(20):
        sizes = {
            name: STRONG[name](image, np.random.default_rng(seed)).image.size
            for name in ("tiny-crop", "letterbox", "mirror-crop-gray", "tiny-jpeg")
        }
        shares = {name: width * height / area for name, (width, height) in sizes.items()}
        assert 0.09 <= shares["tiny-crop"] <= 0.26
        assert 1.15 <= shares["letterbox"] <= 2.25
        assert 0.39 <= shares["mirror-crop-gray"] <= 0.72
        assert shares["tiny-jpeg"] == pytest.approx(0.35**2, rel=0.02)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(64, 64), (400, 40), (40, 400)])
def test_strong_edits_take_gray_small_and_long_pictures(mode: str, size: tuple[int, int]) -> None:
    image = picture(4, *size).convert(mode)
    for name, edit in {**STRONG, COLLAGE: collage([image] * 3)}.items():
        edited = edit(image, np.random.default_rng(0))
        assert edited.encoding.encode(edited.image), name


@pytest.mark.parametrize("others", [0, 2, 4])
def test_a_collage_has_four_cells(others: int) -> None:
    pictures: Sequence[Image.Image] = [picture(seed) for seed in range(others)]
    with pytest.raises(ValueError, match=f"{others} other pictures"):
        collage(pictures)
