"""The fold of snapshots, and of going back to what there was."""

from __future__ import annotations

from msgspec.structs import replace

from domain.events import EdgeTaken, RolledBack, SnapshotTaken
from domain.execution import Execution, Snapshot, counted, status_of
from domain.layers import Layers
from domain.patches import apply
from domain.position import Branch


def snapshot_taken(execution: Execution, event: SnapshotTaken) -> Execution:
    """The execution with its next version named; what a step names is complete when its visit has ended."""
    version = execution.version + 1
    snapshot = Snapshot(name=event.name, version=version)
    if event.address:
        snapshot = replace(snapshot, visit=(event.branch, event.address, event.visit))
    else:
        snapshot = _filled(snapshot, execution)
    return replace(execution, marks=execution.marks.put(event.name, version), snapshot=snapshot)


def completed_snapshot(execution: Execution, event: EdgeTaken) -> Execution:
    """The execution, its newest snapshot complete if it is this visit that took it."""
    snapshot = execution.snapshot
    if snapshot is None or snapshot.visit != (event.branch, event.address, event.visit):
        return execution
    return replace(execution, snapshot=_filled(replace(snapshot, visit=None), execution))


def _filled(snapshot: Snapshot, execution: Execution) -> Snapshot:
    return replace(snapshot, state=execution.state, outputs=execution.outputs, branches=execution.branches)


def rolled_back(execution: Execution, event: RolledBack) -> Execution:
    """The execution back at an earlier state and position, in a new walk."""
    back = replace(
        new_walk(execution, event.branches),
        state=apply(execution.state, event.patch),
        outputs=Layers(older=apply(execution.outputs.whole(), event.outputs)),
        exhausted=None,
    )
    if event.paused:
        back = replace(back, status="paused", paused_at=execution.paused_at or event.time)
    else:
        back = replace(back, paused_at=None)
    return counted(_for_anybody(back))


def _for_anybody(execution: Execution) -> Execution:
    """The execution, whose kept signals are for anybody again where the wait that each was sent to stands no more."""
    parked = {(visit.address, visit.number) for _, visit, _ in execution.waits()}
    kept = {
        name: tuple(
            signal if (signal.address, signal.visit) in parked else replace(signal, address="", visit=0)
            for signal in signals
        )
        for name, signals in execution.kept.items()
    }
    return replace(execution, kept=kept) if kept != execution.kept else execution


def standing(branches: dict[str, Branch]) -> dict[str, Branch]:
    """A position as the log has it, to go on from: the visits that were in flight begin again, and count anew."""
    return {name: _before_attempt(branch.plain()) for name, branch in branches.items()}


def _before_attempt(branch: Branch) -> Branch:
    """The branch before its open visit was entered, unless that is parked for something that is still to come."""
    without = _without_attempt(branch)
    return without.unentered(branch.visit.address) if branch.visit is not None and without.visit is None else without


def position_of(execution: Execution) -> dict[str, Branch]:
    """The branches of an execution, those of one that failed at the step that did."""
    failure = execution.failure
    if failure is None or failure.restored or not failure.address:
        return execution.branches
    return at_failure(execution.branches, failure.branch, failure.address)


def at_failure(branches: dict[str, Branch], name: str, address: str) -> dict[str, Branch]:
    """The branches, one of which stands at the step again that has failed in it; what that had opened is gone."""
    again = replace(branches[name], address=address, visit=None)
    return {**without_inner(branches, name), name: again}


def without_inner(branches: dict[str, Branch], name: str) -> dict[str, Branch]:
    """The branches without those that the visit of one of them has opened, and all inside them."""
    left = dict(branches)
    inner = [name]
    while inner:
        outer = inner.pop()
        for other, branch in branches.items():
            if branch.parent == outer:
                left.pop(other, None)
                inner.append(other)
    return left


def new_walk(execution: Execution, branches: dict[str, Branch]) -> Execution:
    """The execution going on from a position: what was in flight there begins again, what was parked stays so."""
    branches = {name: _without_attempt(branch) for name, branch in branches.items()}
    visits: dict[str, int] = {}
    for branch in branches.values():
        if branch.visit is not None:  # of passes beside one another the last one need not be the newest
            visits[branch.visit.address] = max(branch.visit.number, visits.get(branch.visit.address, 0))
    again = replace(
        execution,
        branches=branches,
        status="running",
        walk=execution.walk + 1,
        steps=0,
        visits=Layers(visits),
        failure=None,
        ended=None,
    )
    return replace(again, status=status_of(again))


def _without_attempt(branch: Branch) -> Branch:
    """The branch, its open visit forgotten unless it is parked for something that is still to come."""
    wait = branch.visit.wait if branch.visit is not None else None
    return branch if wait is not None and wait.kind not in ("retry", "lock", "child") else replace(branch, visit=None)
