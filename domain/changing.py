"""What people change about an execution that stands still: its state, where it stands, and what its versions are called."""

from __future__ import annotations

from msgspec.structs import replace

from domain.commands import EditState, RollBack, Rules, TakeSnapshot
from domain.draft import Draft
from domain.editing import edit_patch, replaced_lists
from domain.errors import Refused, Unacceptable
from domain.events import Completed, SnapshotTaken, StateEdited
from domain.execution import ROOT, Execution, exact_weight
from domain.failing import go_back
from domain.going_back import position_of, standing
from domain.placing import misplaced, unplaceable
from domain.program import Program
from domain.taking import over_weight
from domain.waiting import end_what_can

LONGEST_NAME = 255
"""Characters of the name that a person gives to a version."""


def roll_back(draft: Draft, rules: Rules, command: RollBack) -> None:
    """Put the execution back to what it was at an earlier version, and let it go on from there, unless it is paused.

    A wait that stands there again ends at once if its time has come or its signal is there. At a version at which it
    was complete it is complete again. It goes on by the definition that it has now: raises Unacceptable where it had
    another one then, and its place is not in this one.
    """
    check_may_roll_back(draft.execution)
    target = command.target
    check_placed(draft.execution, target, rules.program, old=command.program)
    assert target.id == draft.execution.id, f"{target.id} is not {draft.execution.id}"
    paused = draft.execution.status == "paused"
    go_back(draft, target, name=command.name, by=command, paused=paused)
    if target.status == "completed" or draft.execution.branches[ROOT].address is None:
        draft.record(Completed(time=command.now))
    elif not paused:
        end_what_can(draft, rules, command.now)


def check_may_roll_back(execution: Execution) -> None:
    """Raise Refused for an execution that is cancelled, or running."""
    if execution.status == "cancelled":
        raise Refused(
            "The execution is cancelled: it can't be rolled back any more. Begin another one from that version (forks).",
            code="EXECUTION_ENDED",
        )
    _refuse_running(execution, "rolled back")


def check_placed(execution: Execution, target: Execution, program: Program, *, old: Program | None) -> None:
    """Raise Unacceptable (`NO_SUCH_POSITION`) for a version from before a change of definition (a retry by another one)
    at which the execution was at a place that is not in the program that it runs now.
    """
    if target.definition_hash == execution.definition_hash:
        return
    problems = unplaceable(standing(position_of(target)), program, old=old)
    if problems:
        raise misplaced([replace(problem, path="/to") for problem in problems])


def _refuse_running(execution: Execution, what: str) -> None:
    if execution.status == "running":
        raise Refused(f"The execution is running: pause first, then it can be {what}.", code="PAUSE_FIRST")


def edit(draft: Draft, rules: Rules, command: EditState) -> None:
    """Change the state by a patch. Loops whose list came from there go through the new one, from where they are.

    Raises Refused while it runs and once it has ended well or by a person, Unacceptable for a patch that does not apply.
    """
    execution = draft.execution
    if execution.status in ("completed", "cancelled"):
        message = f"The execution is {execution.status}: its state can't be edited any more."
        raise Refused(message, code="EXECUTION_ENDED")
    _refuse_running(execution, "edited")
    limit = rules.limits.state_bytes
    patch = edit_patch(execution.state, command.operations, most=limit, at=command.at)
    if not patch:
        return
    draft.record(
        StateEdited(
            time=command.now,
            actor=command.actor,
            patch=patch,
            lists=replaced_lists(execution, patch, rules.program),
            reason=command.reason,
            key=command.key,
        )
    )
    weight = over_weight(draft, limit)
    if weight and weight > exact_weight(execution):  # where a limit was lowered, what makes it lighter is welcome
        message = f"The state of the execution would be {weight:,} bytes; at most {limit:,} are allowed."
        raise Unacceptable(message, code="STATE_LIMIT", details={"bytes": weight, "limit": limit})


def take_snapshot(draft: Draft, command: TakeSnapshot) -> None:
    """Name the newest version, whatever the execution is doing. A name used again moves."""
    if not 1 <= len(command.name) <= LONGEST_NAME:
        message = f"A name has 1 to {LONGEST_NAME} characters; this one has {len(command.name)}."
        raise Unacceptable(message, code="INVALID_NAME")
    draft.record(
        SnapshotTaken(time=command.now, actor=command.actor, name=command.name, reason=command.reason, key=command.key)
    )
