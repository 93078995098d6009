"""The headers of an archive are read once, and never lead to the bytes of another member."""

import io
import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgdedup.errors import ImageFailure
from imgdedup.images.prefetch import map_ahead
from imgdedup.sources import Reader, archives
from imgdedup.sources.allowed import Allowed
from imgdedup.sources.archives import Archive, Directories
from imgdedup.sources.patience import Circuits, Patience
from imgdedup.sources.ranges import Headers, Ranges
from tests.archives import MAKERS, made, tar_of

LIMIT = 10_000  # bytes
READER = Reader(Allowed(["file"]), LIMIT, 20.0, Patience(1, 0.01, Circuits(60)))
rng = random.Random(1)


def files(number: int) -> dict[str, bytes]:
    return {f"{at:04}.jpg": rng.randbytes(rng.randrange(1, 3000)) for at in range(number)}


class Held(Ranges):
    """A file in memory that may be changed, counts its reads, and fails when it is told to."""

    def __init__(self, data: bytes, window: int = 4096) -> None:
        super().__init__(len(data), window)
        self.data = data
        self.reads: list[int] = []
        self.fails: Callable[[int], bool] = lambda number: False

    def _read(self, start: int, length: int) -> bytes:
        self.reads.append(length)
        if self.fails(len(self.reads)):
            raise TimeoutError("nobody answers")
        return self.data[start : start + length]


@pytest.fixture
def headers_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the archives whose headers are read, one for each time."""
    found: list[str] = []

    def counting(kind: str, form: archives._Format) -> archives._Format:
        def read_on(*given: object) -> None:
            found.append(kind)
            form.read_on(*given)  # type: ignore[arg-type]

        return form._replace(read_on=read_on)

    forms = {kind: counting(kind, form) for kind, form in archives._FORMATS.items()}
    monkeypatch.setattr(archives, "_FORMATS", forms)
    return found


@pytest.mark.parametrize("kind", MAKERS)
def test_threads_that_read_an_archive_in_order_read_its_headers_once(
    tmp_path: Path, headers_read: list[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    wanted = files(200)
    archive = made(kind, tmp_path, wanted)
    taken: list[int] = []
    pread = os.pread

    def counting(handle: int, length: int, start: int) -> bytes:
        taken.append(length)
        return pread(handle, length, start)

    monkeypatch.setattr(os, "pread", counting)
    with ThreadPoolExecutor(8) as pool:
        uris = [f"{archive}#{name}" for name in wanted]
        found = list(map_ahead(pool, READER.read, uris, window=64))
    assert found == list(wanted.values())
    assert headers_read == [archive.suffix[1:].lower()]
    del taken[:]
    READER.read(uris[100])
    assert len(taken) == 1


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive_that_was_changed_has_its_headers_read_again(
    tmp_path: Path, headers_read: list[str], kind: str
) -> None:
    wanted = files(9)
    archive = made(kind, tmp_path, wanted)
    for name, data in wanted.items():
        assert READER.read(f"{archive}#{name}") == data
    status = archive.stat()
    turned = dict(reversed(wanted.items()))
    made(kind, tmp_path, turned)
    os.utime(archive, ns=(status.st_atime_ns, status.st_mtime_ns))
    for name, data in wanted.items():
        assert READER.read(f"{archive}#{name}") == data
    assert len(headers_read) == 2
    archive.unlink()
    with pytest.raises(ImageFailure, match="missing"):
        READER.read(f"{archive}#0001.jpg")


@pytest.mark.parametrize("kind", MAKERS)
def test_a_change_that_the_file_does_not_tell_gives_no_other_members_bytes(
    tmp_path: Path, headers_read: list[str], kind: str
) -> None:
    wanted = {name: rng.randbytes(1000) for name in files(9)}
    first = made(kind, tmp_path, wanted)
    file = Held(first.read_bytes())
    directories, archive = Directories(), Archive(str(first), file, "the same")
    assert directories.read(archive, "0003.jpg", LIMIT) == ("0003.jpg", wanted["0003.jpg"])
    file.data = made(kind, tmp_path, dict(reversed(wanted.items()))).read_bytes()
    for name, data in wanted.items():
        assert directories.read(archive, name, LIMIT) == (name, data)
    assert len(headers_read) == 2
    file.data = bytes(file.size)
    for name in wanted:
        with pytest.raises(ImageFailure, match="damaged"):
            directories.read(archive, name, LIMIT)
    assert len(headers_read) == 2


def test_a_directory_goes_on_where_the_time_ended(tmp_path: Path) -> None:
    wanted = {name: rng.randbytes(20_000) for name in files(100)}
    file = Held(tar_of(tmp_path / "a.tar", wanted).read_bytes())
    directories, archive, tries = Directories(), Archive("a.tar", file, 1), 0
    file.fails = lambda number: number % 20 == 0
    while True:
        tries += 1
        try:
            found = directories.read(archive, "0099.jpg", 99_999)
        except TimeoutError:
            continue
        break
    assert found == ("0099.jpg", wanted["0099.jpg"])
    assert tries > 3
    assert len(file.reads) < 2 * 100 + 2 * tries


@pytest.mark.parametrize("kind", MAKERS)
def test_a_fault_of_the_store_is_no_damage_of_the_archive(tmp_path: Path, kind: str) -> None:
    wanted = files(20)
    path = made(kind, tmp_path, wanted)
    for number in range(1, 4):
        file = Held(path.read_bytes())
        directories, archive = Directories(), Archive(str(path), file, 1)
        file.fails = number.__eq__
        try:
            found = directories.read(archive, "0007.jpg", LIMIT)
        except TimeoutError:
            found = directories.read(archive, "0007.jpg", LIMIT)
        assert found == ("0007.jpg", wanted["0007.jpg"])


def test_the_time_of_a_try_is_over_while_another_thread_reads_the_headers(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", files(3))
    directories, archive = Directories(), Archive(str(path), Held(path.read_bytes()), 1)
    with pytest.raises(TimeoutError, match="the time"):
        directories.read(archive, "0001.jpg", LIMIT, ends=0.0)
    (directory,) = directories._kept.values()
    with directory.lock, pytest.raises(TimeoutError, match="another thread"):
        directories.read(archive, "0001.jpg", LIMIT, ends=0.0)
    assert directories.read(archive, "0001.jpg", LIMIT)[0] == "0001.jpg"


def test_few_directories_are_kept_and_the_latest_ones(
    tmp_path: Path, headers_read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tar_of(tmp_path / "a.tar", files(10))
    directories, file = Directories(), Held(path.read_bytes())
    monkeypatch.setattr(archives, "_MEMBERS", 35)
    for identity in (1, 2, 3, 1, 4, 1, 3, 4, 2):
        directories.read(Archive("a.tar", file, identity), "0001.jpg", LIMIT)
    assert len(headers_read) == 5
    assert len(directories._kept) == 3
    monkeypatch.setattr(archives, "_MEMBERS", 5)
    for _ in range(3):
        directories.read(Archive("a.tar", file, 5), "0001.jpg", LIMIT)
    assert len(headers_read) == 6
    assert len(directories._kept) == 1


def test_headers_near_each_other_are_read_together_and_far_ones_alone() -> None:
    near, far = (Held(bytes(200 << 20), 4 << 20) for _ in range(2))
    for file, gap in ((near, 100_000), (far, 10_000_000)):
        headers = Headers(file, 1000, float("inf"))
        for at in range(0, file.size, gap):
            headers.seek(at)
            assert len(headers.read(512)) == 512
        assert headers.seek(0, io.SEEK_END) == file.size
        assert headers.read() == b""
    assert len(near.reads) < 60
    assert sum(far.reads) < 20 * (1 << 18)
