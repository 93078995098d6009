"""Imports into a real Milvus server: whole, once, and in plain words when they fail."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from imgdedup import config
from imgdedup.config import MilvusConfig
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus import loading
from imgdedup.milvus.client import CollectionAddress, MilvusCollection
from imgdedup.milvus.jobs import jobs_of
from imgdedup.milvus.storage import ImportRecord, ImportStorage
from tests.external.servers.milvus import HAS_BINARY, WHY_NO_BINARY, MilvusServer, running
from tests.milvus_contract import WIDTH, keys, stored

CONF = Path(__file__).parents[2] / "conf"

pytestmark = pytest.mark.skipif(not HAS_BINARY, reason=WHY_NO_BINARY)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def settings(server: MilvusServer, tmp_path: Path) -> MilvusConfig:
    chosen = config.load(CONF, "local", {}).milvus
    return replace(
        chosen, uri=server.uri, import_storage=str(tmp_path / "import"), import_timeout=120.0
    )


@pytest.fixture
def address(settings: MilvusConfig) -> CollectionAddress:
    name = f"imgdedup_import_{uuid.uuid4().hex}"
    return CollectionAddress(settings.uri, name, name, "FLAT", 30.0, settings)


@pytest.fixture
def collection(address: CollectionAddress) -> Iterator[MilvusCollection]:
    collection = address.connect()
    collection.create(WIDTH)
    yield collection
    collection.close()
    again = address.connect()
    again.drop()
    again.close()


def others(count: int) -> list[str]:
    """Keys that `keys` never gives."""
    return [f"f{number:063x}" for number in range(count)]


def batch(names: list[str], vectors: np.ndarray) -> pa.RecordBatch:
    rows = pa.array(list(vectors), pa.list_(pa.float32()))
    return pa.RecordBatch.from_arrays([pa.array(names), rows], names=["key", "vector"])


def written(storage: ImportStorage, names: list[str], vectors: np.ndarray) -> dict[str, int]:
    """The file of some vectors, in two batches, and its rows."""
    half = len(names) // 2
    parts = batch(names[:half], vectors[:half]), batch(names[half:], vectors[half:])
    found = storage.write(iter(parts))
    assert found is not None
    return dict([found])


def test_imports_into_an_empty_and_a_loaded_collection_show_all_their_vectors(
    collection: MilvusCollection,
    address: CollectionAddress,
    settings: MilvusConfig,
    capsys: pytest.CaptureFixture[str],
) -> None:
    storage = ImportStorage(settings, address.collection)
    names, vectors = keys(1200), stored(1200)
    for rows in (slice(0, 700), slice(700, 1200)):
        files = written(storage, names[rows], vectors[rows])
        assert loading.import_files(address, settings, files) == len(names[rows])
        assert collection.keys() == set(names[: rows.stop])
        assert collection.count() == rows.stop
        assert not storage.begun()
    np.testing.assert_array_equal(collection.vectors(names), vectors)
    assert list(Path(settings.import_storage).rglob("*.*")) == []


def test_a_file_that_was_imported_twice_is_mended(
    collection: MilvusCollection, address: CollectionAddress, settings: MilvusConfig
) -> None:
    storage = ImportStorage(settings, address.collection)
    names, vectors = keys(300), stored(300)
    loading.import_files(address, settings, written(storage, names, vectors))
    loading.import_files(address, settings, written(storage, names[50:60], vectors[50:60]))
    assert collection.count() == 310
    assert {*names[50:60]} <= {*collection.repeated()} < {*names}
    assert loading.mend_repeated(collection, 300) == 10
    assert collection.count() == 300
    np.testing.assert_array_equal(collection.vectors(names), vectors)
    assert loading.mend_repeated(collection, 300) == 0


def test_the_import_of_a_killed_run_is_waited_for_and_not_made_again(
    collection: MilvusCollection, address: CollectionAddress, settings: MilvusConfig
) -> None:
    storage = ImportStorage(settings, address.collection)
    collection.upsert(keys(10), stored(10))
    collection.flush()
    assert collection.count() == 10  # loaded: an import shows late
    names = others(3000)
    files = written(storage, names, stored(3000, seed=1))
    storage.begin(ImportRecord("attempt", files))
    jobs = jobs_of(collection.client, address)
    for name in files:
        jobs.start(storage.path_for_server(name), name)
    loading.settle(collection, address)
    assert collection.keys() == {*names, *keys(10)}
    assert collection.count() == 3010
    assert not storage.begun()
    assert jobs.unfinished() == []


def test_a_file_that_cannot_be_imported_is_named_and_the_vectors_stay(
    collection: MilvusCollection, address: CollectionAddress, settings: MilvusConfig
) -> None:
    storage = ImportStorage(settings, address.collection)
    collection.upsert(keys(10), stored(10))
    collection.flush()
    (name,) = written(storage, others(500), stored(500))
    file = Path(storage.path_for_server(name))
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(TryAgain, match=rf"{file}: parquet: .*run index again") as failure:
        loading.import_files(address, settings, {name: 500})
    assert "\n" not in str(failure.value)
    unseen = replace(settings, import_prefix="/nowhere")
    with pytest.raises(UserError, match=r"cannot read /nowhere/.*no such file.*import_prefix"):
        loading.import_files(address, unseen, {name: 500})
    assert collection.keys() == set(keys(10))


def test_a_server_that_is_killed_in_the_middle_of_an_import_loses_and_repeats_nothing(
    server: MilvusServer,
    collection: MilvusCollection,
    address: CollectionAddress,
    settings: MilvusConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = ImportStorage(settings, address.collection)
    collection.upsert(keys(10), stored(10))
    collection.flush()
    names, vectors = others(20_000), stored(20_000, seed=1)
    files = written(storage, names[:10_000], vectors[:10_000])
    files |= written(storage, names[10_000:], vectors[10_000:])
    monkeypatch.setattr(loading, "_AT_ONCE", 1)
    address = replace(address, timeout=5.0)
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", lambda _: server.kill())
        with pytest.raises(TryAgain, match=rf"Milvus at {server.uri} failed during an import"):
            loading.import_files(address, settings, files)
    server.start()
    address = replace(address, timeout=30.0)
    again = address.connect()
    try:
        loading.settle(again, address)
        present = again.keys()
        assert len(present) == again.count()
        rows = [row for row, name in enumerate(names) if name not in present]
        if rows:
            left = [names[row] for row in rows]
            loading.import_files(address, settings, written(storage, left, vectors[rows]))
        assert again.keys() == {*names, *keys(10)}
        assert again.count() == 20_010
    finally:
        again.close()
