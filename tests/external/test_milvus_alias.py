"""The alias for readers, and collections of others, on a real Milvus server."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

from imgdedup import config
from imgdedup.errors import UserError
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.names import alias_of
from tests.external.servers.milvus import HAS_BINARY, URI, WHY_NOT, serving

CONF = Path(__file__).parents[2] / "conf"

pytestmark = pytest.mark.skipif(not (URI or HAS_BINARY), reason=WHY_NOT)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as uri:
        yield uri


@pytest.fixture
def client(uri: str) -> Iterator[MilvusClient]:
    with closing(MilvusClient(uri=uri)) as client:
        yield client


@pytest.fixture
def address(uri: str, client: MilvusClient) -> Iterator[CollectionAddress]:
    """The address of a collection `<family>old`; what begins like it is dropped afterwards."""
    mark = f"t{uuid.uuid4().hex[:8]}"
    server = replace(config.load(CONF, "local", {}).milvus, uri=uri)
    yield CollectionAddress(uri, f"{mark}_old", f"{mark}_", "FLAT", 60.0, server)
    for name in client.list_collections():
        if name.startswith(mark):
            client.drop_collection(name)


def fill(address: CollectionAddress, name: str, rows: int) -> CollectionAddress:
    own = replace(address, collection=f"{address.family}{name}")
    with closing(own.connect()) as collection:
        collection.create(8)
        collection.upsert([str(row) for row in range(rows)], np.eye(rows, 8, dtype=np.float32))
        collection.flush()
    return own


def read(client: MilvusClient, address: CollectionAddress) -> int:
    """How many vectors a reader finds."""
    alias = alias_of(address.family)
    return int(client.query(alias, filter="", output_fields=["count(*)"])[0]["count(*)"])


def test_readers_find_the_old_collection_until_the_new_one_takes_over(
    address: CollectionAddress, client: MilvusClient
) -> None:
    with closing(fill(address, "old", 2).connect()) as old:
        old.drop_others()
    assert read(client, address) == 2
    new = fill(address, "new", 3)
    assert read(client, address) == 2
    with closing(new.connect()) as collection:
        assert collection.drop_others() == [f"{address.family}old"]
        assert read(client, address) == 3
        assert collection.drop_others() == []
    assert read(client, address) == 3


def test_an_alias_that_means_another_collection_is_refused_and_nothing_is_dropped(
    address: CollectionAddress, client: MilvusClient
) -> None:
    own, old = fill(address, "new", 1), fill(address, "old", 1)
    foreign = f"{address.family[:-1]}x"
    with closing(replace(address, collection=foreign).connect()) as other:
        other.create(8)
    client.create_alias(foreign, alias_of(address.family))
    with closing(own.connect()) as collection, pytest.raises(UserError, match=f"means {foreign}"):
        collection.drop_others()
    assert client.has_collection(old.collection)
    assert client.describe_alias(alias_of(address.family))["collection_name"] == foreign
    client.drop_alias(alias_of(address.family))


def make_foreign(client: MilvusClient, name: str) -> None:
    schema = client.create_schema(auto_id=False)
    schema.add_field("number", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=8)
    client.create_collection(name, schema=schema)


def test_a_collection_with_the_name_of_the_alias_is_refused(
    address: CollectionAddress, client: MilvusClient
) -> None:
    make_foreign(client, alias_of(address.family))
    own = fill(address, "old", 1)
    with closing(own.connect()) as collection, pytest.raises(UserError, match="has a collection"):
        collection.drop_others()
    assert client.has_collection(alias_of(address.family))


def test_a_collection_of_another_program_is_neither_filled_nor_dropped(
    address: CollectionAddress, client: MilvusClient
) -> None:
    make_foreign(client, address.collection)
    with closing(address.connect()) as collection:
        for act in (lambda: collection.create(8), collection.drop):
            with pytest.raises(UserError, match="made by another program"):
                act()
    own = fill(address, "new", 1)
    with closing(own.connect()) as collection:
        assert collection.drop_others() == []
    assert client.has_collection(address.collection)


def test_a_collection_with_vectors_of_another_width_is_named(address: CollectionAddress) -> None:
    with closing(fill(address, "old", 1).connect()) as collection:
        collection.create(8)
        with pytest.raises(UserError, match="has vectors of 8 values, not 9"):
            collection.create(9)
