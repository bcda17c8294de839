"""The executions in memory, within a bound in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from application.live import Live

OVERHEAD: Final = 5_120
"""Bytes that an execution costs besides its state, as `make bench` measures it (W8), so that many small ones count too."""


class Residents:
    """Live executions by id. Those at rest are let go, the longest resting first, when all together weigh too much."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._all: dict[str, Live] = {}
        self._resting: OrderedDict[str, int] = OrderedDict()
        self._weight = 0

    def get(self, execution_id: str) -> Live | None:
        """The live execution of an id, if it is here."""
        return self._all.get(execution_id)

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._all.values()))

    def add(self, live: Live) -> None:
        """Keep a live execution."""
        self._all[live.execution.id] = live

    def drop(self, live: Live) -> None:
        """Forget a live execution; the log has it."""
        if self._all.get(live.execution.id) is live:
            del self._all[live.execution.id]
            self._weight -= self._resting.pop(live.execution.id, 0)

    def rests(self, live: Live) -> None:
        """It has nothing to do for now: it may be let go when room is needed."""
        if self._all.get(live.execution.id) is not live:
            return
        weight = live.execution.weight + OVERHEAD
        self._weight += weight - self._resting.pop(live.execution.id, 0)
        self._resting[live.execution.id] = weight
        while self._weight > self._bound and self._resting:
            oldest, freed = self._resting.popitem(last=False)
            self._weight -= freed
            if self._all[oldest].is_idle():  # else it was woken meanwhile, and rests again later
                del self._all[oldest]
