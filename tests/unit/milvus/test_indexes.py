"""Which index a corpus gets, how far a search looks, and how its requests are cut."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from imgdedup.milvus.client import CollectionAddress, MilvusCollection
from imgdedup.milvus.indexes import Index, needed_bytes, new_index
from tests.milvus_contract import keys, stored

WIDTH = 195


@pytest.mark.parametrize(
    ("contents", "memory", "kind"),
    [
        (0, 0, "FLAT"),
        (300_000, 1, "FLAT"),
        (300_001, 0, "HNSW"),
        (10_000_000, 0, "HNSW"),
        (10_000_000, 32, "HNSW"),
        (10_000_000, 8, "IVF_SQ8"),
        (10_000_000, 2, "DISKANN"),
        (1_000_000_000, 512, "IVF_SQ8"),
        (1_000_000_000, 128, "DISKANN"),
    ],
)
def test_a_corpus_gets_the_first_type_that_fits(contents: int, memory: float, kind: str) -> None:
    assert new_index("AUTO", contents, WIDTH, memory).kind == kind
    for chosen in ("FLAT", "HNSW", "IVF_SQ8", "DISKANN"):
        assert new_index(chosen, contents, WIDTH, memory).kind == chosen


def test_the_memory_decides_at_seven_tenths_of_it() -> None:
    gib = 4_000_000 * needed_bytes("HNSW", WIDTH) / 0.7 / 2**30
    assert new_index("AUTO", 4_000_000, WIDTH, gib * 1.001).kind == "HNSW"
    assert new_index("AUTO", 4_000_000, WIDTH, gib * 0.999).kind == "IVF_SQ8"


@pytest.mark.parametrize(
    ("contents", "lists"), [(0, 16), (10_000, 400), (1_000_000, 4000), (10**9, 4693)]
)
def test_lists_grow_with_the_root_of_what_a_server_indexes_together(
    contents: int, lists: int
) -> None:
    assert new_index("IVF_SQ8", contents, WIDTH, 0).built == {"nlist": lists}


@pytest.mark.parametrize("index", [Index("HNSW"), Index("IVF_SQ8", {"nlist": 4000})])
def test_a_search_looks_further_for_a_higher_recall(index: Index) -> None:
    values = [next(iter(index.search_params(10, recall).values())) for recall in (0.9, 0.99, 1.0)]
    assert values == sorted(set(values))


def test_a_search_keeps_to_what_milvus_takes() -> None:
    for recall in (0.0, 0.5, 0.99, 1.0):
        for k in (1, 10, 20, 21, 1000, 16_384):
            assert 2 * k <= Index("HNSW").search_params(k, recall)["ef"]
            assert 16 <= Index("IVF_SQ8", {"nlist": 128}).search_params(k, recall)["nprobe"] <= 128
            listed = Index("DISKANN").search_params(k, recall)["search_list"]
            assert k <= listed <= (200 if k <= 20 else min(10 * k, 65_535))
            assert Index("FLAT").search_params(k, recall) == {}


class Client:
    """A client that finds by margins which are rounded, as those of a quantised index."""

    def __init__(self, kind: str, vectors: np.ndarray) -> None:
        self.kind = kind
        self.vectors = dict(zip(keys(len(vectors)), vectors, strict=True))
        self.requests: list[tuple[int, int]] = []

    def describe_index(self, name: str, field: str) -> dict[str, object]:
        return {"index_type": self.kind, "nlist": "16"}

    def search(self, name: str, data: list[np.ndarray], limit: int, **options: Any) -> list[Any]:
        self.requests.append((len(data), limit))
        names, matrix = list(self.vectors), np.stack([*self.vectors.values()])
        found = []
        for one in data:
            rough = np.round(matrix @ one, 1)
            rows = np.argsort(-rough, kind="stable")[:limit]
            found.append([{"content_id": names[row], "distance": rough[row]} for row in rows])
        return found

    def get(
        self, name: str, ids: Sequence[str], output_fields: list[str], timeout: float
    ) -> list[dict[str, Any]]:
        return [{"content_id": key, "vector": self.vectors[key]} for key in ids]


def collection(client: Any) -> MilvusCollection:
    return MilvusCollection(CollectionAddress("http://h", "c", "c", "AUTO", 5.0), client)


def test_margins_of_a_quantised_index_are_measured_again() -> None:
    vectors = stored(400)
    client = Client("IVF_SQ8", vectors)
    found = collection(client).search(vectors[:5], 20)
    for one, near in zip(vectors[:5], found, strict=True):
        exact = vectors @ one
        np.testing.assert_allclose(near.margins, np.sort(exact)[::-1][: len(near.keys)], atol=0.05)
        place = {key: row for row, key in enumerate(client.vectors)}
        np.testing.assert_allclose(near.margins, exact[[place[key] for key in near.keys]])
        assert len(near.keys) == 20
        assert [*near.margins] == sorted(near.margins, reverse=True)
    assert client.requests == [(5, 36)]


def test_margins_of_an_exact_index_are_taken_as_they_are() -> None:
    vectors = stored(50)
    client = Client("FLAT", vectors)
    (near,) = collection(client).search(vectors[:1], 5)
    assert np.array_equal(near.margins, np.round(near.margins, 1).astype(np.float32))
    assert client.requests == [(1, 5)]


@pytest.mark.parametrize(("kind", "k"), [("FLAT", 16_384), ("HNSW", 4096), ("IVF_SQ8", 16_384)])
def test_requests_and_answers_stay_below_the_limits_of_a_server(kind: str, k: int) -> None:
    vectors = stored(130)
    client = Client(kind, vectors)
    assert len(collection(client).search(vectors, k)) == 130
    assert sum(queries for queries, _ in client.requests) == 130
    for queries, limit in client.requests:
        assert limit <= 16_384
        assert queries * limit * 192 <= 32 << 20
