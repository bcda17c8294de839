"""Folding executions from the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from application.ports import EventLog, Recorded
from domain.errors import NotFound
from domain.events import DefinitionStored, ExecutionEvent, ExecutionForked, WorkflowPublished
from domain.evolve import evolve
from domain.execution import Execution
from domain.forked import base_of

PAGE: Final = 512
"""Events that are read at once: a long history is never in memory whole."""


def history(log: EventLog, execution_id: str, *, after: int = 0, upto: int) -> Iterator[Recorded]:
    """The events of an execution with `after` < version <= `upto`, in order, read page by page."""
    while after < upto and (page := log.read(execution_id, after=after, upto=upto, limit=PAGE)):
        yield from page
        after = page[-1].version


def execution_event(recorded: Recorded) -> ExecutionEvent:
    """The event of an execution's stream. Raises NotFound when the stream is something else's."""
    if isinstance(recorded.event, DefinitionStored | WorkflowPublished):
        raise NotFound(f"{recorded.stream} is not an execution.")
    return recorded.event


def load(log: EventLog, execution_id: str, *, upto: int | None = None, base: Execution | None = None) -> Execution:
    """An execution at its newest version, or at `upto`; from `base`, an earlier version of it, if given.

    Raises NotFound when there is no such execution.
    """
    execution = base or Execution(id=execution_id)
    for recorded in log.read(execution_id, after=execution.version, upto=upto):
        if isinstance(recorded.event, ExecutionForked):
            source = recorded.event.source
            execution = base_of(load(log, source.execution, upto=source.version), execution_id)
        execution = evolve(execution, execution_event(recorded))
    if not execution.version:
        raise NotFound(f"There is no execution {execution_id!r}.")
    return execution
