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
    return counted(
        replace(
            new_walk(execution, event.branches),
            state=apply(execution.state, event.patch),
            outputs=Layers(older=apply(execution.outputs.whole(), event.outputs)),
            paused_at=None,
            exhausted=None,
        )
    )


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
    parked = [branch.visit for branch in branches.values() if branch.visit is not None]
    again = replace(
        execution,
        branches=branches,
        status="running",
        walk=execution.walk + 1,
        steps=0,
        visits=Layers({visit.address: visit.number for visit in parked}),
        failure=None,
        ended=None,
    )
    return replace(again, status=status_of(again))


def _without_attempt(branch: Branch) -> Branch:
    """The branch, its open visit forgotten unless it is parked for something that is still to come."""
    wait = branch.visit.wait if branch.visit is not None else None
    return branch if wait is not None and wait.kind not in ("retry", "lock", "child") else replace(branch, visit=None)
