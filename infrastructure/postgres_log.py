"""The event log on PostgreSQL: durable, one writer, many readers."""

from __future__ import annotations

import contextlib
from threading import Lock
from typing import TYPE_CHECKING, Final

import psycopg

from application.ports import Append, EventLog, Recorded, StoreUnavailable
from infrastructure import postgres_schema
from infrastructure.chain import EMPTY, extend, recorded
from infrastructure.doubt import Doubt
from infrastructure.event_mapper import EventMapper
from infrastructure.heads import Heads
from infrastructure.postgres_errors import ConnectionLost, explained
from infrastructure.postgres_hold import Hold
from infrastructure.postgres_migrations import FENCED
from infrastructure.postgres_recorder import LogRecorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infrastructure.chain import Answer, ChainedEvent, Extension, Head
    from infrastructure.postgres_address import Address
    from infrastructure.postgres_connections import Connection

MAX_CORRECTIONS: Final = 5
"""Times that a batch is decided again because streams ended elsewhere; with one writer, once is enough."""


class PostgresLog(EventLog):
    """The log in one schema. Appends go through one connection, reads through others."""

    commits_inline = 0

    def __init__(self, address: Address, *, hold: Hold | None) -> None:
        """Without a hold, the log is only read."""
        self._address = address
        self._recorder = LogRecorder(address)
        self._mapper = EventMapper()
        self._hold = hold
        self._writing = Lock()  # what is remembered of the heads belongs to whoever writes
        self._heads = Heads()
        self._doubt = Doubt()
        self._position = hold.position if hold is not None else 0

    def append(self, batch: Sequence[Append]) -> list[Answer]:
        """Record in one transaction, which the database has on its disk before this returns."""
        if self._hold is None:
            raise StoreUnavailable(f"{self._address.shown} was opened for reading only. Ask the server that holds it.")
        encoded = [[self._mapper.encode(event) for event in append.events] for append in batch]
        with self._writing, self._refusals(self._hold):
            try:
                return self._append(batch, encoded, self._hold)
            except ConnectionLost:
                # On a new connection: what was committed after all is found there, the rest is written from the start.
                answers = self._append(batch, encoded, self._hold)
                self._doubt.clear()
                return answers

    @contextlib.contextmanager
    def _refusals(self, hold: Hold) -> Iterator[None]:
        hold.refuse_if_lost()
        with explained(self._address):
            try:
                yield
            except psycopg.DatabaseError as error:
                if error.sqlstate == FENCED:
                    raise hold.lost_to(error.diag.message_primary or "somebody") from error
                raise

    def _append(self, batch: Sequence[Append], encoded: Sequence[Sequence[bytes]], hold: Hold) -> list[Answer]:
        rows: list[ChainedEvent] = []
        try:
            with self._recorder.writers.borrow() as connection:
                heads = self._assumed(connection, batch)
                for _ in range(MAX_CORRECTIONS):
                    extension = self._extended(connection, batch, encoded, heads)
                    rows = extension.rows
                    difference = self._recorder.append(
                        connection, token=hold.token, position=self._position, heads=heads, rows=rows
                    )
                    if difference is None:
                        self._heads.moved({**heads, **extension.heads})
                        self._position += len(rows)
                        return extension.answers
                    heads.update(difference.heads)
                    self._position = self._position if difference.position is None else difference.position
        except BaseException as error:
            self._heads.clear()
            if isinstance(error, ConnectionLost) and rows:
                self._doubt.remember(rows)
            raise
        raise StoreUnavailable(f"{self._address.shown} is being changed from elsewhere all the time. Find out by whom.")

    def _assumed(self, connection: Connection, batch: Sequence[Append]) -> dict[str, Head]:
        """Where the streams of a batch end as far as is known here, a new one being new; the database has the last word."""
        heads: dict[str, Head | None] = {}
        for append in batch:
            if append.stream not in heads:
                heads[append.stream] = self._heads.get(append.stream) or (None if append.after else EMPTY)
        known = {stream: head for stream, head in heads.items() if head is not None}
        if len(known) < len(heads):
            known |= self._recorder.heads(connection, heads.keys() - known.keys())
        return known

    def _extended(
        self,
        connection: Connection,
        batch: Sequence[Append],
        encoded: Sequence[Sequence[bytes]],
        heads: dict[str, Head],
    ) -> Extension:
        return extend(
            batch,
            encoded,
            head_of=heads.__getitem__,
            position=self._position,
            landed=lambda append, stored: self._doubt.landed(
                append,
                stored,
                hash_at=lambda stream, version: self._recorder.hash_at(connection, stream, version),
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
        """Read a stream from the database as it is now."""
        rows = self._recorder.select_events(stream, gt=after, lte=upto, desc=newest_first, limit=limit)
        return self._recorded(rows)

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
        """Let the database look at every event of a stream, so that only what is found comes over the wire."""
        stored = self._mapper.stored_tags(tags)
        rows = self._recorder.search_events(
            stream, topics=stored, texts=texts, gt=after, lte=upto, desc=newest_first, limit=limit
        )
        return self._recorded(rows)

    def follow(self, after: int, limit: int) -> list[Recorded]:
        """Read all streams by position. Positions are given out and committed under one lock: none appears late."""
        return self._recorded(self._recorder.select_notifications(after, limit))

    def rows(self, stream: str) -> list[ChainedEvent]:
        """All of a stream as it is stored: for checking the chain, and for taking it elsewhere verbatim."""
        return self._recorder.select_events(stream)

    def version(self, stream: str) -> int:
        """Ask the database where a stream ends."""
        return self._recorder.head(stream).version

    def position(self) -> int:
        """Ask the database where the log ends."""
        return self._recorder.max_notification_id()

    def check(self) -> None:
        """Ask the database, and look whether the store is still held."""
        if self._hold is not None:
            self._hold.check()
            self._recorder.writers.check()
        self.position()

    def close(self) -> None:
        """Finish what is being done, and let go of the database."""
        with self._writing:
            self._recorder.close()
            if self._hold is not None:
                self._hold.release()

    def _recorded(self, rows: list[ChainedEvent]) -> list[Recorded]:
        return [recorded(row, self._mapper.decode(row)) for row in rows]


def open_log(address: Address, *, read_only: bool = False) -> PostgresLog:
    """Open the log in a schema; for writing, make that where there is none.

    Raises StoreHeld when another process writes it, StoreUnavailable when it can't be used. `read_only` needs no hold on
    the store, and can stand beside a running server.
    """
    postgres_schema.prepare(address, read_only=read_only)
    return PostgresLog(address, hold=None if read_only else Hold(address))
