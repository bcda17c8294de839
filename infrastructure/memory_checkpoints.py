"""Checkpoints in memory: the twin of the durable ones, for tests and play."""

from __future__ import annotations

from bisect import bisect_right
from threading import Lock
from typing import TYPE_CHECKING

from application.ports import Checkpoint, Checkpoints, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence


class MemoryCheckpoints(Checkpoints):
    """Keeps them for as long as this object lives."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._of: dict[str, dict[int, Checkpoint]] = {}
        self._closed = False

    def put(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Keep them."""
        with self._lock:
            self._refuse_if_closed()
            for each in checkpoints:
                self._of.setdefault(each.execution_id, {})[each.version] = each

    def nearest(self, execution_id: str, *, upto: int | None = None, time: int | None = None) -> Checkpoint | None:
        """Look from the newest on."""
        with self._lock:
            self._refuse_if_closed()
            found = self._of.get(execution_id, {})
            versions = sorted(found)
            if upto is not None:
                versions = versions[: bisect_right(versions, upto)]
            newest = (found[version] for version in reversed(versions))
            return next((each for each in newest if time is None or each.time <= time), None)

    def forget(self, execution_id: str) -> None:
        """Drop them."""
        with self._lock:
            self._refuse_if_closed()
            self._of.pop(execution_id, None)

    def close(self) -> None:
        """Refuse everything from here on."""
        with self._lock:
            self._closed = True
            self._of.clear()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The checkpoints in memory were closed.")
