"""Credentials come from the environment alone, travel in the address, and are never shown."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pymilvus import MilvusException

from imgdedup import config
from imgdedup.config import MilvusConfig
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus import connection
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.credentials import token_of_environment
from imgdedup.milvus.embedded import serving

CONF = Path(__file__).parents[3] / "conf"
NAMES = ("TOKEN", "USER", "PASSWORD")


@pytest.fixture
def settings() -> MilvusConfig:
    return replace(config.load(CONF, "local", {}).milvus, uri="https://host:19530")


def put(monkeypatch: pytest.MonkeyPatch, given: Mapping[str, str]) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"IMGDEDUP_MILVUS_{name}", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(f"IMGDEDUP_MILVUS_{name}", value)


@pytest.mark.parametrize(
    ("given", "token"),
    [
        ({}, ""),
        ({"TOKEN": "", "USER": "", "PASSWORD": ""}, ""),
        ({"TOKEN": "key"}, "key"),
        ({"USER": "me", "PASSWORD": "my:word"}, "me:my:word"),
    ],
)
def test_a_token_or_a_user_with_a_password(
    given: Mapping[str, str], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, given)
    assert token_of_environment() == token


@pytest.mark.parametrize(
    "given",
    [
        {"USER": "me"},
        {"PASSWORD": "secret"},
        {"TOKEN": "secret", "USER": "me", "PASSWORD": "secret"},
    ],
)
def test_variables_that_contradict_each_other_are_refused_unseen(
    given: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, given)
    with pytest.raises(UserError, match="IMGDEDUP_MILVUS_USER") as failure:
        token_of_environment()
    assert "secret" not in str(failure.value)


def test_the_token_travels_in_the_address_and_is_not_printed(
    settings: MilvusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, {"TOKEN": "secret"})
    with serving(settings, "s3://bucket/root", "m", "p") as address:
        assert address.token == "secret"
        assert pickle.loads(pickle.dumps(address)) == address
        for shown in (repr(address), str(address), f"{address}", repr(settings)):
            assert "secret" not in shown


def test_milvus_lite_gets_no_token(
    settings: MilvusConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, {"TOKEN": "secret"})
    with serving(replace(settings, uri=""), str(tmp_path), "m", "p") as address:
        assert address.token == ""


@pytest.mark.parametrize(
    "uri", ["http://me:secret@host:19530", "https://secret@host", "https://host?token=secret"]
)
def test_an_address_with_credentials_is_refused_unseen(settings: MilvusConfig, uri: str) -> None:
    with pytest.raises(UserError, match=r"milvus\.uri must be an address alone") as failure:
        serving(replace(settings, uri=uri), "/root", "m", "p").__enter__()
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("auth check failure, please check username", UserError, "refuses the credentials"),
        ("missing authorization in header", UserError, "refuses the credentials"),
        ("PrivilegeSearch: permission deny to me", UserError, "refuses the credentials"),
        ("Fail connecting to server\non h", TryAgain, "Fail connecting to server on h"),
    ],
)
def test_why_a_server_does_not_let_us_in_is_one_line(
    said: str, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {}

    def refuse(**options: object) -> None:
        given.update(options)
        raise MilvusException(message=said)

    monkeypatch.setattr(connection, "MilvusClient", refuse)
    with pytest.raises(kind, match=words) as failure:
        CollectionAddress("https://h", "c", "c", "FLAT", 5.0, token="secret").connect()
    assert given["token"] == "secret"
    assert "secret" not in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_certificates_are_read_from_a_file(
    settings: MilvusConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {}
    monkeypatch.setattr(connection, "MilvusClient", lambda **options: given.update(options))
    file = tmp_path / "ca.pem"
    chosen = replace(settings, ca_file=str(file))
    address = CollectionAddress("https://h", "c", "c", "FLAT", 5.0, chosen)
    with pytest.raises(UserError, match=rf"cannot read milvus\.ca_file: .*{file}"):
        address.connect()
    file.write_text("certificate")
    address.connect()
    assert given["server_pem_path"] == str(file)
