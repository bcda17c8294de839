"""The row of an execution in the lists, after one more event."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from application.ports import Recorded, Summary
from domain.events import (
    AnyEvent,
    Cancelled,
    Completed,
    DefinitionStored,
    EdgeTaken,
    ExecutionStarted,
    Failed,
    NodeFailed,
    NodeStarted,
    Paused,
    Recovered,
    Resumed,
    RetryScheduled,
    SignalReceived,
    StateUpdated,
    Suspended,
)
from domain.execution import ROOT

if TYPE_CHECKING:
    from application.ports import Status


def summarise(row: Summary | None, recorded: Recorded) -> Summary | None:
    """The row after an event; None where the stream is no execution. An event that the row has seen changes nothing."""
    if row is None:
        return _first(recorded) if isinstance(recorded.event, ExecutionStarted) else None
    if recorded.version <= row.version:
        return row
    after = _after(row, recorded.event)
    return replace(after, version=recorded.version, position=recorded.position, update_time=recorded.event.time)


def _first(recorded: Recorded) -> Summary:
    event = recorded.event
    assert isinstance(event, ExecutionStarted)
    return Summary(
        execution_id=recorded.stream,
        workflow_id=event.workflow,
        workflow_version=event.workflow_version,
        status="running",
        version=recorded.version,
        position=recorded.position,
        started_position=recorded.position,
        start_time=event.time,
        update_time=event.time,
        current_address=event.first,
        labels=event.labels,
    )


def _after(row: Summary, event: AnyEvent) -> Summary:
    match event:
        case NodeStarted():
            return replace(row, current_address=event.address) if event.branch == ROOT else row
        case EdgeTaken():
            return replace(row, current_address=event.target) if event.branch == ROOT else row
        case Suspended():
            return _waiting(row, event.wait.due, event.time) if event.branch == ROOT else row
        case Resumed():
            return _resumed(row, event)
        case Paused():
            return replace(row, status="paused", paused_at=event.time, due=None, held_due=row.due)
        case Completed():
            return replace(_ended(row, "completed", event.time), current_address=None)
        case Failed():
            return replace(_ended(row, "failed", event.time), error_code=event.error.code)
        case Cancelled():
            return _ended(row, "cancelled", event.time)
        case (
            RetryScheduled()
            | StateUpdated()
            | NodeFailed()
            | SignalReceived()
            | Recovered()
            | ExecutionStarted()
            | DefinitionStored()
        ):
            return row
        case _:
            assert_never(event)


def _waiting(row: Summary, due: int | None, now: int) -> Summary:
    """A visit parked; one that was in flight when a pause began does so within the pause.

    The end of the pause moves what it held by the whole pause: this wait has spent less in it.
    """
    if row.status == "paused":
        spent = now - row.paused_at if row.paused_at is not None else 0
        return replace(row, waiting=True, held_due=due - spent if due is not None else None)
    return replace(row, status="suspended", waiting=True, due=due)


def _resumed(row: Summary, event: Resumed) -> Summary:
    match event.cause:
        case "timer" | "timeout" | "signal":
            if event.branch != ROOT:
                return row
            awake = replace(row, waiting=False, due=None, held_due=None)
            return awake if row.status == "paused" else replace(awake, status="running")
        case "person":
            return _unpaused(row, event.time)
        case "retry":
            address = event.address or row.current_address
            return replace(_ended(row, "running", None), error_code=None, current_address=address)
        case _:
            assert_never(event.cause)


def _unpaused(row: Summary, now: int) -> Summary:
    """The end of a pause, which moves what was due by the time that it took."""
    if row.paused_at is None:
        return row
    due = None if row.held_due is None else row.held_due + now - row.paused_at
    status: Status = "suspended" if row.waiting else "running"
    return replace(row, status=status, due=due, paused_at=None, held_due=None)


def _ended(row: Summary, status: Status, time: int | None) -> Summary:
    """The row with nothing to wait for any more."""
    return replace(row, status=status, end_time=time, due=None, held_due=None, paused_at=None, waiting=False)
