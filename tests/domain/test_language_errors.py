"""LANGUAGE, section 5: one kind of error, whatever it came from and wherever it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from application.requests import Submission
from domain.commands import Begin, Erred, Finish, FireDue, Recover, Signal
from domain.decide import decide
from domain.draft import engine_error
from domain.errors import ENGINE_TYPES, ErrorInfo, StepFailure
from domain.events import Failed, NodeFailed, RetryScheduled
from domain.limits import Limits
from domain.node import Edge
from domain.patches import conflict
from infrastructure.memory_log import MemoryLog
from tests.support.engines import service_on
from tests.support.workflows import Act, Script, Walk, engined, nodes_of, workflow
from tests.support.worlds import node, run, world

FAULT = ValueError("no")
POLICY = {"maxAttempts": 3, "delay": 1}


async def _forever(context: Any, config: Any) -> Any:
    await asyncio.Event().wait()


FOREVER = node("forever", _forever)
Made = tuple[list[Any], dict[str, list[Act]], str, str, bool]
MADE: dict[str, Made] = {
    "raised": (["a"], {"a": [FAULT]}, "NODE_ERROR", "runtime", True),
    "returned": (["a"], {"a": [("error", 5)]}, "NODE_ERROR", "runtime", False),
    "returned as an object": (
        ["a"], {"a": [("error", {"code": "E", "message": "m", "type": "configuration"})]}, "E", "configuration", False
    ),
    "no JSON": (["a"], {"a": [("x", {1})]}, "NOT_JSON", "runtime", False),
    "no answer": (["a"], {"a": [lambda context, config: 5]}, "INVALID_ANSWER", "runtime", False),
    "a parameter": ([{"log": {"level": "$.n"}}], {}, "INVALID_PARAMETER", "validation", False),
    "a value": ([{"range...": {"stop": "$.n", "step": 0}}], {}, "INVALID_PARAMETER", "validation", False),
    "undefined": ([{"a": {"p": "$.missing"}}], {}, "UNDEFINED_REFERENCE", "state", False),
    "undefined in a setter": ([{"$.a": "$.missing"}], {}, "UNDEFINED_REFERENCE", "state", False),
    "no order": ([{"a": {"p": "$.n < 'x'"}}], {}, "EXPRESSION_ERROR", "runtime", False),
    "no place": ([{"$.n.x": 1}], {}, "STATE_PATH", "state", False),
    "too many steps": ([{"a": {"x?": "a"}}], {"a": [*["x"] * 9]}, "STEP_LIMIT", "runtime", False),
    "too many passes": ([{"a...": {"x?": [], "$maxIterations": 1}}], {"a": ["x", "x"]}, "LOOP_LIMIT", "runtime", False),
    "too much state": ([{"$.n": "x" * 2_000}], {}, "STATE_LIMIT", "state", False),
    "too slow": ([{"forever": {"$timeout": 5}}], {}, "NODE_TIMEOUT", "runtime", True),
    "a signal": ([{"signal": {"name": "s", "timeout": 0}}], {}, "SIGNAL_TIMEOUT", "runtime", False),
    "a lock": (
        [{"parallel": {
            "p?": [{"forever": {"$locks": ["$.n"], "$timeout": 5_000}}],
            "q?": [{"a": {"$locks": ["$.n"], "$timeout": 5}}],
        }}], {}, "LOCK_TIMEOUT", "runtime", True
    ),
    "branches": (
        [{"parallel": {"mode": "any", "onError": "collect", "p?": ["a"], "q?": ["b"]}}],
        {"a": [FAULT], "b": [FAULT]}, "BRANCH_FAILED", "runtime", False
    ),
    "the author": ([{"fail": {"message": "m", "type": "system", "code": "MINE"}}], {}, "MINE", "system", False),
    "a route": ([{"a": {"x?": "$fail"}}], {"a": ["x"]}, "FAILED", "runtime", False),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "acts", "code", "kind", "recoverable"), MADE.values(), ids=MADE)
def test_what_goes_wrong_has_a_type_and_says_whether_trying_again_may_help(
    steps: list[Any], acts: dict[str, list[Act]], code: str, kind: str, recoverable: bool
) -> None:
    """Of the engine's own only timeouts, open breakers, locks and conflicts may; severity follows from the two."""
    script = Script(acts)
    limits = Limits(steps=5, state_bytes=1_000, node_timeout_ms=10_000)
    error = engined(workflow(*steps, state={"n": 1}), nodes_of(script, FOREVER), limits=limits).error
    assert (error.code, error.type, error.recoverable) == (code, kind, recoverable)
    assert error.message
    critical = not recoverable and kind in ("runtime", "system")
    assert error.severity == ("critical" if critical else "error")


def test_the_types_of_the_engines_own_errors() -> None:
    """What a run can't easily come to: each by its code."""
    assert {code: engine_error(code, "m").type for code in ENGINE_TYPES} == {
        "NODE_UNAVAILABLE": "configuration",
        "STATE_LIMIT": "state",
        "CRASHED": "system",
        "CRASH_LOOP": "system",
        "INTERNAL_ERROR": "system",
    }
    assert engine_error("ANY_OTHER", "m").type == "runtime"
    conflicting = conflict("/a/b").error
    assert (conflicting.type, conflicting.recoverable) == ("state", True)


def test_a_node_that_is_gone_is_a_matter_of_configuration() -> None:
    """The definition compiled when it was there."""

    async def test() -> None:
        nodes = nodes_of(Script(), node("leaving", lambda context, config: None))
        async with world(nodes) as here:
            parked = await here.run({"signal": {"name": "go"}}, {"leaving": {"error?": {"$.seen": "{{error}}"}}})
            find = nodes.find
            nodes.find = lambda node_id: None if node_id == "leaving" else find(node_id)  # type: ignore[method-assign]
            await here.ask(parked.id, Signal(now=0, name="go"))
            seen = (await here.settle(parked.id)).state["seen"]
            assert (seen["code"], seen["type"], seen["severity"]) == ("NODE_UNAVAILABLE", "configuration", "error")

    run(test())


SIX = {"type", "code", "message", "recoverable", "severity", "details"}


@pytest.mark.parametrize(
    "act",
    [
        FAULT,
        ("error", "a text"),
        ("error", {"code": "E", "message": "m", "recoverable": True, "details": [1]}),
        StepFailure(ErrorInfo(type="system", code="S", message="m")),
        ("x", {1}),
    ],
    ids=["raised", "returned", "an object", "a failure", "the engine's"],
)
def test_an_error_is_the_same_object_wherever_it_is_seen(act: Any) -> None:
    """In its route, in the state, in the events, and in what is told of the execution over HTTP."""
    log, script = MemoryLog(), Script({"a": [act, act, act]})
    with service_on(log, nodes_of(script)) as service:

        def ran(*steps: Any) -> Any:
            accepted = service.submit_and_wait(Submission(definition=workflow(*steps)))
            assert service.wait_settled(accepted.execution_id, 10.0)
            events = service.queries.events(accepted.execution_id, after=0, limit=100, order="asc")["items"]
            return service.queries.execution(accepted.execution_id), events

        routed, events = ran({"a": {"error?": {"$.seen": "{{error}}", "$.short": "$.error"}}})
        seen = routed["finalState"]["seen"]
        assert seen.keys() == SIX
        assert seen == routed["finalState"]["short"] == routed["finalState"]["a_output"]
        (taken,) = [event for event in events if event["data"].get("edge") == "error"]
        assert taken["data"]["output"] == seen
        failed, events = ran("a")
        assert {key: failed["error"][key] for key in SIX} == seen
        assert failed["error"].keys() - SIX == {"address", "step", "node", "visit"}
        ends = [event["data"]["error"] for event in events if event["type"] in ("NodeFailed", "Failed")]
        assert ends == [seen, seen]
        jumped, _ = ran({"a": {"error?": "handler"}}, "b", {"handler": {"$node": "log", "message": "{{error}}"}})
        assert jumped["finalState"]["lastLoggedMessage"] == seen


# Retry, then the route, then the failure


def played(step: Any, acts: list[Act], *more: Any, **settings: Any) -> tuple[Script, Walk]:
    """Run a step named a, passing over the delays of its attempts."""
    script = Script({"a": acts})
    walk = Walk(workflow(step, *more, **settings), nodes_of(script))
    for _ in range(20):
        for _ in range(20):
            if walk.execution.status == "running" and not walk.execution.waits():
                walk.visit()
        if walk.execution.status != "running":
            break
        (((_, visit, wait),)) = walk.execution.waits()
        assert wait.due is not None and visit.number == 1
        walk.now = max(walk.now, wait.due)
        walk.visit()
    return script, walk


def write(value: int, act: Any) -> Callable[[Any, Any], Any]:
    """An act that writes to the state before it errs or goes on."""

    def acts(context: Any, config: Any) -> Any:
        context.state["wrote"] = [*context.state.get("wrote", []), value]
        if isinstance(act, BaseException):
            raise act
        return act

    return acts


MAY_PASS = {"code": "BUSY", "message": "later", "recoverable": True}


def test_only_the_last_attempts_writes_are_kept() -> None:
    """Those of an attempt that returned an error, and is tried again, are dropped with it; the last one's are kept."""
    returns = Edge("error", MAY_PASS)
    _, walk = played(
        {"a": {"$retry": POLICY, "$output": False}}, [write(1, returns), write(2, returns), write(3, None)]
    )
    assert (walk.execution.status, walk.execution.state) == ("completed", {"wrote": [3]})
    _, walk = played({"a": {"$retry": POLICY, "$output": False, "error?": []}}, [write(n, returns) for n in (1, 2, 3)])
    assert (walk.execution.status, walk.execution.state) == ("completed", {"wrote": [3]})
    _, walk = played({"a": {"$retry": POLICY}}, [write(n, returns) for n in (1, 2, 3)])
    assert (walk.execution.status, walk.execution.state) == ("failed", {"wrote": [3]})
    _, walk = played({"a": {"$retry": POLICY}}, [write(n, FAULT) for n in (1, 2, 3)])
    assert (walk.execution.status, walk.execution.state) == ("failed", {})


def test_each_attempt_sees_the_state_and_its_parameters_anew() -> None:
    """As they are when it begins: nothing of the attempt before is left."""
    script, _ = played({"a": {"$retry": POLICY, "p": "$.n"}}, [write(1, FAULT), write(2, FAULT), None], state={"n": 1})
    assert script.configs == [{"p": 1}] * 3
    assert [context.state.get("wrote") for context in script.contexts[:2]] == [[1], [2]]


@pytest.mark.parametrize("code", ["STEP_LIMIT", "STATE_LIMIT"])
def test_limits_are_never_retried_or_routed(code: str) -> None:
    """Whatever the step says of errors: there would be no end to it."""
    step = {"a": {"$retry": POLICY, "error?": [{"b": {}}], "again?": "a"}}
    script = Script({"a": [("again", "x" * 300)] * 50})
    limits = Limits(steps=4) if code == "STEP_LIMIT" else Limits(state_bytes=200)
    walk = Walk(workflow(step), nodes_of(script), limits=limits).run()
    assert walk.execution.failure is not None and walk.execution.failure.error.code == code
    assert "b" not in script.ran
    assert not any(isinstance(event, RetryScheduled) for event in walk.events)


def test_a_loop_limit_is_routed_but_not_retried() -> None:
    """It is the engine's, and not recoverable."""
    script = Script({"a": [*["go"] * 9]})
    step = {"a...": {"go?": [], "$maxIterations": 2, "$retry": POLICY, "error?": [{"b": {"p": "{{error.code}}"}}]}}
    walk = Walk(workflow(step), nodes_of(script)).run()
    assert walk.execution.status == "completed"
    assert (script.order, script.configs[-1]) == ("a a a b", {"p": "LOOP_LIMIT"})


def test_exhausted_pause_comes_after_the_route() -> None:
    """A step that routes its error does not pause; one whose error trying again can't help fails at once."""
    policy = {**POLICY, "maxAttempts": 2, "exhausted": "pause"}
    script, walk = played({"a": {"$retry": policy, "error?": ["b"]}}, [FAULT, FAULT])
    assert (walk.execution.status, script.order) == ("completed", "a a b")
    _, walk = played({"a": {"$retry": policy}}, [("error", "for good")])
    assert walk.execution.status == "failed"
    _, walk = played({"a": {"$retry": policy}}, [FAULT, FAULT])
    assert walk.execution.status == "paused"


def test_a_recovery_that_ends_in_an_error_goes_the_same_way() -> None:
    """`CRASHED` and `CRASH_LOOP` are routed like any other error of the step."""
    script = Script()
    step = {"a": {"$onCrash": "fail", "error?": [{"b": {"p": "{{error.code}} {{error.type}}"}}]}}
    walk = Walk(workflow(step), nodes_of(script))
    begin(walk)
    walk.decide(Recover(now=walk.now, worker="w"))
    walk.run()
    assert (walk.execution.status, script.configs) == ("completed", [{"p": "CRASHED system"}])


def begin(walk: Walk) -> None:
    """Leave the next visit in flight."""
    walk.now += 1_000
    walk.decide(Begin(now=walk.now))


def test_a_timeout_of_a_wait_is_an_error_like_any_other() -> None:
    """Routed by `error?` where the step has no `timeout?`."""
    script = Script()
    step = {"signal": {"name": "s", "timeout": "1m", "error?": [{"b": {"p": "{{error.code}}"}}]}}
    walk = Walk(workflow(step), nodes_of(script)).run()
    walk.now += 60_000_000
    walk.decide(FireDue(now=walk.now))
    walk.run()
    assert script.configs == [{"p": "SIGNAL_TIMEOUT"}]


def test_an_execution_that_fails_keeps_its_state_and_says_where() -> None:
    """Both of its last events carry the error, the step's address and the visit."""
    script = Script({"c": [FAULT]})
    walk = Walk(workflow({"$.n": 1}, "a", {"b": {"x?": []}}, {"c": {"$node": "a", "x?": []}}, "d"), nodes_of(script))
    walk.run()
    ends = [event for event in walk.events if isinstance(event, NodeFailed | Failed)]
    assert [(event.address, event.visit, event.error.message) for event in ends] == [("/workflow/3/c", 1, "no")] * 2
    assert walk.execution.state == {"n": 1}


def test_error_objects_have_no_more_fields_than_these() -> None:
    """Whatever a node returns beside them is dropped: details are the place for it."""
    script = Script({"a": [("error", {"code": "E", "message": "m", "extra": 1, "severity": "mild"})]})
    walk = Walk(workflow({"a": {"error?": {"$.seen": "{{error}}"}}}), nodes_of(script)).run()
    assert walk.execution.state["seen"] == ErrorInfo(code="E", message="m").as_json()


def test_deciding_again_gives_the_same_events() -> None:
    """Nothing about an error is left to chance, delays of attempts with jitter included."""
    walk = Walk(workflow({"a": {"$retry": {**POLICY, "delay": "10s", "jitter": 1}}}), nodes_of(Script()))
    begin(walk)
    command = Finish(now=walk.now, outcome=Erred(error=ErrorInfo(code="E", message="m", recoverable=True)))
    once, again = (decide(walk.execution, command, walk.rules) for _ in range(2))
    assert once == again
    assert isinstance(once[0], RetryScheduled)
    assert walk.now <= once[0].due <= walk.now + 10_000_000
