"""The life of a visit: how it begins, how what the node answered is recorded, and what a crash makes of it."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from domain.children import call
from domain.commands import (
    Begin,
    Called,
    Ended,
    Erred,
    Finish,
    Forked,
    Marked,
    Parked,
    Passed,
    Recover,
    Rules,
    Stored,
    Took,
)
from domain.draft import Draft, engine_error, returned_error
from domain.errors import StepFailure
from domain.events import NodeStarted, Paused, Recovered, SnapshotTaken
from domain.execution import next_pass
from domain.failing import fail_execution
from domain.joining import open_branches, settle
from domain.locks import await_locks
from domain.patches import ABSENT, assignment, diff, find, rebase
from domain.program import Route, Step
from domain.taking import Taking, fail_or_route, record_writes, take
from domain.waiting import park


def begin(draft: Draft, rules: Rules, command: Begin) -> None:
    """Begin the next visit of a branch, or another attempt of the one that was interrupted."""
    execution = draft.execution
    branch = draft.branch(command.branch)
    assert execution.status == "running" and branch.address is not None, f"{execution.id} has nothing to begin"
    step = rules.program.at(branch.address)
    open_visit = branch.visit
    number = open_visit.number if open_visit else execution.visits.get(step.address, 0) + 1
    if open_visit is None and execution.steps >= rules.program.max_steps:
        _fail_by_step_limit(draft, rules, step, command)
        return
    draft.record(
        NodeStarted(
            time=command.now,
            address=step.address,
            step=step.name,
            node=step.node,
            pass_=open_visit.pass_ if open_visit else next_pass(branch, step.address),
            visit=number,
            attempt=open_visit.attempt + 1 if open_visit else 1,
            branch=command.branch,
            worker=command.worker,
            warnings=command.warnings,
        )
    )
    await_locks(draft, rules, step, branch=command.branch, now=command.now)


def _fail_by_step_limit(draft: Draft, rules: Rules, step: Step, command: Begin) -> None:
    limit = rules.program.max_steps
    message = f"The execution has made {limit:,} visits, which is its limit. Raise maxSteps if it needs more."
    error = engine_error("STEP_LIMIT", message, details={"limit": limit})
    fail_execution(draft, rules, error, address=step.address, visit=0, branch=command.branch, now=command.now)


def finish(draft: Draft, rules: Rules, command: Finish) -> None:
    """Record how a visit came out."""
    draft.spent, draft.reused = command.spent, command.reused
    mark = draft.mark()
    try:
        _finish(draft, rules, command)
    except StepFailure as failure:
        draft.back_to(mark)
        fail_or_route(draft, rules, failure.error, Taking(now=command.now, branch=command.branch, edge="error"))


def _finish(draft: Draft, rules: Rules, command: Finish) -> None:
    step = rules.program.at(draft.visit(command.branch).address)
    match command.outcome:
        case Took(edge="error", data=data):
            fail_or_route(draft, rules, returned_error(step, data), _taking(command, "error"))
        case Took(edge=edge, data=data):
            take(draft, rules, step, _taking(command, edge, data=data))
        case Stored(value=value):
            _store(draft, rules, step, command, value)
        case Passed():
            _pass(draft, rules, step, command, command.outcome)
        case Parked(answer=answer):
            record_writes(draft, rules, _taking(command, None), rebase(command.patch, draft.execution.state))
            park(draft, rules, answer, branch=command.branch, now=command.now)
        case Called():
            record_writes(draft, rules, _taking(command, None), rebase(command.patch, draft.execution.state))
            call(draft, rules, command.outcome, branch=command.branch, now=command.now)
        case Forked(answer=fork):
            record_writes(draft, rules, _taking(command, None), rebase(command.patch, draft.execution.state))
            open_branches(draft, rules, step, fork, branch=command.branch, now=command.now)
        case Marked(name=name):
            _mark(draft, rules, step, command, name)
        case Ended():
            _end(draft, rules, step, command, command.outcome)
        case Erred(error=error):
            fail_or_route(draft, rules, error, _taking(command, "error"))
        case _:
            assert_never(command.outcome)


def _taking(command: Finish, edge: str | None, *, data: object = None) -> Taking:
    return Taking(
        now=command.now,
        branch=command.branch,
        edge=edge,
        data=data,
        patch=command.patch,
        reads=command.reads,
        warnings=command.warnings,
    )


def _store(draft: Draft, rules: Rules, step: Step, command: Finish, value: object) -> None:
    assert step.setter is not None, f"{step.address} is not a setter"
    state = draft.execution.state
    op = assignment(state, step.setter.path, value)
    old = find(state, op.path)
    patch = (op,) if old is ABSENT else tuple(diff(old, op.value, op.path))  # a list that grows is an add at its end
    take(draft, rules, step, Taking(now=command.now, branch=command.branch, edge=None, patch=patch))


def _pass(draft: Draft, rules: Rules, step: Step, command: Finish, outcome: Passed) -> None:
    answer = outcome.answer
    taking = replace(
        _taking(command, answer.edge, data=answer.data),
        bind=answer.bind,
        parameters=outcome.parameters,
        bounded=answer.bounded,
    )
    take(draft, rules, step, taking)


def _mark(draft: Draft, rules: Rules, step: Step, command: Finish, name: str) -> None:
    visit = draft.visit(command.branch)
    draft.record(
        SnapshotTaken(
            time=command.now,
            name=name,
            address=visit.address,
            visit=visit.number,
            attempt=visit.attempt,
            branch=command.branch,
        )
    )
    data = {"name": name, "version": draft.execution.version}
    take(draft, rules, step, _taking(command, "success", data=data))


def _end(draft: Draft, rules: Rules, step: Step, command: Finish, outcome: Ended) -> None:
    """`end` is like a route to `$end`, with a result stored first."""
    taking = replace(_taking(command, None), result=outcome.result)
    take(draft, rules, step, taking, route=Route(kind="end"))


def recover(draft: Draft, rules: Rules, command: Recover) -> None:
    """Take over after a crash: say so, and decide of every visit in flight whether it runs again."""
    interrupted = draft.execution.in_flight()
    if not interrupted:
        draft.record(Recovered(time=command.now, worker=command.worker, cause=command.cause))
    for branch, visit in interrupted:
        if draft.execution.status not in ("running", "suspended"):
            return
        if not draft.is_open(branch, visit):  # cancelled by what was decided of another
            continue
        draft.record(
            Recovered(
                time=command.now,
                worker=command.worker,
                cause=command.cause,
                address=visit.address,
                visit=visit.number,
                attempt=visit.attempt,
                branch=branch,
            )
        )
        _after_crash(draft, rules, branch, command.now)
        settle(draft, rules, command.now)


def _after_crash(draft: Draft, rules: Rules, branch: str, now: int) -> None:
    visit = draft.visit(branch)
    step = rules.program.at(visit.address)
    details = {"recoveries": visit.crashes}
    taking = Taking(now=now, branch=branch, edge="error")
    if visit.crashes > rules.limits.recoveries:
        message = f"{step.name} was interrupted by a crash {visit.crashes} times. It is not run again by itself."
        fail_or_route(draft, rules, engine_error("CRASH_LOOP", message, details=details), taking)
    elif step.options.on_crash == "fail":
        message = f"{step.name} was interrupted by a crash, and is not to be run again ($onCrash)."
        fail_or_route(draft, rules, engine_error("CRASHED", message, details=details), taking)
    elif step.options.on_crash == "pause":
        draft.record(Paused(time=now, reason=f"{step.name} was interrupted by a crash ($onCrash: pause)"))
