"""One writer at a time: on a local disk by the kernel's lock, elsewhere by a lease."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from imgdedup.lake.files import Files, HadoopFiles, LocalFiles
from imgdedup.lake.lock import Busy, Pace, exclusive

HOLDER = """
import sys, time
from imgdedup.lake.files import LocalFiles
from imgdedup.lake.lock import exclusive
with exclusive(LocalFiles(), sys.argv[1], "search", 0):
    print("held", flush=True)
    time.sleep(60)
"""


QUICK = Pace(look=0.05, beat=0.1, dead=1.0, settle=0.3)


@pytest.fixture(params=["local", "leased"])
def files(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Files:
    return LocalFiles() if request.param == "local" else HadoopFiles(spark, f"file:{tmp_path}")


def test_a_second_writer_stops_with_the_name_of_the_first(files: Files, tmp_path: Path) -> None:
    path = f"{tmp_path}/private/writer.lock"
    with exclusive(files, path, "search", 0, QUICK):
        with (
            pytest.raises(Busy, match=r"search.* writes to the same root"),
            exclusive(files, path, "group", 0.3, QUICK),
        ):
            pass
        # The owner gives signs of life, so waiting longer than `dead` does not help.
        with pytest.raises(Busy), exclusive(files, path, "group", 1.5, QUICK):
            pass
    with exclusive(files, path, "group", 0, QUICK):
        pass


def test_a_second_writer_waits(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, order = f"{tmp_path}/writer.lock", []
    taken = threading.Event()

    def first() -> None:
        with exclusive(files, path, "search", 0, QUICK):
            taken.set()
            time.sleep(0.5)
            order.append("first")

    other = threading.Thread(target=first)
    other.start()
    taken.wait()
    with exclusive(files, path, "group", 30, QUICK):
        order.append("second")
    other.join()
    assert order == ["first", "second"]
    assert capsys.readouterr().out.count("waiting for search") == 1


def test_a_killed_writer_blocks_nobody(tmp_path: Path) -> None:
    path = f"{tmp_path}/writer.lock"
    command = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(Busy, match=f"search, process {holder.pid}"),
            exclusive(LocalFiles(), path, "group", 0),
        ):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with exclusive(LocalFiles(), path, "group", 0):
            pass


def test_a_pause_of_the_waiting_writer_does_not_count_as_silence_of_the_owner(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, path = HadoopFiles(spark, f"file:{tmp_path}"), f"{tmp_path}/writer.lock"
    files.write(path, '{"owner": "a slow run", "token": "x", "n": 7}')
    read = files.read

    def slowly(name: str) -> str | None:
        time.sleep(0.7)
        return read(name)

    monkeypatch.setattr(files, "read", slowly)
    with pytest.raises(Busy, match="a slow run"), exclusive(files, path, "group", 2.5, QUICK):
        pass


def test_an_owner_that_lost_its_lease_hears_of_that(spark: SparkSession, tmp_path: Path) -> None:
    files, path = HadoopFiles(spark, f"file:{tmp_path}"), f"{tmp_path}/writer.lock"
    other = '{"owner": "group elsewhere", "token": "y", "n": 0}'
    with exclusive(files, path, "search", 0, QUICK) as require_held:
        require_held()
        files.write(path, other)
        with pytest.raises(Busy, match="group elsewhere has taken the lock"):
            require_held()
        time.sleep(0.5)  # a sign of life does not take the lease back
    assert files.read(path) == other


def test_a_file_without_a_sign_of_life_is_taken_over(spark: SparkSession, tmp_path: Path) -> None:
    files, path = HadoopFiles(spark, f"file:{tmp_path}"), f"{tmp_path}/writer.lock"
    files.write(path, '{"owner": "a killed run", "token": "x", "n": 7}')
    with pytest.raises(Busy, match="a killed run"), exclusive(files, path, "group", 0, QUICK):
        pass
    with exclusive(files, path, "group", 5, QUICK):
        assert "group" in (files.read(path) or "")
    assert not files.exists(path)


class CopyingFiles(HadoopFiles):
    """Files as an object store has them: two writers that see no file both create it."""

    def __init__(self, spark: SparkSession, root: str, pause: Callable[[str], None]) -> None:
        super().__init__(spark, root)
        self.renames = False
        self._pause = pause  # gets the text, between the look and the writing

    def create(self, path: str, text: str) -> bool:
        if self.exists(path):
            return False
        self._pause(text)
        self.write(path, text)
        return True


def hold_all(
    files: Files, path: str, names: Sequence[str], pace: Pace, work: Callable[[str], None]
) -> None:
    """Let writers hold the lock, one thread for each, and wait for all of them."""

    def hold(name: str) -> None:
        with exclusive(files, path, name, 60, pace):
            work(name)

    threads = [threading.Thread(target=hold, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_two_writers_that_create_the_file_at_once_the_last_one_has_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    both_saw_none, writers = threading.Barrier(2), iter(range(2))

    def pause(text: str) -> None:
        if next(writers, None) is not None:
            both_saw_none.wait(60)

    files, path = CopyingFiles(spark, f"file:{tmp_path}", pause), f"{tmp_path}/writer.lock"
    inside, most = list[str](), list[int]()

    def work(name: str) -> None:
        inside.append(name)
        most.append(len(inside))
        time.sleep(0.3)
        inside.remove(name)

    hold_all(files, path, ["one", "other"], replace(QUICK, settle=1.5), work)
    assert most == [1, 1]
    assert not files.exists(path)


def test_without_the_time_to_settle_two_writers_would_hold_the_lease(
    spark: SparkSession, tmp_path: Path
) -> None:
    first_holds, second_holds = threading.Event(), threading.Event()

    def pause(text: str) -> None:
        if "second" in text:
            saw_none.set()
            assert first_holds.wait(60)
        else:
            assert saw_none.wait(60)

    saw_none = threading.Event()
    files, path = CopyingFiles(spark, f"file:{tmp_path}", pause), f"{tmp_path}/writer.lock"

    def work(name: str) -> None:
        if name == "first":
            first_holds.set()
            assert second_holds.wait(60)
        else:
            second_holds.set()

    hold_all(files, path, ["first", "second"], replace(QUICK, settle=0.0), work)
    assert first_holds.is_set()
    assert second_holds.is_set()  # while the first still held it


@pytest.mark.parametrize("first", ["path", "file:", "file://", "FILE://"])
@pytest.mark.parametrize("second", ["path", "file:"])
def test_a_root_as_a_path_and_as_a_uri_has_one_lock(
    first: str, second: str, spark: SparkSession, tmp_path: Path
) -> None:
    def held(form: str) -> AbstractContextManager[object]:
        files = LocalFiles() if form == "path" else HadoopFiles(spark, f"file:{tmp_path}")
        path = f"{'' if form == 'path' else form}{tmp_path}/private/writer.lock"
        return exclusive(files, path, f"a run by {form}", 0, QUICK)

    with held(first), pytest.raises(Busy, match=f"a run by {first}, process"), held(second):
        pass
    with held(second):
        pass
