"""Timers: due times compared with the clock, in order."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from application.ports import Clock

logger = logging.getLogger("clew.timers")
LONGEST_NAP_S: Final = 1.0
"""How long to sleep at most: a clock that was set forward is noticed within this time."""


class Timers:
    """What is due when, and one task that says so. Never early; after any downtime in order of due time."""

    def __init__(self, clock: Clock, fire: Callable[[str], Awaitable[None]]) -> None:
        self._clock = clock
        self._fire = fire
        self._heap: list[tuple[int, str]] = []
        self._due: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to fire."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="clew-timers")

    async def stop(self) -> None:
        """Fire no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def note(self, execution_id: str, due: int | None) -> None:
        """Remember when an execution's next wait ends by itself (None: it does not)."""
        if self._due.get(execution_id) == due:
            return
        if due is None:
            self._due.pop(execution_id, None)
            return
        self._due[execution_id] = due
        heapq.heappush(self._heap, (due, execution_id))
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._fire_due()
            self._changed.clear()
            nap = LONGEST_NAP_S
            if self._heap:
                nap = min(nap, max(0.0, (self._heap[0][0] - self._clock.now()) / 1_000_000))
            try:
                async with asyncio.timeout(nap):  # wait_for may swallow the cancellation of a stop (before Python 3.12)
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _fire_due(self) -> None:
        while self._heap and self._heap[0][0] <= self._clock.now():
            due, execution_id = heapq.heappop(self._heap)
            if self._due.get(execution_id) != due:  # moved, or over
                continue
            del self._due[execution_id]
            try:
                await self._fire(execution_id)
            except Exception:
                logger.exception("the timer of %s could not be fired; it is tried again", execution_id)
                self.note(execution_id, self._clock.now() + 1_000_000)
