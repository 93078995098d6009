"""The demo's corpus: its edits keep their promises and its truth table tells the truth."""

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgdedup.corpora import corpus, edits
from imgdedup.corpora.corpus import BROKEN, COPY, EDITED_PHOTOS, LONE_PHOTOS, ORIGINAL, Truth
from imgdedup.errors import ImageFailure, UserError
from imgdedup.images.decode import ByteBudget, Decoder

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
shares = st.floats(0, 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "photos"
    corpus.ensure(folder, DAYS)
    return folder


@pytest.fixture(scope="module")
def truth(photos: Path) -> list[Truth]:
    return corpus.load(photos)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def noise(width: int = 60, height: int = 40) -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width * 4, height * 4), Image.Resampling.BICUBIC)


def test_one_seed_gives_the_same_bytes_and_another_does_not(photos: Path, tmp_path: Path) -> None:
    corpus.ensure(tmp_path / "again", DAYS)
    corpus.ensure(tmp_path / "other", DAYS, seed=1)
    assert digests(tmp_path / "again") == digests(photos)
    assert digests(tmp_path / "other").keys() == digests(photos).keys()
    assert digests(tmp_path / "other") != digests(photos)


def test_the_truth_names_every_file_once(photos: Path, truth: list[Truth]) -> None:
    assert {f"{row.dt}/{row.image_id}" for row in truth} | {corpus.TRUTH} == digests(photos).keys()
    assert len({row.image_id for row in truth}) == len(truth)
    assert all((photos / row.dt / row.image_id).stat().st_size == row.size_bytes for row in truth)


def test_every_photograph_has_every_edit_and_lone_ones_none(truth: list[Truth]) -> None:
    by_photo = {
        photo: sorted(row.edit for row in truth if row.photo == photo)
        for photo in {row.photo for row in truth if row.photo}
    }
    everything = sorted([ORIGINAL, COPY, *edits.EVERYDAY])
    edited = dict.fromkeys(EDITED_PHOTOS, everything)
    assert by_photo == edited | {photo: [ORIGINAL] for photo in LONE_PHOTOS}


def test_pairs_span_the_days(truth: list[Truth]) -> None:
    originals = {row.photo: row.dt for row in truth if row.edit == ORIGINAL}
    for edit in (COPY, *edits.EVERYDAY):
        met = {(originals[row.photo], row.dt) for row in truth if row.edit == edit}
        assert {first for first, _ in met} == set(DAYS), edit
    assert {(originals[row.photo], row.dt) for row in truth if row.edit == COPY} == {
        (first, second) for first in DAYS for second in DAYS
    }


def test_copies_are_exact_and_all_else_differs(photos: Path, truth: list[Truth]) -> None:
    content = {row.image_id: (photos / row.dt / row.image_id).read_bytes() for row in truth}
    for photo in EDITED_PHOTOS:
        assert content[f"{photo}/copy.jpg"] == content[f"{photo}/original.jpg"]
    assert len(set(content.values())) == len(content) - len(EDITED_PHOTOS)


def test_broken_files_fail_as_the_truth_says_and_all_others_decode(
    photos: Path, truth: list[Truth]
) -> None:
    decoder = Decoder(64, 64, 85, max_pixels=178_956_970, budget=ByteBudget(2**30))
    for row in truth:
        data = (photos / row.dt / row.image_id).read_bytes()
        if row.failure == "empty":
            assert data == b""
        elif row.failure:
            with pytest.raises(ImageFailure) as failed:
                decoder.decode(data)
            assert failed.value.code == row.failure, row.image_id
        else:
            assert max(Image.open(io.BytesIO(data)).size) <= 2 * corpus.LONG_SIDE
            decoder.decode(data)
    assert {row.failure for row in truth if row.edit == BROKEN} == {
        "empty", "truncated", "corrupt", "not_an_image", "decompression_bomb",
    }  # fmt: skip


def test_a_complete_corpus_is_left_alone(photos: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}
    assert corpus.ensure(photos, DAYS) == corpus.load(photos)
    assert {path: path.stat().st_mtime_ns for path in photos.rglob("*")} == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / DAYS[0] / "astronaut/original.jpg").unlink(),
        lambda folder: (folder / DAYS[0] / "astronaut/original.jpg").write_bytes(b"short"),
        lambda folder: (folder / DAYS[1] / "stray.jpg").write_bytes(b"not ours"),
        lambda folder: (folder / corpus.TRUTH).write_bytes(b"not Parquet"),
    ],
    ids=["lost", "shortened", "added", "truth unreadable"],
)
def test_a_damaged_corpus_is_built_again(
    damage: Callable[[Path], object], photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    damage(folder)
    corpus.ensure(folder, DAYS)
    assert digests(folder) == digests(photos)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="something other than the demo's photographs"):
        corpus.ensure(tmp_path, DAYS)
    assert (tmp_path / "holiday.jpg").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot write the demo's photographs to .*file/photos"):
        corpus.ensure(tmp_path / "file" / "photos", DAYS)


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"scikit-image, which is not installed: .*pip install"):
        corpus.ensure(tmp_path / "photos", DAYS)
    assert not (tmp_path / "photos").exists()


@given(area=st.floats(0.01, 1), aspect=st.floats(0.2, 5), x=shares, y=shares)
def test_a_box_has_the_area_asked_for_and_stays_inside(
    area: float, aspect: float, x: float, y: float
) -> None:
    left, top, right, bottom = edits.area_box((640, 427), area, aspect, x, y)
    assert (right - left) * (bottom - top) == pytest.approx(area * 640 * 427)
    assert min(left, top, 640 - right, 427 - bottom) >= -1e-6


@given(seed=st.integers(0, 2**32), edit=st.sampled_from(sorted(edits.EVERYDAY)))
def test_an_everyday_edit_keeps_its_bounds(seed: int, edit: str) -> None:
    image = noise(30, 20)
    before = image.tobytes()
    edited = edits.EVERYDAY[edit](image, np.random.default_rng(seed))
    again = edits.EVERYDAY[edit](image, np.random.default_rng(seed))
    assert edited.encoding.encode(edited.image) == again.encoding.encode(again.image)
    assert image.tobytes() == before
    width, height = edited.image.size
    share = width * height / (image.width * image.height)
    if edit == "resize":
        assert 0.25**2 * 0.95 <= share <= 2**2 * 1.05
        assert width / height == pytest.approx(image.width / image.height, rel=0.05)
    elif edit.startswith("crop"):
        assert 0.44 <= share <= 0.92
    else:
        assert edited.image.size == image.size


def test_a_zoom_shows_a_part_of_the_picture_enlarged() -> None:
    image = noise()
    part = image.crop((40, 40, 200, 120)).resize((240, 120), Image.Resampling.LANCZOS)
    zoomed = edits.zoom(image.crop((0, 0, 240, 120)), 1.5, 0.5, 1.0)
    assert np.abs(np.asarray(zoomed, int) - np.asarray(part, int)).mean() < 1


def test_brightness_contrast_and_gray_do_what_their_names_say() -> None:
    image = noise()
    pixels = np.asarray(image, float)
    darker = np.asarray(edits.brightness(image, 0.5), float)
    assert np.abs(darker - pixels / 2).max() <= 1
    assert np.asarray(edits.contrast(image, 0.5), float).std() == pytest.approx(
        pixels.std() / 2, rel=0.05
    )
    assert edits.grayscale(image).mode == "L"
    assert np.asarray(edits.blur(image, 2), float).std() < pixels.std()


def test_an_edit_in_turn_is_stored_by_its_last_part() -> None:
    both = edits.in_turn(edits.everyday_jpeg, edits.everyday_grayscale, edits.everyday_png)
    edited = both(noise(), np.random.default_rng(0))
    assert edited.encoding == edits.PNG
    assert edited.image.mode == "L"
    assert edited.amount.startswith("quality ")
