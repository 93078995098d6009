"""The operations on files do the same on a local disk and through Hadoop."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from imgdedup.lake.files import Files, HadoopFiles, LocalFiles, files_of


@pytest.fixture(params=["local", "hadoop"])
def files(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Files:
    return LocalFiles() if request.param == "local" else HadoopFiles(spark, f"file:{tmp_path}")


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"{tmp_path}/a folder"


def test_the_root_chooses_local_files_or_hadoop(spark: SparkSession, tmp_path: Path) -> None:
    assert isinstance(files_of(spark, str(tmp_path)), LocalFiles)
    for root in (f"file://{tmp_path}", f"file:{tmp_path}"):
        found = files_of(spark, root)
        assert isinstance(found, HadoopFiles)
        assert found.renames


def test_a_missing_file_is_no_error(files: Files, place: str) -> None:
    assert not files.exists(f"{place}/none")
    assert files.names(f"{place}/none") == []
    assert files.read(f"{place}/none") is None
    files.delete(f"{place}/none")


def test_a_text_is_written_over_and_read_again(files: Files, place: str) -> None:
    for text in ("first", "second, \u00e9 and a line\n", ""):
        files.write(f"{place}/text", text)
        assert files.read(f"{place}/text") == text
    assert [name for name in files.names(place) if not name.startswith(".")] == ["text"]


def test_bytes_are_read_as_they_are(files: Files, place: str) -> None:
    files.write(f"{place}/text", "none")
    Path(place, "bytes").write_bytes(bytes(range(256)))
    assert files.read_bytes(f"{place}/bytes") == bytes(range(256))
    with pytest.raises(OSError, match=r"No such file|does not exist"):
        files.read_bytes(f"{place}/other")


def test_a_file_is_created_once(files: Files, place: str) -> None:
    assert files.create(f"{place}/lock", "one")
    assert not files.create(f"{place}/lock", "other")
    assert files.read(f"{place}/lock") == "one"
    files.delete(f"{place}/lock")
    assert files.create(f"{place}/lock", "other")


def test_folders_are_moved_and_deleted_with_everything_in_them(files: Files, place: str) -> None:
    for name in ("b", "a"):
        files.write(f"{place}/one/inner/{name}", name)
    files.move(f"{place}/one", f"{place}/further/down/two")
    assert not files.exists(f"{place}/one")
    inner = f"{place}/further/down/two/inner"
    assert [name for name in files.names(inner) if not name.startswith(".")] == ["a", "b"]
    files.copy(f"{inner}/a", f"{place}/new/copy")
    assert files.read(f"{place}/new/copy") == files.read(f"{inner}/a") == "a"
    files.delete(f"{place}/further")
    assert not files.exists(inner)
    with pytest.raises(OSError, match=r"cannot move|No such file|does not exist"):
        files.move(f"{place}/further", f"{place}/elsewhere")
