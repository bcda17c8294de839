"""The event log in memory: the twin of the durable ones, for tests and play."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

from application.ports import Append, EventLog, Recorded, StoreUnavailable
from infrastructure.chain import EMPTY, Answer, ChainedEvent, Head, extend, recorded
from infrastructure.event_mapper import EventMapper

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MemoryLog(EventLog):
    """Keeps stored bytes like the others do, so that nobody can change history through a value they were given."""

    def __init__(self) -> None:
        self._mapper = EventMapper()
        self._lock = Lock()
        self._rows: list[ChainedEvent] = []  # the row at position n has index n - 1
        self._streams: defaultdict[str, list[ChainedEvent]] = defaultdict(list)
        self._closed = False

    def append(self, batch: Sequence[Append]) -> list[Answer]:
        """Record for as long as this object lives."""
        encoded = [[self._mapper.encode(event) for event in append.events] for append in batch]
        with self._lock:
            self._refuse_if_closed()
            extension = extend(batch, encoded, head_of=self._head, position=len(self._rows))
            self._rows += extension.rows
            for row in extension.rows:
                self._streams[str(row.originator_id)].append(row)
        return extension.answers

    def read(
        self,
        stream: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """Read a stream."""
        rows = [row for row in self.rows(stream)[max(after, 0) :] if upto is None or row.originator_version <= upto]
        return self._recorded((rows[::-1] if newest_first else rows)[:limit])

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
        """Look at every event of a stream."""
        wanted = frozenset(self._mapper.stored_tags(tags))
        rows = self.rows(stream)[max(after, 0) : upto]
        found = (
            row
            for row in (reversed(rows) if newest_first else rows)
            if row.topic in wanted and all(any(text in row.state for text in group) for group in texts)
        )
        return self._recorded(islice(found, limit))

    def follow(self, after: int, limit: int) -> list[Recorded]:
        """Read all streams by position."""
        with self._lock:
            self._refuse_if_closed()
            rows = self._rows[max(after, 0) : max(after, 0) + limit]
        return self._recorded(rows)

    def rows(self, stream: str) -> list[ChainedEvent]:
        """All of a stream as it is stored."""
        with self._lock:
            self._refuse_if_closed()
            return list(self._streams.get(stream, ()))

    def version(self, stream: str) -> int:
        """Count a stream's events."""
        return len(self.rows(stream))

    def position(self) -> int:
        """Count all events."""
        with self._lock:
            self._refuse_if_closed()
            return len(self._rows)

    def close(self) -> None:
        """Refuse everything from here on."""
        with self._lock:
            self._closed = True

    def _head(self, stream: str) -> Head:
        rows = self._streams.get(stream)
        return Head(rows[-1].originator_version, rows[-1].hash) if rows else EMPTY

    def _recorded(self, rows: Iterable[ChainedEvent]) -> list[Recorded]:
        return [recorded(row, self._mapper.decode(row)) for row in rows]

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The log in memory was closed.")
