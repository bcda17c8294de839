"""The views in PostgreSQL, beside the log; they may be emptied at any time."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from psycopg.sql import SQL, Composable, Identifier

from application.ports import Page, Status, StoreUnavailable, Summary, Views
from infrastructure import postgres_schema, postgres_view_tables, view_pages
from infrastructure.postgres_arrays import bytes_array, texts_array
from infrastructure.postgres_connections import Connections, Use
from infrastructure.postgres_errors import ConnectionLost, explained
from infrastructure.postgres_text import restored, stored
from infrastructure.postgres_view_tables import hashed
from infrastructure.view_rows import COLUMNS, page_query, record, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.events import WorkflowPublished
    from infrastructure.postgres_address import Address

READING: Final = Use("views reader", statement_s=20.0, silence_s=21.0)
# What a crash of the database takes from the end of the views is projected again from the log.
WRITING: Final = Use("views writer", statement_s=20.0, silence_s=21.0, options="-c synchronous_commit=off")
READERS: Final = 4


class PostgresViews(Views):
    """One connection that writes and some that read."""

    def __init__(self, address: Address, *, read_only: bool = False) -> None:
        self._address = address
        self._read_only = read_only
        self._readers = Connections(address, READING, size=READERS)
        self._writers = Connections(address, WRITING, size=1)
        self._put = _statement(
            address,
            "WITH moved AS (UPDATE {schema}.tracking SET position = %s), "
            "added AS (INSERT INTO {schema}.published SELECT * FROM unnest(%b, %b, %b) ON CONFLICT DO NOTHING) "
            "INSERT INTO {schema}.executions ({columns}) SELECT * FROM unnest({arrays}) "
            "ON CONFLICT (execution_id) DO UPDATE SET ({columns}) = ROW ({new})",
        )
        self._clear = _statement(
            address,
            "WITH moved AS (UPDATE {schema}.tracking SET position = 0), "
            "unpublished AS (DELETE FROM {schema}.published) DELETE FROM {schema}.executions",
        )
        self._get = _statement(address, "SELECT {columns} FROM {schema}.executions WHERE execution_id = ANY(%s)")
        self._tracked = _statement(address, "SELECT position FROM {schema}.tracking")
        self._counted = _statement(
            address,
            "SELECT workflow_id, workflow_version, count(*), max(start_time) FROM {schema}.executions "
            "GROUP BY workflow_id, workflow_version",
        )
        self._versions = _statement(address, "SELECT workflow_id, workflow_version FROM {schema}.published")
        self._published = _statement(
            address, "SELECT DISTINCT workflow_id FROM {schema}.published ORDER BY workflow_id"
        )

    def position(self) -> int:
        """Read the position that was committed with the rows."""
        return int(self._readers.rows(self._tracked)[0][0])

    def get(self, execution_ids: Sequence[str]) -> dict[str, Summary]:
        """Read rows by key."""
        rows = self._readers.rows(self._get, (texts_array([stored(name) for name in execution_ids]),))
        found = [_summary(row) for row in rows]
        return {row.execution_id: row for row in found}

    def put(self, rows: Sequence[Summary], position: int, *, published: Sequence[WorkflowPublished] = ()) -> None:
        """Upsert the rows in one statement with the position."""
        records = [record(row) for row in rows]
        columns = [[_cell(each[name]) for each in records] for name in COLUMNS]
        versions = sorted({(event.workflow, event.workflow_version) for event in published})
        added = (
            bytes_array([_digest(*version) for version in versions]),
            texts_array([workflow for workflow, _ in versions]),
            texts_array([version for _, version in versions]),
        )
        self._write(self._put, (position, *added, *columns))

    def clear(self) -> None:
        """Empty the tables."""
        self._write(self._clear)

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
        hashes = f"{hashed('workflow_id')} = {hashed('%(workflow)s::text')}"
        sql, parameters = page_query(
            f"{self._address.schema}.executions",
            status=sorted(set(status)),
            workflow=None if workflow is None else stored(workflow),
            source=source,
            before=before,
            mark=lambda name: f"%({name})s",
            same_workflow=f"{hashes} AND workflow_id = %(workflow)s",
        )
        rows = self._readers.rows(sql.encode(), {**parameters, "limit": limit + 1})
        return view_pages.page([_summary(row) for row in rows], limit)

    def workflows(self) -> list[dict[str, Any]]:
        """Count the rows of each workflow."""
        counted = [(restored(row[0]), *row[1:]) for row in self._readers.rows(self._counted)]
        return view_pages.workflows(counted, [(row[0], row[1]) for row in self._readers.rows(self._versions)])

    def published(self) -> list[str]:
        """Read the ids."""
        return [row[0] for row in self._readers.rows(self._published)]

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


def open_views(address: Address, *, read_only: bool = False) -> PostgresViews:
    """Open the views in a schema; for writing, make them where they are missing, and anew where theirs is another version.

    Raises StoreUnavailable when they can't be used. Whoever writes must hold the log.
    """
    postgres_schema.prepare(address, read_only=read_only)
    if not read_only:
        postgres_view_tables.build(address)
    else:
        postgres_view_tables.check(address)
    return PostgresViews(address, read_only=read_only)


def _statement(address: Address, text: str) -> bytes:
    comma = SQL(", ")
    types = {str: SQL("%s::text[]"), int: SQL("%s::bigint[]")}
    parts: dict[str, Composable] = {
        "schema": Identifier(address.schema),
        "columns": comma.join(map(Identifier, COLUMNS)),
        "new": comma.join(Identifier("excluded", name) for name in COLUMNS),
        "arrays": comma.join(types[kind] for kind in COLUMNS.values()),
    }
    return SQL(text).format(**parts).as_bytes()


def _digest(workflow: str, version: str) -> bytes:
    """What stands for a version in the index: it may be longer than an index takes."""
    return sha256(f"{len(workflow)}:{workflow}{version}".encode()).digest()


def _cell(value: Any) -> Any:
    return stored(value) if isinstance(value, str) else value


def _summary(row: Sequence[Any]) -> Summary:
    cells = (restored(cell) if isinstance(cell, str) else cell for cell in row)
    return summary(dict(zip(COLUMNS, cells, strict=True)))
