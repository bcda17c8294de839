"""What is different between two versions of an execution, and which event made it so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from application.ports import EventLog, Recorded
from application.reading import execution_event
from application.searching import PAGE
from domain.changes import WRITING, patch_of, texts_of

FIRST_PAGE: Final = 8
"""Writes that are looked at first; each time four times as many: what changed often is found soon, and then not looked for."""
FEW: Final = 16
"""Pointers that are looked for by their texts; for more of them, every write is looked at."""


def writers_of(log: EventLog, stream: str, pointers: Sequence[str], *, after: int, upto: int) -> dict[str, Recorded]:
    """The event that last wrote each pointer, of those behind `after` and up to `upto`."""
    wanted = _Wanted(pointers)
    written: dict[str, Recorded] = {}
    size = FIRST_PAGE
    while wanted.left and after < upto:
        page = log.search(
            stream, tags=WRITING, texts=wanted.texts(), after=after, upto=upto, limit=size, newest_first=True
        )
        for recorded in page:
            for op in patch_of(execution_event(recorded)):
                written.update(dict.fromkeys(wanted.take(op.path), recorded))
        if len(page) < size:
            break
        upto = page[-1].version - 1
        size = min(size * 4, PAGE)
    return written


class _Wanted:
    """Pointers whose writer is still to be found."""

    def __init__(self, pointers: Iterable[str]) -> None:
        self.left = set(pointers)
        self._inside: defaultdict[str, set[str]] = defaultdict(set)
        for pointer in self.left:
            for around in _around(pointer):
                self._inside[around].add(pointer)

    def take(self, path: str) -> set[str]:
        """Those that an operation at `path` writes; they are not wanted any more."""
        taken = self.left.intersection(_around(path)) | (self._inside.pop(path, set()) & self.left)
        self.left -= taken
        return taken

    def texts(self) -> list[list[bytes]]:
        """What to search for."""
        if len(self.left) > FEW:
            return []
        return [list(dict.fromkeys(text for pointer in self.left for text in texts_of(pointer)))]


def _around(pointer: str) -> list[str]:
    """The pointer itself and those of everything that it is in."""
    parts = pointer.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
