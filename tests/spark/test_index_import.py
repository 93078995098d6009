"""The vectors for a server: a small difference is upserted, a large one goes through files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from imgdedup.config import Config, MilvusConfig
from imgdedup.errors import UserError
from imgdedup.milvus import loading
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.embedded import serving
from imgdedup.milvus.storage import ImportStorage
from imgdedup.relations.contents import DESCRIBED, contents
from imgdedup.space.projection import Part, Projection
from imgdedup.space.vectors import EXTRA
from imgdedup.stages import index
from tests.spark.tables import Image, embeddings

DIMS = 16
DAY = "2026-01-01"


@pytest.fixture
def milvus(settings: Config, tmp_path: Path) -> MilvusConfig:
    return replace(
        settings.milvus,
        uri="http://127.0.0.1:9",
        import_storage=str(tmp_path / "import"),
        import_file_rows=20,
        upsert_rows=10,
    )


@pytest.fixture
def address(milvus: MilvusConfig) -> CollectionAddress:
    return CollectionAddress(milvus.uri, "c", "c", "FLAT", 5.0, milvus)


@pytest.fixture
def space() -> Projection:
    network = Part(np.zeros(DIMS, np.float32), None)
    return Projection("model", network, None, 0.0, np.eye(4, DIMS, dtype=np.float32), 0.0, 1, 1)


def new(spark: SparkSession, count: int) -> DataFrame:
    chance = np.random.default_rng(0)
    rows = [
        Image(f"{n}", f"{n:064x}", DAY, embedding=tuple(map(float, chance.standard_normal(DIMS))))
        for n in range(count)
    ]
    return contents(embeddings(spark, rows), *DESCRIBED)


def test_a_large_difference_is_written_to_files_and_imported(
    spark: SparkSession,
    address: CollectionAddress,
    milvus: MilvusConfig,
    space: Projection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def play(address: CollectionAddress, config: MilvusConfig, files: Mapping[str, int]) -> int:
        asked.append(dict(files))
        return sum(files.values())

    monkeypatch.setattr(loading, "import_files", play)
    for _ in range(2):
        assert index.insert(new(spark, 50), space, address, batch=7) == 50
    assert asked[0] == asked[1]  # equal contents give files of equal names
    assert 1 < len(asked[0]) <= 3
    storage, vectors = ImportStorage(milvus, "c"), dict[str, list[float]]()
    for name, rows in asked[0].items():
        table = pq.read_table(storage.path_for_server(name))
        found = table["content_id"].to_pylist()
        assert found == sorted(found)
        assert len(found) == rows
        vectors |= dict(zip(found, table["vector"].to_pylist(), strict=True))
    assert sorted(vectors) == [f"{n:064x}" for n in range(50)]
    row = new(spark, 50).where(f"content_id = '{7:064x}'").toArrow()
    expected = space.stored(np.array(row["embedding"].to_pylist(), np.float32), None)
    np.testing.assert_array_equal(np.array(vectors[f"{7:064x}"], np.float32), expected[0])


def test_a_large_difference_without_a_storage_is_refused_before_any_work(
    spark: SparkSession, address: CollectionAddress, milvus: MilvusConfig, space: Projection
) -> None:
    without = replace(address, server=replace(milvus, import_storage=""))
    with pytest.raises(UserError, match=r"11 vectors are new.*set milvus\.import_storage"):
        index.insert(new(spark, 11), space, without, batch=7)


def test_a_small_difference_is_upserted(
    spark: SparkSession, settings: Config, milvus: MilvusConfig, space: Projection, tmp_path: Path
) -> None:
    with serving(settings.milvus, str(tmp_path), "m", "p") as served:
        as_server = replace(served, server=milvus)
        collection = served.connect()
        collection.create(DIMS + EXTRA)
        collection.upsert([f"{0:064x}"], np.ones((1, DIMS + EXTRA), np.float32))
        assert index.insert(new(spark, 10), space, as_server, batch=3) == 10
        collection.flush()
        assert collection.count() == 10
        assert collection.keys() == {f"{n:064x}" for n in range(10)}
        collection.close()
    assert not Path(milvus.import_storage).exists()
