"""The embedded Milvus: on loopback alone, one run at a time, and gone after the block."""

import socket
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from pymilvus import DataType, MilvusClient

from imgdedup import config
from imgdedup.config import MilvusConfig
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.embedded import serving

CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture
def settings() -> MilvusConfig:
    return replace(config.load(CONF, "local", {}).milvus, request_timeout=5.0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(address: CollectionAddress) -> int:
    port = urlsplit(address.uri).port
    assert port is not None
    return port


def listeners(port: int) -> set[str]:
    """The addresses on which something listens on the port."""
    connections = psutil.net_connections("tcp")
    return {
        found.laddr.ip
        for found in connections
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port
    }


def test_the_server_listens_on_loopback_alone_while_the_block_runs(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    port = free_port()
    with serving(replace(settings, port=port), str(tmp_path), "m", "p") as address:
        assert port_of(address) == port
        found = {ip.removeprefix("::ffff:") for ip in listeners(port)}
        assert found == {"127.0.0.1"}
    assert listeners(port) == set()


def keys_after(
    settings: MilvusConfig, root: Path, *keys: str, repair: bool = False
) -> tuple[set[str], str]:
    """Insert `keys`; return all keys of the collection, and its name."""
    with (
        serving(settings, str(root), "m", "p", repair=repair) as address,
        closing(address.connect()) as collection,
    ):
        collection.create(4)
        if keys:
            collection.insert(keys, np.eye(len(keys), 4, dtype=np.float32))
            collection.flush()
        return collection.keys(), address.collection


@pytest.mark.parametrize("index_type", ["IVF_SQ8", "DISKANN"])
def test_an_index_that_only_a_server_has_is_refused(
    settings: MilvusConfig, tmp_path: Path, index_type: Literal["IVF_SQ8", "DISKANN"]
) -> None:
    own = replace(settings, index_type=index_type)
    with pytest.raises(UserError, match=f"no index of the type {index_type}.*milvus.uri"):
        serving(own, str(tmp_path), "m", "p").__enter__()


def test_a_collection_that_was_left_half_made_is_made_again(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    _, name = keys_after(settings, tmp_path)
    collection = tmp_path / ".imgdedup/milvus/collections" / name
    (collection / "schema.json").rename(collection / "schema.json.tmp")  # a full disk, or kill -9
    assert keys_after(settings, tmp_path, "a")[0] == {"a"}
    assert keys_after(settings, tmp_path)[0] == {"a"}


def test_a_collection_without_an_index_gets_one(settings: MilvusConfig, tmp_path: Path) -> None:
    _, name = keys_after(settings, tmp_path, "a", "b")
    with (
        serving(settings, str(tmp_path), "m", "p") as address,
        closing(MilvusClient(uri=address.uri)) as client,
    ):
        client.release_collection(name)
        client.drop_index(name, "vector")
        assert client.list_indexes(name) == []
    assert keys_after(settings, tmp_path)[0] == {"a", "b"}
    with (
        serving(settings, str(tmp_path), "m", "p") as address,
        closing(MilvusClient(uri=address.uri)) as client,
    ):
        assert len(client.list_indexes(name)) == 1


def test_a_repair_deletes_a_damaged_collection_unread(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    keys_after(settings, tmp_path, "a")
    for file in (tmp_path / ".imgdedup/milvus/collections").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    assert keys_after(settings, tmp_path, "b", repair=True)[0] == {"b"}


def test_the_server_is_gone_after_an_exception_in_the_block(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    ports = []

    def fail_while_serving() -> None:
        with serving(settings, str(tmp_path), "m", "p") as address:
            ports.append(port_of(address))
            assert listeners(ports[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_serving()
    assert listeners(ports[0]) == set()
    with serving(settings, str(tmp_path), "m", "p") as again:
        again.connect().close()


def test_vectors_outlive_the_server(settings: MilvusConfig, tmp_path: Path) -> None:
    vectors = np.eye(3, 8, dtype=np.float32)
    for expected in (0, 3):
        with serving(settings, str(tmp_path), "m", "p") as address:
            collection = address.connect()
            collection.create(8)
            assert collection.count() == expected
            if not expected:
                collection.insert(["a", "b", "c"], vectors)
                collection.flush()
            collection.close()
    assert (tmp_path / ".imgdedup" / "milvus").is_dir()


def test_every_model_and_projection_has_a_collection_of_its_own(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    names = set()
    for model, projection in (
        ("cpu-fp32-0a1b", "p"),
        ("cpu-bf16-0a1b", "p"),
        ("cpu-bf16-0a1b", "q"),
    ):
        with serving(settings, str(tmp_path), model, projection) as address:
            collection = address.connect()
            assert collection.keys() == set()
            collection.create(8)
            collection.insert(["a"], np.eye(1, 8, dtype=np.float32))
            collection.flush()
            collection.close()
            names.add(address.collection)
    assert len(names) == 3


def test_other_collections_of_the_root_can_be_dropped_and_no_others(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    with serving(settings, str(tmp_path), "m", "p") as address:
        foreign = replace(address, collection="foreign").connect()
        foreign.create(8)
        for projection in ("p", "q"):
            own = replace(address, collection=f"{address.family}m_{projection}").connect()
            own.create(8)
            own.close()
        collection = address.connect()
        assert collection.drop_others() == [f"{address.family}m_q"]
        assert collection.drop_others() == []
        collection.insert(["a"], np.eye(1, 8, dtype=np.float32))
        foreign.insert(["b"], np.eye(1, 8, dtype=np.float32))
        assert (collection.count(), foreign.count()) == (1, 1)
        collection.close()
        foreign.close()


def test_a_collection_of_another_program_is_neither_filled_nor_dropped(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    with (
        serving(settings, str(tmp_path), "m", "p") as address,
        closing(MilvusClient(uri=address.uri)) as client,
        closing(address.connect()) as collection,
    ):
        for name in (address.collection, f"{address.family}other"):
            schema = client.create_schema(auto_id=False)
            schema.add_field("number", DataType.INT64, is_primary=True)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=8)
            client.create_collection(name, schema=schema)
        for act in (lambda: collection.create(8), collection.drop, collection.drop_others):
            with suppress(UserError):
                assert act() == []
        assert len(client.list_collections()) == 2
        with pytest.raises(UserError, match="made by another program"):
            collection.create(8)


def test_a_collection_with_vectors_of_another_width_is_named(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    with (
        serving(settings, str(tmp_path), "m", "p") as address,
        closing(address.connect()) as collection,
    ):
        collection.create(8)
        with pytest.raises(UserError, match="has vectors of 8 values, not 9"):
            collection.create(9)


def test_roots_that_share_a_server_have_collections_of_their_own(settings: MilvusConfig) -> None:
    chosen = replace(settings, uri="http://127.0.0.1:1")
    families = set()
    for root in ("s3://bucket/one", "s3://bucket/two"):
        with serving(chosen, root, "m", "p") as address:
            assert address.collection.startswith(address.family)
            families.add(address.family)
    assert len(families) == 2


def test_a_port_that_another_program_uses_is_refused(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        chosen = replace(settings, port=taken.getsockname()[1])
        with pytest.raises(UserError, match=rf"port {chosen.port} .*in use.*milvus\.port"):
            serving(chosen, str(tmp_path), "m", "p").__enter__()
    # The refusal leaves nothing locked.
    with serving(chosen, str(tmp_path), "m", "p"):
        pass


def test_two_runs_do_not_share_a_port(settings: MilvusConfig, tmp_path: Path) -> None:
    with serving(settings, str(tmp_path / "one"), "m", "p") as address:
        chosen = replace(settings, port=port_of(address))
        with pytest.raises(UserError, match="in use"):
            serving(chosen, str(tmp_path / "other"), "m", "p").__enter__()


def test_two_runs_do_not_share_a_root(settings: MilvusConfig, tmp_path: Path) -> None:
    with serving(settings, str(tmp_path), "m", "p"):
        for _ in range(2):
            with pytest.raises(UserError, match="another run uses the collection"):
                serving(settings, str(tmp_path), "m", "p").__enter__()


def test_a_configured_server_is_used_as_it_is(settings: MilvusConfig, tmp_path: Path) -> None:
    chosen = replace(settings, uri="http://127.0.0.1:1")
    with serving(chosen, str(tmp_path), "m", "p") as address:
        assert address.uri == chosen.uri
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_named(settings: MilvusConfig) -> None:
    with socket.socket() as held:  # nothing listens, and no other test's server can take the port
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        address = CollectionAddress(f"http://127.0.0.1:{port}", "c", "c", "FLAT", timeout=1.0)
        with pytest.raises(TryAgain, match=rf"{address.uri} .*check that it runs"):
            address.connect()


def test_a_remote_root_needs_a_server(settings: MilvusConfig) -> None:
    with pytest.raises(UserError, match=r"s3://bucket/root is remote: set milvus\.uri"):
        serving(settings, "s3://bucket/root", "m", "p").__enter__()
