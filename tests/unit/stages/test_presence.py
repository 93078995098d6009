"""Which images come before the first one whose file still has the content."""

import hashlib
from pathlib import Path

import pytest

from imgdedup import config
from imgdedup.sources import Reader, reader_of
from imgdedup.stages.verify.presence import before_the_first

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
