"""What an execution had behind it at a version, without what the walks did that it was taken back from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from application.ports import Recorded
from application.reading import execution_event
from domain.events import EdgeTaken, NodeFailed, NodeStarted, RolledBack

Place = tuple[str, str]
"""(address, pass) of a visit: the same in every walk."""
Read = Callable[[int, int], Iterable[Recorded]]
"""The events of the execution behind a version, up to another."""


def ended_by(version: int, rollbacks: Iterable[tuple[int, RolledBack]], read: Read) -> set[Place]:
    """The visits that had ended at a version. `rollbacks` are those up to it, with their versions, oldest first."""
    found: set[Place] = set()
    for after, upto in _parts(version, list(rollbacks)):
        begun: dict[tuple[str, str, int], Place] = {}
        for recorded in read(after, upto):
            match execution_event(recorded):
                case NodeStarted() as event:
                    begun[event.branch, event.address, event.visit] = event.address, event.pass_
                case EdgeTaken() | NodeFailed() as event:
                    place = begun.get((event.branch, event.address, event.visit))
                    found |= {place} if place is not None else set()
    return found


def _parts(version: int, rollbacks: list[tuple[int, RolledBack]]) -> Iterator[tuple[int, int]]:
    """(after, up to) of the stretches of the history that lead to a version, newest first."""
    for at, event in reversed(rollbacks):
        if at > version:
            continue
        yield at, version
        if event.execution:  # it goes on from a version of what it was forked off
            return
        version = event.to
    yield 0, version
