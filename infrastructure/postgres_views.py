"""The views in PostgreSQL, beside the log; they may be emptied at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg.sql import SQL, Identifier

from application.ports import Page, Status, StoreUnavailable, Summary, Views
from infrastructure import postgres_schema, view_pages
from infrastructure.postgres_arrays import texts_array
from infrastructure.postgres_connections import Connections, Use
from infrastructure.postgres_errors import ConnectionLost, explained
from infrastructure.postgres_text import restored, stored
from infrastructure.view_rows import COLUMNS, page_query, record, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infrastructure.postgres_address import Address

READING: Final = Use("views reader", statement_s=20.0, silence_s=21.0)
# What a crash of the database takes from the end of the views is projected again from the log.
WRITING: Final = Use("views writer", statement_s=20.0, silence_s=21.0, options="-c synchronous_commit=off")
READERS: Final = 4
TYPES: Final = {name: "text" if kind is str else "int8" for name, kind in COLUMNS.items()} | {"waiting": "bool"}


class PostgresViews(Views):
    """One connection that writes and some that read."""

    def __init__(self, address: Address, *, read_only: bool = False) -> None:
        self._address = address
        self._read_only = read_only
        self._readers = Connections(address, READING, size=READERS)
        self._writers = Connections(address, WRITING, size=1)
        self._table = f"{address.schema}.executions"
        self._put = self._statement(
            "WITH moved AS (INSERT INTO {schema}.tracking VALUES ('views', %s) "
            "ON CONFLICT (name) DO UPDATE SET position = excluded.position) "
            "INSERT INTO {schema}.executions ({columns}) SELECT * FROM unnest({arrays}) "
            "ON CONFLICT (execution_id) DO UPDATE SET ({columns}) = ROW ({new})"
        )
        self._get = self._statement("SELECT {columns} FROM {schema}.executions WHERE execution_id = ANY(%s)")
        self._tracked = self._statement("SELECT position FROM {schema}.tracking")
        self._workflows = self._statement(
            "SELECT workflow_id, workflow_version, count(*), max(start_time) FROM {schema}.executions "
            "GROUP BY workflow_id, workflow_version"
        )
        self._clear = self._statement(
            "WITH forgotten AS (DELETE FROM {schema}.tracking) DELETE FROM {schema}.executions"
        )

    def position(self) -> int:
        """Read the position that was committed with the rows."""
        rows = self._readers.rows(self._tracked)
        return int(rows[0][0]) if rows else 0

    def get(self, execution_ids: Sequence[str]) -> dict[str, Summary]:
        """Read rows by key."""
        rows = self._readers.rows(self._get, (texts_array([stored(name) for name in execution_ids]),))
        found = [_summary(row) for row in rows]
        return {row.execution_id: row for row in found}

    def put(self, rows: Sequence[Summary], position: int) -> None:
        """Upsert the rows in one statement with the position."""
        records = [record(row) for row in rows]
        columns = [[_cell(each[name]) for each in records] for name in COLUMNS]
        self._write(self._put, (position, *columns))

    def clear(self) -> None:
        """Empty the tables."""
        self._write(self._clear)

    def executions(
        self,
        *,
        status: Sequence[Status] = (),
        workflow: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Read one page by one index for each status, merged."""
        before = None if cursor is None else view_pages.started_before(cursor)
        sql, parameters = page_query(
            self._table,
            status=sorted(set(status)),
            workflow=None if workflow is None else stored(workflow),
            before=before,
            mark=lambda name: f"%({name})s",
        )
        rows = self._readers.rows(sql.encode(), {**parameters, "limit": limit + 1})
        return view_pages.page([_summary(row) for row in rows], limit)

    def workflows(self) -> list[dict[str, Any]]:
        """Count the rows of each workflow."""
        return view_pages.workflows((restored(row[0]), *row[1:]) for row in self._readers.rows(self._workflows))

    def close(self) -> None:
        """Let go of the database."""
        self._readers.close()
        self._writers.close()

    def _write(self, statement: bytes, parameters: Sequence[Any] = ()) -> None:
        """One statement, a transaction of its own. Done twice it does the same, so a lost connection is no loss."""
        if self._read_only:
            raise StoreUnavailable(f"{self._address.shown} was opened for reading only.")
        with explained(self._address):
            try:
                self._write_once(statement, parameters)
            except ConnectionLost:
                self._write_once(statement, parameters)

    def _write_once(self, statement: bytes, parameters: Sequence[Any]) -> None:
        with self._writers.borrow() as connection:
            connection.execute(statement, parameters, prepare=True)

    def _statement(self, text: str) -> bytes:
        comma = SQL(", ")
        parts = {
            "columns": comma.join(map(Identifier, COLUMNS)),
            "new": comma.join(Identifier("excluded", name) for name in COLUMNS),
            "arrays": comma.join(SQL("%s::{}[]").format(Identifier(kind)) for kind in TYPES.values()),
        }
        return SQL(text).format(schema=Identifier(self._address.schema), **parts).as_bytes()


def open_views(address: Address, *, read_only: bool = False) -> PostgresViews:
    """Open the views in a schema; for writing, make that where there is none. Whoever writes must hold the log.

    Raises StoreUnavailable when they can't be used.
    """
    postgres_schema.prepare(address, read_only=read_only)
    return PostgresViews(address, read_only=read_only)


def _cell(value: Any) -> Any:
    return stored(value) if isinstance(value, str) else value


def _summary(row: Sequence[Any]) -> Summary:
    cells = (restored(cell) if isinstance(cell, str) else cell for cell in row)
    return summary(dict(zip(COLUMNS, cells, strict=True)))
