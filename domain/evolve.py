"""The fold: an execution after one more event. Total, without rules, and never in doubt about history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
from msgspec.structs import replace

from domain import json
from domain.branching import branch_closed, branches_opened
from domain.editing import state_edited
from domain.events import (
    AttemptEvent,
    BranchClosed,
    BranchesOpened,
    Cancelled,
    ChildObserved,
    ChildStarted,
    CommandKey,
    Completed,
    EdgeTaken,
    ExecutionEvent,
    ExecutionForked,
    ExecutionStarted,
    Failed,
    LoopEntry,
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
)
from domain.execution import Execution, Failure, KeptSignal, KnownCommand, heavier, status_of
from domain.forked import forked
from domain.going_back import at_failure, completed_snapshot, new_walk, rolled_back, snapshot_taken
from domain.patches import apply, find
from domain.position import Bound, Branch, Frame, Visit, WaitFor

if TYPE_CHECKING:
    from collections.abc import Mapping


EMPTY_WEIGHT = 32
"""What `exact_weight` counts of an execution that has nothing yet, or more."""
ENTRY_WEIGHT = 16
"""What an entry count in a frame adds besides the step's address, or more."""


def fold(events: Iterable[ExecutionEvent], base: Execution) -> Execution:
    """The execution after all of these events, in order. The base of a fork is `domain.forked.base_of` its source."""
    for event in events:
        base = evolve(base, event)
    return base


def evolve(execution: Execution, event: ExecutionEvent) -> Execution:
    """The execution after one event. Needs neither the program nor any other stream."""
    after = _evolve(execution, event)
    if isinstance(event, (AttemptEvent, Paused)) and event.spent is not None:
        after = replace(after, spent=execution.spent.plus(event.spent))
    return replace(after, version=execution.version + 1, updated=event.time)


def _evolve(execution: Execution, event: ExecutionEvent) -> Execution:  # noqa: PLR0912 - one branch per event
    match event:
        case NodeStarted():
            return _node_started(execution, event)
        case StateUpdated():
            changed = replace(execution, state=apply(execution.state, event.patch))
            return heavier(changed, len(json.encode(event.patch)))
        case EdgeTaken():
            return _edge_taken(execution, event)
        case NodeFailed():
            return _node_failed(execution, event)
        case RetryScheduled():
            return _retry_scheduled(execution, event)
        case Suspended():
            return _suspended(execution, event)
        case Resumed():
            return _resumed(execution, event)
        case ChildStarted():
            return execution
        case ChildObserved():
            return _wait_over(execution, event)
        case BranchesOpened():
            return branches_opened(execution, event)
        case BranchClosed():
            return branch_closed(execution, event)
        case SnapshotTaken():
            return snapshot_taken(_with_key(execution, event.key), event)
        case StateEdited():
            return state_edited(_with_key(execution, event.key), event)
        case RolledBack():
            return rolled_back(_with_key(execution, event.key), event)
        case SignalReceived():
            return _signal_received(execution, event)
        case Recovered():
            return _recovered(execution, event)
        case Paused():
            return _paused(execution, event)
        case ExecutionStarted():
            return _execution_started(execution, event)
        case ExecutionForked():
            return forked(execution, event)
        case Completed():
            return replace(execution, status="completed", ended=event.time)
        case Failed():
            return _failed(execution, event)
        case Cancelled():
            return replace(_with_key(execution, event.key), status="cancelled", ended=event.time)
        case _:
            assert_never(event)


def _execution_started(execution: Execution, event: ExecutionStarted) -> Execution:
    started = replace(
        execution,
        status="running",
        workflow=event.workflow,
        workflow_version=event.workflow_version,
        definition_hash=event.definition_hash,
        labels=event.labels,
        priority=event.priority,
        parent=event.parent,
        state=event.initial_state,
        branches={"": Branch(address=event.first)},
        started=event.time,
        key=event.key,
    )
    return heavier(started, len(json.encode(event.initial_state)) + EMPTY_WEIGHT)


def _node_started(execution: Execution, event: NodeStarted) -> Execution:
    branch = execution.branches[event.branch]
    before = branch.visit
    visit = Visit(
        address=event.address,
        pass_=event.pass_,
        number=event.visit,
        attempt=event.attempt,
        started=event.time,
        recoveries=before.recoveries if before is not None else 0,
        bereft=before.bereft if before is not None else 0,
        openings=before.openings if before is not None else 0,
    )
    if before is not None:  # another attempt of the same visit
        return _with_branch(execution, event.branch, replace(branch, visit=visit))
    entered = replace(branch.entering(event.address), visit=visit)
    names = execution.step_names
    begun = replace(
        execution,
        branches={**execution.branches, event.branch: entered},
        steps=execution.steps + 1,
        visits=execution.visits.put(event.address, event.visit),
        step_names=names if names.get(event.address) == event.step else names.put(event.address, event.step),
    )
    return heavier(begun, len(json.encode(event.address)) + ENTRY_WEIGHT) if len(branch.frames) > branch.base else begun


def _edge_taken(execution: Execution, event: EdgeTaken) -> Execution:
    branch = execution.branches[event.branch]
    data = output_of(event, execution.state)
    value = None if data is msgspec.UNSET else data
    after = replace(
        branch,
        address=event.target,
        visit=None,
        frames=_frames(branch, event, value),
        bindings=_bindings(branch, event, value),
        input=branch.input if event.keeps_input else value,
        answered=branch.answered or not event.keeps_input,
    )
    outputs = execution.outputs
    name = execution.step_names.get(event.address, "")
    if value is not None and name:
        outputs = outputs.put(name, value)
    moved = replace(execution, branches={**execution.branches, event.branch: after}, outputs=outputs)
    moved = _awake(moved, branch)
    moved = completed_snapshot(moved, event)
    frame = after.frames[-1] if event.enter is not None or event.again else None
    grown = frame if event.enter is not None or frame is None else (frame.item, frame.total)
    return heavier(moved, len(json.encode((value, name, grown))))


def output_of(event: EdgeTaken, state: Mapping[str, Any]) -> Any:
    """The data of a taken edge; `state` is the state after the visit's own patch. UNSET: no data."""
    return find(state, event.output_at) if event.output_at else event.output


def _frames(branch: Branch, event: EdgeTaken, data: Any) -> tuple[Frame, ...]:
    frames = branch.frames if event.keep < 0 else branch.frames[: event.keep]
    if event.enter is None and not event.again:
        return frames
    item = data.get("item") if isinstance(data, dict) else None
    total = data.get("total") if isinstance(data, dict) else None
    total = total if type(total) is int else None
    if event.enter is None or event.again:
        top = frames[-1] if event.enter is None else _keeping(frames[-1], event.enter)
        return (*frames[:-1], replace(top, index=top.index + 1, total=total, item=item, entries={}))
    entered = Frame(
        address=event.address,
        entry=replace(branch, frames=frames).entered(event.address) or 1,
        total=total,
        item=item,
        parameters=event.enter.parameters,
        saved=event.enter.saved,
        unset=event.enter.unset,
    )
    return (*frames, entered)


def _keeping(frame: Frame, entry: LoopEntry) -> Frame:
    """A frame that kept nothing until its first pass, which was not its first visit."""
    return replace(frame, parameters=entry.parameters, saved=entry.saved, unset=entry.unset)


def _bindings(branch: Branch, event: EdgeTaken, data: Any) -> tuple[Bound, ...]:
    kept = branch.bindings if event.bindings < 0 else branch.bindings[: event.bindings]
    if event.bind is None:
        return kept
    return (*kept, Bound(block=event.bind.block, jump=event.bind.jump, error=data))


def _suspended(execution: Execution, event: Suspended) -> Execution:
    branch = execution.branches[event.branch]
    if branch.visit is None:
        return execution
    parked = replace(branch, visit=replace(branch.visit, wait=event.wait))
    after = _drop(_with_branch(execution, event.branch, parked), event.wait.name, event.dropped)
    return replace(after, status=status_of(after))


def _node_failed(execution: Execution, event: NodeFailed) -> Execution:
    branch = execution.branches[event.branch]
    return _awake(_with_branch(execution, event.branch, replace(branch, visit=None)), branch)


def _awake(execution: Execution, before: Branch) -> Execution:
    """The execution, whose status may have changed if the visit that has ended in this branch was parked."""
    parked = before.visit is not None and before.visit.wait is not None
    return replace(execution, status=status_of(execution)) if parked else execution


def _retry_scheduled(execution: Execution, event: RetryScheduled) -> Execution:
    branch = execution.branches[event.branch]
    if branch.visit is None:
        return execution
    wait = WaitFor(kind="retry", since=event.time, due=event.due)
    waiting = replace(branch.visit, wait=wait, ready=False, opened=None)
    return _awake(_with_branch(execution, event.branch, replace(branch, visit=waiting)), branch)


def _paused(execution: Execution, event: Paused) -> Execution:
    """A pause within a pause (of a visit in flight that has used its attempts up) begins no new one."""
    paused_at = execution.paused_at if execution.status == "paused" else event.time
    execution = replace(_with_key(execution, event.key), status="paused", paused_at=paused_at)
    branch = execution.branches.get(event.branch)
    if event.error is None or branch is None or branch.visit is None:
        return execution
    exhausted = Failure(error=event.error, address=event.address, visit=event.visit, branch=event.branch)
    rests = replace(branch, visit=replace(branch.visit, between=True))
    return replace(_with_branch(execution, event.branch, rests), exhausted=exhausted)


def _resumed(execution: Execution, event: Resumed) -> Execution:
    execution = _with_key(execution, event.key)
    match event.cause:
        case "timer" | "timeout" | "signal" | "lock":
            return _wait_over(execution, event)
        case "person":
            return _unpaused(execution, event.time)
        case "retry":
            return _retried(execution, event)
        case _:
            assert_never(event.cause)


def _failed(execution: Execution, event: Failed) -> Execution:
    failure = Failure(
        error=event.error,
        address=event.address,
        visit=event.visit,
        branch=event.branch,
        restored=event.restored,
    )
    return replace(execution, status="failed", ended=event.time, failure=failure)


def _wait_over(execution: Execution, event: Resumed | ChildObserved) -> Execution:
    branch = execution.branches[event.branch]
    visit = branch.visit
    if visit is None or visit.wait is None:
        return execution
    ready = False
    if isinstance(event, Resumed):
        execution = _drop(execution, visit.wait.name, (event.signal,) if event.signal else ())
        ready = event.cause == "lock"
    over = replace(visit, wait=None, ready=ready)
    awake = _with_branch(execution, event.branch, replace(branch, visit=over))
    return replace(awake, status=status_of(awake))


def _unpaused(execution: Execution, now: int) -> Execution:
    paused_at = execution.paused_at if execution.paused_at is not None else now
    branches = {name: _moved(branch, paused_at, now) for name, branch in execution.branches.items()}
    after = replace(execution, branches=branches, paused_at=None, exhausted=None, status="running")
    return replace(after, status=status_of(after))


def _moved(branch: Branch, paused_at: int, now: int) -> Branch:
    """The branch with its due time later by what the wait has spent in the pause: it may have begun within it."""
    visit = branch.visit
    wait = visit.wait if visit is not None else None
    if visit is None or wait is None or wait.due is None:
        return branch
    moved = replace(wait, due=wait.due + now - max(paused_at, wait.since))
    return replace(branch, visit=replace(visit, wait=moved))


def _retried(execution: Execution, event: Resumed) -> Execution:
    """A new walk from where the failed one stood: the step that failed is visited again, and so is what was in flight
    beside it; what was parked stays so.
    """
    if event.definition_hash:
        execution = replace(
            execution,
            workflow=event.workflow,
            workflow_version=event.workflow_version,
            definition_hash=event.definition_hash,
        )
    branches = execution.branches
    if event.address:
        branches = at_failure(branches, event.branch, event.address)
    return new_walk(execution, branches)


def _signal_received(execution: Execution, event: SignalReceived) -> Execution:
    kept = KeptSignal(
        version=execution.version + 1,
        payload=event.payload,
        actor=event.actor,
        time=event.time,
        address=event.address,
        visit=event.visit,
    )
    waiting = execution.kept.get(event.name, ())
    return replace(_with_key(execution, event.key), kept={**execution.kept, event.name: (*waiting, kept)})


def _recovered(execution: Execution, event: Recovered) -> Execution:
    branch = execution.branches.get(event.branch)
    if branch is None or branch.visit is None or not event.address:
        return execution
    visit = branch.visit
    visit = replace(
        visit,
        recoveries=visit.recoveries + 1,
        bereft=visit.bereft + (event.cause == "store"),
        between=True,
        ready=False,
    )
    return _with_branch(execution, event.branch, replace(branch, visit=visit))


def _drop(execution: Execution, name: str, versions: tuple[int, ...]) -> Execution:
    """The execution without some kept signals of a name."""
    if not versions:
        return execution
    left = tuple(signal for signal in execution.kept.get(name, ()) if signal.version not in versions)
    kept = {key: value for key, value in execution.kept.items() if key != name}
    return replace(execution, kept={**kept, name: left} if left else kept)


def _with_key(execution: Execution, key: CommandKey | None) -> Execution:
    if key is None:
        return execution
    return replace(execution, keys=execution.keys.put(key.key, KnownCommand(key=key, version=execution.version + 1)))


def _with_branch(execution: Execution, name: str, branch: Branch) -> Execution:
    return replace(execution, branches={**execution.branches, name: branch})
