"""Which events belong together: what one decision led to ends a visit wholly, and nobody stands in the middle of it.

An `at` between the events of one completion means its end (DESIGN, section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from domain.events import (
    BranchClosed,
    BranchesOpened,
    ChildObserved,
    ChildStarted,
    Completed,
    ExecutionEvent,
    Failed,
    Resumed,
    RolledBack,
    SignalReceived,
    SnapshotTaken,
    StateUpdated,
    Suspended,
)


def end_of_completion(version: int, events: Iterable[ExecutionEvent]) -> int:
    """The version that a version means: itself, or the last of the completion that it is in the middle of.

    `events` are those from the version on; as few are taken as it needs.
    """
    coming: Iterator[ExecutionEvent] = iter(events)
    before = next(coming, None)
    while before is not None and (event := next(coming, None)) is not None:
        steps = 1
        if isinstance(event, RolledBack):  # a critical error's is between the error and the end
            event, steps = next(coming, None), 2
            if not (isinstance(event, Failed) and event.restored):
                return version
        elif not _belongs(event, before, version):
            return version
        before, version = event, version + steps
    return version


def _belongs(event: ExecutionEvent, before: ExecutionEvent, version: int) -> bool:
    """Whether an event was decided on together with the one before it, which has this version."""
    match event, before:
        case (Completed() | BranchClosed(), _) | (_, StateUpdated() | ChildStarted() | ChildObserved()):
            return True
        case Failed(), _:
            return event.restored or _visit(event) == _visit(before)
        case _, BranchClosed() | BranchesOpened():  # the visit that opened them is parked: nothing else happens to it
            return _visit(event) == (before.address, before.visit)
        case _, SnapshotTaken():
            return bool(before.address)
        case _, Resumed():
            return before.cause in ("timer", "timeout", "signal")
        case Resumed(), SignalReceived():
            return event.signal == version
        case Resumed(), Suspended():
            return _at_once(event, before, version)
        case _:
            return False


def _visit(event: ExecutionEvent) -> tuple[str, int]:
    return getattr(event, "address", ""), getattr(event, "visit", 0)


def _at_once(event: Resumed, before: Suspended, version: int) -> bool:
    """Whether a wait ended in the breath that it began in: by a signal that was there, or because its time had come."""
    if _visit(event) != (before.address, before.visit):
        return False
    if event.cause == "signal":
        return event.signal < version
    return before.wait.due is not None and before.wait.due <= before.time
