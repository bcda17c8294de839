"""The stores that workloads run on: each new, and gone afterwards."""

from __future__ import annotations

import os
import secrets
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

POSTGRES = os.environ.get("CLEW_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
BODY = b"x" * 150
ROWS = 3


class Store(ABC):
    """Where executions are kept, and where what stands beside that is."""

    url: str
    name: str

    def __init__(self, home: Path) -> None:
        self.home = home

    @abstractmethod
    def commit(self, count: int) -> None:
        """Commit three bare rows so many times, with the settings of the log."""

    @abstractmethod
    def bytes(self) -> int:
        """What it takes on the disk."""

    @abstractmethod
    def written(self) -> int:
        """What was written to its write-ahead log so far, if that was not begun anew."""

    @abstractmethod
    def stored(self) -> int:
        """The bytes of all events."""


class Sqlite(Store):
    """A file."""

    name = "SQLite, synchronous=FULL"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.url = f"sqlite:///{home / 'log.db'}"

    def commit(self, count: int) -> None:
        """In a file of their own."""
        connection = sqlite3.connect(self.home / "raw.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")
        for _ in range(count):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO rows (body) VALUES (?)", [(BODY,)] * ROWS)
            connection.execute("COMMIT")
        connection.close()

    def bytes(self) -> int:
        """The log with its WAL, without the views."""
        return sum(path.stat().st_size for path in self.home.glob("log.db*"))

    def written(self) -> int:
        """The size of the file."""
        return (self.home / "log.db-wal").stat().st_size

    def stored(self) -> int:
        """As its rows have them."""
        with closing(sqlite3.connect(self.home / "log.db")) as connection:
            return int(connection.execute("SELECT sum(length(state)) FROM stored_events").fetchone()[0])


class Postgres(Store):
    """A schema."""

    name = "PostgreSQL, synchronous_commit=on"

    def __init__(self, home: Path, schema: str) -> None:
        super().__init__(home)
        self.schema = schema
        self.url = f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}schema={schema}"

    def commit(self, count: int) -> None:
        """Each in one call, in a table of their own."""
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute(f"CREATE SCHEMA {self.schema}".encode())
            connection.execute(f"CREATE TABLE {self.schema}.rows (id bigserial PRIMARY KEY, body bytea)".encode())
            insert = f"INSERT INTO {self.schema}.rows (body) SELECT unnest(%b::bytea[])".encode()
            for _ in range(count):
                connection.execute(insert, ([BODY] * ROWS,), prepare=True)

    def bytes(self) -> int:
        """The table of events with its indexes."""
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            size = "SELECT pg_total_relation_size(%s)"
            return int(connection.execute(size, (f"{self.schema}.stored_events",)).fetchall()[0][0])

    def written(self) -> int:
        """The position in the server's log, which others write too."""
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            return int(connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchall()[0][0])

    def stored(self) -> int:
        """As its rows have them."""
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            size = SQL("SELECT sum(length(state)) FROM {}.stored_events").format(Identifier(self.schema))
            return int(connection.execute(size).fetchall()[0][0])


@contextmanager
def new_sqlite() -> Iterator[Store]:
    """A store in a directory of its own."""
    with tempfile.TemporaryDirectory() as home:
        yield Sqlite(Path(home))


@contextmanager
def new_postgres() -> Iterator[Store]:
    """A store in a schema of its own, in the database of the tests (CLEW_TEST_POSTGRES)."""
    schema = f"clew_bench_{secrets.token_hex(6)}"
    with tempfile.TemporaryDirectory() as home:
        try:
            yield Postgres(Path(home), schema)
        finally:
            with psycopg.connect(POSTGRES, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())


def why_no_postgres() -> str | None:
    """Why PostgreSQL can't be measured here, or None."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=2).close()
    except psycopg.Error as error:
        return str(error).strip().splitlines()[0]
    return None
