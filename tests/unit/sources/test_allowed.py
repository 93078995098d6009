"""Which uris may be read: the entries of embed.allowed_sources, one by one."""

from dataclasses import replace
from pathlib import Path

import pytest

from imgdedup import config
from imgdedup.errors import ImageFailure, UserError
from imgdedup.sources import reader_of
from imgdedup.sources.allowed import Allowed, Source

CONF = Path(__file__).parents[3] / "conf"
SETTINGS = config.load(CONF, "local", {}).embed
AZURE = "abfss://container@account.dfs.core.windows.net"


def refused(uri: str, *entries: str) -> str:
    with pytest.raises(ImageFailure) as raised:
        Allowed(entries).source(uri)
    return raised.value.code


@pytest.mark.parametrize(
    ("entry", "uri", "source"),
    [
        ("file", "/a/b.jpg", Source("file", "", "/a/b.jpg")),
        ("file", "file:///a/b.jpg", Source("file", "", "file:///a/b.jpg")),
        ("/a", "/a/b.jpg", Source("file", "", "/a/b.jpg")),
        ("s3", "s3a://bucket.of_mine-1/a b?c#d", Source("s3", "bucket.of_mine-1", "/a b?c#d")),
        ("s3://bucket", "s3n://bucket/a", Source("s3", "bucket", "/a")),
        ("s3://bucket/a", "s3://bucket/a/b", Source("s3", "bucket", "/a/b")),
        ("gs", "gs://bucket/a", Source("gs", "bucket", "/a")),
        ("abfs", f"{AZURE}/a", Source("abfs", AZURE[8:], "/a")),
        ("abfs://c@own.cloud.example", "abfs://c@own.cloud.example/a", None),
        ("hdfs://node:8020", "hdfs://node:8020/a", Source("hdfs", "node:8020", "/a")),
        (
            "https://Host.example",
            "HTTPS://host.EXAMPLE:443/A",
            Source("https", "host.example", "/A"),
        ),
        ("http://host:80", "http://host", Source("http", "host", "")),
    ],
)
def test_what_an_entry_lists_may_be_read(entry: str, uri: str, source: Source | None) -> None:
    found = Allowed([entry]).source(uri)
    assert source in (found, None)
    assert refused(uri) == "forbidden"


@pytest.mark.parametrize(
    ("entry", "uri"),
    [
        ("s3", "/a.jpg"),
        ("s3", "gs://bucket/a"),
        ("s3", "s3://key:secret@bucket/a"),
        ("s3", "s3://bucket?endpoint_override=169.254.169.254&scheme=http/a"),
        ("s3", "s3://bucket%3Fscheme=http/a"),
        ("s3", "s3://bucket:80/a"),
        ("s3", "s3:///a"),
        ("s3://bucket", "s3://bucket2/a"),
        ("s3://bucket", "s3://bucket?endpoint_override=h/a"),
        ("s3://bucket/a", "s3://bucket/ab"),
        ("s3://bucket/a", "s3://bucket/a/../b"),
        ("gs", "gs://anonymous@bucket/a"),
        ("abfs", "abfs://169.254.169.254/a"),
        ("abfs", "abfs://c@169.254.169.254/a"),
        ("abfs", "abfs://c@account.dfs.core.windows.net.example.org/a"),
        ("abfs", "abfs://c:key@account.dfs.core.windows.net/a"),
        ("abfs", "abfs://account.dfs.core.windows.net:80/a"),
        ("hdfs://node:8020", "hdfs://node:8021/a"),
        ("hdfs://node:8020", "hdfs://169.254.169.254:80/a"),
        ("https://host", "http://host/a"),
        ("https://host", "https://host:444/a"),
        ("https://host", "https://host@evil/a"),
        ("https://host", "https://evil\\@host/a"),
        ("https://host", "https://host.evil/a"),
        ("https://host", "https://host\n.evil/a"),
        ("https://host", "https://[::1]/a"),
        ("https://host", "https:///host/a"),
    ],
)
def test_what_no_entry_lists_is_forbidden(entry: str, uri: str) -> None:
    assert refused(uri, entry) == "forbidden"


def test_a_scheme_that_nothing_reads_is_unreadable_whatever_is_listed() -> None:
    for uri in ("ftp://host/a", "mock://a/b", "nonsense://a", "://a"):
        assert refused(uri, *SETTINGS.allowed_sources) == "unreadable"


@pytest.mark.parametrize("entry", ["http", "https", "hdfs", "ftp", "S3", "", "a/b", "http://", "*"])
def test_an_entry_that_lists_nothing_in_particular_stops_the_run(entry: str) -> None:
    with pytest.raises(UserError, match="allowed_sources"):
        config.load(CONF, "local", {"embed.allowed_sources": ["file", entry]})


@pytest.mark.parametrize("entry", ["s3://a:b@c", "https://user@host", "s3://b?scheme=http"])
def test_an_entry_with_credentials_or_a_query_stops_the_run(entry: str) -> None:
    with pytest.raises(UserError, match="allowed_sources"):
        config.load(CONF, "local", {"embed.allowed_sources": [entry]})


def test_a_folder_of_images_that_may_not_be_read_is_named_before_it_is_listed() -> None:
    reader = reader_of(replace(SETTINGS, allowed_sources=["/photos"]))
    reader.check("/photos")
    with pytest.raises(UserError, match=r"allowed_sources does not list hdfs://node:8020"):
        reader.check("hdfs://node:8020/photos")


def test_a_process_has_one_reader_for_one_configuration() -> None:
    assert reader_of(SETTINGS) is reader_of(replace(SETTINGS))
    assert reader_of(SETTINGS) is not reader_of(replace(SETTINGS, read_attempts=9))
