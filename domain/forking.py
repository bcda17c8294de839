"""Forking: the decision how an execution goes on, from any version of another one, as an execution of its own."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from domain.children import observe
from domain.commands import ForkOff, Rules
from domain.draft import Draft
from domain.editing import edit_patch, replaced_lists
from domain.errors import Refused, StepFailure, Unacceptable
from domain.events import Completed, ExecutionForked, Place
from domain.execution import ROOT, Execution
from domain.forked import forked
from domain.going_back import position_of
from domain.limits import Limits
from domain.placing import is_untouched, misplaced, unplaceable
from domain.position import Branch
from domain.program import Program
from domain.taking import check_weight
from domain.waiting import end_what_can

BEGUN_ANEW: Final = ("retry", "lock")
"""Waits that a fork does not have from its source: the step is begun again."""


def fork_off(draft: Draft, rules: Rules, command: ForkOff) -> None:
    """Begin a fork of the draft's execution, which is the base: its source at the version of the cut.

    Raises Unacceptable (`NO_SUCH_POSITION`, `STATE_LIMIT`), or Refused when it goes back too far (`FORK_DEPTH`).
    """
    base = draft.execution
    draft.record(forking_event(base, command, rules.program, rules.limits))
    try:
        check_weight(draft, rules)
    except StepFailure as failure:
        raise Unacceptable(failure.message, code="STATE_LIMIT", details=failure.details) from failure
    if base.status == "completed":
        draft.record(Completed(time=command.now))
        return
    for ended in command.ended:
        observe(draft, rules, replace(ended, now=command.now))
    end_what_can(draft, rules, command.now)


def forking_event(base: Execution, command: ForkOff, program: Program, limits: Limits) -> ExecutionForked:
    """The event that a fork begins with, by a program. Raises as `fork_off` does, but for the size of the state."""
    if command.source.depth > limits.fork_depth:
        source = command.source.execution
        message = f"Forks may go back {limits.fork_depth} executions, one after the other: {source} does so already."
        raise Refused(message, code="FORK_DEPTH")
    patch = edit_patch(base.state, command.operations, most=limits.state_bytes, at=command.at)
    event = ExecutionForked(
        time=command.now,
        actor=command.actor,
        source=command.source,
        workflow=program.id,
        workflow_version=program.version,
        definition_hash=program.hash,
        patch=patch,
        places=places_of(base, command),
        lists=replaced_lists(base, patch, command.old or program),
        effects=command.effects,
        signals=command.signals,
        children=command.children,
        timers=command.timers,
        labels=command.labels,
        priority=command.priority,
        reason=command.reason,
        key=command.key,
    )
    return _placed(base, event, program, command.old)


def places_of(base: Execution, command: ForkOff) -> dict[str, Place]:
    """Where each branch begins in a fork, by the command's policies; in the program that the source has run."""
    branches = position_of(base) if base.status == "failed" else base.branches
    observed = {ended.child for ended in command.ended}
    return {name: _place(branch, command, observed, now=command.now) for name, branch in branches.items()}


def _place(branch: Branch, command: ForkOff, observed: set[str], *, now: int) -> Place:
    wait = branch.visit.wait if branch.visit is not None else None
    if wait is None or wait.kind in BEGUN_ANEW or (wait.kind == "child" and wait.name not in observed):
        return Place(address=branch.address)
    due = wait.due
    if due is not None and command.timers == "restart":
        due = now + due - wait.since
    return Place(address=branch.address, parked=True, due=due)


def _placed(base: Execution, event: ExecutionForked, program: Program, old: Program | None) -> ExecutionForked:
    """The event, its places in the program of the fork. Raises Unacceptable where that has no such places."""
    root = forked(base, event).branches[ROOT]
    if len(event.places) == 1 and is_untouched(root):
        return replace(event, places={ROOT: Place(address=program.steps[0].address)})
    if old is not None and old.hash == program.hash:
        return event
    problems = unplaceable(forked(base, event).branches, program, old=old)
    if problems:
        raise misplaced(problems)
    snapshot = base.snapshot
    usable = snapshot is None or not unplaceable(snapshot.branches, program, old=old)
    return replace(event, snapshot=event.snapshot and usable)
