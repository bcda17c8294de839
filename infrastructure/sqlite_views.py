"""The views in an SQLite file of their own, which may be deleted at any time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from sqlite_utils import Database

from application.ports import Page, Status, StoreUnavailable, Summary, Views
from infrastructure import sqlite_files, view_pages
from infrastructure.view_rows import COLUMNS, INDEXES, PUBLISHED, VERSION, page_query, record, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from domain.events import WorkflowPublished

VIEWS: Final = sqlite_files.Identity("the views", 0x436C6556, VERSION)
ROWS_PER_QUERY: Final = 500
"""Parameters in one query; SQLite before 3.32 takes 999."""


class SqliteViews(Views):
    """One connection that writes and one that reads; whichever sees an error is opened anew when it is needed."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._closed = False
        self._writing = RLock()
        self._reading = RLock()
        self._writer: Database | None = None
        self._reader: Database | None = None

    def position(self) -> int:
        """Read the position that was committed with the rows."""
        with self._read() as database:
            row = database.execute("SELECT position FROM tracking").fetchone()
        return 0 if row is None else int(row[0])

    def get(self, execution_ids: Sequence[str]) -> dict[str, Summary]:
        """Read rows by key."""
        found: dict[str, Summary] = {}
        with self._read() as database:
            for start in range(0, len(execution_ids), ROWS_PER_QUERY):
                names = list(execution_ids[start : start + ROWS_PER_QUERY])
                where = f"execution_id IN ({','.join('?' * len(names))})"
                rows = database["executions"].rows_where(where, names)
                found.update({row["execution_id"]: summary(row) for row in rows})
        return found

    def put(self, rows: Sequence[Summary], position: int, *, published: Sequence[WorkflowPublished] = ()) -> None:
        """Upsert the rows in one transaction with the position."""
        versions = [{"workflow_id": event.workflow, "workflow_version": event.workflow_version} for event in published]
        with self._write() as database:
            if rows:
                database.table("executions").upsert_all([record(row) for row in rows], pk="execution_id")
            if versions:
                database.table("published").insert_all(versions, pk=tuple(PUBLISHED), ignore=True)
            database.table("tracking").upsert({"name": "views", "position": position}, pk="name")

    def clear(self) -> None:
        """Empty the tables."""
        with self._write() as database:
            database.execute("DELETE FROM executions")
            database.execute("DELETE FROM published")
            database.execute("DELETE FROM tracking")

    def executions(
        self,
        *,
        status: Sequence[Status] = (),
        workflow: str | None = None,
        source: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Read one page by one index for each status, merged."""
        before = None if cursor is None else view_pages.started_before(cursor)
        sql, parameters = page_query(
            "executions",
            status=sorted(set(status)),
            workflow=workflow,
            source=source,
            before=before,
            mark=lambda name: f":{name}",
            same_workflow="workflow_id = :workflow",
        )
        with self._read() as database:
            rows = [summary(row) for row in database.query(sql, {**parameters, "limit": limit + 1})]
        return view_pages.page(rows, limit)

    def workflows(self) -> list[dict[str, Any]]:
        """Count the rows of each workflow."""
        sql = (
            "SELECT workflow_id, workflow_version, COUNT(*), MAX(start_time) "
            "FROM executions GROUP BY workflow_id, workflow_version"
        )
        with self._read() as database:
            counted = database.execute(sql).fetchall()
            published = database.execute("SELECT workflow_id, workflow_version FROM published").fetchall()
        return view_pages.workflows(counted, published)

    def published(self) -> list[str]:
        """Read the ids along the key."""
        sql = "SELECT DISTINCT workflow_id FROM published ORDER BY workflow_id"
        with self._read() as database:
            return [row[0] for row in database.execute(sql).fetchall()]

    def prepare(self) -> None:
        """Make the tables where they are missing."""
        with self._write():
            pass

    def close(self) -> None:
        """Let go of the file."""
        with self._writing, self._reading:
            self._closed = True
            self._drop_reader()
            self._drop_writer()  # last, because the last one to go checkpoints

    @contextlib.contextmanager
    def _read(self) -> Iterator[Database]:
        with self._reading, sqlite_files.explained(self._path):
            try:
                if self._reader is None:
                    self._refuse_if_closed()
                    self._reader = self._open_reader()
                yield self._reader
            except BaseException:
                self._drop_reader()
                raise

    @contextlib.contextmanager
    def _write(self) -> Iterator[Database]:
        """A transaction. It takes the write lock at once: sqlite-utils' own begins without."""
        if self._read_only:
            raise StoreUnavailable(f"{self._path} was opened for reading only.")
        with self._writing, sqlite_files.explained(self._path):
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

    def _open_reader(self) -> Database:
        database = _connect(self._path, "ro")
        with _closed_on_failure(database):
            sqlite_files.prepare_reader(database.conn)
        return database

    def _open_writer(self) -> Database:
        sqlite_files.settle(self._path)
        database = _connect(self._path, "rw")
        with _closed_on_failure(database):
            # What a power failure takes from the end of the views is projected again from the log.
            sqlite_files.prepare(database.conn, synchronous=1)
            _create_tables(database)
        return database

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


def open_views(path: Path, *, read_only: bool = False) -> SqliteViews:
    """Open the views in a file; for writing, make it where it is missing, and anew where its schema is another.

    Raises StoreUnavailable when it can't be used. Whoever writes must hold the log's lock.
    """
    path = Path(os.path.realpath(path))
    with sqlite_files.explained(path):
        return _open_to_read(path) if read_only else _open_to_write(path)


def _open_to_read(path: Path) -> SqliteViews:
    found = sqlite_files.read_header(path, VIEWS, mode="ro") if path.exists() else None
    if found is None or found.empty or found.schema_version != VIEWS.schema_version:
        raise StoreUnavailable(f"There are no views in {path} that this Clew can read. Start a server to build them.")
    return SqliteViews(path, read_only=True)


def _open_to_write(path: Path) -> SqliteViews:
    with sqlite_files.directories(path.parent), sqlite_files.file(path):
        sqlite_files.settle(path)
        found = sqlite_files.read_header(path, VIEWS)
        if not found.empty and found.schema_version != VIEWS.schema_version:
            sqlite_files.remove(path)
            path.touch()
        views = SqliteViews(path)
        try:
            views.prepare()
        except BaseException:
            views.close()
            raise
        return views


def _connect(path: Path, mode: str) -> Database:
    connection = sqlite3.connect(
        sqlite_files.uri(path, mode),
        uri=True,
        check_same_thread=False,
        isolation_level=None,
        timeout=sqlite_files.BUSY_TIMEOUT_S,
    )
    return Database(connection, recursive_triggers=False, execute_plugins=False)


@contextlib.contextmanager
def _closed_on_failure(database: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        database.close()
        raise


def _create_tables(database: Database) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.table("executions").create(dict(COLUMNS), pk="execution_id", if_not_exists=True)
    for columns in INDEXES:
        database.table("executions").create_index(columns, if_not_exists=True)
    database.table("published").create(dict(PUBLISHED), pk=tuple(PUBLISHED), if_not_exists=True)
    database.table("tracking").create({"name": str, "position": int}, pk="name", if_not_exists=True)
    database.execute(f"PRAGMA application_id={VIEWS.application_id:d}")
    database.execute(f"PRAGMA user_version={VIEWS.schema_version:d}")
    database.execute("COMMIT")
