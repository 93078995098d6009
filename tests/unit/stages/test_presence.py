"""Which images come before the first one whose file still has the content."""

import hashlib
from pathlib import Path

import pytest

from imgdedup import config
from imgdedup.errors import ImageFailure
from imgdedup.sources import Reader, reader_of
from imgdedup.stages.verify.files import Files
from imgdedup.stages.verify.presence import before_the_first
from tests.archives import MAKERS, made

CONF = Path(__file__).parents[3] / "conf"
DATA = b"a picture"
CONTENT = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def reader() -> Reader:
    return reader_of(config.load(CONF, "local", {}).embed)


def image(name: str, path: Path | None, key: str | None = None) -> dict[str, str | None]:
    return {"image_id": name, "uri": None if path is None else path.as_uri(), "file_key": key}


def test_images_without_their_file_come_before_one_that_has_it(
    reader: Reader, tmp_path: Path
) -> None:
    other, whole = tmp_path / "other.jpg", tmp_path / "whole.jpg"
    other.write_bytes(b"another picture")
    whole.write_bytes(DATA)
    gone = image("gone", tmp_path / "gone.jpg")
    changed, there = image("changed", other), image("there", whole)
    assert before_the_first(CONTENT, [gone, changed, there, gone], reader) == ["gone", "changed"]
    assert before_the_first(CONTENT, [there, gone], reader) == []


def test_bytes_in_a_manifest_are_there(reader: Reader, tmp_path: Path) -> None:
    gone = tmp_path / "gone.jpg"
    images = [image("a", gone), image("b", gone, key=""), image("c", gone)]
    assert before_the_first(CONTENT, images, reader) == ["a"]
    assert before_the_first(CONTENT, [images[0], image("d", None)], reader) == ["a"]


def test_where_no_file_can_be_read_none_is_told(reader: Reader, tmp_path: Path) -> None:
    images = [image(name, tmp_path / name) for name in "ab"]
    assert before_the_first(CONTENT, images, reader) == []


@pytest.mark.parametrize("kind", MAKERS)
def test_a_member_of_an_archive_is_there_while_the_archive_has_its_bytes(
    reader: Reader, tmp_path: Path, kind: str
) -> None:
    archive = made(kind, tmp_path, {"dir/a.jpg": DATA, "b.jpg": b"another picture"})
    a, b, none = (
        {"image_id": name, "uri": f"{archive}#{name}", "file_key": None}
        for name in ("dir/a.jpg", "b.jpg", "none.jpg")
    )
    assert before_the_first(CONTENT, [b, none, a, b], reader) == ["b.jpg", "none.jpg"]
    side = {"left_uris": [b["uri"], none["uri"], a["uri"]], "left_content": None}
    assert Files(reader).of(CONTENT, side, "left") == DATA
    made(kind, tmp_path, {"dir/a.jpg": b"another picture", "b.jpg": DATA})
    assert before_the_first(CONTENT, [a, none, b], reader) == ["dir/a.jpg", "none.jpg"]
    archive.unlink()
    with pytest.raises(ImageFailure, match="missing"):
        Files(reader).of(CONTENT, side, "left")
