"""The places that a plan leaves alone (PROTECT), by their spelling and by where they really are."""

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import duckdb

from imgdedup.errors import UserError
from imgdedup.removal import local_files
from imgdedup.removal.names import normal
from imgdedup.sources import local_path

_Identity = tuple[int, int]
_HOLDS = """
SELECT 1 FROM seen
WHERE starts_with(plain || '/', $place || '/') OR starts_with(file_key || '/', $place || '/')
LIMIT 1
"""


class Protected:
    """Paths or uris at or below which nothing is moved. Blanks around them do not count."""

    def __init__(self, places: Iterable[str]) -> None:
        spelled = [os.path.expanduser(place.strip()) for place in places]
        self._spellings = {place: _spellings(place) for place in spelled if place}
        self._real_folder: Callable[[str], str] = cache(os.path.realpath)
        self._above: Callable[[str], frozenset[_Identity]] = cache(_identities_above)
        self._places = frozenset(
            identity
            for place in self._spellings
            for path in [local_path(place)]
            if path is not None
            for identity in _identity(path)
        )
        self._folders = tuple({f"{each}/" for every in self._spellings.values() for each in every})

    def require_places(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise UserError for a place where nothing is, and no image of the table `seen`."""
        for place, spellings in self._spellings.items():
            path = local_path(place)
            if path is not None and os.path.lexists(path):
                continue
            if not any(
                connection.execute(_HOLDS, {"place": each}).fetchone() for each in spellings
            ):
                raise UserError(
                    f"PROTECT (--protect) names no place and no image: {place}: write paths or "
                    "uris with commas between; patterns are not read"
                )

    def holds(self, uris: Iterable[str]) -> bool:
        """Whether one of the uris, or the file that it leads to, is protected."""
        return bool(self._folders) and any(
            f"{each}/".startswith(self._folders) or self._lies_in_place(each)
            for uri in uris
            for each in {uri, self._real(uri)}
        )

    def _lies_in_place(self, uri: str) -> bool:
        """Whether a file is, or lies in, a place under another name: other letters, a mount."""
        if not (self._places and uri.startswith("file:")):
            return False
        path = local_files.path_of(uri)
        own = _identity(path) | self._above(os.path.dirname(path))
        return not self._places.isdisjoint(own)

    def _real(self, uri: str) -> str:
        """Where a file of this machine really is: of a link its own name, in its real folder."""
        if not uri.startswith("file:"):
            return uri
        folder, name = os.path.split(local_files.path_of(uri))
        return local_files.uri_of(os.path.join(self._real_folder(folder), name))


def _spellings(place: str) -> set[str]:
    spellings = {normal(place)}
    path = local_path(place)
    if path is not None:
        spellings.add(local_files.uri_of(os.path.realpath(path)))
    return {each.rstrip("/") for each in spellings}


def _identity(path: str | Path) -> frozenset[_Identity]:
    """What a path leads to, by its device and its number there; nothing where nothing is."""
    try:
        status = os.stat(path)
    except OSError:
        return frozenset()
    return frozenset([(status.st_dev, status.st_ino)])


def _identities_above(folder: str) -> frozenset[_Identity]:
    """A folder, and all that it lies in."""
    parts = [Path(folder), *Path(folder).parents]
    return frozenset().union(*map(_identity, parts))
