"""Where a uri leads, and whether images may be read there: `embed.allowed_sources`.

A manifest may come from strangers, so its uris must not choose where requests go. Every host and
port must be on the list. No uri may bring credentials, or an endpoint as a query.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from imgdedup.errors import ImageFailure
from imgdedup.sources.local import local_path
from imgdedup.sources.members import split
from imgdedup.sources.places import Place, normal_path, normal_target
from imgdedup.sources.schemes import scheme_of, unread

_ALIASES = {"s3a": "s3", "s3n": "s3", "abfss": "abfs"}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")
_AUTHORITIES = {
    "s3": _BUCKET,
    "gs": _BUCKET,
    "abfs": re.compile(r"([A-Za-z0-9$-]+@)?[A-Za-z0-9.-]+"),
    "hdfs": _HOST,
    "http": _HOST,
    "https": _HOST,
}
# The authorities of a store that is listed by its name alone. They cannot name another host.
_STORES = {
    "s3": _BUCKET,
    "gs": _BUCKET,
    "abfs": re.compile(r"([A-Za-z0-9$-]+@)?[a-z0-9]{3,24}\.(dfs|blob)\.core\.windows\.net"),
}
_PORTS = {"http": ":80", "https": ":443"}
_DOTS = re.compile(r"(^|/)\.\.?(/|$)")  # a server may take these segments for another folder


@dataclass(frozen=True)
class Source:
    """Where a uri leads: `authority` is a bucket or host, empty for a local path."""

    scheme: str  # file, s3, gs, abfs, hdfs, http, https
    authority: str
    path: str  # with its leading slash; the whole uri of a local file
    member: str | None = None  # of the remote archive at `path`

    @property
    def address(self) -> str:
        """The bucket, host or store that answers."""
        return f"{self.scheme}://{self.authority}"

    @property
    def place(self) -> Place:
        """The place of a remote file or archive. The key of an object is taken as it is."""
        path = self.path
        if self.scheme in _PORTS:
            path = normal_target(path)
        elif self.scheme == "hdfs":
            path = normal_path(path)
        return Place(f"{self.scheme}://{self.authority.lower()}{path}")

    @property
    def whole(self) -> "Source":
        """The source whose own name has the `#` and what follows."""
        if self.member is None:
            return self
        return replace(self, path=f"{self.path}#{self.member}", member=None)


def source_of(uri: str) -> Source:
    """Take a uri apart.

    Raises ImageFailure: unreadable for a scheme that nothing reads; forbidden for an authority that
    is no plain name of a bucket, and no host with or without a port.
    """
    if local_path(uri) is not None:
        return Source("file", "", uri)
    spelled = scheme_of(uri)
    scheme, rest = _ALIASES.get(spelled, spelled), uri[len(spelled) + 1 :]
    if scheme not in _AUTHORITIES:
        raise unread(uri)
    if not rest.startswith("//"):
        raise ImageFailure("unreadable", f"{uri}: write two slashes after {spelled}:")
    authority, slash, path = rest[2:].partition("/")
    if not _AUTHORITIES[scheme].fullmatch(authority):
        raise ImageFailure(
            "forbidden", f"{uri}: no credentials and no query may stand before the path"
        )
    if scheme in _PORTS:
        authority = authority.lower().removesuffix(_PORTS[scheme])
    archive, member = split(path)
    if scheme in _PORTS and "?" in archive:
        archive, member = path, None  # the end of a query names no file
    return Source(scheme, authority, slash + archive, member)


class Allowed:
    """The sources that images may be read from, by the entries of `embed.allowed_sources`.

    An entry is one of four things: `file` (every local file); the path of a folder (files that
    really lie in it, wherever links lead); the name of a store (`s3`, `gs`, `abfs`: any bucket of
    it); a uri (`https://host`, `hdfs://node:8020/photos`: everything below it).
    """

    def __init__(self, entries: Sequence[str]) -> None:
        folders = [os.path.realpath(entry) for entry in entries if entry.startswith("/")]
        self.folders = None if "file" in entries else tuple(folders)  # None: anywhere
        self._stores = frozenset(entries) & _STORES.keys()
        self._places = tuple(source_of(entry).whole for entry in entries if "://" in entry)

    def source(self, uri: str) -> Source:
        """Where the uri leads.

        Raises ImageFailure: as `source_of`, and forbidden for a source that is not listed. Whether
        a local file lies in one of `folders` is known only once the file is open.
        """
        source = source_of(uri)
        if source.scheme == "file":
            allowed = self.folders is None or bool(self.folders)
        else:
            allowed = self._is_store(source) or any(_below(source, at) for at in self._places)
        if not allowed:
            raise ImageFailure(
                "forbidden", f"{uri}: embed.allowed_sources does not list {source.address}"
            )
        return source

    def _is_store(self, source: Source) -> bool:
        if source.scheme not in self._stores:
            return False
        return _STORES[source.scheme].fullmatch(source.authority) is not None


def _below(source: Source, place: Source) -> bool:
    """Tell whether the source is the place or lies below it."""
    if source.address != place.address:
        return False
    folder = place.path.rstrip("/")
    if not folder:
        return True
    inside = source.path == folder or source.path.startswith(f"{folder}/")
    return inside and not _DOTS.search(unquote(source.path.partition("?")[0]))
