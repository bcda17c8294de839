"""The only place with rules: what happens when something is asked of an execution as it stands."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from domain.changing import edit, roll_back, take_snapshot
from domain.children import observe
from domain.commands import (
    Begin,
    Cancel,
    Command,
    EditState,
    Finish,
    FireDue,
    ForkOff,
    Observe,
    Pause,
    PersonCommand,
    Recover,
    Resume,
    Retry,
    RollBack,
    Rules,
    Signal,
    Start,
    TakeSnapshot,
)
from domain.draft import Draft
from domain.errors import Outdated, Refused, StepFailure, Unacceptable
from domain.events import Cancelled, ExecutionEvent, ExecutionStarted, Paused, Resumed
from domain.evolve import evolve
from domain.execution import ROOT, Execution
from domain.forking import fork_off
from domain.joining import settle
from domain.placing import misplaced, unplaceable
from domain.program import Program
from domain.taking import check_weight
from domain.visits import begin, finish, recover
from domain.waiting import end_what_can, fire_due, receive


def decide(execution: Execution, command: Command, rules: Rules) -> tuple[ExecutionEvent, ...]:
    """The events that a command leads to; none when what it asks for is so already.

    Pure. Raises Refused when the command does not fit what the execution is doing, Unacceptable when it never could.
    """
    return decide_and_fold(execution, command, rules)[0]


def decide_and_fold(
    execution: Execution, command: Command, rules: Rules
) -> tuple[tuple[ExecutionEvent, ...], Execution]:
    """Like `decide`, with the execution that the events lead to: it was folded while deciding."""
    draft = Draft(execution)
    if isinstance(command, PersonCommand):
        check_expected(execution, command.expected)
    _decide(draft, command, rules)
    if isinstance(command, Retry) and command.into is not None:
        rules = replace(rules, program=command.into)
    settle(draft, rules, command.now)
    return tuple(draft.events), draft.execution


def check_expected(execution: Execution, expected: tuple[int, ...] | None) -> None:
    """Raise Outdated when an execution is at none of the versions that are expected (None: any)."""
    if expected is not None and execution.version not in expected:
        message = f"The execution is at version {execution.version} by now: look at it again, and decide on that."
        raise Outdated(message, details={"version": execution.version})


def _decide(draft: Draft, command: Command, rules: Rules) -> None:  # noqa: PLR0912 - one branch per command
    match command:
        case Begin():
            begin(draft, rules, command)
        case Finish():
            if not draft.execution.has_ended:  # results that come after the end are refused
                finish(draft, rules, command)
        case Start():
            _refuse_existing(draft)
            _start(draft, rules, command)
        case ForkOff():
            _refuse_existing(draft)
            fork_off(draft, rules, command)
        case Signal():
            _refuse_ended(draft, "take a signal")
            receive(draft, rules, command)
        case FireDue():
            fire_due(draft, rules, command.now)
        case Observe():
            observe(draft, rules, command)
        case Recover():
            recover(draft, rules, command)
        case Pause():
            _pause(draft, command)
        case Resume():
            _resume(draft, rules, command)
        case Retry():
            _retry(draft, rules, command)
        case Cancel():
            _refuse_ended(draft, "be cancelled")
            draft.record(Cancelled(time=command.now, actor=command.actor, reason=command.reason, key=command.key))
        case RollBack():
            roll_back(draft, rules, command)
        case EditState():
            edit(draft, rules, command)
        case TakeSnapshot():
            take_snapshot(draft, command)
        case _:
            assert_never(command)


def _refuse_existing(draft: Draft) -> None:
    if draft.execution.version:
        raise Refused(f"There is an execution {draft.execution.id!r} already.", code="EXECUTION_EXISTS")


def _start(draft: Draft, rules: Rules, command: Start) -> None:
    program = rules.program
    initial = program.initial_state if command.initial_state is None else command.initial_state
    draft.record(
        ExecutionStarted(
            time=command.now,
            actor=command.actor,
            workflow=program.id,
            workflow_version=program.version,
            definition_hash=program.hash,
            initial_state=initial,
            first=program.steps[0].address,
            labels=command.labels,
            priority=program.priority if command.priority is None else command.priority,
            key=command.key,
            parent=command.parent,
        )
    )
    try:
        check_weight(draft, rules)
    except StepFailure as failure:
        raise Unacceptable(failure.message, code="STATE_LIMIT", details=failure.details) from failure


def _refuse_ended(draft: Draft, what: str) -> None:
    status = draft.execution.status
    if draft.execution.has_ended:
        raise Refused(f"The execution is {status}: it can't {what} any more.", code="EXECUTION_ENDED")


def _pause(draft: Draft, command: Pause) -> None:
    _refuse_ended(draft, "be paused")
    if draft.execution.status != "paused":
        draft.record(Paused(time=command.now, actor=command.actor, reason=command.reason, key=command.key))


def _resume(draft: Draft, rules: Rules, command: PersonCommand) -> None:
    match draft.execution.status:
        case "running":
            return
        case "suspended":
            raise Refused(f"The execution is waiting: {_waits(draft.execution)}.", code="WAITING")
        case "paused":
            draft.record(_resumed(command, "person"))
            end_what_can(draft, rules, command.now)
        case "failed":
            _retry(draft, rules, command)
        case "completed" | "cancelled":
            _refuse_ended(draft, "be resumed")
        case _:
            assert_never(draft.execution.status)


def _retry(draft: Draft, rules: Rules, command: PersonCommand) -> None:
    if draft.execution.status == "paused" and draft.execution.exhausted is not None:
        _refuse_into(command)
        _resume(draft, rules, command)
        return
    if draft.execution.status != "failed" or draft.execution.failure is None:
        raise Refused(
            f"Only a failed execution can be retried; this one is {draft.execution.status}.", code="NOT_FAILED"
        )
    failure = draft.execution.failure
    address = "" if failure.restored else failure.address
    resumed = _resumed(command, "retry", address=address, branch="" if failure.restored else failure.branch)
    into = command.into if isinstance(command, Retry) else None
    draft.record(_into(draft.execution, resumed, into, rules) if into is not None else resumed)


def _into(execution: Execution, resumed: Resumed, into: Program, rules: Rules) -> Resumed:
    """The event that lets the execution go on by another definition. Raises Unacceptable where it has no such place."""
    problems = unplaceable(evolve(execution, resumed).branches, into, old=rules.program)
    if problems:
        raise misplaced(problems)
    return replace(resumed, workflow=into.id, workflow_version=into.version, definition_hash=into.hash)


def _refuse_into(command: PersonCommand) -> None:
    if isinstance(command, Retry) and command.into is not None:
        message = "Only a failed execution goes on by another definition; this one is paused. Fork it instead."
        raise Refused(message, code="NOT_FAILED")


def _resumed(command: PersonCommand, cause: str, *, address: str = "", branch: str = ROOT) -> Resumed:
    return Resumed(
        time=command.now,
        actor=command.actor,
        cause="retry" if cause == "retry" else "person",
        address=address,
        branch=branch,
        reason=command.reason,
        key=command.key,
    )


def _waits(execution: Execution) -> str:
    """What a suspended execution waits for, for people."""
    parts: list[str] = []
    for _, visit, wait in execution.waits():
        if wait.kind == "branches":
            continue
        what = "its due time" if wait.kind == "timer" else f"{wait.kind} {wait.name!r}".removesuffix(" ''")
        parts.append(f"{what} at {visit.address}")
    return "; ".join(parts)
