"""A history, decision by decision: which events one command, or one end of a visit, led to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from domain.events import (
    BranchClosed,
    BranchesOpened,
    Cancelled,
    ChildObserved,
    ChildStarted,
    Completed,
    EdgeTaken,
    ExecutionEvent,
    ExecutionForked,
    ExecutionStarted,
    Failed,
    NodeFailed,
    NodeStarted,
    Paused,
    Recovered,
    Resumed,
    RetryScheduled,
    RolledBack,
    SignalReceived,
    SnapshotTaken,
    StateUpdated,
    Suspended,
)
from domain.evolve import evolve
from domain.execution import Execution

Kind = Literal[
    "start",
    "begin",
    "finish",
    "due",
    "signal",
    "observe",
    "pause",
    "resume",
    "retry",
    "cancel",
    "recover",
    "given",
]
"""What was decided; `given` is what nothing in the execution led to, and can only be taken as it stands."""
ENDS: Final = (EdgeTaken, NodeFailed, RetryScheduled, Suspended, BranchesOpened, Paused)
"""What ends an attempt, or parks it."""
WAITS_OVER: Final = ("timer", "timeout", "signal")
"""Why a visit goes on that was parked, and comes to its end by that."""
AT_ONCE: Final[tuple[Kind, ...]] = ("resume", "due")
"""Decisions that end all waits whose time has come."""
FOLLOWING: Final = (BranchClosed, Completed)
"""What never is decided by itself."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: the execution `before`, what was decided, and the execution `after`. `branch` is whose visit begins or
    has come to its end.
    """

    kind: Kind
    branch: str
    before: Execution
    events: tuple[ExecutionEvent, ...]
    after: Execution

    @property
    def time(self) -> int:
        """When it was made."""
        return self.events[0].time


def decisions(events: Iterable[ExecutionEvent], base: Execution) -> Iterator[Decision]:
    """The decisions of a history that follows `base`, in order. One at a time is in memory."""
    reader = _Reader(base)
    ahead = iter(events)
    event = next(ahead, None)
    while event is not None:
        following = next(ahead, None)
        yield from reader.take(event, following)
        event = following
    yield from reader.rest()


class _Reader:
    """Takes in event after event, and gives a decision as soon as the next one begins."""

    def __init__(self, base: Execution) -> None:
        self._now = base
        self._before = base
        self._kind: Kind = "given"
        self._branch = ""
        self._events: list[ExecutionEvent] = []
        self._ended = True
        self._awake: set[str] = set()
        """Branches whose wait has ended in this decision: what they do now follows from that."""
        self._parked: set[str] = set()
        """Branches that have parked in this decision."""

    def take(self, event: ExecutionEvent, following: ExecutionEvent | None) -> Iterator[Decision]:
        """Take in an event, knowing the one behind it."""
        kind = self._begun_by(event, following)
        if kind is not None:
            yield from self.rest()
            self._before, self._kind, self._branch = self._now, kind, getattr(event, "branch", "")
            self._events, self._ended = [], False
            self._awake.clear()
            self._parked.clear()
        self._note(event)
        self._events.append(event)
        self._now = evolve(self._now, event)

    def rest(self) -> Iterator[Decision]:
        """The decision that nothing follows any more, if there is one."""
        if self._events:
            yield Decision(
                kind=self._kind,
                branch=self._branch,
                before=self._before,
                events=tuple(self._events),
                after=self._now,
            )

    def _note(self, event: ExecutionEvent) -> None:
        if isinstance(event, ENDS) and event.branch == self._branch:
            self._ended = True
        if isinstance(event, Suspended):
            self._parked.add(event.branch)
        elif isinstance(event, ChildObserved) or (isinstance(event, Resumed) and event.cause in WAITS_OVER):
            self._awake.add(event.branch)

    def _begun_by(self, event: ExecutionEvent, following: ExecutionEvent | None) -> Kind | None:
        """The kind of decision that this event begins; None: it follows from the one under way."""
        match event:
            case NodeStarted():
                return "begin"
            case EdgeTaken() | StateUpdated() | NodeFailed() | RetryScheduled() | ChildStarted() | BranchesOpened():
                return self._finish(event.branch, event.address, event.visit)
            case Suspended():
                return None if event.wait.kind == "lock" else self._finish(event.branch, event.address, event.visit)
            case SnapshotTaken():
                return self._finish(event.branch, event.address, event.visit) if event.address else "given"
            case Paused():
                return self._pause(event)
            case Resumed():
                return self._resume(event)
            case SignalReceived():
                return "signal"
            case ChildObserved():
                return "observe"
            case Recovered():
                return None if event.address and self._goes_on(event, "recover") else "recover"
            case Cancelled():
                return "cancel"
            case RolledBack():
                return None if isinstance(following, Failed) and following.restored else "given"
            case Failed():
                return self._failure(event)
            case ExecutionStarted() | ExecutionForked():
                return "start"
            case _:
                return None if isinstance(event, FOLLOWING) else "given"

    def _finish(self, branch: str, address: str, number: int) -> Kind | None:
        """Whether a visit comes to its end by itself: it is in flight, and nothing in this decision has to do with it."""
        found = self._now.branches.get(branch)
        visit = found.visit if found is not None else None
        if (
            visit is None
            or (visit.address, visit.number) != (address, number)
            or visit.wait is not None
            or visit.between
        ):
            return None
        under_way = self._kind == "finish" and self._branch == branch and not self._ended
        return None if under_way or branch in self._awake else "finish"

    def _pause(self, event: Paused) -> Kind | None:
        if event.error is not None:
            return self._finish(event.branch, event.address, event.visit)
        return None if self._goes_on(event, "recover") else "pause"

    def _resume(self, event: Resumed) -> Kind | None:
        match event.cause:
            case "person":
                return "resume"
            case "retry":
                return "retry"
            case "timer" | "timeout":
                parked = event.branch in self._parked and self._goes_on(event, self._kind)
                at_once = parked or any(self._goes_on(event, kind) for kind in AT_ONCE)
                return None if at_once or self._is_rollback(event) else "due"
            case _:
                return None

    def _failure(self, event: Failed) -> Kind | None:
        if event.error.code == "STEP_LIMIT" and not event.visit:
            return "begin"
        return "given" if event.error.code == "INTERNAL_ERROR" else None

    def _is_rollback(self, event: ExecutionEvent) -> bool:
        """Whether the decision under way is that of a person to go back, and of the same moment."""
        return self._goes_on(event, "given") and isinstance(self._events[0], RolledBack)

    def _goes_on(self, event: ExecutionEvent, kind: Kind) -> bool:
        """Whether the decision under way is of that kind, and of the same moment."""
        return self._kind == kind and bool(self._events) and self._events[0].time == event.time
