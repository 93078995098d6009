"""The files of an import: named by their keys, whole, and where the server looks for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup import config
from imgdedup.config import MilvusConfig
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus import storage as module
from imgdedup.milvus.storage import ImportRecord, ImportStorage

CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture
def settings(tmp_path: Path) -> MilvusConfig:
    chosen = config.load(CONF, "local", {}).milvus
    return replace(chosen, import_storage=str(tmp_path / "import"))


def batch(names: list[str], seed: int = 0) -> pa.RecordBatch:
    vectors = np.random.default_rng(seed).random((len(names), 4), np.float32)
    rows = pa.array(list(vectors), pa.list_(pa.float32()))
    return pa.RecordBatch.from_arrays([pa.array(names), rows], names=["key", "vector"])


def test_a_file_holds_the_keys_and_vectors_of_all_batches(settings: MilvusConfig) -> None:
    storage = ImportStorage(settings, "c")
    one, two = batch(["a", "b"]), batch(["c"], seed=1)
    written = storage.write(iter([one, two]))
    assert written is not None
    assert written[1] == 3
    table = pq.read_table(storage.path_for_server(written[0]))
    assert table.column_names == ["content_id", "vector"]
    assert table["content_id"].to_pylist() == ["a", "b", "c"]
    assert table["vector"].to_pylist() == [*one["vector"].to_pylist(), *two["vector"].to_pylist()]


def test_the_keys_name_the_file_and_not_their_batches(settings: MilvusConfig) -> None:
    storage = ImportStorage(settings, "c")
    first = storage.write(iter([batch(["a", "b"])]))
    assert storage.write(iter([batch(["a"]), batch(["b"])])) == first
    assert storage.write(iter([batch(["a", "c"])])) != first
    assert storage.write(iter([batch(["ab"])])) != first
    assert len([*Path(settings.import_storage).rglob("*.parquet")]) == 3


def test_no_rows_leave_no_file(settings: MilvusConfig) -> None:
    assert ImportStorage(settings, "c").write(iter([])) is None
    assert not Path(settings.import_storage).exists()


def test_clearing_leaves_what_is_not_of_an_import(settings: MilvusConfig) -> None:
    storage, other = ImportStorage(settings, "c"), ImportStorage(settings, "d")
    assert not storage.begun()
    storage.clear()
    for each in (storage, other):
        each.write(iter([batch(["a"])]))
        each.begin(ImportRecord("attempt", {"a": 1}))
    mine = Path(settings.import_storage, "c", "notes.txt")
    mine.write_text("mine")
    storage.clear()
    assert not storage.begun()
    assert [*mine.parent.iterdir()] == [mine]
    assert other.begun()
    assert len([*Path(settings.import_storage, "d").iterdir()]) == 2


@pytest.mark.parametrize(
    ("place", "prefix", "expected"),
    [
        ("/mnt/share", "", "/mnt/share/c/f.parquet"),
        ("/mnt/share/", "/data/in/", "/data/in/c/f.parquet"),
        ("s3://bucket/im/port", "", "im/port/c/f.parquet"),
        ("s3://bucket", "", "c/f.parquet"),
        ("s3://bucket/im", "files/im", "files/im/c/f.parquet"),
    ],
)
def test_the_server_has_its_own_name_for_a_file(
    settings: MilvusConfig, place: str, prefix: str, expected: str
) -> None:
    chosen = replace(settings, import_storage=place, import_prefix=prefix)
    assert ImportStorage(chosen, "c").path_for_server("f.parquet") == expected


def test_a_place_that_cannot_be_written_is_the_users_fault(
    settings: MilvusConfig, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    chosen = replace(settings, import_storage="/proc/none")
    with pytest.raises((UserError, TryAgain), match=r"milvus\.import_storage, /proc/none"):
        ImportStorage(chosen, "c").write(iter([batch(["a"])]))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Permission denied", UserError),
        ("AWS Error ACCESS_DENIED during PutObject", UserError),
        ("AWS Error SLOW_DOWN\nduring PutObject", TryAgain),
    ],
)
def test_what_a_store_refuses_is_told_apart_from_what_may_pass(
    said: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as failure, module._plainly("s3://bucket"):
        raise OSError(said)
    assert "\n" not in str(failure.value)
    assert " ".join(said.split()) in str(failure.value)


@pytest.mark.parametrize("place", ["", "/mnt/share", "s3://bucket", "gs://bucket/folder"])
def test_a_place_is_a_folder_or_a_prefix(settings: MilvusConfig, place: str) -> None:
    module.require_storage(replace(settings, import_storage=place))


@pytest.mark.parametrize("place", ["share", "s3://", "s3://key:secret@bucket/folder", "http://h/x"])
def test_another_place_is_refused(settings: MilvusConfig, place: str) -> None:
    with pytest.raises(UserError, match="neither an absolute path nor a prefix"):
        module.require_storage(replace(settings, import_storage=place))
