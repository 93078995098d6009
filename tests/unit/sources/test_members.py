"""Members of tars and zips on the local disk: their names, their places and their sizes."""

import os
import random
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup import config
from imgdedup.errors import ImageFailure
from imgdedup.sources import Place, reader_of
from imgdedup.sources.local import read
from imgdedup.sources.members import normal_name, split
from tests.archives import MAKERS, made, tar_of, zip_of

SETTINGS = config.load(Path(__file__).parents[3] / "conf", "local", {}).embed
LIMIT = 10_000  # bytes
READER = reader_of(replace(SETTINGS, max_file_bytes=LIMIT, read_attempts=1))
NAMES = [
    "a.jpg",
    "dir/b c.jpg",
    "100%.jpg",
    "100%25.jpg",
    "question?and#hash.jpg",
    "inner.tar#x.jpg",
    "Gr\u00fc\u00dfe \U0001f600.jpg",
    "deep/" * 60 + "long.jpg",
    "back\\slash.jpg",
]
rng = random.Random(1)
DATA = {name: rng.randbytes(rng.randrange(1, 2000)) for name in NAMES}


def failure(uri: str, limit: int = LIMIT) -> ImageFailure:
    with pytest.raises(ImageFailure) as raised:
        read(uri, limit)
    return raised.value


@pytest.mark.parametrize("kind", MAKERS)
def test_every_member_is_read_by_its_name(tmp_path: Path, kind: str) -> None:
    archive = made(kind, tmp_path, DATA)
    for name in NAMES:
        assert READER.read(f"{archive}#{name}") == DATA[name]
        assert READER.read(f"{archive.as_uri()}#{name.replace('%', '%25')}") == DATA[name]
        assert READER.fetch(f"{archive}#{name}").place.key.startswith(f"{archive.as_uri()}#")


@pytest.mark.parametrize("kind", MAKERS)
def test_two_members_are_two_files_and_two_spellings_of_one_are_one(
    tmp_path: Path, kind: str
) -> None:
    archive = made(kind, tmp_path, {"./dir/a b.jpg": b"same", "dir/b.jpg": b"same"})
    spellings = [
        f"{archive}#dir/a b.jpg",
        f"{archive}#./dir//a b.jpg",
        f"{archive}#/dir/x/../a b.jpg",
        f"{archive.as_uri()}#dir/a%20b.jpg",
        f"file:{tmp_path}/./{archive.name}#%64ir/a b.jpg",
    ]
    places = {READER.fetch(uri).place for uri in spellings}
    assert places == {Place(f"{archive.as_uri()}#dir/a%20b.jpg")}
    assert READER.fetch(f"{archive}#dir/b.jpg").place == Place(f"{archive.as_uri()}#dir/b.jpg")


def test_links_to_an_archive_keep_its_members_apart(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar", {"a": b"1", "b": b"1"})
    os.link(archive, tmp_path / "hard.tar")
    (tmp_path / "soft.tar").symlink_to("a.tar")
    first, second, other = (
        READER.fetch(f"{tmp_path}/{name}").place for name in ("a.tar#a", "hard.tar#a", "a.tar#b")
    )
    assert first.inode == second.inode is not None
    assert other.inode not in (None, first.inode)
    linked = READER.fetch(f"{tmp_path}/soft.tar#a").place
    assert linked == replace(first, is_link=True)


def test_a_path_that_exists_as_a_whole_is_no_member(tmp_path: Path) -> None:
    tar_of(tmp_path / "a.tar", {"x.jpg": b"member", "b/x.jpg": b"member"})
    (tmp_path / "a.tar#b").mkdir()
    for name in ("a.tar#x.jpg", "a.tar#b/x.jpg", "b.tgz#x.jpg"):
        path = tmp_path / name
        assert name.startswith("b") or READER.read(str(path)) == b"member"
        path.write_bytes(b"file")
        assert READER.read(str(path)) == READER.read(path.as_uri()) == b"file"
        assert READER.fetch(str(path)).place == Place(path.as_uri())
    assert READER.read(f"file://{tmp_path}/a.tar#x.jpg") == b"member"
    assert READER.read(f"file://{tmp_path}/a.tar%23x.jpg") == b"file"


@given(st.text())
def test_only_the_ending_of_an_archive_begins_a_member(name: str) -> None:
    assert split(f"photos#1/a.tar#{name}") == ("photos#1/a.tar", name)
    assert split(f"photos#1/a.jpg#{name.replace('#', '')}")[1] is None
    assert split(f"photos/a.zip{name.replace('#', '')}")[1] is None


@given(st.text())
def test_the_normal_form_of_a_name_is_its_own_normal_form(name: str) -> None:
    assert normal_name(normal_name(name)) == normal_name(name)
    assert ".." not in normal_name(name).split("/")


@pytest.mark.parametrize("kind", MAKERS)
def test_of_several_members_of_one_name_the_last_one_counts(tmp_path: Path, kind: str) -> None:
    archive = made(kind, tmp_path, {"a.jpg": b"first", "b.jpg": b"b", "./a.jpg": b"last"})
    assert READER.read(f"{archive}#a.jpg") == b"last"
    tar = tar_of(tmp_path / "again.tar", {"a.jpg": b"first"})
    with tarfile.open(tar, "a") as opened:
        opened.addfile(tarfile.TarInfo("a.jpg"))
    assert failure(f"{tar}#a.jpg").code == "empty"


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_not_there_is_missing_by_name(tmp_path: Path, kind: str) -> None:
    archive = made(kind, tmp_path, DATA)
    for name in ("none.jpg", "dir/none", "A.JPG", "", "x" * 5000):
        found = failure(f"{archive}#{name}")
        assert found.code == "missing"
        assert found.detail.encode()
    assert "none.jpg" in failure(f"{archive}#none.jpg").detail
    assert failure(f"{tmp_path}/none.tar#a.jpg").code == "missing"
    assert failure(f"{archive}/below.tar#a.jpg").code == "missing"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_member_may_have_as_many_bytes_as_a_file(tmp_path: Path, kind: str) -> None:
    archive = made(kind, tmp_path, {"none": b"", "all": bytes(LIMIT), "more": bytes(LIMIT + 1)})
    assert READER.read(f"{archive}#all") == bytes(LIMIT)
    assert failure(f"{archive}#none").code == "empty"
    assert failure(f"{archive}#more").code == "too_large"


def test_a_zip_that_lies_about_a_size_is_not_unpacked(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {"bomb": bytes(200_000_000)}, zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 200_000
    assert failure(f"{archive}#bomb", 1_000_000).code == "too_large"
    told, small = struct.pack("<L", 200_000_000), struct.pack("<L", 1000)
    archive.write_bytes(archive.read_bytes().replace(told, small))
    assert failure(f"{archive}#bomb", 1_000_000).code == "unreadable"


def test_only_archives_that_really_lie_in_an_allowed_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    tar_of(tmp_path / "out.tar", {"a.jpg": b"1"})
    tar_of(tmp_path / "photos" / "in.tar", {"../../a.jpg": b"1", "photos/./a.jpg": b"2"})
    (tmp_path / "photos" / "link.tar").symlink_to("../out.tar")
    folder = [str(tmp_path / "photos")]
    assert read(f"{tmp_path}/photos/in.tar#../a.jpg", 9, folder).data == b"1"
    assert read(f"{tmp_path}/photos/./in.tar#photos/./a.jpg", 9, folder).data == b"2"
    for uri in ("out.tar#a.jpg", "photos/link.tar#a.jpg", "photos/../out.tar#a.jpg"):
        with pytest.raises(ImageFailure) as raised:
            read(f"{tmp_path}/{uri}", 9, folder)
        assert raised.value.code == "forbidden"
    assert failure(f"{tmp_path}/photos/./link.tar#a.jpg").code == "forbidden"


def test_names_that_are_not_utf_8_are_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"gr\xfc\xdfe.jpg")
    tar = tar_of(tmp_path / "a.tar", {name: b"1"}, tarfile.GNU_FORMAT)
    archive = zip_of(tmp_path / "a.zip", {"gr__e.jpg": b"1", "gru\u0308n.jpg": b"2"})
    data = archive.read_bytes().replace(b"gr__e.jpg", b"gr\xfc\xdfe.jpg")
    flags = struct.pack("<HH", 20, 0x800), struct.pack("<HH", 20, 0)
    archive.write_bytes(data.replace(*flags))
    for path in (tar, archive):
        assert READER.read(f"{path.as_uri()}#gr%fc%dfe.jpg") == b"1"
        assert failure(f"{path.as_uri()}#gr%fc.jpg").code == "missing"
        assert failure(f"{path.as_uri()}#gr%fc.jpg").detail.encode()
    # `zipfile` reads names that do not say to be UTF-8 as code page 437.
    for spelled in ("gru\u0308n.jpg", "gru\u0308n.jpg".encode().decode("cp437")):
        assert READER.read(f"{archive}#{spelled}") == b"2"
    places = {
        READER.fetch(f"{archive}#gru{middle}n.jpg").place for middle in ("\u0308", "\u2560\u00ea")
    }
    assert len(places) == 1
