"""The decision on two pictures: which edits leave a copy, and which like pictures are none."""

import zlib
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from imgdedup.corpora.edits import EVERYDAY, Edited, grayscale, jpeg, resize
from imgdedup.corpora.strong_edits import COLLAGE, STRONG, collage, turn
from imgdedup.corpora.turned_edits import TURNED
from imgdedup.geometry.comparison import Verdict, compare
from imgdedup.geometry.picture import Picture
from tests.pictures import SETTINGS, described, described_copy, photograph

PHOTOS = ["cat", "motorcycle"]
TINY = (16, 16)
FONT = ImageFont.load_default(15)
SURE = list(STRONG)


@cache
def photo(name: str) -> Picture:
    return described(photograph(name))


def edited(name: str, edit: str) -> Edited:
    recipe = {**EVERYDAY, **TURNED, **STRONG}[edit]
    return recipe(photograph(name), np.random.default_rng(zlib.crc32(f"{edit} {name}".encode())))


def verdict(left: Picture, right: Picture) -> Verdict:
    """The verdict on two pictures, which must be the same in both orders."""
    there, back = compare(left, right, SETTINGS.verify), compare(right, left, SETTINGS.verify)
    assert there.duplicate == back.duplicate
    assert (there.explanation is None) == (back.explanation is None) == (not there.duplicate)
    if there.explanation and back.explanation:
        if left.thumbnail != right.thumbnail:
            assert {there.explanation.wider, back.explanation.wider} == {"left", "right"}
        assert there.explanation.mirrored == back.explanation.mirrored
        assert there.explanation.scale == pytest.approx(back.explanation.scale, rel=0.02)
        assert there.explanation.crop == pytest.approx(back.explanation.crop, abs=0.03)
    return there


@pytest.mark.parametrize("edit", [*EVERYDAY, *TURNED, *SURE])
@pytest.mark.parametrize("name", PHOTOS)
def test_an_edited_copy_is_a_copy(name: str, edit: str) -> None:
    found = verdict(photo(name), described_copy(edited(name, edit)))
    assert found.duplicate
    assert found.inliers == 0 or found.inliers >= SETTINGS.verify.least_inliers
    assert found.overlap > 0.9


@pytest.mark.parametrize("name", PHOTOS)
def test_a_picture_is_a_copy_of_itself(name: str) -> None:
    found = verdict(photo(name), described(photograph(name), jpeg(95)))
    assert found.duplicate
    assert found.overlap > 0.99
    assert found.correlation > 0.95


def test_a_collage_is_a_copy_of_each_of_its_four_pictures() -> None:
    first, *others = (photograph(name) for name in ("astronaut", "cat", "coffee", "china"))
    grid = collage(others)(first, np.random.default_rng(0))
    assert COLLAGE not in STRONG
    # The others are cut to their cells, and are still shown by more than half.
    for name in ("astronaut", "cat", "coffee", "china"):
        assert verdict(photo(name), described_copy(grid)).duplicate, name


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("seed", range(2))
def test_a_copy_of_a_copy_is_a_copy(name: str, seed: int) -> None:
    first = EVERYDAY["crop"](photograph(name), np.random.default_rng(seed))
    second = EVERYDAY["jpeg"](grayscale(photograph(name)), np.random.default_rng(seed))
    assert verdict(described_copy(first), described_copy(second)).duplicate


def test_different_photographs_are_no_copies() -> None:
    names = [
        "astronaut",
        "brick",
        "camera",
        "cat",
        "coffee",
        "moon",
        "motorcycle",
        "page",
        "rocket",
    ]
    found = {
        (left, right)
        for place, left in enumerate(names)
        for right in names[:place]
        if compare(photo(left), photo(right), SETTINGS.verify).duplicate
    }
    assert found == set()


def test_the_other_view_of_a_stereo_pair_is_no_copy() -> None:
    assert not verdict(photo("motorcycle"), photo("motorcycle-stereo")).duplicate


def test_two_textures_and_two_parts_of_one_texture_are_no_copies() -> None:
    assert not verdict(photo("grass"), photo("gravel")).duplicate
    for name in ("grass", "gravel"):
        picture = photograph(name)
        halves = [picture.crop((x, 0, x + 200, 400)) for x in (0, 200)]
        assert not verdict(*(described(half) for half in halves)).duplicate


def test_one_object_in_two_pictures_of_different_surroundings_is_no_copy() -> None:
    left, right = photograph("cat").copy(), photograph("coffee").copy()
    badge = photograph("astronaut").resize((90, 90))
    for picture in (left, right):
        picture.paste(badge, (20, 20))
    assert not verdict(described(left), described(right)).duplicate


def test_two_crops_that_share_little_are_no_copies() -> None:
    picture = photograph("astronaut")
    left, right = picture.crop((0, 0, 240, 400)), picture.crop((160, 0, 400, 400))
    found = verdict(described(left), described(right))
    assert not found.duplicate
    assert found.overlap == pytest.approx(1 / 3, abs=0.02)


def blank(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (300, 200), colour)


def page(seed: int) -> Image.Image:
    """A page of set text: the same type and lines, other words."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (420, 300), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15)
    for top in range(20, 280, 20):
        letters = rng.choice(list("abcdefghijklmnoprstuvwz     "), 46)
        draw.text((25, top), "".join(letters), "black", font)
    return picture


def gradient(angle: float, low: int, high: int) -> Image.Image:
    """A linear change from one gray to another, in a direction (degrees)."""
    down, across = np.indices((200, 300)) / 100
    turned = across * np.cos(np.radians(angle)) + down * np.sin(np.radians(angle))
    share = (turned - turned.min()) / np.ptp(turned)
    return Image.fromarray((low + (high - low) * share).astype(np.uint8)).convert("RGB")


PLAIN = {
    "white": blank((255, 255, 255)),
    "gray": blank((120, 120, 120)),
    "sky": blank((120, 160, 220)),
    "wall": blank((150, 120, 120)),
    "black": blank((0, 0, 0)),
    "page 1": page(1),
    "page 2": page(2),
    "page 3": page(3),
    "across": gradient(0, 40, 200),
    "aslant": gradient(40, 40, 200),
    "steep": gradient(0, 0, 255),
    "faint": gradient(0, 100, 140),
}


def test_plain_pictures_that_differ_are_no_copies() -> None:
    seen = {name: described(picture) for name, picture in PLAIN.items()}
    names = sorted(seen)
    found = {
        (left, right)
        for place, left in enumerate(names)
        for right in names[:place]
        if verdict(seen[left], seen[right]).duplicate
    }
    # A gradient with more contrast is the same gradient, as a photograph would be the same one.
    assert found <= {("steep", "across"), ("faint", "across"), ("steep", "faint")}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("factor", [0.6, 1.7])
def test_a_resized_plain_picture_is_a_copy(name: str, factor: float) -> None:
    picture = PLAIN[name]
    assert verdict(described(picture), described(resize(picture, factor), jpeg(90))).duplicate


@pytest.mark.parametrize("name", ["page 1", "aslant"])
def test_a_turned_plain_picture_is_a_copy(name: str) -> None:
    picture = PLAIN[name]
    copy = turn(picture, np.random.default_rng(0))
    found = verdict(described(picture), described_copy(copy))
    assert found.duplicate


@pytest.mark.parametrize("size", [(1, 1), TINY, (16, 320), (320, 16), (2000, 100), (33, 17)])
def test_odd_sizes_are_compared_without_fault(size: tuple[int, int]) -> None:
    odd = described(photograph("cat").resize(size))
    again = described(photograph("cat").resize(size), jpeg(95))
    assert compare(odd, again, SETTINGS.verify).duplicate
    for other in (photo("cat"), photo("coffee"), described(blank((9, 9, 9)))):
        assert 0 <= verdict(odd, other).overlap <= 1


def test_tiny_pictures_of_different_things_are_no_copies() -> None:
    names = ["astronaut", "cat", "coffee", "china", "motorcycle"]
    tiny = [described(photograph(name).resize(TINY)) for name in names]
    assert not any(
        verdict(left, right).duplicate for place, left in enumerate(tiny) for right in tiny[:place]
    )


def test_two_panoramas_are_no_copies_but_a_smaller_one_is_a_copy() -> None:
    wide = {name: photograph(name).resize((1600, 80)) for name in ("cat", "china")}
    assert not verdict(described(wide["cat"]), described(wide["china"])).duplicate
    assert verdict(described(wide["cat"]), described(resize(wide["cat"], 0.7))).duplicate


def words(seed: int) -> str:
    letters = list("abcdefghijklmnoprstuvwz     ")
    return "".join(np.random.default_rng(seed).choice(letters, 46))


def sheet_of(lines: list[str], header: Image.Image | None = None) -> Image.Image:
    """A page of text, a line for each 20 pixels; a header takes the place of the upper ones."""
    sheet = Image.new("RGB", (420, 300), "white")
    top = 0 if header is None else header.height + 5
    if header is not None:
        sheet.paste(header, (0, 0))
    for number, line in enumerate(lines):
        if 20 + number * 20 >= top:
            ImageDraw.Draw(sheet).text((25, 20 + number * 20), line, "black", FONT)
    return sheet


def chart(seed: int) -> Image.Image:
    """A line chart on a grid; each seed draws another line."""
    sheet = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((50, 20, 380, 260), outline="black")
    for step in range(6):
        draw.line((50, 20 + 48 * step, 380, 20 + 48 * step), (220, 220, 220))
        draw.text((15, 14 + 48 * step), str(100 - 20 * step), "black", FONT)
    heights = 140 + np.cumsum(np.random.default_rng(seed).normal(0, 12, 66))
    points = [(50 + 5 * k, float(np.clip(y, 22, 258))) for k, y in enumerate(heights)]
    draw.line(points, (200, 30, 30), 3)
    return sheet


@pytest.mark.parametrize("shared", [0, 3, 6, 9, 12])
def test_pages_that_share_some_of_their_lines_are_no_copies(shared: int) -> None:
    first = [words(line) for line in range(13)]
    second = [words(line if line < shared else 100 + line) for line in range(13)]
    assert not verdict(described(sheet_of(first)), described(sheet_of(second))).duplicate
    assert verdict(described(sheet_of(first)), described(resize(sheet_of(first), 0.6))).duplicate


def test_pages_with_the_same_photograph_and_other_text_are_no_copies() -> None:
    header = photograph("cat").resize((420, 120))
    one, other = ([words(seed + line) for line in range(13)] for seed in (0, 100))
    assert not verdict(
        described(sheet_of(one, header)), described(sheet_of(other, header))
    ).duplicate


def test_charts_of_other_data_are_no_copies() -> None:
    assert not verdict(described(chart(1)), described(chart(2))).duplicate
    assert verdict(described(chart(1)), described(resize(chart(1), 0.6))).duplicate


def test_another_photograph_in_the_same_frame_is_no_copy() -> None:
    frame = photograph("brick").convert("RGB").resize((400, 300))
    pictures = []
    for name in ("cat", "coffee"):
        framed = frame.copy()
        framed.paste(photograph(name).resize((280, 180)), (60, 60))
        pictures.append(described(framed))
    assert not verdict(*pictures).duplicate


def test_texture_that_brightening_made_white_does_not_matter() -> None:
    """Pale specks on a darker ground: brightening leaves only the lower part of the specks."""
    drawing = np.asarray(grayscale(photograph("cat")), dtype=float)
    height, width = drawing.shape
    y, x = np.mgrid[:height, :width]
    specks = 185 + 55 * np.maximum(0, np.sin(x / 5 + np.sin(y / 31)) * np.sin(y / 7)) ** 2
    inside = np.hypot((x - width / 2) / width, (y - height / 2) / height) < 0.3
    picture = np.where(inside, 0.6 * drawing, specks)
    levels = picture, np.clip(1.3 * picture, 0, 255)
    found = verdict(*(described(Image.fromarray(each.astype(np.uint8))) for each in levels))
    assert found.duplicate
    assert found.correlation > 0.95
