"""An execution in the memory of the process that drives it."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from application.checkpointing import Growth
from application.folds import Folds
from application.ports import Append, Recorded, StoreUnavailable
from application.writer import Writer
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
        self.bereft = False
        """Folded anew by a worker that lost what it had not recorded: what is in flight there was no crash's doing."""
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
        self.result_waits = False
        """The buffer holds a result that is to be handed over before the loop's turn ends, or anything else runs."""
        self._writer = writer
        self._folds = folds
        self._growth = growth
        self._buffer: list[ExecutionEvent] = []
        self._buffered_since = 0.0
        self._handed = self._answered = execution.version
        """The newest version that the writer was given, and the newest that it has answered for."""
        self._position = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        """Who waits for a version to be durable, the lowest first."""

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
        return not self.tasks and not self._buffer and self._answered == self._handed

    def must_hand_over(self) -> bool:
        """Whether the buffer is full or old enough."""
        if not self._buffer:
            return False
        return len(self._buffer) >= MAX_BUFFERED or monotonic() - self._buffered_since >= MAX_BUFFERED_S

    def hand_over(self) -> None:
        """Give the buffer to the writer, without waiting."""
        self.result_waits = False
        if not self._buffer or self.lost is not None:
            return
        events, self._buffer = tuple(self._buffer), []
        append = Append(stream=self.execution.id, after=self._handed, events=events)
        self._handed += len(events)
        # What could be worth a checkpoint is kept until it is durable; most is not.
        kept = self.execution if self._growth.outweighs else None
        self._writer.record(append, lambda outcome: self._recorded(append, outcome, kept))

    async def flush(self) -> int:
        """Hand over and wait until everything so far is durable. Raises the ClewError of a failed commit.

        Returns the position of the newest event that was recorded from here; 0: there was none.
        """
        self.hand_over()
        if self._answered < self._handed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append((self._handed, waiter))
            await waiter
        if self.lost is not None:  # by a commit before this one
            raise StoreUnavailable(self.lost.message) from self.lost
        return self._position

    def _recorded(self, append: Append, outcome: tuple[Recorded, ...] | ClewError, kept: Execution | None) -> None:
        """The writer's answer. They come in the order in which appends were handed over."""
        self._answered = append.after + len(append.events)
        error = outcome if isinstance(outcome, ClewError) else None
        if self.lost is None:
            self.lost = error
        if not isinstance(outcome, ClewError) and outcome and self.lost is None:
            self._position = outcome[-1].position
            self._growth.add(outcome)
            if kept is not None:
                asyncio.get_running_loop().call_soon(self._keep, kept, outcome[-1].hash)
        while self._waiting and self._waiting[0][0] <= self._answered:
            _, waiter = self._waiting.pop(0)
            if waiter.done():
                continue
            if error is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(None)

    def _keep(self, execution: Execution, hash_: bytes) -> None:
        """The execution as it was handed over is durable now, and worth a checkpoint (unless one was kept meanwhile)."""
        if self.lost is None and self._growth.outweighs:
            self._folds.keep(execution, hash_, self._growth)
