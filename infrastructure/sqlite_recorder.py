"""The SQLite recorder of the `eventsourcing` package as the log needs it: connections, table and statements."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from threading import Condition
from typing import TYPE_CHECKING, Any, Final

from eventsourcing.persistence import ConnectionPoolClosedError, OperationalError
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
)
from eventsourcing.utils import Environment

from application.ports import StoreUnavailable
from infrastructure import sqlite_files
from infrastructure.chain import EMPTY, ChainedEvent, Head
from infrastructure.event_mapper import JsonTranscoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from uuid import UUID

    from eventsourcing.persistence import StoredEvent, Transcoder

LOG: Final = sqlite_files.Identity("the log", 0x436C6577, 1)
CHECKPOINT_PAGES: Final = 4_000
"""The writer copies the WAL into the file when it has this many pages (16 MB): that costs two waits for the disk."""
CACHE_KIB: Final = 16_384
MAX_READERS: Final = 32
"""Connections for reading at once; more readers than that wait for one another."""
READER_WAIT_S: Final = 30.0
ROWS_AT_ONCE: Final = 64
"""Rows that one statement inserts: each statement lets go of the interpreter, and may have to wait until it gets it back."""
COLUMNS: Final = "originator_id, originator_version, topic, state, notification_id, hash"
"""In the order of ChainedEvent's fields."""


class CommitFailed(OperationalError):
    """A commit did not succeed: what it was to record may be in the log or not."""


class LogConnection(SQLiteConnection):
    """A connection whose writing transactions take the write lock first: nothing is decided on what may change."""

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        """Begin; commit or roll back at the end of the block. Raises what SQLite raises, as it is."""
        cursor = self.cursor()
        cursor.execute("BEGIN IMMEDIATE" if commit else "BEGIN")
        try:
            with cursor:
                yield cursor
            if commit:
                self._commit_or_doubt()
            else:
                self.rollback()
        except BaseException:
            with suppress(sqlite3.Error):  # what failed matters more, and SQLite rolls back by itself in the end
                self.rollback()
            raise

    def _commit_or_doubt(self) -> None:
        try:
            self.commit()
        except sqlite3.Error as error:
            raise CommitFailed(str(error)) from error


class LogConnectionPool(SQLiteConnectionPool):
    """Connections that either only read or, one at most, write and checkpoint."""

    def __init__(self, path: Path, *, writes: bool) -> None:
        super().__init__(
            db_name=sqlite_files.uri(path, "rw" if writes else "ro"),
            pool_size=1 if writes else MAX_READERS,
            max_overflow=0,
            pool_timeout=READER_WAIT_S,
        )
        self._path = path
        self._writes = writes

    def _create_connection(self) -> LogConnection:
        if self._writes:
            sqlite_files.settle(self._path)
        connection = sqlite3.connect(
            self.db_name,
            uri=True,
            check_same_thread=False,
            isolation_level=None,  # transactions are begun in words
            timeout=sqlite_files.BUSY_TIMEOUT_S,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return LogConnection(connection, max_age=None)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if not self._writes:
            sqlite_files.prepare_reader(connection)
            return
        sqlite_files.prepare(connection, synchronous=2)
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES:d}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB:d}")
        # Nothing is added behind what a connection before this one left in the WAL: it is copied into the file, and the
        # WAL begun anew.
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        if busy:
            raise StoreUnavailable("Another program keeps reading the log. Close what has it open, and try again.")


class LogDatastore(SQLiteDatastore):
    """One connection that writes, and others, which can't, for everyone who reads.

    A connection that saw an error is closed, and replaced by a new one when it is needed again.
    """

    def __init__(self, path: Path) -> None:
        self._idle = Condition()
        self._users = 0
        self._closed = False
        super().__init__(sqlite_files.uri(path, "ro"), originator_id_type="text")
        self.pool = LogConnectionPool(path, writes=False)
        self.writers = LogConnectionPool(path, writes=True)

    @contextmanager
    def get_connection(self, *, commit: bool) -> Iterator[SQLiteConnection]:
        """The writing connection if there is something to commit, else one of the readers."""
        pool = self.writers if commit else self.pool
        with self._in_use():
            # Without `is_writer`: the pool's own lock for writers would stay taken for ever if the connection can't be
            # made (a full disk). There is one writing connection, and whoever appends has a lock around that.
            connection = pool.get_connection()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            finally:
                pool.put_connection(connection)

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._idle:
            if self._closed:
                raise ConnectionPoolClosedError
            self._users += 1
        try:
            yield
        finally:
            with self._idle:
                self._users -= 1
                self._idle.notify_all()

    def close(self) -> None:
        """Close all connections once nobody uses them: closing one under a running statement crashes the process.

        The writer goes last, because the last one to go checkpoints.
        """
        with self._idle:
            self._closed = True
            if not self._idle.wait_for(lambda: self._users == 0, timeout=READER_WAIT_S):
                raise StoreUnavailable(f"{self._users} readers of the log did not finish in {READER_WAIT_S} seconds.")
        self.pool.close()
        self.writers.close()


class LogRecorder(SQLiteApplicationRecorder):
    """Events with an explicit position, never given twice, and the hash that chains them."""

    def construct_create_table_statements(self) -> list[str]:
        """The table, and the identity of the file in the same transaction."""
        return [
            f"CREATE TABLE IF NOT EXISTS {self.events_table_name} ("
            "notification_id INTEGER PRIMARY KEY AUTOINCREMENT, "
            "originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, "
            "topic TEXT NOT NULL, "
            "state BLOB NOT NULL, "
            "hash BLOB NOT NULL CHECK (length(hash) = 32), "
            "UNIQUE (originator_id, originator_version))",
            f"PRAGMA application_id={LOG.application_id:d}",
            f"PRAGMA user_version={LOG.schema_version:d}",
        ]

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        for first in range(0, len(stored_events), ROWS_AT_ONCE):
            rows = stored_events[first : first + ROWS_AT_ONCE]
            c.execute(_insert(self.events_table_name, len(rows)), [value for row in rows for value in _parameters(row)])
        return [event.id for event in stored_events if isinstance(event, ChainedEvent)]

    def insert(self, cursor: SQLiteCursor, rows: Sequence[ChainedEvent]) -> None:
        """Add rows within a transaction of the caller's."""
        self._insert_events(cursor, rows)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
        topics: Sequence[str] | None = None,
        texts: Sequence[Sequence[bytes]] = (),
    ) -> list[ChainedEvent]:
        """The rows of a stream, by version; if topics are given, those of them that have a text of each group in them."""
        tags = f"AND topic IN ({','.join('?' * len(topics))}) " if topics is not None else ""
        pieces = "".join(f"AND ({' OR '.join(['instr(state, ?)'] * len(group)) or '0'}) " for group in texts)
        statement = (
            f"SELECT {COLUMNS} FROM {self.events_table_name} "  # noqa: S608 - constants
            f"WHERE originator_id = ? AND originator_version > ? AND originator_version <= ? {tags}{pieces}"
            f"ORDER BY originator_version {'DESC' if desc else 'ASC'} LIMIT ?"
        )
        everything = 2**63 - 1
        upto = everything if lte is None else lte
        sought = [*(topics or ()), *chain.from_iterable(texts)]
        most = everything if limit is None else limit
        return self._select(statement, (str(originator_id), gt or 0, upto, *sought, most))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[ChainedEvent]:
        """The rows of all streams, by position."""
        tags = f"AND topic IN ({','.join('?' * len(topics))}) " if topics else ""
        statement = (
            f"SELECT {COLUMNS} FROM {self.events_table_name} "  # noqa: S608 - constants
            f"WHERE notification_id > ? AND notification_id <= ? {tags}ORDER BY notification_id LIMIT ?"
        )
        after = (start or 0) - (1 if inclusive_of_start else 0)
        return self._select(statement, (after, 2**63 - 1 if stop is None else stop, *topics, limit))

    def _select(self, statement: str, parameters: Sequence[Any]) -> list[ChainedEvent]:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(statement, parameters)
            return [ChainedEvent(*row) for row in cursor.fetchall()]

    def head(self, cursor: SQLiteCursor, stream: str) -> Head:
        """Where a stream ends, as the cursor's transaction sees it."""
        cursor.execute(
            f"SELECT originator_version, hash FROM {self.events_table_name} "  # noqa: S608 - constants
            "WHERE originator_id = ? ORDER BY originator_version DESC LIMIT 1",
            (stream,),
        )
        row = cursor.fetchone()
        return EMPTY if row is None else Head(*row)

    def hash_at(self, cursor: SQLiteCursor, stream: str, version: int) -> bytes | None:
        """The hash of a version, which stands for everything up to it; None: there is no such version."""
        cursor.execute(
            f"SELECT hash FROM {self.events_table_name} "  # noqa: S608 - constants
            "WHERE originator_id = ? AND originator_version = ?",
            (stream, version),
        )
        row = cursor.fetchone()
        return None if row is None else bytes(row[0])

    def data_version(self, cursor: SQLiteCursor) -> int:
        """A number that changes when another connection has written."""
        cursor.execute("PRAGMA data_version")
        return int(cursor.fetchone()[0])

    def last_position(self, cursor: SQLiteCursor) -> int:
        """The highest position ever given, whether or not its row is still there."""
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (self.events_table_name,))
        row = cursor.fetchone()
        return 0 if row is None else int(row[0])


class LogFactory(SQLiteFactory):
    """Makes the parts of the log from an explicit environment. No variable of the process is read."""

    application_recorder_class = LogRecorder

    def __init__(self, path: Path, *, create: bool) -> None:
        super().__init__(
            Environment(
                "clew",
                {
                    "SQLITE_DBNAME": sqlite_files.uri(path, "rw"),
                    "ORIGINATOR_ID_TYPE": "text",
                    "CREATE_TABLE": "yes" if create else "no",
                },
            )
        )
        self.datastore = LogDatastore(path)

    def transcoder(self) -> Transcoder:
        """The JSON of the domain's Structs."""
        return JsonTranscoder()


@cache
def _insert(table: str, rows: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?, ?)"] * rows)
    return f"INSERT INTO {table} ({COLUMNS}) VALUES {values}"  # noqa: S608 - constants


def _parameters(event: StoredEvent) -> tuple[Any, ...]:
    if not isinstance(event, ChainedEvent):
        raise TypeError("The log records chained events only.")
    return event.originator_id, event.originator_version, event.topic, event.state, event.id, event.hash
