"""Who wrote a place in the state: the events that did, newest first, found without reading the history whole."""

from __future__ import annotations

from collections.abc import Iterator

from application.folds import Folds
from application.ports import EventLog, Recorded
from application.reading import execution_event
from application.searching import FIRST_PAGE, Searches
from domain.changes import WRITING, texts_of, writes
from domain.patches import ABSENT, find


class Writes:
    """Finds the writes of a pointer. A write to something around it counts, as does one to something in it."""

    def __init__(self, log: EventLog, folds: Folds, searches: Searches) -> None:
        self._log = log
        self._folds = folds
        self._searches = searches

    def back(
        self, stream: str, pointer: str, *, upto: int, first: int = FIRST_PAGE, inherits: bool = False
    ) -> Iterator[Recorded]:
        """Those up to a version, newest first; at last the first event, if the execution began with something there.

        `first`: how many are read at first. `inherits`: what a fork has of its source it did not write.
        """
        yield from self._searches.newest(
            stream,
            tags=WRITING,
            texts=[texts_of(pointer)],
            meant=lambda event: writes(event, pointer),
            after=1,
            upto=upto,
            first=first,
        )
        beginning = self._log.read(stream, upto=upto, limit=1)
        if not beginning:
            return
        if writes(execution_event(beginning[0]), pointer) or (not inherits and self._begins_with(stream, pointer)):
            yield beginning[0]

    def forward(self, stream: str, pointer: str, *, after: int, upto: int) -> Iterator[Recorded]:
        """Those behind a version, oldest first. The first event is one only by its patch, as that of a fork may be."""
        return self._searches.oldest(
            stream,
            tags=WRITING,
            texts=[texts_of(pointer)],
            meant=lambda event: writes(event, pointer),
            after=after,
            upto=upto,
        )

    def _begins_with(self, stream: str, pointer: str) -> bool:
        return find(self._folds.load(stream, upto=1).state, pointer) is not ABSENT
