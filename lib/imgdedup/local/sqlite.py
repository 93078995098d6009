"""Lets the services of Airflow share one SQLite file: a writer waits instead of failing.

SQLite makes a writer wait for another writer. But when a transaction has read, and another writer
wrote since, SQLite refuses its write at once ("database is locked"). Airflow opens transactions by
a savepoint and reads first, for example to create a backfill beside a running scheduler. With this
module such a transaction takes the right to write when it begins.
"""

import sqlite3
from typing import Any

PATIENCE = 60.0  # seconds that a writer waits


class Cursor(sqlite3.Cursor):
    """A cursor whose savepoint begins a transaction that may write, if none is open."""

    def execute(self, sql: str, *parameters: Any) -> "Cursor":
        """See sqlite3.Cursor."""
        if sql.lstrip().upper().startswith("SAVEPOINT") and not self.connection.in_transaction:
            super().execute("BEGIN IMMEDIATE")
        super().execute(sql, *parameters)
        return self


class Connection(sqlite3.Connection):
    """A connection whose cursors are of the class above."""

    def cursor(self, factory: Any = Cursor) -> Any:
        """See sqlite3.Connection."""
        return super().cursor(factory)


# Airflow looks both up by name.
CONNECT_ARGS = {"timeout": PATIENCE, "isolation_level": "IMMEDIATE", "factory": Connection}
CONNECT_ARGS_ASYNC = {"timeout": PATIENCE, "isolation_level": "IMMEDIATE"}
