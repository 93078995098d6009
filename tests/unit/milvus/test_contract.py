"""The in-memory collection of the tests and Milvus Lite keep one contract."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from imgdedup import config
from imgdedup.config import MilvusConfig
from imgdedup.milvus.client import Collection, CollectionAddress
from imgdedup.milvus.embedded import serving
from imgdedup.space.vectors import asking_form
from tests.milvus_contract import WIDTH, CollectionContract, keys, stored
from tests.stand_ins import FakeCollection

CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture(scope="module")
def settings() -> MilvusConfig:
    return config.load(CONF, "local", {}).milvus


@pytest.fixture(scope="module")
def address(
    settings: MilvusConfig, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CollectionAddress]:
    with serving(settings, str(tmp_path_factory.mktemp("milvus")), "m", "p") as address:
        yield address


class TestFakeCollection(CollectionContract):
    @pytest.fixture
    def collection(self) -> Collection:
        return FakeCollection()


class TestMilvusLite(CollectionContract):
    index_type = "FLAT"
    numbers = count()

    @pytest.fixture
    def collection(self, address: CollectionAddress) -> Iterator[Collection]:
        name = f"{self.index_type}_{next(self.numbers)}"
        collection = replace(address, collection=name, index_type=self.index_type).connect()
        yield collection
        collection.close()


class TestMilvusLiteWithAGraph(TestMilvusLite):
    index_type = "HNSW"

    # A graph may miss some of many equal neighbours.
    test_equal_vectors_under_different_keys_are_all_kept = None  # type: ignore[assignment]


class TestMilvusLiteWithAChosenIndex(TestMilvusLite):
    index_type = "AUTO"


def test_a_collection_gets_the_index_that_is_configured_by_now(address: CollectionAddress) -> None:
    names, vectors = keys(30), stored(30)
    for index_type, expected in (("HNSW", "HNSW"), ("AUTO", "HNSW"), ("FLAT", "FLAT")):
        own = replace(address, collection="changing", index_type=index_type)
        with closing(own.connect()) as collection:
            collection.create(WIDTH)
            collection.upsert(names, vectors)
            collection.flush()
            found = collection.client.describe_index("changing", "vector")
            assert found["index_type"] == expected
            assert collection.count() == 30
            (near,) = collection.search(asking_form(vectors[:1]), 30)
            assert set(near.keys) == set(names)
