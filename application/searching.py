"""Finding events in a long history without reading it whole, and without looking through the same stretch twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from threading import Lock
from typing import Final, NamedTuple

from application.ports import EventLog, Recorded
from application.reading import execution_event
from domain import json
from domain.events import ExecutionEvent

FIRST_PAGE: Final = 1
"""Events that are looked for at first: most searches are over then. Each time four times as many, up to PAGE."""
PAGE: Final = 512
LONG_GAP: Final = 2_000
"""Versions without a match that are worth remembering: looking through as many takes a millisecond."""
GAPS: Final = 32
"""Gaps that are remembered of a search, the newest of them."""
SEARCHES: Final = 4_096
"""Searches whose gaps are remembered, those that were made last."""


class Gap(NamedTuple):
    """Versions behind `low` and up to `high` in which a search finds nothing. History never changes, so it stays true."""

    low: int
    high: int


class Searches:
    """Searches of a log's streams. Thread-safe. The second time, a search begins where the first one found something."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._gaps: OrderedDict[bytes, tuple[Gap, ...]] = OrderedDict()
        self._lock = Lock()

    def newest(
        self,
        stream: str,
        *,
        tags: Sequence[str],
        texts: Sequence[Sequence[bytes]] = (),
        meant: Callable[[ExecutionEvent], bool],
        after: int = 0,
        upto: int,
        first: int = FIRST_PAGE,
    ) -> Iterator[Recorded]:
        """The events behind `after` and up to `upto` that are meant, of those that the log finds; newest first.

        `first`: how many are read at first.
        """
        key = _key(stream, tags, texts)
        size = first
        while upto > after:
            below = self._below(key, upto)
            if below.high >= upto:
                upto = below.low
                continue
            floor = max(after, below.high)
            page = self._log.search(
                stream, tags=tags, texts=texts, after=floor, upto=upto, limit=size, newest_first=True
            )
            is_last = len(page) < size
            self._remember(key, [upto, *(each.version - 1 for each in page)], page, floor if is_last else None)
            for recorded in page:
                if meant(execution_event(recorded)):
                    yield recorded
            upto = floor if is_last else page[-1].version - 1
            size = min(size * 4, max(PAGE, first))

    def oldest(
        self,
        stream: str,
        *,
        tags: Sequence[str],
        texts: Sequence[Sequence[bytes]] = (),
        meant: Callable[[ExecutionEvent], bool],
        after: int = 0,
        upto: int,
    ) -> Iterator[Recorded]:
        """The same, oldest first."""
        size = FIRST_PAGE
        while after < upto:
            page = self._log.search(stream, tags=tags, texts=texts, after=after, upto=upto, limit=size)
            for recorded in page:
                if meant(execution_event(recorded)):
                    yield recorded
            if len(page) < size:
                return
            after = page[-1].version
            size = min(size * 4, PAGE)

    def _below(self, key: bytes, upto: int) -> Gap:
        """The newest known gap that begins below a version."""
        with self._lock:
            gaps = self._gaps.get(key, ())
        return next((gap for gap in gaps if gap.low < upto), Gap(0, 0))

    def _remember(self, key: bytes, highs: Sequence[int], page: Sequence[Recorded], floor: int | None) -> None:
        """Note what lies between the events of a page, and, down to `floor`, behind the last of them."""
        lows = [each.version for each in page] + ([floor] if floor is not None else [])
        found = [Gap(low, high) for low, high in zip(lows, highs, strict=False) if low < high]
        with self._lock:
            known = self._gaps.get(key, ())
            merged = _merged((*known, *found))
            if merged:
                self._gaps[key] = merged[:GAPS]
                self._gaps.move_to_end(key)
            while len(self._gaps) > SEARCHES:
                self._gaps.popitem(last=False)


def _merged(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """The same gaps without seams, newest first; those that are long."""
    merged: list[Gap] = []
    for gap in sorted(gaps, reverse=True, key=lambda each: each.high):
        if merged and gap.high >= merged[-1].low:
            merged[-1] = Gap(min(gap.low, merged[-1].low), merged[-1].high)
        else:
            merged.append(gap)
    return tuple(gap for gap in merged if gap.high - gap.low >= LONG_GAP)


def quoted(name: str, value: object) -> bytes:
    """A field of an event as it is stored. A number may go on behind it."""
    return f'"{name}":'.encode() + json.encode(value)


def _key(stream: str, tags: Sequence[str], texts: Sequence[Sequence[bytes]]) -> bytes:
    """What stands for a search: its texts may be long."""
    asked = [stream, list(tags), [[text.decode("latin-1") for text in group] for group in texts]]
    return sha256(json.encode(asked)).digest()
