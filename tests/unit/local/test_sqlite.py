"""Two writers of one SQLite file: one waits for the other, and neither is refused."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imgdedup.local import sqlite


def opened(file: Path, **changes: Any) -> sqlite3.Connection:
    arguments: dict[str, Any] = {**sqlite.CONNECT_ARGS, "check_same_thread": False, **changes}
    connection: sqlite3.Connection = sqlite3.connect(file, **arguments)
    return connection


@pytest.fixture
def file(tmp_path: Path) -> Path:
    connection = opened(tmp_path / "db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY)")
    connection.close()
    return tmp_path / "db"


def read_then_write(connection: sqlite3.Connection, other: sqlite3.Connection) -> None:
    """Add a row as Airflow adds a run to a backfill, while the other connection adds one, too."""
    wrote = threading.Event()

    def write() -> None:
        other.execute("INSERT INTO runs DEFAULT VALUES")
        other.commit()
        wrote.set()

    cursor = connection.cursor()
    cursor.execute("SAVEPOINT one")
    cursor.execute("SELECT count(*) FROM runs").fetchall()
    beside = threading.Thread(target=write)
    beside.start()
    wrote.wait(0.5)
    try:
        cursor.execute("INSERT INTO runs DEFAULT VALUES")
        cursor.execute("RELEASE one")
        connection.commit()
    finally:
        connection.rollback()
        beside.join()


def rows(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])


def test_a_writer_that_has_read_is_not_refused(file: Path) -> None:
    with closing(opened(file)) as one, closing(opened(file)) as other:
        read_then_write(one, other)
        assert rows(one) == 2


def test_plain_sqlite_refuses_a_writer_that_has_read(file: Path) -> None:
    with closing(opened(file, factory=sqlite3.Connection)) as one, closing(opened(file)) as other:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            read_then_write(one, other)
        assert rows(one) == 1
