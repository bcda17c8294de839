"""Children: executions that a step begins and waits for, and what it makes of how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from domain import json
from domain.commands import Called, Observe, Rules
from domain.draft import Draft, engine_error
from domain.errors import ErrorInfo, StepFailure
from domain.events import ChildObserved, ChildStarted, Suspended
from domain.execution import Execution
from domain.patches import Op, Patch, diff, escape
from domain.position import Visit, WaitFor
from domain.taking import Taking, fail_or_route, take

RESULT_KEYS = ("runWorkflowResult", "runWorkflowExecutionId", "runWorkflowFinalState")
"""The state keys of a child's result, as NODES names them."""


def depth_of(execution: Execution) -> int:
    """How many executions are above this one."""
    return execution.parent.depth if execution.parent is not None else 0


def child_id(execution: Execution, visit: Visit) -> str:
    """The id of the child that a visit begins: always the same, so that its start can be repeated.

    Only when the visit is tried again, because a child of it has failed, is it another one.
    """
    tries = visit.attempt - visit.recoveries
    again = f"~{tries}" if tries > 1 else ""
    text = f"{execution.id}\n{execution.walk}\n{visit.address}\n{visit.pass_}{again}\nchild"
    return "ex_" + sha256(text.encode()).hexdigest()[:32]


def open_children(execution: Execution) -> dict[str, Visit]:
    """The children that an execution waits for, by id, each with the visit that does."""
    if execution.has_ended:
        return {}
    return {wait.name: visit for _, visit, wait in execution.waits() if wait.kind == "child"}


def call(draft: Draft, rules: Rules, called: Called, *, branch: str, now: int) -> None:
    """Begin a child, and park until it has ended. Raises `CHILD_DEPTH`."""
    limit = rules.limits.child_depth
    if depth_of(draft.execution) >= limit:
        message = f"Executions may run others {limit} deep, and this one is: it can't run {called.workflow}."
        raise StepFailure(engine_error("CHILD_DEPTH", message, details={"limit": limit}))
    visit = draft.visit(branch)
    child = called.child or child_id(draft.execution, visit)
    draft.record(
        ChildStarted(
            time=now,
            address=visit.address,
            visit=visit.number,
            attempt=visit.attempt,
            branch=branch,
            child=child,
            workflow=called.workflow,
            workflow_version=called.workflow_version,
            definition_hash=called.definition_hash,
            initial_state=called.initial_state,
        )
    )
    about = {"executionId": child, "workflowId": called.workflow, "version": called.workflow_version}
    draft.record(
        Suspended(
            time=now,
            address=visit.address,
            visit=visit.number,
            attempt=visit.attempt,
            branch=branch,
            wait=WaitFor(kind="child", since=now, name=child, due=called.due, about=about),
        )
    )


def observe(draft: Draft, rules: Rules, command: Observe) -> None:
    """Take in how a child has ended, and go on. Nothing happens where nobody waits for it, or during a pause."""
    if draft.execution.has_ended or draft.execution.status == "paused":
        return
    found = [(name, visit) for name, visit, wait in draft.execution.waits() if _is_for(wait, command.child)]
    for branch, visit in found:
        draft.record(
            ChildObserved(
                time=command.now,
                address=visit.address,
                visit=visit.number,
                attempt=visit.attempt,
                branch=branch,
                child=command.child,
                child_version=command.version,
                status=command.status,
            )
        )
        _go_on(draft, rules, command, visit, branch)


def _is_for(wait: WaitFor, child: str) -> bool:
    return wait.kind == "child" and wait.name == child


def _go_on(draft: Draft, rules: Rules, command: Observe, visit: Visit, branch: str) -> None:
    about = visit.wait.about if visit.wait is not None else {}
    told = {**about, "status": command.status}
    if command.status != "completed":
        _fail(draft, rules, _error(command, told), branch=branch, now=command.now)
        return
    mark = draft.mark()
    try:
        state = json.normal(command.state, f"the final state of the child {command.child}")
        result = state.get("result", state)
        data = {**told, "result": result, "finalState": state}
        values = dict(zip(RESULT_KEYS, (result, command.child, state), strict=True))
        patch = _writing(draft.execution.state, values)
        step = rules.program.at(visit.address)
        take(draft, rules, step, Taking(now=command.now, branch=branch, edge="success", data=data, patch=patch))
    except StepFailure as failure:
        draft.back_to(mark)
        _fail(draft, rules, failure.error, branch=branch, now=command.now)


def child_timed_out(draft: Draft, rules: Rules, wait: WaitFor, *, branch: str, now: int) -> None:
    """A wait for a child is over because its time is: that is an error, and nobody waits for the child any more."""
    message = f"The child {wait.name} did not end in time (timeout), and is cancelled."
    error = engine_error("CHILD_TIMEOUT", message, details=wait.about)
    _fail(draft, rules, error, branch=branch, now=now)


def _fail(draft: Draft, rules: Rules, error: ErrorInfo, *, branch: str, now: int) -> None:
    """The visit came to an error, with its result keys null as those of every node of the library are."""
    patch = _writing(draft.execution.state, dict.fromkeys(RESULT_KEYS))
    fail_or_route(draft, rules, error, Taking(now=now, branch=branch, edge="error", patch=patch))


def _error(command: Observe, told: Mapping[str, Any]) -> ErrorInfo:
    """The error that a child's is for the step that ran it: of its type, recoverable if it was, itself in the details."""
    name = f"{told.get('workflowId')} {told.get('version')} ({command.child})"
    if command.error is None:
        error = engine_error("CANCELLED", f"{name} was cancelled.")
        return engine_error("CHILD_CANCELLED", error.message, details={**error.as_json(), **told})
    error = command.error
    return ErrorInfo(
        type=error.type,
        code="CHILD_FAILED",
        message=f"{name} failed: {error.message}",
        recoverable=error.recoverable,
        details={**error.as_json(), **told},
    )


def _writing(state: Mapping[str, Any], values: Mapping[str, Any]) -> Patch:
    """The patch that sets top-level keys."""
    ops: list[Op] = []
    for key, value in values.items():
        pointer = f"/{escape(key)}"
        ops += diff(state[key], value, pointer) if key in state else (Op("add", pointer, value),)
    return tuple(ops)
