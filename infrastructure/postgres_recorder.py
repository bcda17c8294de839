"""What the log asks of PostgreSQL: one call to append, and queries along its two indexes.

Not the PostgreSQL recorder of the `eventsourcing` package, although rows are its `StoredEvent`s: that one locks the table
for each insert, which was 33 times slower under group commit, or, without the lock, lets followers skip events.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg.sql import SQL, Identifier

from infrastructure.chain import EMPTY, ChainedEvent, Head
from infrastructure.postgres_arrays import bytes_array, integers_array, texts_array
from infrastructure.postgres_connections import Connections, Use
from infrastructure.postgres_streams import StreamNames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg.rows import TupleRow

    from infrastructure.postgres_address import Address
    from infrastructure.postgres_connections import Connection

COLUMNS: Final = "originator_id, originator_version, topic, state, notification_id, hash"
"""In the order of ChainedEvent's fields."""
EVERYTHING: Final = 2**63 - 1
ALONG_INDEXES: Final = "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan"
"""Every query of the log goes along an index, also while the tables are so new that the planner knows nothing of them."""
WRITING: Final = Use("writer", statement_s=4.0, options=f"-c synchronous_commit=on {ALONG_INDEXES}")
IN_ORDER: Final = "-c enable_sort=off -c enable_bitmapscan=off"
"""Who asks for the newest few rows is not to wait until all are collected and sorted, which the planner thinks are few."""
READING: Final = Use("reader", options=f"{ALONG_INDEXES} {IN_ORDER}")
READERS: Final = 8
"""Connections for reading at once; more readers than that wait for one another."""


def _search(groups: int, *, desc: bool) -> str:
    """The query for rows with one text of each of so many groups in them."""
    has_one = "AND EXISTS (SELECT FROM unnest(%b) AS t (piece) WHERE position(t.piece IN state) > 0) "
    return (
        "SELECT {columns} FROM {schema}.stored_events WHERE originator_id = %b AND originator_version > %b::bigint "  # noqa: S608 - constants
        f"AND originator_version <= %b::bigint AND topic = ANY(%b) {has_one * groups}"
        f"ORDER BY originator_version {'DESC' if desc else 'ASC'} LIMIT %b::bigint"
    )


class Difference(NamedTuple):
    """Where the log is otherwise than an append took it to be: nothing of that was recorded."""

    heads: dict[str, Head]
    position: int | None
    """The log's true end, unless it is as expected."""


class LogRecorder:
    """The statements, on one connection that writes and some that read."""

    def __init__(self, address: Address) -> None:
        self.readers = Connections(address, READING, size=READERS)
        self.writers = Connections(address, WRITING, size=1)
        self._names = StreamNames(address, self.readers)
        schema = Identifier(address.schema)
        columns = SQL(COLUMNS)

        def statement(text: str) -> bytes:
            return SQL(text).format(schema=schema, columns=columns).as_bytes()

        self._append = statement(
            "SELECT * FROM {schema}.append(%b::bigint, %b::bigint, %b, %b, %b, %b, %b, %b, %b, %b)"
        )
        self._heads = statement(
            "SELECT s.stream, e.originator_version, e.hash FROM unnest(%b) AS s (stream), LATERAL "
            "(SELECT * FROM {schema}.stored_events WHERE originator_id = s.stream "
            "ORDER BY originator_version DESC LIMIT 1) AS e"
        )
        self._hash_at = statement(
            "SELECT hash FROM {schema}.stored_events WHERE originator_id = %b AND originator_version = %b::bigint"
        )
        events = (
            "SELECT {columns} FROM {schema}.stored_events WHERE originator_id = %b AND originator_version > %b::bigint "
            "AND originator_version <= %b::bigint ORDER BY originator_version "
        )
        self._oldest = statement(events + "ASC LIMIT %b::bigint")
        self._searching = lru_cache(maxsize=32)(lambda groups, desc: statement(_search(groups, desc=desc)))
        self._newest = statement(events + "DESC LIMIT %b::bigint")
        self._notifications = statement(
            "SELECT {columns} FROM {schema}.stored_events WHERE notification_id > %b::bigint "
            "ORDER BY notification_id LIMIT %b::bigint"
        )
        self._last = statement("SELECT coalesce(max(notification_id), 0) FROM {schema}.stored_events")

    def append(
        self,
        connection: Connection,
        *,
        token: int,
        position: int,
        heads: Mapping[str, Head],
        rows: Sequence[ChainedEvent],
    ) -> Difference | None:
        """Insert rows behind `position` if the streams end at `heads`; None: it is done, and durable.

        Raises the driver's error of the SQLSTATE `FENCED`, with the holder as its text, when the token is not the newest.
        """
        self._names.keep(connection, heads)
        parameters = (
            token,
            position,
            texts_array([self._names.key(stream) for stream in heads]),
            integers_array([head.version for head in heads.values()]),
            bytes_array([head.hash for head in heads.values()]),
            texts_array([self._names.key(str(row.originator_id)) for row in rows]),
            integers_array([row.originator_version for row in rows]),
            texts_array([row.topic for row in rows]),
            bytes_array([row.state for row in rows]),
            bytes_array([row.hash for row in rows]),
        )
        with connection.cursor(binary=True) as cursor:
            found = cursor.execute(self._append, parameters, prepare=True).fetchall()
        if not found:
            return None
        positions = [version for stream, version, _ in found if stream is None]
        differing = {
            self._names.stream(stream): Head(version, hash_) for stream, version, hash_ in found if stream is not None
        }
        return Difference(differing, positions[0] if positions else None)

    def heads(self, connection: Connection, streams: Iterable[str]) -> dict[str, Head]:
        """Where streams end."""
        heads = dict.fromkeys(streams, EMPTY)
        with connection.cursor(binary=True) as cursor:
            for stream, version, hash_ in cursor.execute(
                self._heads, (texts_array([self._names.key(name) for name in heads]),)
            ):
                heads[self._names.stream(stream)] = Head(version, hash_)
        return heads

    def hash_at(self, connection: Connection, stream: str, version: int) -> bytes | None:
        """The hash of a version, which stands for everything up to it; None: there is no such version."""
        with connection.cursor(binary=True) as cursor:
            row = cursor.execute(self._hash_at, (self._names.key(stream), version)).fetchone()
        return None if row is None else bytes(row[0])

    def head(self, stream: str) -> Head:
        """Where a stream ends, for readers."""
        rows = self.readers.rows(self._newest, (self._names.key(stream), 0, EVERYTHING, 1))
        return Head(rows[0][1], rows[0][5]) if rows else EMPTY

    def select_events(
        self, stream: str, *, gt: int = 0, lte: int | None = None, desc: bool = False, limit: int | None = None
    ) -> list[ChainedEvent]:
        """The rows of a stream, by version."""
        upto = EVERYTHING if lte is None else lte
        most = EVERYTHING if limit is None else limit
        statement = self._newest if desc else self._oldest
        return self._events(self.readers.rows(statement, (self._names.key(stream), gt, upto, most)))

    def search_events(
        self,
        stream: str,
        *,
        topics: Sequence[str],
        texts: Sequence[Sequence[bytes]],
        gt: int,
        lte: int | None,
        desc: bool,
        limit: int | None,
    ) -> list[ChainedEvent]:
        """The rows of a stream and of these topics that have a text of each group in them, by version."""
        upto = EVERYTHING if lte is None else lte
        most = EVERYTHING if limit is None else limit
        groups = [bytes_array(group) for group in texts]
        parameters = (self._names.key(stream), gt, upto, texts_array(topics), *groups, most)
        return self._events(self.readers.rows(self._searching(len(groups), desc), parameters))

    def select_notifications(self, after: int, limit: int) -> list[ChainedEvent]:
        """The rows of all streams, by position."""
        return self._events(self.readers.rows(self._notifications, (after, limit)))

    def max_notification_id(self) -> int:
        """The position of the newest row; 0 when there is none."""
        return int(self.readers.rows(self._last)[0][0])

    def _events(self, rows: Iterable[TupleRow]) -> list[ChainedEvent]:
        return [ChainedEvent(self._names.stream(row[0]), *row[1:]) for row in rows]

    def close(self) -> None:
        """Close the connections."""
        self.readers.close()
        self.writers.close()
