"""Milvus behind the few calls that the stages need. Only this module uses the words of Milvus.

Milvus calls the inner product of its IP metric a "distance". The inner product of an asking and a
stored vector (see `space.vectors`) is the margin of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from pymilvus import DataType, MilvusClient

from imgdedup.config import MilvusConfig
from imgdedup.console import say
from imgdedup.milvus import names
from imgdedup.milvus.collection import Collection, Neighbours, stored_vectors
from imgdedup.milvus.connection import open_client
from imgdedup.milvus.indexes import Index, new_index
from imgdedup.milvus.names import KEY, VECTOR
from imgdedup.milvus.readiness import await_index

__all__ = ["Collection", "CollectionAddress", "MilvusCollection", "Neighbours", "stored_vectors"]

_KEY_LENGTH = 64
_PAGE = 8192  # keys per request that deletes
_VECTORS_PAGE = 1024  # vectors per request: 8 MB of 2,048 float32, the widest
_FEW_KEYS = 64  # to look among them for repeated ones takes longer than to write all of them again
_MESSAGE = 32 << 20  # bytes per request and answer: half of what a server allows
_HIT_BYTES = 192  # of a hit in an answer: its key twice, and its margin
_MOST_QUERIES = 16_384  # in one request


@dataclass(frozen=True)
class CollectionAddress:
    """Where a collection is. Spark sends the address to its workers, and each worker connects."""

    uri: str
    collection: str
    family: str  # the first part of the names of all collections of this root
    index_type: str
    timeout: float  # seconds per request
    server: MilvusConfig | None = None  # how a server is filled; None: Milvus Lite, by one writer
    token: str = field(default="", repr=False)  # a secret: it is never shown
    recall: float = 0.99  # the share of the nearest that a search shall find

    def connect(self) -> "MilvusCollection":
        """Open a client; TryAgain when no server answers, UserError when it refuses us."""
        ca_file = self.server.ca_file if self.server else ""
        return MilvusCollection(self, open_client(self.uri, self.token, ca_file, self.timeout))


class MilvusCollection:
    """A collection on a Milvus server or on Milvus Lite; implements Collection."""

    def __init__(self, address: CollectionAddress, client: MilvusClient) -> None:
        self._address = address
        self._name = address.collection
        self._family = address.family
        self._timeout = address.timeout
        self._client = client

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._name

    @property
    def client(self) -> MilvusClient:
        """The client of the collection, for the other modules of this package."""
        return self._client

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def create(self, width: int, expected: int = 0) -> None:
        """See Collection."""
        at = self._address
        memory = at.server.server_memory if at.server else 0.0
        chosen = new_index(at.index_type, expected, width, memory)
        index = self._client.prepare_index_params()
        index.add_index(VECTOR, index_type=chosen.kind, metric_type="IP", params=chosen.built)
        if self._exists():
            names.require_ours(self._client, self._name, width)
            if self._has_other_index():
                self.release()
                if self._client.list_indexes(self._name):
                    self._client.drop_index(self._name, VECTOR)
                self._client.create_index(self._name, index)
                self.__dict__.pop("_index", None)
            return
        schema = self._client.create_schema(auto_id=False)
        schema.add_field(KEY, DataType.VARCHAR, is_primary=True, max_length=_KEY_LENGTH)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=width)
        # Strong: a reader sees all earlier writes.
        self._client.create_collection(
            self._name, schema=schema, index_params=index, consistency_level="Strong"
        )

    def drop(self) -> None:
        """See Collection."""
        if self._exists():
            names.require_ours(self._client, self._name)
            self._client.drop_collection(self._name)

    def keys(self, least: str = "", below: str = "") -> set[str]:
        """See Collection."""
        if not self._exists():
            return set()
        self._client.load_collection(self._name)
        # Milvus Lite sorts all keys for each page of an iterator.
        within = f'{KEY} >= "{least}"' + (f' && {KEY} < "{below}"' if below else "")
        rows = self._client.query(
            self._name, filter=within, output_fields=[KEY], timeout=self._timeout
        )
        return {row[KEY] for row in rows}

    def insert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """See Collection."""
        self._client.insert(self._name, _rows(keys, vectors), timeout=self._timeout)

    def upsert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """See Collection."""
        step = max(1, _MESSAGE // (4 * vectors.shape[1] + _KEY_LENGTH)) if len(keys) else 1
        for start in range(0, len(keys), step):
            rows = _rows(keys[start : start + step], vectors[start : start + step])
            self._client.upsert(self._name, rows, timeout=self._timeout)

    def delete(self, keys: Sequence[str]) -> None:
        """See Collection."""
        for start in range(0, len(keys), _PAGE):
            page = list(keys[start : start + _PAGE])
            self._client.delete(self._name, ids=page, timeout=self._timeout)

    def flush(self) -> None:
        """See Collection."""
        self._client.flush(self._name, timeout=self._timeout)
        server = self._address.server
        if server and self._index.kind != "FLAT":
            self.load()
            again = partial(self.load, again=True)
            await_index(self._client, self._name, again, server.import_timeout)

    def count(self) -> int:
        """See Collection."""
        if not self._exists():
            return 0
        self._client.load_collection(self._name)
        return self._count_where("")

    def repeated(self) -> list[str]:
        """See Collection."""
        if not self._exists():
            return []
        self._client.load_collection(self._name)
        bounds = ["", *(f"{first:02x}" for first in range(1, 256)), ""]  # keys are hashes
        pages = (sorted(self.keys(*page)) for page in pairwise(bounds))
        return [key for page in pages if page for key in self._repeated_in(page)]

    def load(self, *, again: bool = False) -> None:
        """See loading.Loadable."""
        if again:
            self.release()
        self._client.load_collection(self._name)

    def release(self) -> None:
        """See loading.Loadable."""
        self._client.release_collection(self._name)

    def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
        """See Collection."""
        asked = min(self._index.asks_for(k), _MOST_QUERIES)
        row = max(4 * vectors.shape[1], asked * _HIT_BYTES)
        step = min(max(_MESSAGE // row, 1), _MOST_QUERIES)
        found: list[Neighbours] = []
        for start in range(0, len(vectors), step):
            found += self._search(vectors[start : start + step], asked)
        return self._measured(vectors, found, k) if self._index.is_quantised else found

    def vectors(self, keys: Sequence[str]) -> np.ndarray:
        """See Collection."""
        stored: dict[str, list[float]] = {}
        for start in range(0, len(keys), _VECTORS_PAGE):
            page = list(keys[start : start + _VECTORS_PAGE])
            rows = self._client.get(
                self._name, ids=page, output_fields=[KEY, VECTOR], timeout=self._timeout
            )
            stored |= {row[KEY]: row[VECTOR] for row in rows}
        return np.array([stored[key] for key in keys], dtype=np.float32)

    def drop_others(self) -> list[str]:
        """Drop this root's collections for other models and projections; return their names.

        On a server, readers find this collection from now on.
        """
        if self._address.server and names.point_alias(self._client, self._family, self._name):
            say(f"readers find {self._name} under the alias {names.alias_of(self._family)}")
        return names.drop_others(self._client, self._family, self._name)

    def _has_other_index(self) -> bool:
        """Whether another type is configured by now, or a kill came before the index was made."""
        if not self._client.list_indexes(self._name):
            return True
        return self._address.index_type not in ("AUTO", self._index.kind)

    @cached_property
    def _index(self) -> Index:
        """The index that the collection has."""
        found = self._client.describe_index(self._name, VECTOR) or {}
        built = {name: int(found[name]) for name in ("nlist",) if name in found}
        return Index(str(found.get("index_type", "FLAT")), built)

    def _search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
        """The `k` nearest by the margins of the index, in one request."""
        # Without named output fields Milvus Lite returns the vectors with every hit.
        found = self._client.search(
            self._name,
            data=list(vectors),
            limit=k,
            output_fields=[KEY],
            search_params={"params": self._index.search_params(k, self._address.recall)},
            timeout=self._timeout,
        )
        return [
            Neighbours(
                [hit[KEY] for hit in hits],
                np.array([hit["distance"] for hit in hits], dtype=np.float32),
            )
            for hits in found
        ]

    def _measured(self, vectors: np.ndarray, found: list[Neighbours], k: int) -> list[Neighbours]:
        """The best `k` of the neighbours found, by their margins from the stored vectors."""
        best = []
        for one, near in zip(vectors, found, strict=True):
            exact = self.vectors(near.keys) @ one if near.keys else near.margins
            rows = np.argsort(-exact, kind="stable")[:k]
            best.append(Neighbours([near.keys[row] for row in rows], exact[rows]))
        return best

    def _repeated_in(self, keys: list[str]) -> list[str]:
        """Those of `keys`, in order and without a gap, that may have several vectors."""
        between = f'{KEY} >= "{keys[0]}" and {KEY} <= "{keys[-1]}"'
        more = self._count_where(between) - len(keys)
        if not more:
            return []
        if len(keys) <= _FEW_KEYS or more > len(keys) // 4:
            return keys
        half = len(keys) // 2
        return self._repeated_in(keys[:half]) + self._repeated_in(keys[half:])

    def _count_where(self, condition: str) -> int:
        counted = self._client.query(
            self._name, filter=condition, output_fields=["count(*)"], timeout=self._timeout
        )
        return int(counted[0]["count(*)"])

    def _exists(self) -> bool:
        return bool(self._client.has_collection(self._name))


def _rows(keys: Sequence[str], vectors: np.ndarray) -> list[dict[str, object]]:
    return [{KEY: key, VECTOR: vector} for key, vector in zip(keys, vectors, strict=True)]
