"""The table store: what nodes keep across runs, in one SQLite file apart from the event log."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import Any, Final

import msgspec

from application.ports import StoreUnavailable
from domain import json
from domain.errors import ErrorInfo, StepFailure
from infrastructure import sqlite_files

TABLES: Final = sqlite_files.Identity("the tables", 0x436C6554, 1)
FILE_NAME: Final = "tables.db"
KEPT_OUTCOMES: Final = 10_000
"""Outcomes of visits that are remembered: far more than visits that a crash can interrupt at once."""
KEPT_OUTCOME_BYTES: Final = 256 * 1024 * 1024
LARGE_OUTCOME_BYTES: Final = 16 * 1024
"""Outcomes are weighed only after one as large as this: so many smaller ones as are kept weigh less than the limit."""

_SCHEMA: Final = (
    # The records of all tables, in the order in which they were inserted.
    "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, "
    "record TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS records_by_table ON records (name)",
    # Where a plain value of a top-level field is found: no query by such a field reads the whole table.
    "CREATE TABLE IF NOT EXISTS lookups (name TEXT, field TEXT, value TEXT, seq INTEGER, "
    "PRIMARY KEY (name, field, value, seq)) WITHOUT ROWID",
    # What removeDuplicates has seen, by scope, the longest unseen first.
    "CREATE TABLE IF NOT EXISTS history (seq INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, "
    "digest BLOB NOT NULL, UNIQUE (scope, digest))",
    "CREATE INDEX IF NOT EXISTS history_by_age ON history (scope, seq)",
    "CREATE TABLE IF NOT EXISTS resources (id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, about TEXT NOT NULL, "
    "content BLOB NOT NULL)",
    # What visits did, so that a second attempt after a crash gives the same and does nothing.
    "CREATE TABLE IF NOT EXISTS outcomes (seq INTEGER PRIMARY KEY AUTOINCREMENT, visit TEXT NOT NULL UNIQUE, "
    "outcome BLOB NOT NULL)",
    f"PRAGMA application_id={TABLES.application_id:d}",
    f"PRAGMA user_version={TABLES.schema_version:d}",
)
_CODES: Final = {
    sqlite3.SQLITE_FULL: "DISK_FULL",
    sqlite3.SQLITE_READONLY: "PERMISSION_DENIED",
    sqlite3.SQLITE_BUSY: "TABLES_LOCKED",
    sqlite3.SQLITE_LOCKED: "TABLES_LOCKED",
    sqlite3.SQLITE_NOTADB: "TABLES_DAMAGED",
    sqlite3.SQLITE_CORRUPT: "TABLES_DAMAGED",
}


class TableStore:
    """Tables in a file, opened when they are first used, or in memory (`path` None). Thread-safe.

    One connection writes and one reads. Raises StepFailure for what SQLite reports (`DISK_FULL`, `PERMISSION_DENIED`,
    `TABLES_LOCKED`, `TABLES_DAMAGED`, `TABLES_UNAVAILABLE`); the connections are then opened anew when needed.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = None if path is None else Path(os.path.realpath(path))
        self._writing = RLock()
        self._reading = RLock() if path is not None else self._writing
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. One statement sees one moment; two may see different ones."""
        with self._reading, self._explained():
            if self._reader is None:
                with self._writing:  # the file and its tables are there once there is a writer
                    self._reader = self._open_reader(self._opened_writer())
            try:
                yield self._reader
            except (sqlite3.Error, OSError):
                self._drop_reader()
                raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, on the disk when the block is left; undone when it raises."""
        with self._writing, self._explained():
            connection = self._opened_writer()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                self._undo(connection, error)
                raise

    def once(self, visit: str, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What `work` gives (JSON), done in one transaction; what it gave before, undone by nothing, for a known `visit`.

        So a visit that is tried again after a crash neither repeats its effect nor takes another edge.
        """
        with self.writing() as connection:
            row = connection.execute("SELECT outcome FROM outcomes WHERE visit = ?", (visit,)).fetchone()
            if row is not None:
                return msgspec.json.decode(row[0])
            outcome = work(connection)
            _remember(connection, visit, json.encode(outcome))
        return outcome

    def close(self) -> None:
        """Let go of the file; what is asked afterwards opens it again. Tables in memory are gone."""
        with self._reading, self._writing:
            self._drop_reader()
            self._drop_writer()  # last, because the last one to go checkpoints

    def _opened_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = _memory() if self._path is None else _file(self._path)
        return self._writer

    def _open_reader(self, writer: sqlite3.Connection) -> sqlite3.Connection:
        if self._path is None:
            return writer
        connection = _connect(sqlite_files.uri(self._path, "ro"))
        sqlite_files.prepare_reader(connection)
        return connection

    def _undo(self, connection: sqlite3.Connection, error: BaseException) -> None:
        if isinstance(error, (sqlite3.Error, OSError)) and self._path is not None:
            self._drop_writer()  # which rolls back, and is sure to
        elif connection.in_transaction:
            connection.execute("ROLLBACK")

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _drop_reader(self) -> None:
        if self._reader is not None and self._reader is not self._writer:
            self._reader.close()
        self._reader = None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Name the file in messages by its name alone: where it is, is the server's business."""
        path = self._path or Path(FILE_NAME)
        try:
            with sqlite_files.explained(path):
                yield
        except StoreUnavailable as error:
            cause = error.__cause__
            code = _CODES.get(sqlite_files.primary_code(cause), "") if cause is not None else ""
            message = error.message.replace(str(path), f"the table store {path.name}")
            info = ErrorInfo(type="system", code=code or "TABLES_UNAVAILABLE", message=message, recoverable=True)
            raise StepFailure(info) from error


def _remember(connection: sqlite3.Connection, visit: str, outcome: bytes) -> None:
    """Keep an outcome, and forget the oldest ones past the limits."""
    connection.execute("INSERT INTO outcomes (visit, outcome) VALUES (?, ?)", (visit, outcome))
    connection.execute("DELETE FROM outcomes WHERE seq <= (SELECT MAX(seq) FROM outcomes) - ?", (KEPT_OUTCOMES,))
    if len(outcome) >= LARGE_OUTCOME_BYTES:
        connection.execute(
            "DELETE FROM outcomes WHERE seq IN (SELECT seq FROM "
            "(SELECT seq, SUM(LENGTH(outcome)) OVER (ORDER BY seq DESC) AS weight FROM outcomes) WHERE weight > ?)",
            (max(KEPT_OUTCOME_BYTES, len(outcome)),),
        )


def not_configured(node: str) -> StepFailure:
    """The failure of a node that keeps its data in the table store of a service that has none."""
    message = f"this service has no table store: start it with one, or leave the {node} node out"
    return StepFailure(ErrorInfo(type="configuration", code="TABLES_NOT_CONFIGURED", message=message))


def _memory() -> sqlite3.Connection:
    connection = _connect(":memory:", uri=False)
    _create(connection)
    return connection


def _file(path: Path) -> sqlite3.Connection:
    """The connection that writes, to a file that is made where it is missing."""
    with sqlite_files.directories(path.parent), sqlite_files.file(path):
        sqlite_files.settle(path)
        sqlite_files.refuse_newer(path, sqlite_files.read_header(path, TABLES), TABLES)
        connection = _connect(sqlite_files.uri(path, "rw"))
        try:
            sqlite_files.prepare(connection, synchronous=2)
            _create(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _connect(database: str, *, uri: bool = True) -> sqlite3.Connection:
    return sqlite3.connect(
        database,
        uri=uri,
        check_same_thread=False,
        isolation_level=None,  # transactions are begun in words
        timeout=sqlite_files.BUSY_TIMEOUT_S,
    )


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("COMMIT")
