"""Imports into a collection: what is started, waited for and said. The tests play the jobs."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymilvus import MilvusException

from imgdedup import config
from imgdedup.config import MilvusConfig
from imgdedup.errors import TryAgain, UserError
from imgdedup.milvus import loading
from imgdedup.milvus.loading import Importing
from imgdedup.milvus.storage import ImportRecord, ImportStorage
from tests.milvus_contract import WIDTH, keys, stored
from tests.unit.milvus.played_imports import Jobs, Repeating, batch

CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_PAUSE", 0.0)


@pytest.fixture
def settings(tmp_path: Path) -> MilvusConfig:
    chosen = config.load(CONF, "local", {}).milvus
    return replace(chosen, uri="http://h", import_storage=str(tmp_path / "import"))


@pytest.fixture
def storage(settings: MilvusConfig) -> ImportStorage:
    return ImportStorage(settings, "c")


@pytest.fixture
def collection() -> Repeating:
    collection = Repeating()
    collection.create(WIDTH)
    return collection


@pytest.fixture
def importing(collection: Repeating, storage: ImportStorage) -> Importing:
    return Importing(collection, Jobs(collection), storage, timeout=60.0)


def files(storage: ImportStorage, count: int, each: int) -> dict[str, int]:
    names, vectors = keys(count * each), stored(count * each)
    found: dict[str, int] = {}
    for start in range(0, count * each, each):
        part = slice(start, start + each)
        written = storage.write(iter([batch(names[part], vectors[part])]))
        assert written is not None
        found |= dict([written])
    return found


def jobs(importing: Importing) -> Jobs:
    assert isinstance(importing.jobs, Jobs)
    return importing.jobs


def test_every_file_is_imported_once_and_a_few_at_a_time(
    importing: Importing, collection: Repeating, storage: ImportStorage
) -> None:
    found = files(storage, count=10, each=3)
    assert importing.run(found) == 30
    assert collection.keys() == set(keys(30))
    assert collection.count() == 30
    assert sorted(jobs(importing).asked) == sorted(map(storage.path_for_server, found))
    assert jobs(importing).most == 4
    assert len(set(jobs(importing).marks)) == 10


def test_an_empty_collection_is_loaded_after_the_import_and_a_filled_one_stays_loaded(
    importing: Importing, collection: Repeating, storage: ImportStorage
) -> None:
    importing.run(files(storage, count=1, each=3))
    assert collection.calls == ["release", "load"]
    collection.delete(keys(3))
    collection.insert(["e" * 64], stored(1))
    importing.run(files(storage, count=1, each=3))
    assert collection.calls == ["release", "load", "load"]


def test_an_import_is_noted_before_it_begins_and_cleared_when_its_rows_show(
    importing: Importing, storage: ImportStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = files(storage, count=1, each=3)
    start, noted = jobs(importing).start, list[bool]()

    def look(path: str, once: str) -> str:
        noted.append(storage.begun())
        return start(path, once)

    monkeypatch.setattr(importing.jobs, "start", look)
    importing.run(found)
    assert noted == [True]
    assert not storage.begun()
    assert [path for path in Path(storage.config.import_storage).rglob("*") if path.is_file()] == []


def test_rows_that_show_late_are_waited_for(
    importing: Importing, collection: Repeating, storage: ImportStorage, hide: Callable[[int], None]
) -> None:
    collection.insert(["e" * 64], stored(1))
    hide(3)
    assert importing.run(files(storage, count=1, each=5)) == 5
    assert collection.count() == 6


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the collection count one vector only, after its first answer, for some answers."""

    def patch(answers: int) -> None:
        count, left = Repeating.count, iter([None, *[1] * answers])
        monkeypatch.setattr(Repeating, "count", lambda self: next(left, None) or count(self))

    return patch


def test_rows_that_never_show_end_the_wait_and_the_note_stays(
    importing: Importing, collection: Repeating, storage: ImportStorage, hide: Callable[[int], None]
) -> None:
    collection.insert(["e" * 64], stored(1))
    hide(10**6)
    late = replace(importing, timeout=0.3)
    with pytest.raises(TryAgain, match=r"shows 1 of 6 vectors after 0.3 s \(milvus.import_timeout"):
        late.run(files(storage, count=1, each=5))
    assert storage.begun()


def test_jobs_that_do_not_end_are_left_to_the_next_run(
    importing: Importing, storage: ImportStorage
) -> None:
    jobs(importing).steps = 10**9
    with pytest.raises(TryAgain, match=r"2 import jobs have not ended after 0\.2 s"):
        replace(importing, timeout=0.2).run(files(storage, count=2, each=5))
    assert storage.begun()


def test_a_failed_file_is_named_with_the_servers_reason_and_no_more_are_started(
    importing: Importing, storage: ImportStorage
) -> None:
    found = files(storage, count=12, each=2)
    bad = next(iter(found))
    jobs(importing).failing[bad] = "the file is damaged"
    path = storage.path_for_server(bad)
    with pytest.raises(TryAgain, match=rf"did not import {path}: the file is damaged: run index"):
        importing.run(found)
    assert len(jobs(importing).asked) < 12
    assert jobs(importing).unfinished() == []


def test_after_a_failure_the_next_run_shows_what_was_imported_before_it_compares(
    importing: Importing, collection: Repeating, storage: ImportStorage
) -> None:
    collection.insert(["e" * 64], stored(1))
    found = files(storage, count=3, each=2)
    jobs(importing).failing[next(iter(found))] = "the file is damaged"
    with pytest.raises(TryAgain):
        importing.run(found)
    assert collection.count() == 5
    importing.settle()
    assert collection.calls[-1] == "load again"
    assert not storage.begun()


def test_a_file_that_the_server_does_not_see_is_the_users_fault(
    importing: Importing, storage: ImportStorage
) -> None:
    found = files(storage, count=1, each=2)
    jobs(importing).failing[next(iter(found))] = "stat /x: no such file or directory"
    with pytest.raises(UserError, match=r"Milvus cannot read .*milvus\.import_prefix"):
        importing.run(found)


def test_the_jobs_of_a_killed_run_are_waited_for_and_none_is_started(
    importing: Importing, collection: Repeating, storage: ImportStorage
) -> None:
    found = files(storage, count=2, each=5)
    storage.begin(ImportRecord("attempt", found))
    for name in found:
        jobs(importing).start(storage.path_for_server(name), name)
    importing.settle()
    assert collection.keys() == set(keys(10))
    assert collection.count() == 10
    assert collection.calls == ["load again"]
    assert len(jobs(importing).asked) == 2
    assert not storage.begun()


def test_an_import_that_ended_unseen_is_shown_before_anything_is_compared(
    importing: Importing, collection: Repeating, storage: ImportStorage
) -> None:
    storage.begin(ImportRecord("attempt", {}))
    importing.settle()
    assert collection.calls == ["load again"]


def test_without_an_earlier_import_there_is_nothing_to_wait_for(
    importing: Importing, collection: Repeating
) -> None:
    importing.settle()
    assert collection.calls == []


def test_repeated_keys_keep_one_vector(
    collection: Repeating, capsys: pytest.CaptureFixture[str]
) -> None:
    names, vectors = keys(2500), stored(2500)
    collection.insert(names, vectors)
    assert loading.mend_repeated(collection, 2500) == 0
    assert loading.mend_repeated(collection, 2501) == 0
    collection.more = [*names[:1700], *names[:20]]
    assert loading.mend_repeated(collection, 2500) == 1720
    assert collection.count() == 2500
    np.testing.assert_array_equal(collection.vectors(names), vectors)
    assert "1,720 vectors too many" in capsys.readouterr().out


def test_a_large_difference_needs_a_storage(settings: MilvusConfig) -> None:
    loading.require_importing(5, settings)
    without = replace(settings, import_storage="", upsert_rows=3)
    with pytest.raises(UserError, match=r"5 vectors are new.*set milvus\.import_storage"):
        loading.require_importing(5, without)


def test_a_server_that_fails_is_named_in_one_line() -> None:
    with (
        pytest.raises(TryAgain, match=r"Milvus at http://h failed during an import \(no room\)"),
        loading._answering("http://h"),
    ):
        raise MilvusException(message="no\n room")


def test_progress_is_said(
    importing: Importing,
    storage: ImportStorage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(loading, "_SAY_EVERY", -1.0)
    importing.run(files(storage, count=6, each=2))
    said = capsys.readouterr().out
    assert re.search(r"import jobs at 50 %, 50 %, 50 %, 50 %; 2 wait, 0 of 12 vectors", said)
