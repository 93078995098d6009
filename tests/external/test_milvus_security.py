"""A real Milvus server that wants credentials, by TLS."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymilvus import MilvusClient

from imgdedup import config
from imgdedup.config import MilvusConfig
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus import loading
from imgdedup.milvus.embedded import serving
from imgdedup.milvus.storage import ImportStorage
from tests.external.servers.milvus import HAS_BINARY, WHY_NO_BINARY, MilvusServer, running
from tests.external.test_milvus_import import written
from tests.milvus_contract import WIDTH, keys, stored

CONF = Path(__file__).parents[2] / "conf"
PASSWORD = "a-long-secret"  # of a server that lives as long as this test

pytestmark = pytest.mark.skipif(not HAS_BINARY, reason=WHY_NO_BINARY)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself; its key lies beside it."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(file.with_suffix(".key")), "-out", str(file), "-subj", "/CN=test"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[MilvusServer]:
    entries = {
        "common__security__authorizationEnabled": "true",
        "common__security__tlsMode": "1",
        "tls__serverPemPath": str(certificate),
        "tls__serverKeyPath": str(certificate.with_suffix(".key")),
    }
    folder = tmp_path_factory.mktemp("server")
    with running(folder, "root:Milvus", str(certificate), **entries) as server:
        with closing(
            MilvusClient(uri=server.uri, token="root:Milvus", server_pem_path=str(certificate))
        ) as root:
            root.create_user("worker", PASSWORD)
            root.grant_role("worker", "admin")
            root.create_user("nobody", PASSWORD)
        yield server


@pytest.fixture
def settings(server: MilvusServer, certificate: Path, tmp_path: Path) -> MilvusConfig:
    chosen = config.load(CONF, "local", {}).milvus
    return replace(
        chosen,
        uri=server.uri,
        ca_file=str(certificate),
        import_storage=str(tmp_path),
        request_timeout=10.0,
    )


def enter(monkeypatch: pytest.MonkeyPatch, user: str, password: str) -> None:
    monkeypatch.setenv("IMGDEDUP_MILVUS_USER", user)
    monkeypatch.setenv("IMGDEDUP_MILVUS_PASSWORD", password)


def test_with_credentials_the_collection_is_filled_and_searched(
    settings: MilvusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, "worker", PASSWORD)
    with (
        serving(settings, "root", "m", "p") as address,
        closing(address.connect()) as collection,
    ):
        collection.create(WIDTH)
        names, vectors = keys(100), stored(100)
        storage = ImportStorage(settings, address.collection)
        loading.settle(collection, address)
        loading.import_files(address, settings, written(storage, names, vectors))
        np.testing.assert_array_equal(collection.vectors(names), vectors)
        collection.drop_others()
        collection.drop()


@pytest.mark.parametrize(("user", "password"), [("worker", "wrong"), ("none", PASSWORD)])
def test_wrong_credentials_are_one_line_that_does_not_show_them(
    settings: MilvusConfig, monkeypatch: pytest.MonkeyPatch, user: str, password: str
) -> None:
    enter(monkeypatch, user, password)
    with (
        serving(settings, "root", "m", "p") as address,
        pytest.raises(UserError, match="refuses the credentials: set IMGDEDUP_MILVUS") as failure,
    ):
        address.connect()
    assert password not in str(failure.value)
    assert "\n" not in str(failure.value)


def test_without_credentials_the_line_is_the_same(
    settings: MilvusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMGDEDUP_MILVUS_USER", raising=False)
    with (
        serving(settings, "root", "m", "p") as address,
        pytest.raises(UserError, match="refuses the credentials"),
    ):
        address.connect()


def test_a_server_with_an_unknown_certificate_is_not_trusted(
    settings: MilvusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client keeps connections: another user gets a new one.
    enter(monkeypatch, "nobody", PASSWORD)
    with (
        serving(replace(settings, ca_file=""), "root", "m", "p") as address,
        pytest.raises(TryAgain, match=r"no Milvus server answers .*CERTIFICATE_VERIFY_FAILED"),
    ):
        address.connect()
