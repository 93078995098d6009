"""Servers on loopback that the tests share. Each has its own folder, and ends with the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.external.servers import milvus, s3, spark


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Store]:
    """An S3 server that this process and those that it starts find by the environment."""
    if not s3.HAS_SERVER:
        pytest.skip(s3.WHY_NOT)
    with (
        s3.running(tmp_path_factory.mktemp("s3")) as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, text in store.environment.items():
            patch.setenv(name, text)
        yield store


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Milvus server."""
    if not (milvus.URI or milvus.HAS_BINARY):
        pytest.skip(milvus.WHY_NOT)
    with milvus.serving(tmp_path_factory.mktemp("milvus")) as uri:
        yield uri


@pytest.fixture(scope="session")
def node_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of the cluster's nodes, which has every package but ours."""
    return spark.bare_python(tmp_path_factory.mktemp("nodes") / "venv")


@pytest.fixture(scope="session")
def cluster(store: s3.Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[spark.Cluster]:
    """A Spark cluster whose nodes find the S3 server by their own environment."""
    with spark.running(tmp_path_factory.mktemp("cluster"), store.environment) as cluster:
        yield cluster
