"""The one writer of a process: takes what all executions have waiting, and commits it in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from application.ports import Append, EventLog, Recorded, StoreUnavailable, VersionConflict

MAX_WAITING: Final = 20_000
"""Events waiting for a commit, past which new work is refused until there is room."""

SICK_S: Final = 5.0
"""How long after a failed commit the service says that it is not ready."""

Recording = asyncio.Future[tuple[Recorded, ...]]


class Writer:
    """Group commit on the engine's own loop.

    An append is committed in the next turn of the loop, together with every other that arrived until then: a lone one
    is committed at once, and under load batches form by themselves. Appends are recorded in the order of submission.
    """

    def __init__(self, log: EventLog, committed: Callable[[int], None]) -> None:
        self._log = log
        self._committed = committed
        self._waiting: list[tuple[Append, Recording]] = []
        self._events_waiting = 0
        self._failed: tuple[float, str] | None = None

    @property
    def sickness(self) -> str | None:
        """Why the last commit failed, if that was a moment ago; later nobody knows until it is tried again."""
        if self._failed is None or monotonic() - self._failed[0] > SICK_S:
            return None
        return self._failed[1]

    def is_full(self) -> bool:
        """Whether new work must wait."""
        return self._events_waiting >= MAX_WAITING

    def submit(self, append: Append) -> Recording:
        """Hand an append over. The future is done when it is durable, or has failed with a ClewError."""
        loop = asyncio.get_running_loop()
        recording: Recording = loop.create_future()
        # An append that nobody waits for is looked at by its execution's own callback: don't report it as lost.
        recording.add_done_callback(_retrieve)
        if not self._waiting:
            loop.call_soon(self._commit)
        self._waiting.append((append, recording))
        self._events_waiting += len(append.events)
        return recording

    def _commit(self) -> None:
        batch, self._waiting, self._events_waiting = self._waiting, [], 0
        try:
            answers = self._log.append([append for append, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever went wrong, everyone who waits must be told
            problem = error if isinstance(error, StoreUnavailable) else StoreUnavailable(f"The log failed: {error!r}")
            self._failed = (monotonic(), problem.message)
            for _, recording in batch:
                if not recording.done():
                    recording.set_exception(problem)
            return
        self._failed = None
        last = 0
        for (_, recording), answer in zip(batch, answers, strict=True):
            if isinstance(answer, VersionConflict):
                if not recording.done():
                    recording.set_exception(answer)
                continue
            last = answer[-1].position if answer else last
            if not recording.done():
                recording.set_result(answer)
        if last:
            self._committed(last)


def _retrieve(recording: Recording) -> None:
    if not recording.cancelled():
        recording.exception()
