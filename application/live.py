"""An execution in the memory of the process that drives it."""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import Final

from application.checkpointing import Growth
from application.folds import Folds
from application.ports import Append, Recorded, StoreUnavailable
from application.writer import Recording, Writer
from domain.commands import Command, Rules
from domain.decide import decide_and_fold
from domain.draft import engine_error
from domain.errors import ClewError
from domain.events import ChildStarted, ExecutionEvent, Failed
from domain.evolve import evolve
from domain.execution import Execution
from domain.program import Program

MAX_BUFFERED: Final = 512
"""Events that may wait in memory before they are handed to the writer."""
MAX_BUFFERED_S: Final = 0.005
"""How long they may wait."""


class Live:
    """The fold at its newest, the events that are not handed to the writer yet, and the tasks that run its branches.

    Commands are decided on this fold, one at a time: everything here happens on the engine's loop, and `decide` never
    waits. What is decided is true for the next decision at once, and for readers when it is durable.
    """

    def __init__(self, execution: Execution, rules: Rules, writer: Writer, *, folds: Folds, growth: Growth) -> None:
        """`growth`: how much its history has grown since the newest checkpoint, which `folds` keeps."""
        self.execution = execution
        self.rules = rules
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.fresh = True
        """Just folded from the log: a visit in flight is then one that nobody runs any more."""
        self.lost: ClewError | None = None
        """Why this fold is no longer true: a commit failed. The execution is then folded again from the log."""
        self.begun: dict[str, ChildStarted] = {}
        """Children that are to begin as soon as this is durable."""
        self.children: frozenset[str] = frozenset()
        """The children that it waits for, as of the newest durable version."""
        self.observed: set[str] = set()
        """Children that it waits for there and no longer, because it has seen their end."""
        self.unobserved: set[str] = set()
        """Children that ended during a pause."""
        self.looked_at = 0
        """The newest durable version that was looked at for children."""
        self._writer = writer
        self._folds = folds
        self._growth = growth
        self._buffer: list[ExecutionEvent] = []
        self._buffered_since = 0.0
        self._handed = execution.version
        self._last: Recording | None = None

    @property
    def program(self) -> Program:
        """What it runs."""
        return self.rules.program

    def decide(self, command: Command) -> tuple[ExecutionEvent, ...]:
        """Decide a command on the fold as it is now, and fold what follows from it."""
        if self.lost is not None:
            raise StoreUnavailable(self.lost.message) from self.lost
        events, self.execution = decide_and_fold(self.execution, command, self.rules)
        if events and not self._buffer:
            self._buffered_since = monotonic()
        self._buffer.extend(events)
        return events

    def give_up(self, error: BaseException, *, now: int) -> None:
        """End the execution by a fault of the engine itself, so that it is seen instead of standing still."""
        message = f"The engine itself failed: {type(error).__name__}: {error}"
        failed = Failed(
            time=now, error=engine_error("INTERNAL_ERROR", message), address=self.execution.branches[""].address or ""
        )
        self.execution = evolve(self.execution, failed)
        self._buffer.append(failed)

    def is_idle(self) -> bool:
        """Whether it could be forgotten: nothing runs, and the log has everything."""
        return not self.tasks and not self._buffer and (self._last is None or self._last.done())

    def must_hand_over(self) -> bool:
        """Whether the buffer is full or old enough."""
        if not self._buffer:
            return False
        return len(self._buffer) >= MAX_BUFFERED or monotonic() - self._buffered_since >= MAX_BUFFERED_S

    def hand_over(self) -> Recording | None:
        """Give the buffer to the writer, without waiting. Returns the newest recording under way, if any."""
        if self._buffer and self.lost is None:
            events, self._buffer = tuple(self._buffer), []
            self._last = self._writer.submit(Append(stream=self.execution.id, after=self._handed, events=events))
            self._last.add_done_callback(self._look)
            self._handed += len(events)
            if self._growth.outweighs:
                self._last.add_done_callback(partial(self._keep, self.execution))
        return self._last

    async def flush(self) -> tuple[Recorded, ...]:
        """Hand over and wait until everything so far is durable. Raises the ClewError of a failed commit."""
        recording = self.hand_over()
        recorded = await asyncio.shield(recording) if recording is not None else ()
        if self.lost is not None:  # by a commit before this one
            raise StoreUnavailable(self.lost.message) from self.lost
        return recorded

    def _look(self, recording: Recording) -> None:
        if recording.cancelled() or self.lost is not None:
            return
        error = recording.exception()
        if error is not None:
            self.lost = error if isinstance(error, ClewError) else StoreUnavailable(str(error))
        else:
            self._growth.add(recording.result())

    def _keep(self, execution: Execution, recording: Recording) -> None:
        """The execution as it was handed over is durable now, and worth a checkpoint (unless one was kept meanwhile)."""
        if self.lost is None and not recording.cancelled() and self._growth.outweighs:
            self._folds.keep(execution, recording.result()[-1].hash, self._growth)
