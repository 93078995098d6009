"""Reading an image's bytes: every kind of uri, and every way in which a local one fails."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import fs

from imgdedup.errors import ImageFailure
from imgdedup.sources import local, local_path, object_store, read_bytes, stores
from imgdedup.sources.local import read

NAMES = [
    b"plain.jpg",
    b"two words.jpg",
    b'it\'s "quoted".jpg',
    b"100%.jpg",
    b"percent%20encoded.jpg",
    b"question?and#hash.jpg",
    b"semi;colon:comma,plus+.jpg",
    b"back\\slash.jpg",
    b"dt=2026-01-01",
    "Gr\u00fc\u00dfe \U0001f600.jpg".encode(),
    b"not-utf-8-\xff\xfe.jpg",
    b"line\nbreak.jpg",
]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is the bucket "photos" of an object store."""
    system = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(stores, "_s3", lambda region, endpoint: system)
    monkeypatch.setattr(stores, "_gcs", lambda: system)
    return tmp_path / "photos"


def failure(uri: str, max_bytes: int = 1000) -> str:
    with pytest.raises(ImageFailure) as raised:
        read_bytes(uri, max_bytes)
    return raised.value.code


def deep_file(folder: Path, name: str, levels: int) -> str:
    """Write a file so many folders down, by relative steps, and return its path."""
    part = "d" * 200
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(part, dir_fd=handle)
        below = os.open(part, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    file = os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=handle)
    os.write(file, b"deep")
    os.close(file)
    os.close(handle)
    return "/".join([str(folder), *[part] * levels, name])


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


def test_a_path_may_be_longer_than_the_system_takes_at_once(tmp_path: Path) -> None:
    for name in ("a.jpg", "\U0001f600.jpg"):
        (tmp_path / name[0]).mkdir()
        path = deep_file(tmp_path / name[0], name, levels=50)
        assert len(path) > 10_000
        assert read_bytes(path, 1000) == b"deep"
        assert read_bytes(Path(path).as_uri(), 1000) == b"deep"
        assert failure(f"{path}.none") == "missing"


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
    os.mkfifo(tmp_path / "pipe")
    paths = [tmp_path, tmp_path / "loop", tmp_path / "pipe", Path("/dev/zero"), Path("/dev/tty")]
    for uri in (*map(str, paths), "x" * 5000, "/" + "x" * 5000, "nul\0byte", "\ud800", ""):
        assert failure(uri) in ("unreadable", "missing"), uri[:100]
    assert [failure(str(path)) for path in paths] == ["unreadable"] * len(paths)


def test_files_that_only_look_regular_neither_block_nor_go_on_for_ever() -> None:
    for uri in ("/proc/kmsg", "/proc/self/mem", "/proc/self/environ"):
        assert failure(uri) in ("empty", "unreadable")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ESTALE, "unavailable"),
        (errno.ETIMEDOUT, "unavailable"),
        (errno.EMFILE, "unavailable"),
        (errno.EIO, "unreadable"),
        (errno.EACCES, "unreadable"),
        (errno.ENOENT, "missing"),
    ],
)
def test_a_file_system_whose_server_is_away_may_be_back(
    monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def fail(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(local, "open_path", fail)
    assert failure("/photos/a.jpg") == code


def test_a_file_without_bytes_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert failure(str(tmp_path / "a")) == "empty"


def test_a_file_with_more_bytes_than_allowed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(str(tmp_path / "a"), 5) == b"12345"
    assert failure(str(tmp_path / "a"), max_bytes=4) == "too_large"


def test_a_file_of_a_terabyte_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "vast").open("wb") as file:
        file.truncate(1 << 40)
    assert failure(str(tmp_path / "vast"), max_bytes=(1 << 40) - 1) == "too_large"


def test_a_path_with_a_mark_is_read_only_if_it_lies_in_the_marked_folder(tmp_path: Path) -> None:
    for name in ("photos/a.jpg", "photos2/b.jpg", "c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    links = {"in": "a.jpg", "out": "../c.jpg", "beside": "../photos2/b.jpg", "file": "/etc/passwd"}
    links |= {"twice": "out", "gone": "none", "dir": "/"}
    for name, target in links.items():
        (tmp_path / "photos" / name).symlink_to(target)
    assert read_bytes(f"{tmp_path}/photos/./in", 9) == b"1"
    assert read_bytes(f"file://{tmp_path}/photos/./in", 9) == b"1"
    assert read_bytes(f"{tmp_path}/photos/out", 9) == b"1"
    found = {name: failure(f"{tmp_path}/photos/./{name}") for name in links if name != "in"}
    assert found == dict.fromkeys(links.keys() - {"in"}, "forbidden") | {"gone": "missing"}
    (tmp_path / "alias").symlink_to("photos")
    assert read_bytes(f"{tmp_path}/alias/./in", 9) == b"1"


def test_only_files_that_really_lie_in_an_allowed_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "out.jpg").write_bytes(b"1")
    (folder / "a.jpg").write_bytes(b"1")
    (folder / "link").symlink_to("../out.jpg")
    assert read(f"{folder}/a.jpg", 9, [str(folder)]).data == b"1"
    assert read(f"{folder}/link", 9, ["/nowhere", "/"]).data == b"1"
    for name in ("photos/link", "out.jpg", "photos/../out.jpg"):
        with pytest.raises(ImageFailure, match=r"embed\.allowed_sources") as raised:
            read(f"{tmp_path}/{name}", 9, [str(folder)])
        assert raised.value.code == "forbidden"


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n", "S3", "gs"])
@pytest.mark.parametrize("key", ["a.jpg", "a b/c'd%20?#.jpg", "\U0001f600.jpg", "dt=2026-01-01"])
def test_the_key_of_an_object_is_taken_as_it_is(bucket: Path, scheme: str, key: str) -> None:
    path = bucket / key
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(key.encode())
    assert read_bytes(f"{scheme}://photos/{key}", 1000) == key.encode()
    assert object_store(f"{scheme}://photos/{key}")[1] == f"photos/{key}"


def test_objects_fail_as_files_do(bucket: Path) -> None:
    bucket.mkdir()
    (bucket / "empty").touch()
    (bucket / "large").write_bytes(bytes(1001))
    codes = [failure(f"s3://photos/{name}") for name in ("nothing", "empty", "large")]
    assert codes == ["missing", "empty", "too_large"]


@pytest.mark.parametrize("uri", ["nonsense://h/a.jpg", "mock://h/a.jpg", "://", "x://["])
def test_a_scheme_without_a_reader_is_unreadable(uri: str) -> None:
    assert failure(uri) == "unreadable"


def test_azure_without_credentials_is_a_failure_though_its_library_ends_the_process(
    tmp_path: Path,
) -> None:
    uri = "abfss://container@account.dfs.core.windows.net/a.jpg"
    code = (
        "import sys\nfrom imgdedup.errors import ImageFailure\n"
        "from imgdedup.sources import read_bytes\n"
        "for _ in range(2):\n    try:\n        read_bytes(sys.argv[1], 9)\n"
        "    except ImageFailure as failure:\n        print(failure.code)\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    done = subprocess.run(
        [sys.executable, "-c", code, uri],
        env=clean | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stdout.split() == ["unreadable"] * 2
