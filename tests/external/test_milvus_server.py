"""A real Milvus server keeps the same contract as Milvus Lite and the collection of the tests.

The tests run by name, on the server whose address is in IMGDEDUP_MILVUS_URI. They drop every
collection that they make.
"""

import os
import uuid
from collections.abc import Iterator

import pytest
from pymilvus import MilvusClient

from imgdedup.milvus.client import Collection, CollectionAddress
from tests.milvus_contract import CollectionContract

URI = os.environ.get("IMGDEDUP_MILVUS_URI", "")

pytestmark = pytest.mark.skipif(
    not URI, reason="set IMGDEDUP_MILVUS_URI to the address of a Milvus server"
)


class TestMilvusServer(CollectionContract):
    index_type = "FLAT"

    @pytest.fixture
    def collection(self) -> Iterator[Collection]:
        name = f"imgdedup_contract_{uuid.uuid4().hex}"
        collection = CollectionAddress(URI, name, name, self.index_type, timeout=60.0).connect()
        yield collection
        collection.close()
        client = MilvusClient(uri=URI)
        client.drop_collection(name)
        client.close()


class TestMilvusServerWithAGraph(TestMilvusServer):
    index_type = "HNSW"

    # A graph may miss some of many equal neighbours.
    test_equal_vectors_under_different_keys_are_all_kept = None  # type: ignore[assignment]
