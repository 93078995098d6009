"""A real Milvus server keeps the same contract as Milvus Lite and the collection of the tests.

The tests run by name, on a server that they start, or on the one whose address is in
IMGDEDUP_MILVUS_URI. They drop every collection that they make.
"""

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymilvus import MilvusClient

from imgdedup import config
from imgdedup.milvus.client import Collection, CollectionAddress
from imgdedup.space.vectors import asking_form, margins
from tests.external.servers.milvus import HAS_BINARY, URI, WHY_NOT, serving
from tests.milvus_contract import WIDTH, CollectionContract, keys, stored

CONF = Path(__file__).parents[2] / "conf"

pytestmark = pytest.mark.skipif(not (URI or HAS_BINARY), reason=WHY_NOT)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as uri:
        yield uri


class TestMilvusServer(CollectionContract):
    index_type = "FLAT"

    @pytest.fixture
    def collection(self, uri: str) -> Iterator[Collection]:
        name = f"imgdedup_contract_{uuid.uuid4().hex}"
        collection = CollectionAddress(uri, name, name, self.index_type, timeout=60.0).connect()
        yield collection
        collection.close()
        client = MilvusClient(uri=uri)
        client.drop_collection(name)
        client.close()


class TestMilvusServerWithAGraph(TestMilvusServer):
    index_type = "HNSW"

    # A graph may miss some of many equal neighbours.
    test_equal_vectors_under_different_keys_are_all_kept = None  # type: ignore[assignment]


class TestMilvusServerWithListsOfBytes(TestMilvusServerWithAGraph):
    index_type = "IVF_SQ8"


@pytest.mark.parametrize("index_type", ["FLAT", "HNSW", "IVF_SQ8"])
def test_each_index_finds_the_nearest_with_their_true_margins(uri: str, index_type: str) -> None:
    name = f"imgdedup_contract_{uuid.uuid4().hex}"
    server = replace(config.load(CONF, "local", {}).milvus, uri=uri, import_timeout=150.0)
    address = CollectionAddress(uri, name, name, index_type, 60.0, server)
    with closing(address.connect()) as found:
        names, vectors = [f"{row:064}" for row in range(6000)], stored(6000)
        found.create(WIDTH, expected=6000)
        for start in range(0, 6000, 1000):
            part = slice(start, start + 1000)
            found.insert(names[part], vectors[part])
        found.flush()
        asked = stored(50, seed=2)
        near = found.search(asking_form(asked), 10)
        hits = 0
        for one, answer in zip(asked, near, strict=True):
            exact, _ = margins(one, vectors)
            hits += len({names[row] for row in np.argsort(-exact)[:10]} & {*answer.keys})
            rows = [int(key) for key in answer.keys]
            np.testing.assert_allclose(answer.margins, exact[rows], atol=1e-5)
        found.drop()
    assert hits >= 0.98 * 500


def test_a_collection_gets_the_index_that_is_configured_by_now(uri: str) -> None:
    name = f"imgdedup_contract_{uuid.uuid4().hex}"
    address = CollectionAddress(uri, name, name, "FLAT", 60.0)
    names, vectors = keys(30), stored(30)
    for index_type, expected in (("HNSW", "HNSW"), ("AUTO", "HNSW"), ("FLAT", "FLAT")):
        own = replace(address, collection=name, index_type=index_type)
        with closing(own.connect()) as collection:
            collection.create(WIDTH)
            collection.upsert(names, vectors)
            collection.flush()
            found = collection.client.describe_index(name, "vector")
            assert found["index_type"] == expected
            assert collection.count() == 30
            (near,) = collection.search(asking_form(vectors[:1]), 30)
            assert set(near.keys) == set(names)
    with closing(address.connect()) as collection:
        collection.drop()
