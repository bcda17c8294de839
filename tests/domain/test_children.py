"""Children, by decide and evolve alone: how a step begins one, and what it makes of how it ended (LANGUAGE 8)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain import json
from domain.children import RESULT_KEYS, child_id, open_children
from domain.commands import Cancel, FireDue, Observe, Pause, Recover, Resume, Retry, Signal
from domain.compiler import compile_definition
from domain.decide import decide
from domain.durations import microseconds
from domain.errors import ErrorInfo, Refused
from domain.events import (
    ChildObserved,
    ChildStarted,
    EdgeTaken,
    ExecutionStarted,
    Failed,
    NodeFailed,
    NodeStarted,
    Parent,
    Resumed,
    RetryScheduled,
    StateUpdated,
    Suspended,
)
from domain.evolve import evolve
from domain.execution import Execution, Status
from domain.limits import Limits
from domain.node import Call
from tests.support.workflows import Script, Walk, nodes_of, problems_of, rules_of, workflow

KID = Call(workflow="kid", state={"a": 1})
MINUTE = 60_000_000


def calling(
    *steps: Any, acts: dict[str, list[Any]] | None = None, limits: Limits | None = None, **settings: Any
) -> Walk:
    """An execution of these steps, gone as far as it goes; `a`, if there is one, runs a child."""
    script = Script(acts or {"a": [lambda context, config: KID] * 9})
    return Walk(workflow(*steps, **settings), nodes_of(script), limits=limits).run()


def only_child(walk: Walk) -> str:
    """The child that the execution waits for."""
    (child,) = open_children(walk.execution)
    return child


def ended(walk: Walk, status: Any = "completed", *, child: str = "", **more: Any) -> tuple[Any, ...]:
    """The child ends: what follows."""
    return walk.decide(Observe(now=walk.now, child=child or only_child(walk), version=7, status=status, **more))


def kinds(events: Any) -> list[str]:
    """The names of events."""
    return [type(event).__name__ for event in events]


def test_a_step_begins_a_child_and_parks() -> None:
    """The log says which, and all that its start needs, before anything begins; the wait tells people."""
    walk = calling("a", "b")
    started, parked = walk.events[-2:]
    child = child_id(walk.execution, open_children(walk.execution)[only_child(walk)])
    assert isinstance(started, ChildStarted)
    assert (started.child, started.workflow, started.workflow_version) == (child, "kid", "1.0.0")
    assert (started.definition_hash, started.initial_state) == ("c0ffee", {"a": 1})
    assert isinstance(parked, Suspended)
    assert (parked.wait.kind, parked.wait.name, parked.wait.due) == ("child", child, None)
    assert parked.wait.about == {"executionId": child, "workflowId": "kid", "version": "1.0.0"}
    assert (walk.execution.status, walk.execution.due) == ("suspended", None)


def test_a_child_that_ended_well_is_the_step_s_success() -> None:
    """What it saw is recorded, then the state keys, then the edge with the whole answer."""
    walk = calling("a", "b")
    child = only_child(walk)
    events = ended(walk, state={"a": 2, "result": [1]})
    assert kinds(events) == ["ChildObserved", "StateUpdated", "EdgeTaken"]
    observed, _, edge = events
    assert (observed.child, observed.child_version, observed.status) == (child, 7, "completed")
    assert (edge.edge, edge.target) == ("success", "/workflow/1")
    final = {"a": 2, "result": [1]}
    assert walk.execution.state == {
        "runWorkflowResult": [1],
        "runWorkflowExecutionId": child,
        "runWorkflowFinalState": final,
        "a_output": {
            "executionId": child,
            "workflowId": "kid",
            "version": "1.0.0",
            "status": "completed",
            "result": [1],
            "finalState": final,
        },
    }
    assert walk.execution.branches[""].input == walk.execution.state["a_output"]
    assert walk.run().execution.status == "completed"


def test_a_child_without_a_result_has_its_final_state_as_one() -> None:
    """As NODES says."""
    walk = calling("a")
    ended(walk, state={"n": 1})
    assert walk.execution.state["runWorkflowResult"] == {"n": 1}


def test_a_failed_child_fails_the_step_with_its_error_in_the_details() -> None:
    """Unrouted it fails the execution; the result keys are null, as after any error that is returned."""
    walk = calling("a", state={"runWorkflowResult": "old"})
    child = only_child(walk)
    error = ErrorInfo(type="state", code="NO_STOCK", message="Nothing left.", details={"item": 5})
    events = ended(walk, "failed", error=error)
    assert kinds(events) == ["ChildObserved", "StateUpdated", "NodeFailed", "Failed"]
    assert walk.execution.failure is not None
    found = walk.execution.failure.error
    assert (found.type, found.code, found.recoverable) == ("state", "CHILD_FAILED", False)
    assert found.message == f"kid 1.0.0 ({child}) failed: Nothing left."
    assert found.details["code"] == "NO_STOCK"
    assert found.details["details"] == {"item": 5}
    assert (found.details["executionId"], found.details["status"]) == (child, "failed")
    assert [walk.execution.state[key] for key in RESULT_KEYS] == [None, None, None]


def test_a_child_s_error_can_be_routed() -> None:
    """`error` is then bound to it."""
    walk = calling({"a": {"error?": {"$.why": "{{ error.details.code }}: {{ error.message }}"}}}, "b")
    ended(walk, "failed", error=ErrorInfo(code="E", message="no"))
    assert walk.run().execution.state["why"].startswith("E: kid 1.0.0 (ex_")
    assert walk.execution.status == "completed"


def test_a_cancelled_child_is_an_error() -> None:
    """With a code of its own."""
    walk = calling("a")
    ended(walk, "cancelled")
    assert walk.execution.failure is not None
    assert walk.execution.failure.error.code == "CHILD_CANCELLED"
    assert walk.execution.failure.error.details["code"] == "CANCELLED"
    assert walk.execution.failure.error.details["status"] == "cancelled"


def test_a_child_has_its_time() -> None:
    """Past it the step comes to an error, and nobody waits for the child any more; the end comes too late."""
    walk = calling(
        {"a": {"error?": {}}}, "b", acts={"a": [lambda context, config: Call(workflow="kid", due=walk_due(context))]}
    )
    child, due = only_child(walk), walk.execution.due
    assert due == walk.now + MINUTE
    assert walk.decide(FireDue(now=due - 1)) == ()
    events = walk.decide(FireDue(now=due))
    assert kinds(events) == ["Resumed", "StateUpdated", "EdgeTaken"]
    assert isinstance(events[0], Resumed)
    assert events[0].cause == "timeout"
    assert walk.execution.state["a_output"]["code"] == "CHILD_TIMEOUT"
    assert walk.execution.state["a_output"]["details"]["executionId"] == child
    assert open_children(walk.execution) == {}
    assert ended(walk, child=child) == ()


def walk_due(context: Any) -> int:
    """A minute after the step began."""
    return microseconds(context.now()) + MINUTE


def test_nothing_is_observed_where_nobody_waits() -> None:
    """For another execution's child, twice, or after the end."""
    walk = calling("a", {"a2": {"$node": "signal", "name": "go"}})
    child = only_child(walk)
    assert ended(walk, child="ex_other") == ()
    assert ended(walk) != ()
    walk.run()
    assert ended(walk, child=child) == ()
    walk.decide(Cancel(now=walk.now))
    assert ended(walk, child=child) == ()


def test_a_child_that_ends_during_a_pause_is_observed_after_it() -> None:
    """From a pause on no step goes on."""
    walk = calling("a")
    child = only_child(walk)
    walk.decide(Pause(now=walk.now))
    assert ended(walk, child=child) == ()
    assert list(open_children(walk.execution)) == [child]
    assert kinds(walk.decide(Resume(now=walk.now))) == ["Resumed"]
    assert walk.execution.status == "suspended"
    assert kinds(ended(walk))[0] == "ChildObserved"


def test_resuming_what_waits_for_a_child_is_refused_with_what_it_waits_for() -> None:
    """As for any wait; and a signal can't end it."""
    walk = calling("a")
    child = only_child(walk)
    with pytest.raises(Refused, match=f"child '{child}' at /workflow/0"):
        walk.decide(Resume(now=walk.now))
    walk.decide(Signal(now=walk.now, name=child, payload=1))
    assert list(open_children(walk.execution)) == [child]


def test_a_crash_leaves_a_wait_for_a_child_alone() -> None:
    """It is parked: no attempt is begun again, and so no second child."""
    walk = calling("a")
    before = only_child(walk)
    assert kinds(walk.decide(Recover(now=walk.now, worker="w"))) == ["Recovered"]
    assert only_child(walk) == before
    assert sum(isinstance(event, ChildStarted) for event in walk.events) == 1


def test_a_retry_of_a_failed_parent_begins_another_child() -> None:
    """In the new walk the step is visited anew."""
    walk = calling("a")
    first = only_child(walk)
    ended(walk, "failed", error=ErrorInfo(code="E", message="no"))
    walk.decide(Retry(now=walk.now))
    second = only_child(walk.run())
    assert first != second
    ended(walk)
    assert walk.execution.status == "completed"


def test_another_attempt_begins_another_child() -> None:
    """`$retry` of a child whose error is recoverable."""
    walk = calling({"a": {"$retry": {"maxAttempts": 2, "delay": 1}}})
    first = only_child(walk)
    events = ended(walk, "failed", error=ErrorInfo(code="E", message="no", recoverable=True))
    assert kinds(events) == ["ChildObserved", "RetryScheduled"]
    assert isinstance(events[1], RetryScheduled)
    assert first != only_child(walk.run())
    ended(walk, "failed", error=ErrorInfo(code="E", message="no", recoverable=True))
    assert walk.execution.status == "failed"


def test_each_pass_has_a_child_of_its_own() -> None:
    """Also two steps, and two executions of one workflow."""
    walk = calling({"each...": {"items": [1, 2], "loop?": ["a"]}}, "a")
    children = []
    for _ in range(3):
        children.append(only_child(walk))
        ended(walk)
        walk.run()
    assert walk.execution.status == "completed"
    assert len(set(children)) == 3
    other = Execution(id="other")
    visit = next(iter(calling("a").execution.branches.values())).visit
    assert visit is not None
    assert child_id(other, visit) != child_id(Execution(id="walked"), visit)


def deep(depth: int, limits: Limits | None = None) -> Walk:
    """An execution with so many above it that comes to run a child."""
    walk = Walk(workflow("a"), nodes_of(Script({"a": [lambda context, config: KID]})), limits=limits)
    started = walk.events[0]
    assert isinstance(started, ExecutionStarted)
    parent = Parent(execution="p", address="/workflow/0", visit=1, depth=depth)
    walk.execution = evolve(Execution(id="walked"), replace(started, parent=parent if depth else None))
    return walk.run()


def test_executions_run_others_only_so_deep() -> None:
    """The limit is named; it is one more than what the deepest may have above it."""
    assert only_child(deep(15))
    refused = deep(16)
    assert open_children(refused.execution) == {}
    assert refused.execution.failure is not None
    assert refused.execution.failure.error.code == "CHILD_DEPTH"
    assert "16 deep" in refused.execution.failure.error.message
    assert not any(isinstance(event, ChildStarted) for event in refused.events)
    assert deep(1, Limits(child_depth=1)).execution.status == "failed"
    assert deep(0, Limits(child_depth=0)).execution.status == "failed"


@pytest.mark.parametrize("ending", ["any", "end", "fail", "cancel"])
def test_who_is_not_waited_for_any_more(ending: str) -> None:
    """A loser of `any`; and whoever is open when the execution ends, however it does."""
    routes: dict[str, list[Any]] = {
        "any": [],
        "end": [{"end": {}}],
        "fail": [{"fail": {"message": "no"}}],
        "cancel": [],
    }
    waiting: list[Any] = [{"go": {"$node": "signal", "name": "go"}}]
    steps = {"mode": "any" if ending == "any" else "all", "x?": ["a"], "y?": waiting + routes[ending]}
    walk = calling({"parallel": steps}, "b")
    assert len(open_children(walk.execution)) == 1
    if ending == "cancel":
        walk.decide(Cancel(now=walk.now))
    else:
        walk.decide(Signal(now=walk.now, name="go"))
        walk.run()
    assert open_children(walk.execution) == {}
    status: dict[str, Status] = {"any": "completed", "end": "completed", "fail": "failed", "cancel": "cancelled"}
    assert walk.execution.status == status[ending]


def test_after_a_failure_beside_it_a_retry_begins_the_child_anew() -> None:
    """It was cancelled with the execution, so its wait is over too."""
    acts: dict[str, list[Any]] = {"a": [lambda context, config: KID] * 2, "b": [ValueError("no")]}
    walk = calling({"parallel": {"x?": ["a"], "y?": [{"go": {"$node": "signal", "name": "go"}}, "b"]}}, acts=acts)
    (first,) = open_children(walk.execution)
    walk.decide(Signal(now=walk.now, name="go"))
    walk.run()
    assert walk.execution.status == "failed"
    walk.decide(Retry(now=walk.now))
    walk.run()
    (second,) = open_children(walk.execution)
    assert first != second


def test_going_back_forgets_a_wait_for_a_child() -> None:
    """It is as what was in flight: the step is visited again."""
    failing = [
        {"go": {"$node": "signal", "name": "go"}},
        {"snapshot": {"name": "here"}},
        {"h": {"$node": "signal", "name": "on"}},
        {"f": {"$node": "fail", "message": "no"}},
    ]
    walk = calling({"parallel": {"x?": ["a"], "y?": failing}}, onCriticalError="rollback")
    (first,) = open_children(walk.execution)
    for name in ("go", "on"):
        walk.decide(Signal(now=walk.now, name=name))
        walk.run()
    assert walk.execution.status == "failed"
    assert walk.execution.failure is not None
    assert walk.execution.failure.restored
    walk.decide(Retry(now=walk.now))
    walk.run()
    (second,) = open_children(walk.execution)
    assert first != second


def test_a_final_state_that_is_too_large_is_the_execution_s_own_limit() -> None:
    """Never routed; and nothing of it is kept."""
    walk = calling({"a": {"error?": {}}}, limits=Limits(state_bytes=1_000))
    events = ended(walk, state={"big": "x" * 1_000})
    assert kinds(events)[0] == "ChildObserved"
    assert walk.execution.failure is not None
    assert walk.execution.failure.error.code == "STATE_LIMIT"
    assert "big" not in json.encode(walk.execution.state).decode()


def test_a_final_state_that_is_too_deep_is_an_error() -> None:
    """A workflow that hands its state down and up again would otherwise make one without end."""
    state: Any = {}
    for _ in range(200):
        state = {"in": state}
    walk = calling({"a": {"error?": {}}})
    ended(walk, state=state)
    assert walk.execution.state["a_output"]["code"] == "NOT_JSON"


def test_a_child_that_could_not_begin_is_an_error() -> None:
    """Observed at version 0."""
    walk = calling("a")
    events = walk.decide(
        Observe(
            now=walk.now,
            child=only_child(walk),
            version=0,
            status="failed",
            error=ErrorInfo(type="configuration", code="CHILD_NOT_STARTED", message="Gone."),
        )
    )
    assert isinstance(events[0], ChildObserved)
    assert events[0].child_version == 0
    assert walk.execution.failure is not None
    assert walk.execution.failure.error.details["code"] == "CHILD_NOT_STARTED"


@pytest.mark.parametrize("node", ["runWorkflow", "run-workflow"])
def test_both_names_are_one_node(node: str) -> None:
    """With the same parameters and edges."""
    assert problems_of(workflow({node: {"workflowId": "kid", "success?": {}, "error?": {}}}), nodes_of(Script())) == ()


@pytest.mark.parametrize(
    ("config", "code", "path"),
    [
        ({}, "MISSING_PARAMETER", "/workflow/0/runWorkflow"),
        ({"workflowId": 5}, "PARAMETER_TYPE", "/workflow/0/runWorkflow/workflowId"),
        ({"workflowId": None}, "PARAMETER_TYPE", "/workflow/0/runWorkflow/workflowId"),
        ({"workflowId": "k", "initialState": []}, "PARAMETER_TYPE", "/workflow/0/runWorkflow/initialState"),
        ({"workflowId": "k", "timeout": {}}, "PARAMETER_TYPE", "/workflow/0/runWorkflow/timeout"),
        ({"workflowId": "k", "version": 1}, "PARAMETER_TYPE", "/workflow/0/runWorkflow/version"),
        ({"workflowId": "k", "state": {}}, "UNKNOWN_PARAMETER", "/workflow/0/runWorkflow/state"),
        ({"workflowId": "k", "timeout?": {}}, "UNKNOWN_EDGE", "/workflow/0/runWorkflow/timeout?"),
        ({"definition": []}, "PARAMETER_TYPE", "/workflow/0/runWorkflow/definition"),
        ({"definition": {}}, "SCHEMA", "/workflow/0/runWorkflow/definition"),
    ],
)
def test_parameters_that_can_not_be(config: dict[str, Any], code: str, path: str) -> None:
    """Errors at validation, at their places."""
    found = problems_of(workflow({"runWorkflow": config}), nodes_of(Script()))
    assert (code, path) in [(one.code, one.path) for one in found if one.severity == "error"]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"workflowId": "k", "version": "1.0"}, "version"),
        ({"workflowId": "k", "timeout": "soon"}, "timeout"),
        ({"workflowId": "k", "definition": "$.definition"}, "definition"),
    ],
)
def test_parameters_that_will_not_work(config: dict[str, Any], key: str) -> None:
    """Warnings at validation, for what is written out."""
    (found,) = problems_of(workflow({"runWorkflow": config}, state={"definition": {}}), nodes_of(Script()))
    assert (found.code, found.severity, found.path) == ("WILL_FAIL", "warning", f"/workflow/0/runWorkflow/{key}")


def inner(*steps: Any, **more: Any) -> dict[str, Any]:
    """A step that runs a definition of its own."""
    return {
        "runWorkflow": {"definition": {"id": "in", "name": "In", "version": "1.0.0", "workflow": list(steps), **more}}
    }


def test_a_definition_inside_is_checked_with_the_one_around_it() -> None:
    """All that is wrong in there, in any depth, at its place; warnings too."""
    found = problems_of(
        workflow(inner("emty", inner({"a": {"x?": "nowhere"}}), {"each": {"items": []}})), nodes_of(Script())
    )
    place = "/workflow/0/runWorkflow/definition/workflow"
    assert [(one.code, one.path) for one in found] == [
        ("UNKNOWN_NODE", f"{place}/0"),
        ("UNKNOWN_TARGET", f"{place}/1/runWorkflow/definition/workflow/0/a/x?"),
        ("NOT_A_LOOP", f"{place}/2/each"),
    ]
    bad = inner("a", version="1", settings={"priority": "high", "maxSteps": 0}, workflw=[])
    codes = {one.code for one in problems_of(workflow(bad), nodes_of(Script()))}
    assert codes == {"SCHEMA", "INVALID_OPTION", "UNKNOWN_KEY"}


def test_a_definition_inside_is_taken_as_it_is_written() -> None:
    """What it refers to is its own, not the state of the workflow around it: nothing in it is resolved there."""
    step = inner({"$.x": "$.never_here + 1"}, {"log": {"message": "{{$.x}}"}})
    program = compile_definition(workflow(step), nodes_of(Script()))
    assert program.steps[0].parameters["definition"].constant
    assert program.warnings == ()


def test_steps_inside_count_with_those_around_them() -> None:
    """Or a definition could hold more than it may."""
    limits = Limits(definition_steps=5)
    nodes = nodes_of(Script())
    assert problems_of(workflow(inner("a", "a"), inner("a")), nodes, limits=limits) == ()
    found = problems_of(workflow(inner("a", "a"), inner("a", "a")), nodes, limits=limits)
    assert [(one.code, one.path) for one in found] == [
        ("TOO_MANY_STEPS", "/workflow/1/runWorkflow/definition/workflow")
    ]


def test_the_events_of_a_child_need_nothing_else() -> None:
    """Every prefix of a parent's history folds, and folds to the same."""
    walk = calling("a", "b")
    ended(walk, state={"n": 1})
    walk.run()
    execution = Execution(id="walked")
    for event, snapshot in zip(walk.events, walk.snapshots, strict=True):
        execution = evolve(execution, event)
        assert json.encode(execution) == snapshot
    assert (
        decide(execution, Observe(now=walk.now, child="x", version=1, status="completed"), rules_of(walk.program)) == ()
    )
    assert {type(event) for event in walk.events} >= {NodeStarted, StateUpdated, EdgeTaken}
    assert not {type(event) for event in walk.events} & {NodeFailed, Failed}
