"""Checks of keepers: nothing goes unless its keeper's file is there, with the content judged."""

import hashlib
import os
from collections.abc import Collection, Hashable

from imgdedup.errors import TRANSIENT, ImageFailure, TryAgain
from imgdedup.removal import local_files, objects
from imgdedup.removal.faults import GONE, Kept, explained
from imgdedup.removal.names import normal
from imgdedup.removal.shelves import Image
from imgdedup.sources import QUARANTINE, local_path, read_bytes, source_of

_MOST = 1 << 40  # bytes of a member of an archive


class Keepers:
    """The keepers of a plan. `leaving` are the names of its files: uris in their normal form.

    A keeper is read once, and again when its file looks changed.
    """

    def __init__(self, leaving: Collection[str]) -> None:
        self._leaving = leaving
        self._read: dict[str, tuple[Hashable, str]] = {}

    def require(self, image: Image) -> None:
        """Raise Kept unless the keeper's file is readable and has its content; TryAgain."""
        try:
            digest = self._digest(image)
        except OSError as error:
            why = explained(error, image.keeper_uri)
            raise Kept(f"its keeper {image.keeper_uri} cannot be read: {why}") from None
        if digest != image.keeper_content:
            raise Kept(f"its keeper {image.keeper_uri} holds other bytes than were judged")

    def _digest(self, image: Image) -> str:
        uri = image.keeper_uri
        path = local_path(uri)
        if path is None:
            self._require_stays(uri, normal(uri))
            if source_of(uri).member is not None:
                return _digest_of_member(uri)
            version = objects.identity(uri)
        else:
            real = os.path.realpath(path)
            if not os.path.exists(path):
                return _digest_of_member(uri)
            self._require_stays(uri, local_files.uri_of(real))
            own = local_files.path_of(image.uri) if image.uri.startswith("file:") else ""
            if own and os.path.exists(own) and os.path.samefile(real, own):
                raise Kept("its file is by now that of its keeper")
            status = os.stat(path)
            version = local_files.identity(real), status.st_ctime_ns
        known = self._read.get(uri)
        if known is None or known[0] != version:
            digest = objects.digest_of(uri) if path is None else _digest_of_file(str(path), uri)
            known = self._read[uri] = version, digest
        return known[1]

    def _require_stays(self, uri: str, real: str) -> None:
        """Raise Kept when the keeper's file, really at `real`, is moved itself."""
        if f"/{QUARANTINE}/" in real:
            raise Kept(f"its keeper {uri} is in a quarantine itself")
        if real in self._leaving:
            raise Kept(f"its keeper {uri} is in the plan itself")


def _digest_of_file(path: str, uri: str) -> str:
    try:
        return local_files.digest_of(path)
    except Kept as why:
        raise Kept(f"its keeper {uri} cannot be read: {why}") from None


def _digest_of_member(uri: str) -> str:
    """The SHA-256 of a member of an archive."""
    try:
        return hashlib.sha256(read_bytes(uri, _MOST)).hexdigest()
    except ImageFailure as failure:
        if failure.code in TRANSIENT:
            raise TryAgain(f"{failure.detail}: run again") from None
        if failure.code == "missing":
            raise Kept(f"its keeper {uri} cannot be read: {GONE}") from None
        raise Kept(f"its keeper {uri} cannot be read: {failure.detail}") from None
