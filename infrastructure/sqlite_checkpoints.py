"""Checkpoints in an SQLite file of their own, which may be deleted at any time and is made when there is one to keep."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from application.ports import Checkpoint, Checkpoints, StoreUnavailable
from infrastructure import sqlite_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

logger = logging.getLogger("clew.store")
CHECKPOINTS: Final = sqlite_files.Identity("the checkpoints", 0x436C6543, 1)
DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""What SQLite says of a file that is not as it was written."""
WITHOUT_TABLES: Final = (*DAMAGED, sqlite3.SQLITE_ERROR)
"""What it says to whoever writes, also when our tables are gone: they were there, or made, when the file was opened."""
COLUMNS: Final = "execution_id, version, time, hash, fold"
TABLES: Final = (
    "CREATE TABLE checkpoints (execution_id TEXT NOT NULL, version INTEGER NOT NULL, time INTEGER NOT NULL, "
    "hash BLOB NOT NULL, fold BLOB NOT NULL, PRIMARY KEY (execution_id, version))",
    "CREATE INDEX checkpoints_by_time ON checkpoints (execution_id, time, version)",
    "CREATE TABLE format (name TEXT NOT NULL)",
)
PUT: Final = f"INSERT OR REPLACE INTO checkpoints ({COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608 - constants
BY_VERSION: Final = (
    f"SELECT {COLUMNS} FROM checkpoints WHERE execution_id = ? AND version <= ? "  # noqa: S608 - constants
    "ORDER BY version DESC LIMIT 1"
)
BY_TIME: Final = (
    f"SELECT {COLUMNS} FROM checkpoints WHERE execution_id = ? AND version <= ? AND time <= ? "  # noqa: S608 - constants
    "ORDER BY time DESC, version DESC LIMIT 1"
)
"""Time never decreases from version to version, so that this is the newest version too."""
EVERYTHING: Final = 2**63 - 1


class SqliteCheckpoints(Checkpoints):
    """One connection that writes and one that reads; whichever sees an error is opened anew when it is needed.

    A file that is damaged, or was made for another format, is replaced by a new one.
    """

    def __init__(self, path: Path, format_: str, *, read_only: bool = False) -> None:
        self._path = path
        self._format = format_
        self._read_only = read_only
        self._closed = False
        self._writing = RLock()
        self._reading = RLock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    def put(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write them in one transaction, which nobody waits for the disk to have."""
        rows = [(each.execution_id, each.version, each.time, each.hash, each.fold) for each in checkpoints]
        with self._write() as connection:
            connection.executemany(PUT, rows)

    def nearest(self, execution_id: str, *, upto: int | None = None, time: int | None = None) -> Checkpoint | None:
        """Read one along an index."""
        version = EVERYTHING if upto is None else upto
        with self._read() as connection:
            if connection is None:
                return None
            if time is None:
                row = connection.execute(BY_VERSION, (execution_id, version)).fetchone()
            else:
                row = connection.execute(BY_TIME, (execution_id, version, time)).fetchone()
        return None if row is None else _checkpoint(row)

    def forget(self, execution_id: str) -> None:
        """Delete them."""
        with self._write() as connection:
            connection.execute("DELETE FROM checkpoints WHERE execution_id = ?", (execution_id,))

    def prepare(self) -> None:
        """Look whether the file, if there is one, can be used; replace it if it can't."""
        if not self._path.exists():
            return
        try:
            with self._read() if self._read_only else self._write():
                pass
        except StoreUnavailable:
            if self._path.exists():  # else it was damaged, and is gone
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._writing, self._reading:
            self._closed = True
            self._drop_reader()
            self._drop_writer()  # last, because the last one to go moves the write-ahead log into the file

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None where there is no file yet."""
        with self._mended(DAMAGED), self._reading:
            try:
                if self._reader is None:
                    self._refuse_if_closed()
                    self._reader = self._open_reader()
                yield self._reader
            except BaseException:
                self._drop_reader()
                raise

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction."""
        if self._read_only:
            raise StoreUnavailable(f"{self._path} was opened for reading only.")
        with self._mended(WITHOUT_TABLES), self._writing:
            try:
                if self._writer is None:
                    self._refuse_if_closed()
                    self._writer = self._open_writer()
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                self._drop_writer()  # which rolls back
                raise

    @contextlib.contextmanager
    def _mended(self, damaged: tuple[int, ...]) -> Iterator[None]:
        """Say what SQLite reports in words; throw a damaged file away, when neither lock is held any more."""
        with sqlite_files.explained(self._path):
            try:
                yield
            except sqlite3.Error as error:
                if sqlite_files.primary_code(error) in damaged and not self._read_only:
                    self._throw_away(str(error))
                raise

    def _throw_away(self, why: str) -> None:
        logger.warning("%s can't be used, and is made anew: %s", self._path, why)
        with self._writing, self._reading:
            self._drop_reader()
            self._drop_writer()
            sqlite_files.remove(self._path)

    def _open_reader(self) -> sqlite3.Connection | None:
        if not self._path.exists():
            return None
        if self._read_only:  # else whoever writes has looked
            found = sqlite_files.read_header(self._path, CHECKPOINTS, mode="ro")
            sqlite_files.refuse_newer(self._path, found, CHECKPOINTS)
        connection = _connect(self._path, "ro")
        with _closed_on_failure(connection):
            sqlite_files.prepare_reader(connection)
            found_format = _format_of(connection)
            if self._read_only and found_format not in (None, self._format):
                raise StoreUnavailable(f"{self._path} holds checkpoints of another Clew.")
        if found_format is None:  # it is being made
            connection.close()
            return None
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        with sqlite_files.directories(self._path.parent):
            if self._path.exists():
                self._replace_if_foreign()
            connection = _connect(self._path, "rwc")
            with _closed_on_failure(connection):
                # A power failure may tear the file: it is then thrown away, or what is read from it is found wrong.
                sqlite_files.prepare(connection, synchronous=0)
                if _format_of(connection) is None:
                    _create_tables(connection, self._format)
            return connection

    def _replace_if_foreign(self) -> None:
        """Throw away what is of another schema or format; leave alone what is newer, or nothing of ours."""
        found = sqlite_files.read_header(self._path, CHECKPOINTS)
        sqlite_files.refuse_newer(self._path, found, CHECKPOINTS)
        with contextlib.closing(_connect(self._path, "rw")) as connection:
            fits = found.schema_version == CHECKPOINTS.schema_version and _format_of(connection) == self._format
        if not fits and not found.empty:
            self._throw_away("it was made by another version of Clew.")

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self._path} was closed.")


def open_checkpoints(path: Path, format_: str, *, read_only: bool = False) -> SqliteCheckpoints:
    """Open the checkpoints in a file, whether it is there yet or not. Whoever writes must hold the log's lock.

    Raises StoreUnavailable when it is there and is a newer Clew's, or nothing of Clew's.
    """
    checkpoints = SqliteCheckpoints(Path(os.path.realpath(path)), format_, read_only=read_only)
    try:
        checkpoints.prepare()
    except BaseException:
        checkpoints.close()
        raise
    return checkpoints


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        sqlite_files.uri(path, mode),
        uri=True,
        check_same_thread=False,
        isolation_level=None,  # transactions are begun in words
        timeout=sqlite_files.BUSY_TIMEOUT_S,
    )


@contextlib.contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _format_of(connection: sqlite3.Connection) -> str | None:
    """The format that a file was made for; None: it has no tables yet."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'format'").fetchone() is None:
        return None
    row = connection.execute("SELECT name FROM format").fetchone()
    return "" if row is None else str(row[0])


def _create_tables(connection: sqlite3.Connection, format_: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO format VALUES (?)", (format_,))
    connection.execute(f"PRAGMA application_id={CHECKPOINTS.application_id:d}")
    connection.execute(f"PRAGMA user_version={CHECKPOINTS.schema_version:d}")
    connection.execute("COMMIT")


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint | None:
    execution_id, version, time, hash_, fold = row
    if (type(version), type(time), type(hash_), type(fold)) != (int, int, bytes, bytes):  # SQLite takes anything
        return None
    return Checkpoint(execution_id=str(execution_id), version=version, time=time, hash=hash_, fold=fold)
