"""Two names of one file have one key or one inode, and two files have neither in common."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from imgdedup import config
from imgdedup.sources import Place, reader_of
from imgdedup.sources.allowed import source_of

SETTINGS = config.load(Path(__file__).parents[3] / "conf", "local", {}).embed
READER = reader_of(replace(SETTINGS, read_attempts=1))


def place(uri: str) -> Place:
    return READER.fetch(uri).place


def photo(folder: Path, name: str = "a.jpg") -> Path:
    path = folder / name
    path.write_bytes(b"photo")
    return path


def test_a_file_of_one_name_has_its_path_for_a_key_and_no_inode(tmp_path: Path) -> None:
    path = photo(tmp_path, "a b\u00e9%.jpg")
    assert place(str(path)) == Place(path.as_uri())
    assert READER.fetch(str(path)).data == b"photo"


@pytest.mark.parametrize(
    "spelling",
    [
        "{path}",
        "file:{path}",
        "file://{path}",
        "file://localhost{path}",
        "FILE://{path}",
        "{folder}//a.jpg",
        "{folder}/./a.jpg",
        "{folder}/none/../a.jpg",
        "file://{folder}/%61.jpg",
        "file://{folder}/a%2Ejpg",
    ],
)
def test_all_spellings_of_a_path_have_one_key(tmp_path: Path, spelling: str) -> None:
    path = photo(tmp_path)
    (tmp_path / "none").mkdir()
    found = place(spelling.format(path=path, folder=tmp_path))
    assert found == Place(path.as_uri())


def test_a_path_below_the_working_folder_has_the_key_of_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = photo(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert place("a.jpg") == Place(path.as_uri())


def test_a_link_has_the_key_of_its_target_and_is_known_as_a_link(tmp_path: Path) -> None:
    path = photo(tmp_path)
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    (tmp_path / "twice.jpg").symlink_to("link.jpg")
    (tmp_path / "folder").symlink_to(".")
    for name in ("link.jpg", "twice.jpg", "./link.jpg", "folder/a.jpg"):
        assert place(f"{tmp_path}/{name}") == Place(path.as_uri(), is_link=True)


def test_hard_links_have_one_inode_and_a_copy_has_none(tmp_path: Path) -> None:
    path, copy = photo(tmp_path), photo(tmp_path, "copy.jpg")
    os.link(path, tmp_path / "b.jpg")
    (tmp_path / "link.jpg").symlink_to("b.jpg")
    first, second, third = (place(f"{tmp_path}/{name}") for name in ("a.jpg", "b.jpg", "link.jpg"))
    assert first.inode == second.inode == third.inode is not None
    assert first.key != second.key == third.key
    assert place(str(copy)) == Place(copy.as_uri())


@pytest.mark.parametrize(
    ("spellings", "key"),
    [
        (
            [
                "http://Photos.example:80/a/b.jpg",
                "HTTP://photos.example/a//b.jpg",
                "http://photos.example/a/./x/../b.jpg#top",
                "http://photos.example/%61/b%2Ejpg",
            ],
            "http://photos.example/a/b.jpg",
        ),
        (
            ["https://h/a%2fb c.jpg?x=%41&y=%c3", "https://H:443/a%2Fb%20c.jpg?x=A&y=%C3"],
            "https://h/a%2Fb%20c.jpg?x=A&y=%C3",
        ),
        (["https://h", "https://h/", "https://h//"], "https://h/"),
        (["s3://bucket/a.jpg", "s3a://bucket/a.jpg", "S3N://bucket/a.jpg"], "s3://bucket/a.jpg"),
        (["hdfs://Node:8020/a//b.jpg", "hdfs://node:8020/a/b.jpg"], "hdfs://node:8020/a/b.jpg"),
    ],
)
def test_all_spellings_of_a_remote_uri_have_one_key(spellings: list[str], key: str) -> None:
    assert {source_of(uri).place for uri in spellings} == {Place(key)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h/a.jpg", "https://h/a.jpg"),
        ("http://h/a.jpg", "http://h:81/a.jpg"),
        ("http://h/a.jpg", "http://h/A.jpg"),
        ("http://h/a/", "http://h/a"),
        ("http://h/a?x=1", "http://h/a?x=2"),
        ("http://h/a%2Fb", "http://h/a/b"),
        ("s3://bucket/a%20b", "s3://bucket/a b"),
        ("s3://bucket/x/../a", "s3://bucket/a"),
        ("s3://bucket/a", "gs://bucket/a"),
    ],
)
def test_two_files_have_two_keys(one: str, other: str) -> None:
    assert source_of(one).place != source_of(other).place
