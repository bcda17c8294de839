"""The fold of branches: how they open, and how each of them closes."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from domain import json
from domain.events import BranchClosed, BranchesOpened, Opening
from domain.execution import Execution, heavier, status_of
from domain.patches import escape
from domain.position import Branch, Frame, Joining, Opened, Visit, WaitFor, pass_data

BRANCH_WEIGHT = 64
"""What `exact_weight` counts of a branch that holds nothing yet, or more."""


def branches_opened(execution: Execution, event: BranchesOpened) -> Execution:
    """The execution with the branches of a visit open, and that visit parked."""
    parent = execution.branches[event.branch]
    visit = parent.visit
    if visit is None:
        return execution
    first = visit.opened is None
    opened = visit.opened or Opened(joining=event.joining or Joining())
    made = {one.name: _branch(event.branch, parent, visit, opened.joining, opening=one) for one in event.branches}
    parked = replace(
        visit,
        wait=visit.wait or WaitFor(kind="branches", since=event.time),
        ready=False,
        opened=replace(opened, open=(*opened.open, *made), begun=opened.begun + len(made)),
        openings=visit.openings + first,
    )
    after = replace(execution, branches={**execution.branches, event.branch: replace(parent, visit=parked), **made})
    added = len(json.encode(event.joining)) if first else 0
    return heavier(replace(after, status=status_of(after)), added + BRANCH_WEIGHT * len(made))


def _branch(name: str, parent: Branch, visit: Visit, joining: Joining, *, opening: Opening) -> Branch:
    nth = visit.openings + (visit.opened is None)  # a further attempt opens branches whose passes differ
    again = f"~{nth}" if nth > 1 else ""
    if joining.items is msgspec.UNSET or opening.index < 0:
        frames, given, part = parent.frames, parent.input, escape(opening.edge)
    else:
        given = pass_data(joining.items, opening.index)
        frame = Frame(
            address=visit.address, entry=_entry(visit), index=opening.index, total=given["total"], item=given["item"]
        )
        frames, part = (*parent.frames, frame), str(opening.index)
    return Branch(
        address=opening.first,
        parent=name,
        edge=opening.edge,
        around=f"{visit.pass_}{again}.{part}/",
        base=len(frames),
        frames=frames,
        bindings=parent.bindings,
        input=given,
    )


def _entry(visit: Visit) -> int:
    return int(visit.pass_.rpartition("/")[2])


def branch_closed(execution: Execution, event: BranchClosed) -> Execution:
    """The execution without a branch, and with how it came out known to the visit that opened it."""
    branch = execution.branches.get(event.branch)
    if branch is None or branch.parent is None:
        return execution
    left = {name: one for name, one in execution.branches.items() if name != event.branch}
    parent = left[branch.parent]
    if parent.visit is not None and parent.visit.opened is not None:
        opened = _without(parent.visit.opened, branch, event)
        left[branch.parent] = replace(parent, visit=replace(parent.visit, opened=opened))
    after = replace(execution, branches=left)
    added = len(json.encode(branch.input)) if event.outcome == "ended" else 0
    return heavier(replace(after, status=status_of(after)), added)


def _without(opened: Opened, branch: Branch, event: BranchClosed) -> Opened:
    still = tuple(name for name in opened.open if name != event.branch)
    if opened.joining.items is not msgspec.UNSET:
        return replace(opened, open=still)
    match event.outcome:
        case "ended":
            result: Any = branch.input if branch.answered else None
            return replace(opened, open=still, results={**opened.results, branch.edge: result})
        case "failed":
            error = event.error.as_json() if event.error is not None else None
            return replace(opened, open=still, errors={**opened.errors, branch.edge: error})
        case "cancelled":
            return replace(opened, open=still, cancelled=(*opened.cancelled, branch.edge))
