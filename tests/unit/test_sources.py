"""Reading an image's bytes: every kind of uri, and every way in which it fails."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import fs

from imgdedup import sources
from imgdedup.failures import ImageFailure
from imgdedup.sources import local_path, object_store, read_bytes

NAMES = [
    b"plain.jpg",
    b"two words.jpg",
    b'it\'s "quoted".jpg',
    b"100%.jpg",
    b"percent%20encoded.jpg",
    b"question?and#hash.jpg",
    b"semi;colon:comma,plus+.jpg",
    "Gr\u00fc\u00dfe \U0001f600.jpg".encode(),
    b"not-utf-8-\xff\xfe.jpg",
    b"line\nbreak.jpg",
]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An object store whose bucket "photos" is the folder `tmp_path`; lists addresses asked for."""
    asked: list[str] = []

    def file_system(address: str) -> tuple[fs.FileSystem, str]:
        asked.append(address)
        return fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()), ""

    monkeypatch.setattr(sources, "_file_system", file_system)
    return asked


def failure(uri: str, max_bytes: int = 1000) -> str:
    with pytest.raises(ImageFailure) as raised:
        read_bytes(uri, max_bytes)
    return raised.value.code


@pytest.mark.parametrize("name", NAMES)
def test_a_file_uri_leads_to_the_file_whatever_its_name(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(name)
    assert read_bytes(path.as_uri(), 1000) == name


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_path_is_taken_as_it_is(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(name)
    assert read_bytes(str(path), 1000) == name


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_a_path_comes_back_from_its_uri(name: bytes) -> None:
    path = Path(os.fsdecode(b"/" + name.lstrip(b"/")))
    assert local_path(path.as_uri()) == path


def test_a_file_uri_may_name_this_host(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    assert read_bytes(f"file://localhost{path}", 1000) == b"1"


@pytest.mark.parametrize("uri", ["s3://b/a.jpg", "gs://b/a.jpg", "hdfs://n:1/a.jpg", "x://y"])
def test_other_schemes_have_no_local_path(uri: str) -> None:
    assert local_path(uri) is None


def test_a_path_without_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("nothing", "nothing/at/all", "file/below", "link"):
        assert failure(str(tmp_path / name)) == "missing", name


def test_what_cannot_be_read_as_a_file_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for uri in (str(tmp_path), str(tmp_path / "loop"), "x" * 5000, "nul\0byte"):
        assert failure(uri) == "unreadable", uri[:100]


@pytest.mark.parametrize("uri", ["http://h/a.jpg", "nonsense://h/a.jpg", "://", "http://["])
def test_a_scheme_without_a_reader_is_unreadable(uri: str) -> None:
    assert failure(uri) == "unreadable"


def test_a_file_without_bytes_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert failure(str(tmp_path / "a")) == "empty"


def test_a_file_may_have_as_many_bytes_as_allowed_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(str(tmp_path / "a"), 5) == b"12345"
    assert failure(str(tmp_path / "a"), max_bytes=4) == "too_large"


def test_no_more_is_read_of_a_large_file_than_is_allowed() -> None:
    assert failure("/dev/zero", max_bytes=100_000) == "too_large"


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_the_names_hadoop_gives_to_s3_mean_the_same(bucket: list[str], scheme: str) -> None:
    object_store(f"{scheme}://photos/a/b.jpg")
    assert bucket == ["s3://photos"]


def test_other_schemes_reach_their_store_under_their_own_name(bucket: list[str]) -> None:
    object_store("gs://photos/a.jpg")
    object_store("hdfs://node:8020/a.jpg")
    assert bucket == ["gs://photos", "hdfs://node:8020"]


@pytest.mark.parametrize("key", ["a.jpg", "a b/c'd%20?#.jpg", "\U0001f600.jpg"])
def test_the_key_of_an_object_is_taken_as_it_is(
    bucket: list[str], tmp_path: Path, key: str
) -> None:
    path = tmp_path / key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(key.encode())
    assert read_bytes(f"s3a://photos/{key}", 1000) == key.encode()
    assert bucket == ["s3://photos"]


@pytest.mark.usefixtures("bucket")
def test_objects_fail_as_files_do(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(1001))
    codes = [failure(f"s3://photos/{name}") for name in ("nothing", "empty", "large")]
    assert codes == ["missing", "empty", "too_large"]


def test_a_store_is_found_by_the_path_below_its_address(tmp_path: Path) -> None:
    system, path = object_store(f"mock://{tmp_path}/a/b.jpg")
    assert type(system).__name__ == "_MockFileSystem"
    assert path.strip("/") == f"{tmp_path}/a/b.jpg".strip("/")
