"""Members of archives in object stores, and behind http."""

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from pyarrow import fs

from imgdedup.errors import ImageFailure
from imgdedup.sources import Place, Reader, object_store, stores
from imgdedup.sources.allowed import Allowed, source_of
from imgdedup.sources.patience import Circuits, Patience
from tests.archives import MAKERS, made, tar_of, zip_of
from tests.loopback import Request, Server, serving

LIMIT = 10_000  # bytes
rng = random.Random(1)
DATA = {name: rng.randbytes(900) for name in ("a.jpg", "dir/b c%20.jpg", "Gr\u00fc\u00dfe#1.jpg")}


def reader(*allowed: str, attempts: int = 1, timeout: float = 20.0) -> Reader:
    return Reader(Allowed(allowed), LIMIT, timeout, Patience(attempts, 0.01, Circuits(60)))


def failure(reader: Reader, uri: str) -> ImageFailure:
    with pytest.raises(ImageFailure) as raised:
        reader.read(uri)
    return raised.value


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is the bucket "photos" of every store."""
    system = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(stores, "_s3", lambda region, endpoint: system)
    monkeypatch.setattr(stores, "_gcs", lambda: system)
    monkeypatch.setattr(stores, "_check_azure", lambda address: None)
    monkeypatch.setattr(stores, "_from_uri", lambda address: (system, "photos"))
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


STORES = ["s3://photos", "s3a://photos", "gs://photos", "hdfs://node:8020", "abfs://c@own.example"]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_member_of_an_object_is_read_by_its_name_as_it_is(
    bucket: Path, store: str, kind: str
) -> None:
    name = made(kind, bucket, DATA).name
    reading = reader("s3", "gs", "hdfs://node:8020", "abfs://c@own.example")
    for member, data in DATA.items():
        assert reading.read(f"{store}/{name}#{member}") == data
    place = reading.fetch(f"{store}/{name}#./dir//b c%20.jpg").place
    key = source_of(f"{store}/{name}").place.key
    assert place == Place(f"{key}#dir/b%20c%2520.jpg")


def test_members_of_objects_fail_as_those_of_files_do(bucket: Path) -> None:
    tar_of(bucket / "a.tar", DATA | {"empty": b"", "large": bytes(LIMIT + 1)})
    (bucket / "a.tgz").write_bytes(b"1")
    (bucket / "text.zip").write_bytes(b"no zip")
    reading = reader("s3")
    found = {
        name: failure(reading, f"s3://photos/{name}").code
        for name in ("a.tar#empty", "a.tar#large", "a.tar#none", "none.tar#a.jpg", "text.zip#a")
    }
    assert list(found.values()) == ["empty", "too_large", "missing", "missing", "unreadable"]
    assert "make it a .tar" in failure(reading, "s3://photos/a.tgz#a.jpg").detail
    none = failure(reading, "s3://photos/a.tar#none").detail
    assert none == "s3://photos/a.tar has no member none"


def test_a_replaced_object_gives_its_new_members(bucket: Path) -> None:
    path, reading = bucket / "a.tar", reader("s3")
    for turn in (DATA, dict(reversed(DATA.items())), {"a.jpg": b"new"}):
        tar_of(path, turn)
        for member, data in turn.items():
            assert reading.read(f"s3://photos/a.tar#{member}") == data
    assert failure(reading, "s3://photos/a.tar#dir/b c%20.jpg").code == "missing"
    path.unlink()
    assert failure(reading, "s3://photos/a.tar#a.jpg").code == "missing"


def test_what_is_listed_counts_for_the_archive(bucket: Path) -> None:
    for folder in ("in", "out"):
        (bucket / folder).mkdir()
        tar_of(bucket / folder / "a.tar", {"a.jpg": b"1", "../../out/a.jpg": b"2"})
    reading = reader("s3://photos/in")
    assert reading.read("s3://photos/in/a.tar#a.jpg") == b"1"
    assert reading.read("s3://photos/in/a.tar#../../out/a.jpg") == b"2"
    for uri in ("out/a.tar#a.jpg", "in/../out/a.tar#a.jpg", "in#/../out/a.tar#a.jpg"):
        assert failure(reading, f"s3://photos/{uri}").code == "forbidden"
    assert reader("s3://photos/in/a.tar").read("s3://photos/in/a.tar#a.jpg") == b"1"
    assert failure(reader("s3://photos/in/a.tar#b"), "s3://photos/in/a.tar#a").code == "forbidden"


def test_a_prefix_to_list_is_taken_as_it_is(bucket: Path) -> None:
    assert object_store("s3://photos/a.tar#1/b")[1] == "photos/a.tar#1/b"


class Store:
    """Objects by their paths, as S3 gives them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.taken: list[tuple[str, int]] = []  # method, and bytes of the answer
        self.wait = 0.0  # seconds before each answer

    def answer(self, request: Request) -> None:
        """Answer a request for an object, or for a range of it."""
        time.sleep(self.wait)
        data = self.objects.get(unquote(request.path.split("?")[0]), b"")
        whole = len(data)
        tag = f'"{hash(data)}"'
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        headers = {"ETag": tag, "Last_Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
        if span:
            first, last = int(span[1]), min(int(span[2]), whole - 1)
            data = data[first : last + 1]
            headers["Content_Range"] = f"bytes {first}-{last}/{whole}"
        self.taken.append((request.command, len(data)))
        request.reply((206 if span else 200) if whole else 404, data, **headers)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, Server]]:
    found = Store()
    with serving(found.answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield found, server


def test_a_member_costs_a_store_two_requests_and_its_archive_few(
    tmp_path: Path, store: tuple[Store, Server]
) -> None:
    wanted = {f"{at:03}.jpg": rng.randbytes(3000) for at in range(300)}
    objects, _ = store
    for path in (tar_of(tmp_path / "a.tar", wanted), zip_of(tmp_path / "a.zip", wanted)):
        objects.objects[f"/photos/{path.name}"] = path.read_bytes()
        reading = reader("s3")
        reading.read(f"s3://photos/{path.name}#000.jpg")
        assert len(objects.taken) < 9
        del objects.taken[:]
        for name in ("299.jpg", "007.jpg"):
            assert reading.read(f"s3://photos/{path.name}#{name}") == wanted[name]
        assert [method for method, _ in objects.taken] == ["HEAD", "GET"] * 2
        assert all(size < 4096 for method, size in objects.taken if method == "GET")
        del objects.taken[:]


def test_an_object_of_another_version_has_its_headers_read_again(
    tmp_path: Path, store: tuple[Store, Server]
) -> None:
    objects, _ = store
    for turn in (DATA, dict(reversed(DATA.items()))):
        objects.objects["/photos/a.tar"] = tar_of(tmp_path / "a.tar", turn).read_bytes()
        for member, data in turn.items():
            assert reader("s3").read(f"s3://photos/a.tar#{member}") == data


@pytest.fixture
def slow(tmp_path: Path, store: tuple[Store, Server], monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose objects have 40 and 150 headers, and each takes 0.1 s."""
    objects, _ = store
    for number in (40, 150):
        path = tar_of(tmp_path / "a.tar", {f"{at}.jpg": bytes(9000) for at in range(number)})
        objects.objects[f"/photos/{number}.tar"] = path.read_bytes()
    monkeypatch.setattr(stores, "_WINDOW", 4096)
    objects.wait = 0.1
    return objects


def test_the_headers_of_an_archive_may_take_longer_than_a_file(slow: Store) -> None:
    assert reader("s3", timeout=1.5).read("s3://photos/40.tar#39.jpg") == bytes(9000)
    headers = [size for method, size in slow.taken if method == "GET" and size]
    assert len(headers) < 50


def test_headers_that_take_much_longer_are_given_up_and_gone_on_with(slow: Store) -> None:
    assert failure(reader("s3", timeout=0.3), "s3://photos/150.tar#9.jpg").code == "unavailable"
    slow.wait = 0.0
    assert reader("s3").read("s3://photos/150.tar#9.jpg") == bytes(9000)


def test_a_store_that_falls_silent_is_given_up_in_time(slow: Store) -> None:
    slow.wait = 3.0
    began = time.monotonic()
    assert failure(reader("s3", timeout=0.5), "s3://photos/40.tar#39.jpg").code == "unavailable"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("name", ["a.tar#b.jpg", "a.zip#b.jpg", "a.tar.gz#b.jpg"])
def test_behind_http_no_member_is_read_and_nothing_is_asked(name: str) -> None:
    with serving(lambda request: request.reply(200, b"photo")) as server:
        found = failure(reader(server.address), f"{server.address}/{name}")
        assert (found.code, server.asked) == ("unreadable", [])
        assert "members of archives are not read by http" in found.detail
        assert failure(reader("https://host"), f"{server.address}/{name}").code == "forbidden"
        for path in ("a.jpg#top", "a.jpg?from=b.tar#top"):
            assert reader(server.address).read(f"{server.address}/{path}") == b"photo"
        assert server.asked == ["/a.jpg", "/a.jpg?from=b.tar"]


def test_a_redirect_to_a_member_is_not_followed() -> None:
    def answer(request: Request) -> None:
        request.reply(302, Location="/a.tar#b.jpg")

    with serving(answer) as server:
        assert failure(reader(server.address), f"{server.address}/a.jpg").code == "unreadable"
        assert server.asked == ["/a.jpg"]
