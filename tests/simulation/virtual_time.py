"""An event loop whose time only passes when nobody has anything to do, and then at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from unittest.mock import patch

from tests.support.workflows import NOON

T = TypeVar("T")
ROUNDS: Final = 100
"""How often a task may go on after a cancellation: once for each node that it takes to be its own."""


class Idle(selectors.SelectSelector):
    """Waits for nothing: it moves the loop's time on by what it was to wait."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; if nothing is, it is later."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for somebody else: this would never go on"
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as fast as it can, in the order that its own time says."""

    def __init__(self, now: float = 0.0) -> None:
        selector = Idle()
        selector.loop = self
        self.now = now
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the beginning of the simulation."""
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Do it here and now: a thread would bring its own time."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            done.set_exception(error)
        return done

    def bury(self) -> None:
        """End what a killed process had under way. Its log is dead by now, so that nothing of this is seen outside."""
        for _ in range(ROUNDS):
            tasks = asyncio.all_tasks(self)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            self.run_until_complete(asyncio.wait(tasks, timeout=1.0))
        assert not asyncio.all_tasks(self), "something can't be ended"
        self.close()


class VirtualClock:
    """The wall clock of a loop: microseconds."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> int:
        """Noon, and what has passed since."""
        return NOON + round(self._loop.now * 1_000_000)


@contextmanager
def measured_by(loop: VirtualLoop) -> Iterator[None]:
    """Let the engine measure how long things take by this loop, so that a seed always gives the same run."""
    with (
        patch("application.driver.perf_counter", loop.time),
        patch("application.live.monotonic", loop.time),
    ):
        yield
