"""The reader of the stage embed: what it may read, how often it tries, and for how long."""

from dataclasses import dataclass
from functools import lru_cache, partial

from imgdedup.config import EmbedConfig
from imgdedup.errors import ImageFailure, UserError
from imgdedup.sources import http, local, stores
from imgdedup.sources.allowed import Allowed, Source, source_of
from imgdedup.sources.patience import Circuits, Patience
from imgdedup.sources.places import File

_OWN_SECONDS = 600.0  # for one file that the configuration itself names


@dataclass(frozen=True)
class Reader:
    """Reads images by their uris; safe to use from several threads.

    `timeout` is seconds, for one try of one file behind http or in an object store.
    """

    allowed: Allowed
    max_bytes: int
    timeout: float
    patience: Patience

    def check(self, location: str) -> None:
        """Raise UserError when no image below the location may be read."""
        try:
            self.allowed.source(location)
        except ImageFailure as failure:
            raise UserError(f"cannot read images in {failure.detail}") from None

    def read(self, uri: str) -> bytes:
        """Read all bytes at `uri`. Raises ImageFailure as `fetch`."""
        return self.fetch(uri).data

    def fetch(self, uri: str) -> File:
        """Read the file or the member of an archive at `uri`, and tell where it really is.

        Raises ImageFailure: missing, unreadable, unavailable, forbidden, empty, truncated, or
        too_large when the file or the unpacked member has more than `max_bytes`; reading stops soon
        after them. A forbidden source is not even asked.
        """
        source = self.allowed.source(uri)
        return self.patience.call(source.address, partial(self._once, source))

    def _once(self, source: Source) -> File:
        if source.scheme == "file":
            return local.read(source.path, self.max_bytes, self.allowed.folders)
        if source.scheme in ("http", "https"):
            data = http.read(source, self.max_bytes, self.timeout, self.allowed.source)
            return File(data, source.place)
        return stores.read(source, self.max_bytes, self.timeout)


def reader_of(config: EmbedConfig) -> Reader:
    """The reader of a configuration: one per process, because it remembers what is down."""
    return _reader(
        tuple(config.allowed_sources),
        config.max_file_bytes,
        config.read_timeout,
        config.read_attempts,
        config.read_backoff,
        config.read_outage,
    )


@lru_cache(maxsize=8)
def _reader(
    allowed: tuple[str, ...],
    max_bytes: int,
    timeout: float,
    attempts: int,
    backoff: float,
    outage: float,
) -> Reader:
    patience = Patience(attempts, backoff, Circuits(outage))
    return Reader(Allowed(allowed), max_bytes, timeout, patience)


def read_bytes(uri: str, max_bytes: int) -> bytes:
    """Read all bytes of a file that the configuration itself names: local, or in a store.

    Raises ImageFailure as `Reader.read`.
    """
    source = source_of(uri)
    if source.scheme == "file":
        return local.read(uri, max_bytes).data
    return stores.read(source, max_bytes, _OWN_SECONDS).data
