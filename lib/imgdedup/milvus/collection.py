"""What the stages need of a collection. Milvus and the stand-in of the tests implement it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Neighbours:
    """The nearest contents of one query, the largest margin first."""

    keys: list[str]
    margins: np.ndarray  # float32, (k,)


class Collection(Protocol):
    """One stored vector per key, searched by inner product."""

    def create(self, width: int, expected: int = 0) -> None:
        """Make the collection for stored vectors of `width` values unless it exists.

        So many vectors are `expected` in it.
        """

    def drop(self) -> None:
        """Drop the collection if there is one."""

    def keys(self, least: str = "", below: str = "") -> set[str]:
        """The keys from `least` on, and below `below` unless it is empty, all in one answer.

        None when there is no collection.
        """

    def insert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Add stored vectors, float32, (n, width), under new keys."""

    def upsert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Add stored vectors, or replace those of known keys: each key is then there once."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove keys; missing keys are no error."""

    def flush(self) -> None:
        """Make all writes durable, visible, and found by way of the index."""

    def count(self) -> int:
        """The number of vectors; 0 when there is no collection."""

    def repeated(self) -> list[str]:
        """All keys that have several vectors, as an import that was made twice leaves them.

        A few that have one vector may be among them.
        """

    def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
        """The `k` nearest of each asking vector, float32, (n, width); all when there are fewer."""

    def vectors(self, keys: Sequence[str]) -> np.ndarray:
        """Stored vectors of `keys` in order, float32, (n, width); KeyError names a missing key."""


def stored_vectors(collection: Collection, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """The stored vector of each key; RuntimeError names a key that the collection lacks."""
    try:
        return dict(zip(keys, collection.vectors(keys), strict=True))
    except KeyError as error:
        raise RuntimeError(f"the collection lacks the content {error}: run index again") from None
