"""The event log on SQLite: durable, one writer, many readers."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from eventsourcing.persistence import ConnectionPoolClosedError

from application.ports import Append, EventLog, Recorded, StoreUnavailable
from infrastructure import sqlite_files
from infrastructure.chain import extend, recorded
from infrastructure.doubt import Doubt
from infrastructure.event_mapper import EventMapper
from infrastructure.heads import Heads
from infrastructure.locking import StoreLock
from infrastructure.sqlite_recorder import LOG, CommitFailed, LogFactory, LogRecorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventsourcing.sqlite import SQLiteCursor

    from infrastructure.chain import Answer, ChainedEvent, Extension


class FileHeads(Heads):
    """Heads that are known as long as nobody else writes the file, and the position that the log ends at."""

    def __init__(self) -> None:
        super().__init__()
        self.position = 0
        self._data_version = -1

    def known(self, data_version: int) -> bool:
        """Whether nobody else wrote since they were learned. SQLite changes the data version when somebody does."""
        return self._data_version == data_version

    def start(self, data_version: int, position: int) -> None:
        """Forget everything, and learn anew from here."""
        self.clear()
        self._data_version, self.position = data_version, position

    def forget(self) -> None:
        """Trust nothing that was learned."""
        self._data_version = -1


class SqliteLog(EventLog):
    """The log in one SQLite file. Appends go through one connection, reads through others."""

    commits_inline = 1

    def __init__(self, path: Path, factory: LogFactory, *, lock: StoreLock | None) -> None:
        """Without a lock, the log is only read."""
        recorder = factory.application_recorder()
        mapper = factory.mapper(mapper_class=EventMapper)
        assert isinstance(recorder, LogRecorder)
        assert isinstance(mapper, EventMapper)
        self._path = path
        self._datastore = factory.datastore
        self._recorder = recorder
        self._mapper = mapper
        self._lock = lock
        self._file = _identity(path)
        self._writing = Lock()  # what is remembered of the heads belongs to whoever writes
        self._heads = FileHeads()
        self._doubt = Doubt()

    def append(self, batch: Sequence[Append]) -> list[Answer]:
        """Record in one transaction, which is on the disk before this returns."""
        if self._lock is None:
            raise StoreUnavailable(f"{self._path} was opened for reading only. Ask the server that holds it instead.")
        encoded = [[self._mapper.encode(event) for event in append.events] for append in batch]
        with self._explained(), self._writing:
            self._refuse_if_gone()
            try:
                return self._append(batch, encoded)
            except CommitFailed:
                # On a new connection: what was committed after all is found there, the rest is written from the
                # start. The sync that failed is not repeated.
                answers = self._append(batch, encoded)
                self._doubt.clear()
                return answers

    def _append(self, batch: Sequence[Append], encoded: Sequence[Sequence[bytes]]) -> list[Answer]:
        rows: list[ChainedEvent] = []
        try:
            with self._datastore.transaction(commit=True) as cursor:
                extension = self._extend(cursor, batch, encoded)
                rows = extension.rows
                self._recorder.insert(cursor, rows)
        except BaseException as error:
            self._heads.forget()
            if isinstance(error, CommitFailed) and rows:
                self._doubt.remember(rows)
            raise
        self._heads.moved(extension.heads)
        self._heads.position += len(rows)
        return extension.answers

    def _extend(self, cursor: SQLiteCursor, batch: Sequence[Append], encoded: Sequence[Sequence[bytes]]) -> Extension:
        data_version = self._recorder.data_version(cursor)
        if not self._heads.known(data_version):
            self._heads.start(data_version, self._recorder.last_position(cursor))
        return extend(
            batch,
            encoded,
            head_of=lambda stream: self._heads.get(stream) or self._recorder.head(cursor, stream),
            position=self._heads.position,
            landed=lambda append, stored: self._doubt.landed(
                append, stored, hash_at=lambda stream, version: self._recorder.hash_at(cursor, stream, version)
            ),
        )

    def read(
        self,
        stream: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """Read a stream from the disk as it is now."""
        with self._explained():
            rows = self._recorder.select_events(stream, gt=after, lte=upto, desc=newest_first, limit=limit)
        return [recorded(row, self._mapper.decode(row)) for row in rows]

    def search(
        self,
        stream: str,
        *,
        tags: Sequence[str],
        texts: Sequence[Sequence[bytes]] = (),
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """Let SQLite look at every event of a stream, which is done where the rows are, and so in a tenth of the time."""
        stored = self._mapper.stored_tags(tags)
        with self._explained():
            rows = self._recorder.select_events(
                stream, gt=after, lte=upto, desc=newest_first, limit=limit, topics=stored, texts=texts
            )
        return [recorded(row, self._mapper.decode(row)) for row in rows]

    def follow(self, after: int, limit: int) -> list[Recorded]:
        """Read all streams by position. One writer gives out positions, so none appears behind another."""
        with self._explained():
            rows = self._recorder.select_notifications(after, limit, inclusive_of_start=False)
        return [recorded(row, self._mapper.decode(row)) for row in rows]

    def rows(self, stream: str) -> list[ChainedEvent]:
        """All of a stream as it is stored: for checking the chain, and for taking it elsewhere verbatim."""
        with self._explained():
            return self._recorder.select_events(stream)

    def version(self, stream: str) -> int:
        """Ask the disk where a stream ends."""
        with self._explained(), self._datastore.transaction(commit=False) as cursor:
            return self._recorder.head(cursor, stream).version

    def position(self) -> int:
        """Ask the disk where the log ends."""
        with self._explained():
            self._refuse_if_gone()
            return self._recorder.max_notification_id() or 0

    def probe(self) -> None:
        """Write what the header says already, and wait until that is on the disk."""
        with self._explained(), self._writing:
            self._refuse_if_gone()
            try:
                with self._datastore.transaction(commit=True) as cursor:
                    cursor.execute(f"PRAGMA user_version={LOG.schema_version:d}")
            except BaseException:
                self._heads.forget()  # the next connection counts its data versions anew
                raise

    def _refuse_if_gone(self) -> None:
        """An open file outlives its name: what was written to it then would be lost with this process."""
        if self._lock is None or _identity(self._path) == self._file:
            return
        raise StoreUnavailable(
            f"{self._path} is gone, or another file is in its place. Put back the one that this server began with; "
            "until then nothing is recorded."
        )

    def close(self) -> None:
        """Finish what is being done, checkpoint, and let go of the file."""
        with self._writing:
            self._datastore.close()
            if self._lock is not None:
                self._lock.release()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with sqlite_files.explained(self._path):
                yield
        except ConnectionPoolClosedError as error:
            raise StoreUnavailable(f"{self._path} was closed.") from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file has this name; None: there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def open_log(path: Path, *, read_only: bool = False) -> SqliteLog:
    """Open the log in a file; for writing, make it and its directories where they are missing.

    Raises StoreHeld when another process writes it, StoreUnavailable when it can't be used; then nothing new is left on
    the disk. `read_only` needs no hold on the store, and can stand beside a running server.
    """
    path = Path(os.path.realpath(path))
    with sqlite_files.explained(path):
        return _open_to_read(path) if read_only else _open_to_write(path)


def _open_to_write(path: Path) -> SqliteLog:
    with sqlite_files.directories(path.parent):
        lock = StoreLock(path)
        try:
            with sqlite_files.file(path):
                sqlite_files.settle(path)
                found = sqlite_files.read_header(path, LOG)
                sqlite_files.refuse_newer(path, found, LOG)
                return _open(path, LogFactory(path, create=found.empty), lock)
        except BaseException:
            lock.release()
            raise


def _open_to_read(path: Path) -> SqliteLog:
    found = sqlite_files.read_header(path, LOG, mode="ro") if path.exists() else None
    if found is None or found.empty:
        raise StoreUnavailable(f"There is no log in {path}. Start a server on it, or choose another store.")
    sqlite_files.refuse_newer(path, found, LOG)
    return _open(path, LogFactory(path, create=False), None)


def _open(path: Path, factory: LogFactory, lock: StoreLock | None) -> SqliteLog:
    try:
        return SqliteLog(path, factory, lock=lock)
    except BaseException:
        factory.close()
        raise
