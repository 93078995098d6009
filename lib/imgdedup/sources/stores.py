"""Reads objects, and members of archives, through Arrow's file systems within a time limit.

A file system is opened once per process.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from functools import cache, lru_cache, partial

from pyarrow import NativeFile, fs

from imgdedup.errors import TRANSIENT, ImageFailure, UserError
from imgdedup.sources import archives
from imgdedup.sources.allowed import Source, source_of
from imgdedup.sources.deadline import call_within
from imgdedup.sources.local import local_path
from imgdedup.sources.places import File
from imgdedup.sources.ranges import Ranges

_PIECE = 1 << 20  # bytes per read
_WINDOW = 4 << 20  # bytes per read of the headers of an archive
_TURNS = 10
# What stores tell of the version of an object, in the words of S3 and Azure, and of Google.
_VERSION = ("ETag", "Last-Modified", "generation")
_CONNECT = 10.0  # seconds to connect, and to wait without a byte of the answer: stores take less
_S3_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
# An error with one of these words may pass: connections, throttling, the HTTP statuses 408, 425,
# 429 and 5xx, and codes of S3 and of gRPC.
_TRANSIENT = re.compile(
    r"NETWORK_CONNECTION|SLOW_DOWN|THROTTLING|INTERNAL_FAILURE|SERVICE_UNAVAILABLE"
    r"|REQUEST_TIMEOUT|UNAVAILABLE:|DEADLINE_EXCEEDED:|RESOURCE_EXHAUSTED:|INTERNAL:|ABORTED:"
    r"|HTTP status:? (408|425|429|5\d\d)|[Tt]imed? ?out|[Cc]onnection (refused|reset)|curlCode"
)


def object_store(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system and path of a remote uri; ValueError or OSError when nothing reads it."""
    try:
        source = source_of(uri)
    except ImageFailure as failure:
        raise ValueError(failure.detail) from None
    return _open(source.whole)


def delta_place(location: str) -> tuple[str, dict[str, str]]:
    """The address and settings with which the library `deltalake` opens a path or uri.

    Raises UserError for a percent-escape, which the library would take for another sign.
    """
    if escape := _ESCAPE.search(location):
        raise UserError(
            f"the Delta table {location} cannot be opened: its library takes {escape[0]} for "
            "another sign: rename the folder"
        )
    path = local_path(location)
    if path is not None:
        return os.path.abspath(path), {}
    endpoint = next(filter(None, map(os.environ.get, _S3_ENDPOINTS)), None)
    if endpoint is None or not re.match("s3[an]?:", location, re.IGNORECASE):
        return location, {}
    allowed = str(endpoint.startswith("http:")).lower()
    return location, {"aws_endpoint_url": endpoint, "aws_allow_http": allowed}


def read(source: Source, max_bytes: int, seconds: float) -> File:
    """Read all bytes of an object, or of a member of an archive, within so many seconds.

    The headers of an archive may take ten times as long.

    Raises ImageFailure: missing, unreadable, unavailable, empty, too_large, truncated.
    """
    uri = f"{source.address}{source.path}"
    try:
        if source.member is None:
            return _within(seconds, partial(_read, source, max_bytes))
        return _in_turns(seconds, partial(_read_member, source, max_bytes))
    except FileNotFoundError:
        raise ImageFailure("missing", uri) from None
    except (OSError, ValueError) as error:
        transient = _TRANSIENT.search(str(error)) or isinstance(error, TimeoutError)
        code = "unavailable" if transient else "unreadable"
        raise ImageFailure(code, f"{uri}: {error}") from None


def _within(seconds: float, once: Callable[[float], File]) -> File:
    """Call `once` with the end of its time."""
    return call_within(seconds, partial(once, time.monotonic() + seconds))


def _in_turns(seconds: float, once: Callable[[float], File]) -> File:
    """Call `once` again when its time ends while headers of archives are still being read."""
    for turn in range(_TURNS):
        before = archives.directories.progress()
        try:
            return _within(seconds, once)
        except (TimeoutError, ImageFailure) as error:
            is_over = isinstance(error, TimeoutError) or error.code in TRANSIENT
            if not is_over or turn + 1 == _TURNS or archives.directories.progress() == before:
                raise
    raise AssertionError("the last turn returns or raises")


def _read(source: Source, max_bytes: int, ends: float) -> File:
    system, path = _open(source)
    pieces, size = [], 0
    with system.open_input_stream(path, compression=None) as stream:
        while size <= max_bytes and (piece := stream.read(_PIECE)):
            pieces.append(piece)
            size += len(piece)
            if time.monotonic() > ends:
                raise TimeoutError("the time for one object is over")
    if not size:
        raise ImageFailure("empty", "0 bytes")
    if size > max_bytes:
        raise ImageFailure("too_large", f"more than {max_bytes:,} bytes")
    return File(b"".join(pieces), source.place)


class _Opened(Ranges):
    """An open object."""

    def __init__(self, file: NativeFile) -> None:
        super().__init__(file.size(), _WINDOW)
        self._file = file

    def _read(self, start: int, length: int) -> bytes:
        return bytes(self._file.read_at(length, start))


def _read_member(source: Source, max_bytes: int, ends: float) -> File:
    system, path = _open(source)
    with system.open_input_file(path) as file:
        opened = _Opened(file)
        identity = source.address, path, opened.size, _version(system, path, file)
        archive = archives.Archive(f"{source.address}{source.path}", opened, identity)
        name, data = archives.directories.read(archive, source.member or "", max_bytes, ends)
    return File(data, source.place.of_member(name))


def _version(system: fs.FileSystem, path: str, file: NativeFile) -> Hashable:
    """What changes with the bytes of an object; opening the object has told it, or asks for it."""
    told = file.metadata() or {}
    known = tuple(told.get(name) for name in _VERSION)
    return known if any(known) else system.get_file_info(path).mtime_ns


def _open(source: Source) -> tuple[fs.FileSystem, str]:
    if source.scheme == "s3":
        return s3_of_bucket(source.authority), f"{source.authority}{source.path}"
    if source.scheme == "gs":
        return _gcs(), f"{source.authority}{source.path}"
    if source.scheme == "abfs":
        _check_azure(source.address)
    system, base = _from_uri(source.address)
    return system, f"{base.rstrip('/')}{source.path}"


@lru_cache(maxsize=32)
def _from_uri(address: str) -> tuple[fs.FileSystem, str]:
    return fs.FileSystem.from_uri(address)


def s3_of_bucket(bucket: str) -> fs.FileSystem:
    """The S3 file system of a bucket; FileNotFoundError when there is no such bucket."""
    endpoint = next(filter(None, map(os.environ.get, _S3_ENDPOINTS)), None)
    if endpoint:
        return _s3(None, endpoint)
    region = region_of(bucket)
    if region is None:
        raise FileNotFoundError(f"there is no bucket {bucket}")
    return _s3(region, None)


@lru_cache(maxsize=4096)
def region_of(bucket: str) -> str | None:
    """The region of a bucket, asked for once; None when there is no such bucket."""
    try:
        return str(fs.resolve_s3_region(bucket))
    except FileNotFoundError:
        return None
    except OSError as error:
        if re.search("NO_SUCH_BUCKET|not found", str(error)):
            return None
        raise


@lru_cache(maxsize=64)
def _s3(region: str | None, endpoint: str | None) -> fs.FileSystem:
    # One try: `patience` alone decides, for all stores, which reads are tried again.
    return fs.S3FileSystem(
        region=region,
        endpoint_override=endpoint,
        connect_timeout=_CONNECT,
        request_timeout=_CONNECT,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
    )


@cache
def _gcs() -> fs.FileSystem:
    return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=_CONNECT))


def _check_azure(address: str) -> None:
    """Raise OSError when Azure's library would end the process, as it does without credentials."""
    fault = _azure_fault(address)
    if fault:
        raise OSError(f"Azure's library ends a process that opens it: {fault}")


_OPEN = """
import sys
from pyarrow import fs
system, path = fs.FileSystem.from_uri(sys.argv[1])
try:
    system.get_file_info(path)
except OSError:
    pass
"""
_azure_faults: dict[str, str] = {}


def _azure_fault(address: str) -> str:
    """Open the address in another process; give what ended that process, "" when it survived.

    The credentials do not depend on the account, so the first answer holds for all accounts.
    """
    if "azure" not in _azure_faults:
        command = [sys.executable, "-c", _OPEN, address]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        said = " ".join(tried.stderr.split()) or f"signal {-tried.returncode}"
        _azure_faults["azure"] = said if tried.returncode < 0 else ""
    return _azure_faults["azure"]
