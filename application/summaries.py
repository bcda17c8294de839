"""The row of an execution in the lists, after one more event."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from application.ports import Recorded, Summary
from domain.events import (
    AnyEvent,
    BranchClosed,
    BranchesOpened,
    Cancelled,
    ChildObserved,
    ChildStarted,
    Completed,
    DefinitionStored,
    EdgeTaken,
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
    StateEdited,
    StateUpdated,
    Suspended,
    WorkflowPublished,
)
from domain.execution import ROOT

if TYPE_CHECKING:
    from application.ports import Status


def summarise(row: Summary | None, recorded: Recorded) -> Summary | None:
    """The row after an event; None where the stream is no execution. An event that the row has seen changes nothing."""
    if row is None:
        return _first(recorded)
    if recorded.version <= row.version:
        return row
    after = _after(row, recorded.event)
    return replace(after, version=recorded.version, position=recorded.position, update_time=recorded.event.time)


def _first(recorded: Recorded) -> Summary | None:
    event = recorded.event
    if isinstance(event, ExecutionForked):
        return _forked(_begun(recorded, event), event)
    if not isinstance(event, ExecutionStarted):
        return None
    parent = event.parent.execution if event.parent is not None else None
    return replace(_begun(recorded, event), current_address=event.first, parent=parent)


def _begun(recorded: Recorded, event: ExecutionStarted | ExecutionForked) -> Summary:
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
        labels=event.labels,
    )


def _forked(row: Summary, event: ExecutionForked) -> Summary:
    """The row of a fork, at the position that it has from its source."""
    parked = {name: place.due for name, place in event.places.items() if place.parked}
    address = event.places[ROOT].address if ROOT in event.places else None
    source = event.source.execution
    return _judged(replace(row, source=source, current_address=address, branches=len(event.places), parked=parked))


def _after(row: Summary, event: AnyEvent) -> Summary:
    match event:
        case NodeStarted():
            return _at(_awake(row, event.branch), event.branch, event.address)
        case EdgeTaken():
            return _at(_awake(row, event.branch), event.branch, event.target)
        case NodeFailed():
            return _awake(row, event.branch)
        case Suspended():
            return _parked(_with_child(row, event), event.branch, event.wait.due, event.time)
        case ChildObserved():
            return _awake(row, event.branch)
        case BranchesOpened():
            opened = replace(row, branches=row.branches + len(event.branches))
            return _parked(opened, event.branch, None, event.time)
        case BranchClosed():
            return _awake(replace(row, branches=row.branches - 1), event.branch)
        case Resumed():
            return _resumed(row, event)
        case Paused():
            paused_at = row.paused_at if row.status == "paused" else event.time
            return replace(row, status="paused", paused_at=paused_at, due=None)
        case Completed():
            return replace(_ended(row, "completed", event.time), current_address=None, parked={})
        case Failed():
            return replace(_ended(row, "failed", event.time), error_code=event.error.code)
        case Cancelled():
            return replace(_ended(row, "cancelled", event.time), parked={})
        case RetryScheduled():
            return _awake(row, event.branch)
        case RolledBack():
            return _rolled_back(row, event)
        case (
            StateUpdated()
            | StateEdited()
            | SignalReceived()
            | SnapshotTaken()
            | Recovered()
            | ExecutionStarted()
            | ExecutionForked()
            | ChildStarted()
            | DefinitionStored()
            | WorkflowPublished()
        ):
            return row
        case _:
            assert_never(event)


def _at(row: Summary, branch: str, address: str | None) -> Summary:
    """The row, whose place is that of the branch that the execution began with."""
    return replace(row, current_address=address) if branch == ROOT else row


def _parked(row: Summary, branch: str, due: int | None, now: int) -> Summary:
    """A visit parked; one that was in flight when a pause began does so within the pause.

    The end of the pause moves what is due by the whole pause: this wait has spent less in it.
    """
    spent = now - row.paused_at if row.paused_at is not None else 0
    return _judged(replace(row, parked={**row.parked, branch: due - spent if due is not None else None}))


def _with_child(row: Summary, event: Suspended) -> Summary:
    """The row with the child that the branch waits for from now on, if it does."""
    if event.wait.kind != "child":
        return row
    return replace(row, children={**row.children, event.branch: event.wait.name})


def _awake(row: Summary, branch: str) -> Summary:
    """The branch is not parked any more."""
    if branch not in row.parked:
        return _judged(row) if row.parked else row
    parked = {name: due for name, due in row.parked.items() if name != branch}
    children = {name: child for name, child in row.children.items() if name != branch} if row.children else {}
    return _judged(replace(row, parked=parked, children=children))


def _judged(row: Summary) -> Summary:
    """The row, suspended when every open branch is parked, with the time at which the first of them is due."""
    if row.status not in ("running", "suspended"):
        return row
    due = min((due for due in row.parked.values() if due is not None), default=None)
    return replace(row, status="suspended" if len(row.parked) >= row.branches else "running", due=due)


def _resumed(row: Summary, event: Resumed) -> Summary:
    match event.cause:
        case "timer" | "timeout" | "signal" | "lock":
            return _awake(row, event.branch)
        case "person":
            return _unpaused(row, event.time)
        case "retry":
            address = (event.address or row.current_address) if event.branch == ROOT else row.current_address
            again = replace(
                _ended(_by_definition(row, event), "running", None), error_code=None, current_address=address
            )
            return _awake(again, event.branch) if event.address else _judged(again)
        case _:
            assert_never(event.cause)


def _by_definition(row: Summary, event: Resumed) -> Summary:
    """The row, by what runs from now on if that is another definition."""
    if not event.definition_hash:
        return row
    return replace(row, workflow_id=event.workflow, workflow_version=event.workflow_version)


def _unpaused(row: Summary, now: int) -> Summary:
    """The end of a pause, which moves what was due by the time that it took."""
    if row.paused_at is None:
        return row
    spent = now - row.paused_at
    parked = {name: due + spent if due is not None else None for name, due in row.parked.items()}
    return _judged(replace(row, status="running", parked=parked, paused_at=None))


def _rolled_back(row: Summary, event: RolledBack) -> Summary:
    """The row at the position that is restored: what was parked there is so again."""
    waits = {name: one.visit.wait for name, one in event.branches.items() if one.visit is not None}
    kinds = ("retry", "lock", "child")
    standing = {name: wait for name, wait in waits.items() if wait is not None and wait.kind not in kinds}
    back = replace(_ended(row, "running", None), branches=len(event.branches), parked={}, error_code=None)
    back = replace(back, current_address=event.branches[ROOT].address)
    if event.paused:
        back = replace(back, status="paused", paused_at=row.paused_at)
    for name, wait in standing.items():
        back = _parked(back, name, wait.due, max(wait.since, row.paused_at or 0) if event.paused else wait.since)
    return _judged(back)


def _ended(row: Summary, status: Status, time: int | None) -> Summary:
    """The row with nothing due any more; what was parked may be so again after a retry, but for children."""
    return replace(row, status=status, end_time=time, due=None, paused_at=None, children={})
