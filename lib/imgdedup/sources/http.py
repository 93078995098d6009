"""Reads images by http and https, from listed hosts only.

httpcore adds nothing to a request: it follows no redirects, takes no proxies or passwords from the
environment, and decompresses nothing. Its network interface is public. So one deadline holds from
the connection to the last byte, however slowly the bytes come.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urljoin

import httpcore

from imgdedup.errors import ImageFailure
from imgdedup.sources.allowed import Source
from imgdedup.sources.places import RESERVED

_REDIRECTS = 5  # browsers follow twenty; images need one or two
_CONNECT = 10.0  # seconds
_PORTS = {"http": 80, "https": 443}
_HEADERS: Mapping[bytes | str, bytes | str] = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": "imgdedup",
}
_REDIRECTED = {301, 302, 303, 307, 308}
_MISSING = {404, 410}
_TRANSIENT = {408, 425, 429}  # and all from 500
_FAULTS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


class _Deadline(threading.local):
    """When the request of this thread must be done. A request does not leave its thread."""

    ends = float("inf")

    def left(self) -> float:
        """The seconds left; httpcore.ReadTimeout when none are left."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for one file is over")
        return left


_deadline = _Deadline()


class _Stream(httpcore.NetworkStream):
    """A connection that keeps to the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = min(_CONNECT, _deadline.left())
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Connections that keep to the deadline."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = min(_CONNECT, _deadline.left())
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


@cache
def _pool() -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        max_connections=None, keepalive_expiry=30.0, network_backend=_Network()
    )


def read(source: Source, max_bytes: int, seconds: float, allowed: Callable[[str], Source]) -> bytes:
    """Read all bytes of the answer within so many seconds.

    Redirects are followed only where `allowed` lets them lead.

    Raises ImageFailure: missing, unreadable, unavailable, forbidden, empty, too_large.
    """
    _deadline.ends = time.monotonic() + seconds
    for _ in range(_REDIRECTS + 1):
        uri = f"{source.address}{source.path}"
        if source.member is not None:
            raise ImageFailure(
                "unreadable", f"{uri}: members of archives are not read by {source.scheme}"
            )
        try:
            found = _get(source, uri, max_bytes)
        except _FAULTS as error:
            code = "unreadable" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "unavailable"
            raise ImageFailure(code, f"{uri}: {type(error).__name__}: {error}") from None
        if isinstance(found, bytes):
            return found
        source = allowed(urljoin(uri, found))
        if source.scheme not in _PORTS:
            raise ImageFailure("forbidden", f"{uri} redirects to {source.address}")
    raise ImageFailure("unreadable", f"{uri}: more than {_REDIRECTS} redirects")


def _get(source: Source, uri: str, max_bytes: int) -> bytes | str:
    """The body, or the uri that the image has moved to."""
    with _pool().stream("GET", _url(source), headers=_HEADERS) as response:
        headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        status = response.status
        if status in _REDIRECTED and b"location" in headers:
            return headers[b"location"]
        if status in _MISSING:
            raise ImageFailure("missing", uri)
        if status in _TRANSIENT or status >= 500:
            raise ImageFailure("unavailable", f"{uri}: HTTP status {status}")
        if status != 200:
            raise ImageFailure("unreadable", f"{uri}: HTTP status {status}")
        if headers.get(b"content-encoding", "identity").lower() != "identity":
            raise ImageFailure("unreadable", f"{uri}: compressed, though it was not asked to be")
        return _body(response, headers.get(b"content-length", ""), max_bytes)


def _body(response: httpcore.Response, length: str, max_bytes: int) -> bytes:
    if length.isdigit() and int(length[:20]) > max_bytes:
        raise ImageFailure("too_large", f"{length[:20]} bytes")
    pieces, size = [], 0
    for piece in response.iter_stream():
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            raise ImageFailure("too_large", f"more than {max_bytes:,} bytes")
    if not size:
        raise ImageFailure("empty", "0 bytes")
    return b"".join(pieces)


def _url(source: Source) -> httpcore.URL:
    """The checked address in parts, so that no other code parses it again."""
    host, _, port = source.authority.partition(":")
    target = quote(source.path.partition("#")[0] or "/", safe=RESERVED)
    return httpcore.URL(
        scheme=source.scheme.encode(),
        host=host.encode(),
        port=int(port or _PORTS[source.scheme]),
        target=target.encode(),
    )
