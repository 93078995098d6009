"""Archives that are damaged or hostile, and members that are no files."""

import random
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from imgdedup.errors import ImageFailure
from imgdedup.sources.local import read
from imgdedup.sources.members import MOST_MEMBERS
from tests.archives import MAKERS, made, tar_of, zip_of

LIMIT = 10_000  # bytes
rng = random.Random(1)
DATA = {name: rng.randbytes(1500) for name in ("a.jpg", "dir/b c.jpg", "c.jpg", "d.jpg")}


def failure(uri: str, limit: int = LIMIT) -> ImageFailure:
    with pytest.raises(ImageFailure) as raised:
        read(uri, limit)
    return raised.value


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar.zst", "a.TAR.XZ", "a.7z", "a.rar"])
def test_members_that_need_all_before_them_are_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / name, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.jpg"))
    found = failure(f"{tmp_path}/{name}#a.jpg")
    assert found.code == "unreadable"
    assert "make it a .tar or a .zip" in found.detail


def test_what_is_no_file_in_a_tar_is_named(tmp_path: Path) -> None:
    kinds = {
        "folder": (tarfile.DIRTYPE, "folder"),
        "soft": (tarfile.SYMTYPE, "link"),
        "hard": (tarfile.LNKTYPE, "link"),
        "pipe": (tarfile.FIFOTYPE, "no file"),
        "device": (tarfile.CHRTYPE, "no file"),
    }
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("a.jpg"))
        for name, (kind, _) in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a.jpg"
            tar.addfile(info)
        info = tarfile.TarInfo("holes")
        info.pax_headers = {
            "GNU.sparse.size": "900",
            "GNU.sparse.map": "0,1",
            "GNU.sparse.name": "holes",
        }
        tar.addfile(info)
    for name, (_, word) in (kinds | {"holes": ("", "holes")}).items():
        found = failure(f"{tmp_path}/a.tar#{name}")
        assert (found.code, word in found.detail) == ("unreadable", True), found


def test_what_cannot_be_unpacked_from_a_zip_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.mkdir("folder")
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "a.jpg")
        for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            archive.writestr(f"method {method}", b"1", method)
        archive.writestr("encrypted", b"1")
        archive.getinfo("encrypted").flag_bits |= 1
    for name in ("folder", "link", "method 12", "method 14", "encrypted"):
        found = failure(f"{tmp_path}/a.zip#{name}")
        assert (found.code, name.split(" ")[0] in found.detail) == ("unreadable", True), found


def test_of_a_tar_that_ends_too_early_the_members_before_are_read(tmp_path: Path) -> None:
    files = {f"{number}.jpg": rng.randbytes(1000) for number in range(5)}
    data = tar_of(tmp_path / "whole.tar", files).read_bytes()
    for cut, code in {3 * 1536 + 900: "truncated", 3 * 1536 + 100: "unreadable"}.items():
        (tmp_path / f"{cut}.tar").write_bytes(data[:cut])
        archive = f"{tmp_path}/{cut}.tar"
        assert [read(f"{archive}#{name}", LIMIT).data for name in list(files)[:3]] == list(
            files.values()
        )[:3]
        assert failure(f"{archive}#3.jpg").code == code
        assert failure(f"{archive}#4.jpg").code == "unreadable"
    (tmp_path / "unended.tar").write_bytes(data[: 5 * 1536])
    assert read(f"{tmp_path}/unended.tar#4.jpg", LIMIT).data == files["4.jpg"]
    assert failure(f"{tmp_path}/unended.tar#5.jpg").code == "missing"


def test_a_broken_header_does_not_end_a_tar_in_silence(tmp_path: Path) -> None:
    data = bytearray(tar_of(tmp_path / "a.tar", {"1": b"1", "2": b"2", "3": b"3"}).read_bytes())
    data[1024:1124] = rng.randbytes(100)
    (tmp_path / "a.tar").write_bytes(data)
    assert read(f"{tmp_path}/a.tar#1", LIMIT).data == b"1"
    assert [failure(f"{tmp_path}/a.tar#{name}").code for name in "23"] == ["unreadable"] * 2


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_what_is_no_archive_is_unreadable(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    for data in (b"", b"\xff\xd8" + rng.randbytes(5000), b"PK\3\4" + bytes(40)):
        path.write_bytes(data)
        assert failure(f"{path}#a.jpg").code == "unreadable"
    (tmp_path / f"folder.{ending}").mkdir()
    assert failure(f"{tmp_path}/folder.{ending}#a.jpg").code == "unreadable"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_damaged_archive_gives_no_other_bytes(tmp_path: Path, kind: str) -> None:
    """A tar has no checksum of its data: there the damaged byte may come out."""
    archive = made(kind, tmp_path, DATA)
    data = archive.read_bytes()
    whole, codes = bytearray(data), set()
    for _ in range(300):
        place = rng.randrange(len(data))
        whole[place] ^= 1 << rng.randrange(8)
        archive.write_bytes(whole)
        for name, right in DATA.items():
            try:
                found = read(f"{archive}#{name}", LIMIT).data
            except ImageFailure as error:
                codes.add(error.code)
                continue
            wrong = sum(a != b for a, b in zip(found, right, strict=True))
            assert wrong <= (archive.suffix == ".tar")
        whole[place] = data[place]
    assert codes <= {"unreadable", "missing", "too_large", "empty"}
    archive.write_bytes(data[: len(data) // 2])
    assert failure(f"{archive}#d.jpg").code == "unreadable"


def test_a_member_without_a_name_stops_no_other(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"~": b"0", "a": b"1"})
    path.write_bytes(path.read_bytes().replace(b"~", b"\0"))
    for archive in (path, tar_of(tmp_path / "a.tar", {"": b"0", "a": b"1"})):
        assert read(f"{archive}#a", LIMIT).data == b"1"
        assert read(f"{archive}#", LIMIT).data == b"0"


def test_an_archive_of_too_many_members_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_MEMBERS >= 1_000_000
    for module in ("tars", "zips"):
        monkeypatch.setattr(f"imgdedup.sources.{module}.MOST_MEMBERS", 3)
    for kind in ("pax", "stored"):
        archive = made(kind, tmp_path, dict.fromkeys("abcde", b"1"))
        assert "more than 3 members" in failure(f"{archive}#e").detail


def test_a_header_of_a_tar_is_bounded(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"comment": "x" * 2_000_000}
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(info)
    assert "a header of" in failure(f"{tmp_path}/a.tar#a.jpg").detail


def header(name: str, size: int = 0, **pax: str) -> bytes:
    """The header of a member, whose size may be no size, with attributes."""
    info = tarfile.TarInfo(name)
    info.size, info.pax_headers = size, dict(pax)
    return info.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)


HOSTILE = {
    **{f"{size} bytes": header("b", size) for size in (-100, -512, -1536, -(10**12), 1 << 60)},
    "a size of another kind": header("b", comment="9").replace(b"comment=9", b"size=-999"),
    "headers in headers": header("b", comment="x")[:1024] * 2000 + header("b"),
    "a header in every block": header("b", comment="x") * 2000,
    "holes without a map": header("b", sparse="x").replace(b"sparse=x", b"GNU.sparse.map=,"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_headers_end_a_tar(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(header("a", 1) + b"1".ljust(512, b"\0") + HOSTILE[kind] + bytes(1024))
    assert read(f"{path}#a", LIMIT).data == b"1"
    assert failure(f"{path}#b").code in ("unreadable", "empty", "too_large")
