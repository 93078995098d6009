"""Three equal images, and a place for their tables."""

from pathlib import Path

import pytest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        (folder / name).write_bytes(b"1/same")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "out")
