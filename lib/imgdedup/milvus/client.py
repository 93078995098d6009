"""Milvus behind the few calls that the stages need. Only this module uses the words of Milvus.

Milvus calls the inner product of its IP metric a "distance". The inner product of an asking and a
stored vector (see `space.vectors`) is the margin of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException

from imgdedup.errors import TryAgain

_KEY = "content_id"
_VECTOR = "vector"
_KEY_LENGTH = 64
_PAGE = 8192  # keys per request that deletes
# M: links of a vector. efConstruction: candidates for the links while the graph is built. HNSW's
# authors call these sizes large.
_BUILD = {"FLAT": {}, "HNSW": {"M": 32, "efConstruction": 400}}
_LEAST_EF = 256
# The client pings every ten seconds, more often than gRPC servers allow. Half a minute into a
# request they hang up ("too many pings").
_CHANNEL = {"grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": False}
_VECTORS_PAGE = 1024  # vectors per request: 8 MB of 2,048 float32, the widest


@dataclass(frozen=True)
class Neighbours:
    """The nearest contents of one query, the largest margin first."""

    keys: list[str]
    margins: np.ndarray  # float32, (k,)


class Collection(Protocol):
    """One stored vector per key, searched by inner product."""

    def create(self, width: int) -> None:
        """Make the collection for stored vectors of `width` values unless it exists."""

    def drop(self) -> None:
        """Drop the collection if there is one."""

    def keys(self, least: str = "", below: str = "") -> set[str]:
        """The keys from `least` on, and below `below` unless it is empty, all in one answer.

        None when there is no collection.
        """

    def insert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Add stored vectors, float32, (n, width), under new keys."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove keys; missing keys are no error."""

    def flush(self) -> None:
        """Make all writes durable and visible."""

    def count(self) -> int:
        """The number of vectors; 0 when there is no collection."""

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


@dataclass(frozen=True)
class CollectionAddress:
    """Where a collection is. Spark sends the address to its workers, and each worker connects."""

    uri: str
    collection: str
    family: str  # the first part of the names of all collections of this root
    index_type: str
    timeout: float  # seconds per request

    def connect(self) -> "MilvusCollection":
        """Open a client; TryAgain when no server answers."""
        try:
            client = MilvusClient(uri=self.uri, timeout=self.timeout, grpc_options=_CHANNEL)
            return MilvusCollection(self, client)
        except MilvusException as error:
            raise TryAgain(
                f"no Milvus server answers at {self.uri} ({error.message}): check that it "
                "runs, and that milvus.uri is its address"
            ) from None


class MilvusCollection:
    """A collection on a Milvus server or on Milvus Lite; implements Collection."""

    def __init__(self, address: CollectionAddress, client: MilvusClient) -> None:
        self._name = address.collection
        self._family = address.family
        self._index_type = address.index_type
        self._timeout = address.timeout
        self._client = client

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def create(self, width: int) -> None:
        """See Collection."""
        index = self._client.prepare_index_params()
        index.add_index(
            _VECTOR,
            index_type=self._index_type,
            metric_type="IP",
            params=_BUILD[self._index_type],
        )
        if self._exists():
            if not self._client.list_indexes(self._name):  # killed before it was made
                self._client.create_index(self._name, index)
            return
        schema = self._client.create_schema(auto_id=False)
        schema.add_field(_KEY, DataType.VARCHAR, is_primary=True, max_length=_KEY_LENGTH)
        schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=width)
        # Strong: a reader sees all earlier writes.
        self._client.create_collection(
            self._name, schema=schema, index_params=index, consistency_level="Strong"
        )

    def drop(self) -> None:
        """See Collection."""
        if self._exists():
            self._client.drop_collection(self._name)

    def keys(self, least: str = "", below: str = "") -> set[str]:
        """See Collection."""
        if not self._exists():
            return set()
        self._client.load_collection(self._name)
        # Milvus Lite sorts all keys for each page of an iterator.
        within = f'{_KEY} >= "{least}"' + (f' && {_KEY} < "{below}"' if below else "")
        rows = self._client.query(self._name, filter=within, output_fields=[_KEY])
        return {row[_KEY] for row in rows}

    def insert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """See Collection."""
        rows = [{_KEY: key, _VECTOR: vector} for key, vector in zip(keys, vectors, strict=True)]
        self._client.insert(self._name, rows, timeout=self._timeout)

    def delete(self, keys: Sequence[str]) -> None:
        """See Collection."""
        for start in range(0, len(keys), _PAGE):
            self._client.delete(self._name, ids=list(keys[start : start + _PAGE]))

    def flush(self) -> None:
        """See Collection."""
        self._client.flush(self._name, timeout=self._timeout)

    def count(self) -> int:
        """See Collection."""
        if not self._exists():
            return 0
        self._client.load_collection(self._name)
        counted = self._client.query(self._name, filter="", output_fields=["count(*)"])
        return int(counted[0]["count(*)"])

    def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
        """See Collection."""
        # Without named output fields Milvus Lite returns the vectors with every hit.
        found = self._client.search(
            self._name,
            data=list(vectors),
            limit=k,
            output_fields=[_KEY],
            search_params=self._search_params(k),
            timeout=self._timeout,
        )
        return [
            Neighbours(
                [hit[_KEY] for hit in hits],
                np.array([hit["distance"] for hit in hits], dtype=np.float32),
            )
            for hits in found
        ]

    def vectors(self, keys: Sequence[str]) -> np.ndarray:
        """See Collection."""
        stored: dict[str, list[float]] = {}
        for start in range(0, len(keys), _VECTORS_PAGE):
            page = list(keys[start : start + _VECTORS_PAGE])
            rows = self._client.get(self._name, ids=page, output_fields=[_KEY, _VECTOR])
            stored |= {row[_KEY]: row[_VECTOR] for row in rows}
        return np.array([stored[key] for key in keys], dtype=np.float32)

    def drop_others(self) -> list[str]:
        """Drop this root's collections for other models and projections; return their names."""
        names = [str(name) for name in self._client.list_collections()]
        others = [name for name in names if name.startswith(self._family) and name != self._name]
        for name in others:
            self._client.drop_collection(name)
        return others

    def _search_params(self, k: int) -> dict[str, dict[str, int]]:
        """HNSW looks at `ef` vectors for the best `k`: at least twice as many, and never few."""
        return {"params": {"ef": max(2 * k, _LEAST_EF)} if self._index_type == "HNSW" else {}}

    def _exists(self) -> bool:
        return bool(self._client.has_collection(self._name))
