"""Uris that nothing reads are told from paths, and the failure says what to write instead."""

from pathlib import Path

import pytest

from imgdedup.errors import ImageFailure
from imgdedup.sources import local_path, read_bytes
from imgdedup.sources.allowed import Allowed

UNREAD = {
    "dbfs:/mnt/photos/a.jpg": "the scheme dbfs: write the path of the file on the machine",
    "DBFS:/a.jpg": "/dbfs/",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA": "`content`",
    "ftp://user@host/a.jpg": "the scheme ftp: copy the files",
    "ftp:a.jpg": "the scheme ftp",
    "C:\\photos\\a.jpg": "a path of Windows",
    "C:/a.jpg": "a path of Windows",
    "z:a.jpg": "a path of Windows",
    "\\\\server\\share\\a.jpg": "a share of Windows",
    "azure:container/a.jpg": "abfs://",
    "wasbs://c@account.blob.core.windows.net/a.jpg": "abfs://",
    "gcs://bucket/a.jpg": "gs://",
    "s3:/bucket/a.jpg": "two slashes after s3:",
    "s3:x://bucket/a.jpg": "two slashes after s3:",
    "S3A:bucket": "two slashes after s3a:",
    "https:/host/a.jpg": "two slashes after https:",
    "urn:isbn:1": "the scheme urn",
    "lake:a.jpg": "the scheme lake",
    "://a": "nothing reads this scheme",
    "12://a": "nothing reads this scheme",
}


@pytest.mark.parametrize("uri", UNREAD)
@pytest.mark.parametrize("entries", [["file", "s3", "gs", "abfs"], ["/photos"], []])
def test_what_nothing_reads_is_unreadable_in_words_whatever_is_listed(
    uri: str, entries: list[str]
) -> None:
    with pytest.raises(ImageFailure) as raised:
        Allowed(entries).source(uri)
    assert raised.value.code == "unreadable"
    assert UNREAD[uri] in raised.value.detail
    assert uri.startswith("data:") or uri in raised.value.detail


@pytest.mark.parametrize("data", [",", ";base64,", f"image/{'x' * 500},", ""])
def test_the_data_of_a_uri_are_not_repeated(data: str) -> None:
    secret = "c2VjcmV0" * 1000
    with pytest.raises(ImageFailure) as raised:
        read_bytes(f"data:{data}{secret}", 9)
    assert "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" not in raised.value.detail
    assert len(raised.value.detail) < 200


@pytest.mark.parametrize(
    "name",
    ["12:30.jpg", "photo.jpg:1", "a_b:c.jpg", "two words: c.jpg", "./a:b", "/a:b", "\u00e4:b"],
)
def test_a_path_with_a_colon_is_no_scheme(name: str) -> None:
    assert local_path(name) == Path(name)
    with pytest.raises(ImageFailure) as raised:
        read_bytes(name, 9)
    assert raised.value.code == "missing"


@pytest.mark.parametrize("name", ["12:30.jpg", "IMG:1.jpg", "C:\\a.jpg", "\\\\a\\b.jpg"])
def test_a_file_that_exists_is_read_whatever_its_name_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"1")
    assert read_bytes(name, 9) == b"1"


@pytest.mark.parametrize(
    "uri", ["https://evil/a.jpg", "https://evil/a.tar#b.jpg", "HTTP://evil:1/"]
)
def test_hosts_that_are_not_listed_stay_forbidden(uri: str) -> None:
    with pytest.raises(ImageFailure) as raised:
        Allowed(["file", "s3", "https://host"]).source(uri)
    assert raised.value.code == "forbidden"
