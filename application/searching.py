"""Finding events in a long history without reading it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from application.reading import execution_event
from domain import json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from application.ports import EventLog, Recorded
    from domain.events import ExecutionEvent

FIRST_PAGE: Final = 8
"""Events that are looked at first; each time four times as many, up to PAGE."""
PAGE: Final = 512


def found(
    log: EventLog,
    stream: str,
    *,
    tags: Sequence[str],
    texts: Sequence[Sequence[bytes]] = (),
    meant: Callable[[ExecutionEvent], bool],
    after: int = 0,
    upto: int,
    newest_first: bool = True,
) -> Iterator[Recorded]:
    """The events behind `after` and up to `upto` that are meant, of those that a search for tags and texts finds."""
    size = FIRST_PAGE
    while after < upto:
        page = log.search(stream, tags=tags, texts=texts, after=after, upto=upto, limit=size, newest_first=newest_first)
        for recorded in page:
            if meant(execution_event(recorded)):
                yield recorded
        if len(page) < size:
            return
        after, upto = (after, page[-1].version - 1) if newest_first else (page[-1].version, upto)
        size = min(size * 4, PAGE)


def quoted(name: str, value: object) -> bytes:
    """A field of an event as it is stored. A number may go on behind it."""
    return f'"{name}":'.encode() + json.encode(value)
