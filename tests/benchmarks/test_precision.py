"""The precision benchmark's pairs: what they are, and that a seed gives the same files."""

import io
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from PIL import Image, ImageChops

from benchmarks.precision import corpus, quick
from benchmarks.precision.corpus import Corpus
from benchmarks.precision.judge import judge
from benchmarks.precision.kinds import layouts, objects, screens, sequences
from benchmarks.precision.kinds.catalogue import BY_NAME, KINDS
from benchmarks.precision.kinds.pairs import AIMS, Kind, Sources
from imgdedup import config
from imgdedup.errors import UserError
from imgdedup.local.workspace import CONF
from tests.stand_ins import encoded, picture

SLOW = ("photographed", "chat", "GIF", "APNG", "HEIC")  # to make
SOURCES = Sources(picture(1, 300, 200), picture(2, 260, 240))
HALF_PLAIN = Image.new("RGB", (300, 200), (120, 160, 200))
HALF_PLAIN.paste(Image.effect_noise((150, 200), 90).convert("RGB"), (0, 0))


def generator(name: str = "") -> Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def made(name: str) -> tuple[Image.Image, Image.Image]:
    """The two pictures of a kind, the first of each file."""
    pair = BY_NAME[name].make(SOURCES, generator(name))
    return opened(pair.left.data), opened(pair.right.data)


def frames(image: Image.Image) -> list[bytes]:
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        found.append(image.convert("RGB").tobytes())
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus of one photograph, which has a pair of every kind."""
    source = tmp_path_factory.mktemp("source")
    for number in range(2):
        (source / f"{number}.jpg").write_bytes(encoded(picture(number, 300, 200), "JPEG"))
    (source / "small.png").write_bytes(encoded(picture(2, 300, 159)))
    (source / "notes.txt").write_text("no picture")
    photos = {path.name: path for path in source.iterdir()}
    return corpus.ensure(tmp_path_factory.mktemp("bench") / "corpus", photos, 1, 0, 1)


def test_every_kind_has_a_pair_of_readable_files(built: Corpus) -> None:
    assert [row.kind for row in built.rows] == [kind.name for kind in KINDS]
    assert {kind.aim for kind in KINDS} - {None} == set(AIMS)
    for row in built.rows:
        for path in (row.left, row.right):
            with Image.open(built.files / path) as image:
                image.load()


def test_only_a_link_has_the_bytes_of_the_other_file(built: Corpus) -> None:
    same = [row for row in built.rows if row.left_content == row.right_content]
    assert [row.kind for row in same] == ["link to a file"]
    assert (built.files / same[0].right).is_symlink()
    assert (built.files / same[0].right).resolve() == (built.files / same[0].left).resolve()


def test_copies_of_a_photograph_share_its_file(built: Corpus) -> None:
    rows = {row.kind: row for row in built.rows}
    assert rows["zoom"].left == rows["caption"].left
    assert rows["object 1 %"].right != rows["object 2 %"].right


@pytest.mark.parametrize(
    "kind", [each for each in KINDS if not any(word in each.name for word in SLOW)]
)
def test_the_same_generator_gives_the_same_bytes(kind: Kind) -> None:
    assert kind.make(SOURCES, generator()) == kind.make(SOURCES, generator())


def test_too_few_large_photographs_are_refused(built: Corpus, tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encoded(picture(1, 300, 200)))
    with pytest.raises(UserError, match=r"1 photographs and as many others .* there are 1"):
        corpus.choose({"one.png": tmp_path / "one.png"}, 1, 0)


@pytest.mark.parametrize("area", objects.AREAS)
def test_an_object_covers_its_share_of_the_photograph(area: float) -> None:
    photo = Image.new("RGB", (640, 480), (10, 200, 30))
    pasted = objects.with_object(photo, SOURCES.other, generator(), area, plain=False)
    changed = np.asarray(ImageChops.difference(photo, pasted)).max(axis=2) > 8
    assert changed.mean() == pytest.approx(area, rel=0.25)


def test_an_object_on_plain_ground_lies_where_the_photograph_is_flat() -> None:
    pasted = objects.with_object(HALF_PLAIN, SOURCES.other, generator(), 0.01, plain=True)
    changed = np.asarray(ImageChops.difference(HALF_PLAIN, pasted)).max(axis=2) > 8
    assert changed[:, 150:].any()
    assert not changed[:, :150].any()


@pytest.mark.parametrize("layout", [layouts.invoice, layouts.receipt, layouts.table])
def test_one_digit_differs_or_several_numbers(
    layout: Callable[[Generator], layouts.Layout],
) -> None:
    page = layout(generator())
    one = layouts.with_other_digit(page, generator())
    several = layouts.with_other_numbers(page, generator())

    def changed(other: layouts.Layout) -> list[tuple[str, str]]:
        texts = zip(page.items, other.items, strict=True)
        return [(left.text, right.text) for left, right in texts if left != right]

    ((before, after),) = changed(one)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert 3 <= len(changed(several)) <= 6
    assert all(len(before) == len(after) for before, after in changed(several))


def test_a_chat_differs_in_one_bubble_below_its_title() -> None:
    left, right = screens.two_screens(generator(), 2400)
    assert left.size == right.size == (1080, 2400)
    box = ImageChops.difference(left, right).getbbox()
    assert box is not None
    assert box[1] > 180


@pytest.mark.parametrize("form", [*sequences.FORMS, "TIFF"])
def test_animations_and_pages_share_only_the_first_picture(form: str) -> None:
    what = "other pages" if form == "TIFF" else "other tail"
    left, right = (frames(image) for image in made(f"{form}, {what}"))
    assert left[0] == right[0]
    assert len(left) > 1
    assert left[1:] != right[1:]


def test_white_drawings_differ_only_in_what_is_transparent() -> None:
    left, right = made("white drawings")
    for image in (left, right):
        assert image.convert("RGB").getextrema() == ((255, 255),) * 3
    assert left.getchannel("A").tobytes() != right.getchannel("A").tobytes()


def test_both_orders_of_a_pair_are_judged(built: Corpus) -> None:
    settings = config.load(CONF, "local", {})
    rows = {row.kind: row for row in built.rows}
    apart = replace(rows["object 1 %"], right=rows["slide, one word"].left)
    chosen = [rows["png"], apart, rows["link to a file"]]
    copy, different = quick.judge_all(built, chosen, settings, workers=1)
    assert (copy.forward, copy.backward, copy.is_right) == (True, True, True)
    assert copy.decoding > 0
    assert (different.forward, different.backward, different.is_right) == (False, False, True)
    data = encoded(picture(1, 300, 200))
    assert judge(data, encoded(picture(1, 300, 200), "BMP"), settings)
    assert not judge(data, encoded(picture(7, 300, 200)), settings)


def test_a_file_that_cannot_be_decoded_is_told(built: Corpus, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    row = corpus.Row("png", 0, "broken.jpg", "broken.jpg", "a", "b", "")
    found = quick.judged(row, tmp_path, config.load(CONF, "local", {}))
    assert "not_an_image" in found.failure
    assert not found.is_right
