"""A bucket that is a folder of the test."""

from pathlib import Path

import pytest
from pyarrow import fs

from imgdedup.sources import stores


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is the bucket "lake" of an object store."""
    system = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(stores, "_s3", lambda region, endpoint: system)
    return tmp_path / "lake"
