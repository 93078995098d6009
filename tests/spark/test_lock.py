"""One writer at a time: on a local disk by the kernel's lock, elsewhere by a file that lives."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from imgdedup import lock
from imgdedup.files import Files, HadoopFiles, LocalFiles
from imgdedup.lock import Busy, exclusive

HOLDER = """
import sys, time
from imgdedup.files import LocalFiles
from imgdedup.lock import exclusive
with exclusive(LocalFiles(), sys.argv[1], "search", 0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["local", "leased"])
def files(
    request: pytest.FixtureRequest,
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Files:
    monkeypatch.setattr(lock, "_LOOK", 0.05)
    monkeypatch.setattr(lock, "_BEAT", 0.1)
    monkeypatch.setattr(lock, "_DEAD", 1.0)
    return LocalFiles() if request.param == "local" else HadoopFiles(spark, f"file:{tmp_path}")


def test_a_second_writer_stops_with_the_name_of_the_first(files: Files, tmp_path: Path) -> None:
    path = f"{tmp_path}/private/writer.lock"
    with exclusive(files, path, "search", 0):
        with (
            pytest.raises(Busy, match=r"search.* writes to the same root"),
            exclusive(files, path, "group", 0.3),
        ):
            pass
        # Not even after the time in which an owner without a sign of life is taken for gone.
        with pytest.raises(Busy), exclusive(files, path, "group", 1.5):
            pass
    with exclusive(files, path, "group", 0):
        pass


def test_a_second_writer_waits(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, order = f"{tmp_path}/writer.lock", []
    held = threading.Event()

    def first() -> None:
        with exclusive(files, path, "search", 0):
            held.set()
            time.sleep(0.5)
            order.append("first")

    other = threading.Thread(target=first)
    other.start()
    held.wait()
    with exclusive(files, path, "group", 30):
        order.append("second")
    other.join()
    assert order == ["first", "second"]
    assert capsys.readouterr().out.count("waiting for search") == 1


def test_a_writer_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
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


def test_a_pause_of_the_one_who_looks_is_no_silence_of_the_owner(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_LOOK", 0.05)
    monkeypatch.setattr(lock, "_BEAT", 0.1)
    monkeypatch.setattr(lock, "_DEAD", 1.0)
    files, path = HadoopFiles(spark, f"file:{tmp_path}"), f"{tmp_path}/writer.lock"
    files.write(path, '{"owner": "a slow run", "token": "x", "n": 7}')
    read = files.read

    def slowly(name: str) -> str | None:
        time.sleep(0.7)
        return read(name)

    monkeypatch.setattr(files, "read", slowly)
    with pytest.raises(Busy, match="a slow run"), exclusive(files, path, "group", 2.5):
        pass


def test_an_owner_that_was_taken_for_gone_hears_of_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_BEAT", 0.1)
    files, path = HadoopFiles(spark, f"file:{tmp_path}"), f"{tmp_path}/writer.lock"
    other = '{"owner": "group elsewhere", "token": "y", "n": 0}'
    with exclusive(files, path, "search", 0) as held:
        held()
        files.write(path, other)
        with pytest.raises(Busy, match="group elsewhere has taken the lock"):
            held()
        time.sleep(0.5)  # nor does a sign of life take it back
    assert files.read(path) == other


def test_a_file_without_a_sign_of_life_is_taken_over(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_LOOK", 0.05)
    monkeypatch.setattr(lock, "_DEAD", 0.3)
    files, path = HadoopFiles(spark, f"file:{tmp_path}"), f"{tmp_path}/writer.lock"
    files.write(path, '{"owner": "a killed run", "token": "x", "n": 7}')
    with pytest.raises(Busy, match="a killed run"), exclusive(files, path, "group", 0):
        pass
    with exclusive(files, path, "group", 5):
        assert "group" in (files.read(path) or "")
    assert not files.exists(path)
