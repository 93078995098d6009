import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from imgdedup.local.prepared.bytecode import add_bytecode, compile_packages


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("some/__init__.py", "from some.part import WORD\n")
        target.writestr("some/part.py", "WORD = 'found'\n")
        target.writestr("some/broken.py", "this is no Python\n")
        target.writestr("some/data.txt", "as it is")
    return path


def test_python_imports_the_bytecode_of_an_archive(archive: Path, tmp_path: Path) -> None:
    add_bytecode(archive)
    alone = tmp_path / "alone.zip"
    with zipfile.ZipFile(archive) as found, zipfile.ZipFile(alone, "w") as target:
        assert found.read("some/data.txt") == b"as it is"
        names = found.namelist()
        for name in names:
            if name.endswith(".pyc"):
                target.writestr(name, found.read(name))
    assert "some/part.py" in names  # tracebacks show its lines
    assert "some/broken.py" in names
    assert "some/broken.pyc" not in names
    command = [sys.executable, "-c", "import some; print(some.WORD)"]
    environment = {"PYTHONPATH": str(alone)}
    words = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert words.stdout == "found\n"


def test_a_second_time_changes_nothing(archive: Path) -> None:
    add_bytecode(archive)
    before = archive.stat()
    add_bytecode(archive)
    assert archive.stat() == before
    assert [path.name for path in archive.parent.iterdir()] == ["some.zip"]


def test_packages_get_bytecode_and_their_tests_do_not(tmp_path: Path) -> None:
    for name in ("some/part.py", "some/tests/test_part.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("WORD = 1\n")
    compile_packages(tmp_path)
    assert [path.parent.parent.name for path in tmp_path.rglob("*.pyc")] == ["some"]
