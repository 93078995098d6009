"""fit, index and search against a real Milvus server: imports, the next day, and a refit."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymilvus import MilvusClient
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.milvus.embedded import serving as address_of
from imgdedup.milvus.names import alias_of
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.settling.pinned import read_projection
from imgdedup.stages import body_of
from tests.external.servers.milvus import HAS_BINARY, WHY_NO_BINARY, running
from tests.spark.tables import MODEL, Image, embeddings, rows_of

pytest_plugins = ["tests.spark.conftest"]
pytestmark = pytest.mark.skipif(not HAS_BINARY, reason=WHY_NO_BINARY)

DAYS = ("2026-01-01", "2026-01-02")
Job = Callable[..., list[Outcome]]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server.uri


@pytest.fixture
def chosen(settings: Config, uri: str, tmp_path: Path) -> Config:
    own = replace(
        settings.milvus,
        uri=uri,
        upsert_rows=20,
        import_storage=str(tmp_path / "import"),
        import_file_rows=40,
    )
    return replace(settings, milvus=own)


@pytest.fixture
def job(spark: SparkSession, lake: Lake, chosen: Config) -> Job:
    """Embeds so many images of a day, and runs the stages after that."""

    def run(dt: str, count: int, **fit: Any) -> list[Outcome]:
        chance = np.random.default_rng(int(dt[-2:]))
        vectors = np.abs(chance.standard_normal((count, 16)))
        rows = [
            Image(f"{dt} {n}", f"{dt}-{n:03}", dt, model=MODEL, embedding=tuple(map(float, row)))
            for n, row in enumerate(vectors)
        ]
        lake.replace("embeddings", dt, embeddings(spark, rows).drop("dt"))
        config = replace(chosen, fit=replace(chosen.fit, **fit))
        return [
            run_locked(stage, body_of(stage), Run(spark, lake, dt, (dt,), "run", config, ""))
            for stage in ("fit", "index", "search")
        ]

    return run


def test_days_and_a_refit_keep_the_collection_equal_to_the_table(
    job: Job, lake: Lake, chosen: Config, uri: str
) -> None:
    with closing(MilvusClient(uri=uri)) as client:
        with address_of(chosen.milvus, lake.root, "m", "p") as address:
            alias = alias_of(address.family)

        def readers_find() -> tuple[str, int]:
            counted = client.query(alias, filter="", output_fields=["count(*)"])
            return client.describe_alias(alias)["collection_name"], int(counted[0]["count(*)"])

        _, indexed, _ = job(DAYS[0], 90)  # imported
        assert (indexed.rows_out, indexed.details["vectors"]) == (90, 90)
        first = readers_find()
        _, indexed, _ = job(DAYS[1], 10)  # upserted
        assert (indexed.rows_out, indexed.details["vectors"]) == (10, 100)
        _, indexed, _ = job(DAYS[0], 50)  # 40 contents vanish
        assert (indexed.rows_out, indexed.details["deleted"]) == (0, 40)
        assert readers_find() == (first[0], 60)
        job(DAYS[1], 10, refit=True)
        after = readers_find()
        assert after[0] != first[0]
        assert after[1] == 60
        projection = read_projection(lake)
        assert projection is not None
        assert after[0].endswith(projection.fingerprint)
        assert not client.has_collection(first[0])
        assert {row["projection"] for row in rows_of(lake.read("candidates"))} <= {
            projection.fingerprint
        }
    assert [path for path in Path(chosen.milvus.import_storage).rglob("*") if path.is_file()] == []
