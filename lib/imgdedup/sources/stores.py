"""Reads objects through Arrow's file systems, opened once per process, within a time limit."""

import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from functools import cache, lru_cache, partial

from pyarrow import fs

from imgdedup.failures import ImageFailure
from imgdedup.sources.allowed import Source, source_of
from imgdedup.sources.deadline import call_within

_PIECE = 1 << 20  # bytes per read
_CONNECT = 10.0  # seconds to connect, and to wait without a byte of the answer: stores take less
_S3_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
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
    return _open(source)


def read(source: Source, max_bytes: int, seconds: float) -> bytes:
    """Read all bytes of an object within so many seconds.

    Raises ImageFailure: missing, unreadable, unavailable, empty, too_large.
    """
    uri = f"{source.address}{source.path}"
    try:
        ends = time.monotonic() + seconds
        return call_within(seconds, partial(_read, source, max_bytes, ends))
    except FileNotFoundError:
        raise ImageFailure("missing", uri) from None
    except (OSError, ValueError) as error:
        transient = _TRANSIENT.search(str(error)) or isinstance(error, TimeoutError)
        code = "unavailable" if transient else "unreadable"
        raise ImageFailure(code, f"{uri}: {error}") from None


def _read(source: Source, max_bytes: int, ends: float) -> bytes:
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
    return b"".join(pieces)


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
