"""Reading the bytes of an image by its uri: a local path, file://, or an object store.

Object stores are reached through Arrow's file systems, which find their credentials where the
vendors' own tools do: s3:// (s3a:// and s3n:// mean the same), gs://, abfs[s]://, hdfs://.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from pyarrow import fs

from imgdedup.failures import ImageFailure

_S3_ALIASES = {"s3a": "s3", "s3n": "s3"}
_PIECE = 1 << 20  # bytes per read


def local_path(uri: str) -> Path | None:
    """The path of a local uri (a plain path or file:), None for any other scheme."""
    if uri[:5].lower() == "file:":
        parts = urlsplit(uri)
        # Names are bytes; percent-encoding keeps those that are not UTF-8.
        raw = unquote_to_bytes(uri[5:].removeprefix("//").removeprefix(parts.netloc))
        return Path(raw.decode("utf-8", "surrogateescape"))
    return None if "://" in uri else Path(uri)


def object_store(uri: str) -> tuple[fs.FileSystem, str]:
    """File system and path of a remote uri; ValueError or OSError when there is none for it."""
    scheme, rest = uri.split("://", 1)
    scheme = _S3_ALIASES.get(scheme, scheme)
    authority, _, path = rest.partition("/")
    system, base = _file_system(f"{scheme}://{authority}")
    return system, f"{base.rstrip('/')}/{path}"


@lru_cache(maxsize=32)
def _file_system(address: str) -> tuple[fs.FileSystem, str]:
    return fs.FileSystem.from_uri(address)


def read_bytes(uri: str, max_bytes: int) -> bytes:
    """All bytes at `uri`.

    Raises ImageFailure: missing, unreadable, empty, or too_large when there are more than
    `max_bytes`, of which hardly more are read.
    """
    try:
        path = local_path(uri)
        if path is not None:
            return _bounded(lambda: path.open("rb"), max_bytes)
        system, key = object_store(uri)
        return _bounded(lambda: system.open_input_stream(key, compression=None), max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageFailure("missing", uri) from None
    except (OSError, ValueError) as error:
        raise ImageFailure("unreadable", f"{uri}: {error}") from None


def _bounded(open_stream: Callable[[], BinaryIO], max_bytes: int) -> bytes:
    pieces, size = [], 0
    with open_stream() as stream:
        while size <= max_bytes and (piece := stream.read(_PIECE)):
            pieces.append(piece)
            size += len(piece)
    if not size:
        raise ImageFailure("empty", "0 bytes")
    if size > max_bytes:
        raise ImageFailure("too_large", f"more than {max_bytes:,} bytes")
    return b"".join(pieces)
