"""Children with a real engine: begun once, observed at once, cancelled with whoever waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from application.engine import EngineSettings
from application.ports import EventLog, Summary
from application.publications import workflow_stream
from application.requests import Submission, ToPublish
from application.summaries import summarise
from domain.children import child_id, open_children
from domain.commands import Cancel, Pause, Resume, Retry, Signal
from domain.errors import InvalidDefinition
from domain.events import Cancelled, ChildObserved, ChildStarted, Completed, DefinitionStored, ExecutionStarted
from domain.execution import Execution
from domain.limits import Limits
from domain.node import Call, Edge
from domain.position import Visit
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.registry import NodeRegistry
from tests.support.engines import everything, log_with
from tests.support.workflows import Script, nodes_of, scripted, workflow
from tests.support.worlds import (
    MINUTE,
    FailingLog,
    ManualClock,
    World,
    closed_gates,
    held,
    node,
    run,
    until,
    world,
)

ASKING = {"ask": {"$node": "signal", "name": "go"}}
RUN = {"runWorkflow": {"workflowId": "kid"}}


def definition(*steps: Any, name: str = "kid", version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """A definition under an id and version."""
    return {**workflow(*steps), "id": name, "version": version, **more}


async def publish(here: World, *steps: Any, **more: Any) -> None:
    """Publish a definition of these steps."""
    await here.engine.publish(ToPublish(definition=definition(*steps, **more)))


def rows(log: EventLog) -> list[Summary]:
    """The rows of all executions of a log."""
    found: dict[str, Summary | None] = {}
    for recorded in everything(log):
        found[recorded.stream] = summarise(found.get(recorded.stream), recorded)
    return [row for row in found.values() if row is not None]


def unfinished(log: EventLog) -> list[Summary]:
    """Those that a service takes up at its start."""
    return [row for row in rows(log) if row.status in ("running", "suspended", "paused")]


def child_of(here: World, execution_id: str) -> str:
    """The newest child that an execution began."""
    started = [event for event in here.events(execution_id) if isinstance(event, ChildStarted)]
    return started[-1].child


async def parked(here: World, parent: str) -> str:
    """The parent's child, once it has parked too."""
    await here.settle(parent)
    child = child_of(here, parent)
    assert here.fold(child).status == "suspended"
    return child


def statuses(here: World, *names: str) -> list[str]:
    """Of these executions."""
    return [here.fold(name).status for name in names]


def test_a_child_runs_and_its_parent_goes_on() -> None:
    """With what it gave; the child knows its parent, and both know the version; the parent's log comes first."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, {"$.sum": "$.a + $.b"}, {"end": {"result": "$.sum"}}, initialState={"a": 1, "b": 2})
            parent = await here.submit(
                {"$.n": 40},
                {"runWorkflow": {"workflowId": "kid", "initialState": {"b": "$.n"}, "success?": {"$.ok": True}}},
            )
            ended = await here.settle(parent)
            child = here.fold(child_of(here, parent))
            assert (ended.status, ended.state["ok"]) == ("completed", True)
            assert ended.state["runWorkflowResult"] == 41
            assert ended.state["runWorkflowFinalState"] == child.state == {"a": 1, "b": 40, "sum": 41, "result": 41}
            assert child.parent is not None
            assert (child.parent.execution, child.parent.address) == (parent, "/workflow/1/runWorkflow")
            assert (child.parent.visit, child.parent.depth) == (1, 1)
            assert ended.state["runWorkflow_output"]["version"] == child.workflow_version == "1.0.0"
            (observed,) = [event for event in here.events(parent) if isinstance(event, ChildObserved)]
            assert (observed.child, observed.child_version) == (child.id, child.version)
            order = [type(each.event) for each in everything(here.log) if each.stream in (parent, child.id)]
            assert order.index(ChildStarted) < order.index(ExecutionStarted, 1)
            assert order.index(Completed) < order.index(ChildObserved)

    run(test())


def test_a_child_is_of_the_version_that_was_there_when_it_began() -> None:
    """A newer one that is published meanwhile changes nothing for it; the next child is of that one."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, ASKING, {"$.v": 1})
            parent = await here.submit(RUN, RUN)
            first = await parked(here, parent)
            await publish(here, {"$.v": 2}, version="1.0.1")
            await here.ask(first, Signal(now=0, name="go"))
            ended = await here.settle(parent)
            assert here.fold(first).state["v"] == 1
            assert here.fold(first).workflow_version == "1.0.0"
            assert ended.state["runWorkflowFinalState"] == {"v": 2}
            assert ended.state["runWorkflow_output"]["version"] == "1.0.1"

    run(test())


def test_a_version_that_is_named() -> None:
    """Is the one that runs, however old."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, {"$.v": 1})
            await publish(here, {"$.v": 2}, version="2.0.0")
            ended = await here.run({"runWorkflow": {"workflowId": "kid", "version": "1.0.0"}})
            assert ended.state["runWorkflowFinalState"] == {"v": 1}

    run(test())


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"workflowId": "none"}, "NO_SUCH_WORKFLOW"),
        ({"workflowId": "kid", "version": "9.0.0"}, "NO_SUCH_VERSION"),
        ({"workflowId": "kid", "version": "{{'x'}}"}, "INVALID_PARAMETER"),
        ({"workflowId": "{{5}}"}, "INVALID_PARAMETER"),
        ({"workflowId": "kid", "timeout": "{{'soon'}}"}, "INVALID_PARAMETER"),
        ({"workflowId": "kid", "initialState": "{{[1]}}"}, "INVALID_PARAMETER"),
        ({"workflowId": "kid", "definition": "$.definition"}, "INVALID_PARAMETER"),
        ({"definition": "$.definition"}, "INVALID_DEFINITION"),
        ({"definition": "$.nowhere"}, "UNDEFINED_REFERENCE"),
    ],
)
def test_what_can_not_be_run_is_the_step_s_error(config: dict[str, Any], code: str) -> None:
    """Before any child begins."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, "empty")
            parent = await here.submit(
                {"runWorkflow": {**config, "error?": {"$.code": "{{error.code}}"}}},
                state={"definition": {"id": "x", "name": "X", "version": "1.0.0", "workflow": ["emty"]}},
            )
            ended = await here.settle(parent)
            assert (ended.status, ended.state["code"]) == ("completed", code)
            assert here.count(parent, ChildStarted) == 0

    run(test())


def test_a_published_child_is_not_run_on_nodes_that_it_was_not_made_for() -> None:
    """As when it is started by hand."""

    async def test() -> None:
        log = MemoryLog()
        async with world(nodes_of(Script(), scripted("mine", Script())), log=log) as here:
            await publish(here, "mine")
        async with world(nodes_of(Script(), scripted("mine", Script(), version="2.0.0")), log=log) as here:
            ended = await here.run(RUN)
            assert ended.failure is not None
            assert ended.failure.error.code == "NODES_CHANGED"

    run(test())


def test_a_definition_of_the_step_s_own() -> None:
    """Is stored once, publishes nothing, and refers to its own state; it may also come from the state."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            own = definition({"$.twice": "$.x * 2"}, initialState={"x": 1})
            step = {"runWorkflow": {"definition": own, "initialState": {"x": "$.x"}}}
            ended = await here.run({"each...": {"items": [1, 2], "loop?": [step]}}, state={"x": 21})
            assert ended.state["runWorkflowFinalState"] == {"x": 21, "twice": 42}
            stored = [each for each in everything(here.log) if isinstance(each.event, DefinitionStored)]
            assert len(stored) == 2
            assert here.log.version(workflow_stream("kid")) == 0
            found = await here.run({"runWorkflow": {"definition": "$.own"}}, state={"own": own})
            assert found.state["runWorkflowFinalState"] == {"x": 1, "twice": 2}

    run(test())


def test_a_failed_child_is_an_error_at_once() -> None:
    """Routed or not; and a retry of the parent begins another child."""

    async def test() -> None:
        script = Script({"a": [ValueError("no"), None]})
        async with world(nodes_of(script)) as here:
            await publish(here, "a")
            parent = await here.submit(RUN)
            failed = await here.settle(parent)
            first = child_of(here, parent)
            assert statuses(here, parent, first) == ["failed", "failed"]
            assert failed.failure is not None
            assert failed.failure.error.code == "CHILD_FAILED"
            assert failed.failure.error.details["code"] == "NODE_ERROR"
            await here.ask(parent, Retry(now=0))
            await here.settle(parent)
            second = child_of(here, parent)
            assert first != second
            assert statuses(here, parent, first, second) == ["completed", "failed", "completed"]

    run(test())


def test_a_child_that_a_person_cancels_is_an_error() -> None:
    """For its parent."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, ASKING)
            parent = await here.submit({"runWorkflow": {"workflowId": "kid", "error?": {"$.code": "{{error.code}}"}}})
            await here.ask(await parked(here, parent), Cancel(now=0))
            assert (await here.settle(parent)).state["code"] == "CHILD_CANCELLED"

    run(test())


def test_cancelling_goes_all_the_way_down() -> None:
    """A parent, its child, and the child of that, however they are parked; the log says why."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, ASKING, name="grandchild")
            await publish(here, {"runWorkflow": {"workflowId": "grandchild"}})
            parent = await here.submit(RUN)
            await here.settle(parent)
            child = child_of(here, parent)
            grandchild = child_of(here, child)
            assert statuses(here, parent, child, grandchild) == ["suspended"] * 3
            await here.ask(parent, Cancel(now=0, reason="enough"))
            await until(lambda: statuses(here, parent, child, grandchild) == ["cancelled"] * 3)
            (event,) = [event for event in here.events(grandchild) if isinstance(event, Cancelled)]
            assert event.reason == f"{child}, which ran it, does not wait for it any more."
            assert here.count(parent, ChildObserved) == 0

    run(test())


def test_a_running_child_is_cut_short() -> None:
    """Its node is cancelled with it."""

    async def test() -> None:
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
            await publish(here, "held")
            parent = await here.submit(RUN)
            await gates["begun"].wait()
            child = child_of(here, parent)
            await here.ask(parent, Cancel(now=0))
            await until(lambda: statuses(here, parent, child) == ["cancelled"] * 2)

    run(test())


def parallel(*other: Any, **more: Any) -> dict[str, Any]:
    """A child in one branch, and something else in another."""
    return {"parallel": {"x?": [RUN], "y?": list(other), **more}}


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([parallel(ASKING, mode="any"), "held"], "running"),
        ([parallel(ASKING, {"end": {}})], "completed"),
        ([parallel(ASKING, {"fail": {"message": "no"}})], "failed"),
        ([parallel(ASKING, {"fail": {"message": "no"}}, **{"error?": ["held"]})], "running"),
    ],
    ids=["any", "end", "fail", "a routed error"],
)
def test_a_child_that_is_not_waited_for_any_more_is_cancelled(steps: list[Any], status: str) -> None:
    """At once, though its parent may go on for long."""

    async def test() -> None:
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
            await publish(here, {"other": {"$node": "signal", "name": "never"}})
            parent = await here.submit(*steps)
            child = await parked(here, parent)
            await here.ask(parent, Signal(now=0, name="go"))
            await until(lambda: here.fold(child).status == "cancelled")
            assert here.fold(parent).status == status
            gates["go"].set()

    run(test())


def test_a_child_has_its_time() -> None:
    """Then its step has an error, and it is cancelled."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, ASKING)
            parent = await here.submit({"runWorkflow": {"workflowId": "kid", "timeout": "1m", "error?": "empty"}})
            child = await parked(here, parent)
            assert here.row(parent).due == here.clock.time + MINUTE
            here.clock.time += MINUTE
            await until(lambda: statuses(here, parent, child) == ["completed", "cancelled"])
            assert here.fold(parent).state["runWorkflow_output"]["code"] == "CHILD_TIMEOUT"

    run(test())


def test_executions_run_others_only_so_deep() -> None:
    """A workflow that runs itself ends by the limit: 16 executions under the first, and an error that comes all the way up."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, RUN)
            ended = await here.run(RUN)
            assert ended.failure is not None
            error: Any = ended.failure.error.as_json()
            codes = []
            while isinstance(error, dict) and "code" in error:
                codes.append(error["code"])
                error = error["details"]
            assert codes == [*["CHILD_FAILED"] * 16, "CHILD_DEPTH"]
            assert len(rows(here.log)) == 17
            assert {row.status for row in rows(here.log)} == {"failed"}

    run(test())


def test_the_limit_on_depth_is_a_setting() -> None:
    """Of the server."""

    async def test() -> None:
        settings = EngineSettings(worker="w", limits=Limits(child_depth=1))
        async with world(nodes_of(Script()), settings=settings) as here:
            await publish(here, "empty", name="leaf")
            await publish(here, {"runWorkflow": {"workflowId": "leaf"}})
            assert (await here.run({"runWorkflow": {"workflowId": "leaf"}})).status == "completed"
            assert (await here.run(RUN)).status == "failed"

    run(test())


def test_children_run_where_only_one_execution_may() -> None:
    """A parent that waits takes nobody's place; and a child is as urgent as its parent."""

    async def test() -> None:
        async with world(nodes_of(Script()), settings=EngineSettings(worker="w", max_running=1, threads=1)) as here:
            await publish(here, "empty", name="leaf")
            await publish(here, {"runWorkflow": {"workflowId": "leaf"}})
            accepted = await here.engine.submit(Submission(definition=workflow(RUN), priority=7))
            ended = await here.settle(accepted.execution_id)
            assert ended.status == "completed"
            assert [here.fold(row.execution_id).priority for row in rows(here.log)] == [7, 7, 7]

    run(test())


def test_many_children_at_once() -> None:
    """One for each pass of a concurrent loop; each begins once, and each pass sees its own."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, {"$.out": "$.in * 2"})
            loop = {
                "each...": {
                    "items": "{{range(60)}}",
                    "$concurrency": 20,
                    "loop?": [
                        {
                            "runWorkflow": {
                                "workflowId": "kid",
                                "initialState": {"in": "{{loop.item}}"},
                                "$output": False,
                            }
                        },
                        {"$.seen": "{{$.seen + [input.finalState]}}"},
                    ],
                }
            }
            ended = await here.run(loop, state={"seen": []})
            assert ended.status == "completed"
            assert sorted(each["in"] for each in ended.state["seen"]) == list(range(60))
            assert all(each["out"] == each["in"] * 2 for each in ended.state["seen"])
            assert len(rows(here.log)) == 61

    run(test())


def test_a_child_that_ends_during_a_pause_of_its_parent_is_seen_after_it() -> None:
    """As long as the pause lasts nothing goes on."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, ASKING)
            parent = await here.submit(RUN)
            child = await parked(here, parent)
            await here.ask(parent, Pause(now=0))
            await here.ask(child, Signal(now=0, name="go"))
            await here.settle(child)
            await here.ask(parent, Signal(now=0, name="other"))  # looked at once more, still paused
            await here.settle(parent)
            assert statuses(here, parent, child) == ["paused", "completed"]
            await here.ask(parent, Resume(now=0))
            assert (await here.settle(parent)).status == "completed"

    run(test())


def test_a_child_that_ended_in_a_pause_and_a_crash_is_seen_after_both() -> None:
    """The wait is still there, and so is the child."""

    async def test() -> None:
        log = MemoryLog()
        async with world(nodes_of(Script()), log=log) as here:
            await publish(here, ASKING)
            parent = await here.submit(RUN)
            child = await parked(here, parent)
            await here.ask(parent, Pause(now=0))
            await here.ask(child, Signal(now=0, name="go"))
            await here.settle(child)
        async with world(nodes_of(Script()), log=log, unfinished=unfinished(log)) as here:
            await here.ask(parent, Resume(now=0))
            assert (await here.settle(parent)).status == "completed"

    run(test())


def test_waiting_for_a_parent_waits_for_its_children() -> None:
    """It has settled when they have: while a child runs, it goes on by itself."""

    async def test() -> None:
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
            await publish(here, "held", ASKING)
            await publish(here, RUN, name="middle")
            parent = await here.submit({"runWorkflow": {"workflowId": "middle"}})
            await gates["begun"].wait()
            assert not await here.engine.settled(parent, 0.01)
            settled = asyncio.ensure_future(here.engine.settled(parent, 10))
            gates["go"].set()
            assert await settled
            child = child_of(here, child_of(here, parent))
            assert here.fold(child).status == "suspended"
            await here.ask(child, Signal(now=0, name="go"))
            assert (await here.settle(parent)).status == "completed"

    run(test())


def test_parents_that_rest_are_let_go_and_their_children_all_the_same_cancelled() -> None:
    """Nothing of it hangs on what is in memory."""

    async def test() -> None:
        async with world(nodes_of(Script()), settings=EngineSettings(worker="w", resident_bytes=0)) as here:
            await publish(here, ASKING)
            parents = [await here.submit(RUN) for _ in range(3)]
            children = [await parked(here, parent) for parent in parents]
            await here.ask(parents[0], Cancel(now=0))
            await until(lambda: here.fold(children[0]).status == "cancelled")
            await here.ask(children[1], Signal(now=0, name="go"))
            await until(lambda: here.fold(parents[1]).status == "completed")
            assert statuses(here, parents[2], children[2]) == ["suspended"] * 2

    run(test())


def cut(log: MemoryLog, after: Callable[[Any], bool]) -> MemoryLog:
    """The log as a crash right after the first event of a kind has left it."""
    events = everything(log)
    return log_with(events[: 1 + next(index for index, each in enumerate(events) if after(each))])


def test_a_crash_between_a_parent_s_end_and_its_children_s() -> None:
    """At the next start they are cancelled before they do anything more."""

    async def test() -> None:
        log = MemoryLog()
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates)), log=log) as here:
            await publish(here, "held", ASKING)
            await publish(here, RUN, name="middle")
            parent = await here.submit({"runWorkflow": {"workflowId": "middle"}})
            await gates["begun"].wait()
            middle = child_of(here, parent)
            child = child_of(here, middle)
            await here.ask(parent, Cancel(now=0))
            await until(lambda: here.fold(child).status == "cancelled")
        left = cut(log, lambda each: isinstance(each.event, Cancelled))
        script = Script()
        async with world(nodes_of(script, scripted("held", script)), log=left, unfinished=unfinished(left)) as here:
            await until(lambda: statuses(here, parent, middle, child) == ["cancelled"] * 3)
            assert script.ran == []

    run(test())


def test_a_child_whose_nodes_are_gone_before_it_began() -> None:
    """Its parent is told, rather than left waiting: observed at version 0."""

    async def test() -> None:
        log = MemoryLog()
        async with world(nodes_of(Script(), scripted("mine", Script())), log=log) as here:
            await publish(here, "mine")
            parent = await here.submit(RUN)
            await here.settle(parent)
        events = everything(log)
        began = next(i for i, each in enumerate(events) if isinstance(each.event, ChildStarted))
        left = log_with(events[: began + 2])
        assert isinstance(events[began], type(events[0]))
        async with world(nodes_of(Script()), log=left, unfinished=unfinished(left)) as here:
            ended = await here.settle(parent)
            assert ended.failure is not None
            assert ended.failure.error.code == "CHILD_FAILED"
            assert ended.failure.error.details["code"] == "CHILD_NOT_STARTED"
            (observed,) = [event for event in here.events(parent) if isinstance(event, ChildObserved)]
            assert observed.child_version == 0

    run(test())


def test_a_child_whose_state_is_too_large_to_begin() -> None:
    """Is such an error too."""

    async def test() -> None:
        settings = EngineSettings(worker="w", limits=Limits(state_bytes=6_000))
        async with world(nodes_of(Script()), settings=settings) as here:
            await publish(here, "empty", initialState={"x": "x" * 5_000})
            step = {"runWorkflow": {"workflowId": "kid", "initialState": {"y": "{{$.text}}"}, "error?": {}}}
            ended = await here.run(step, state={"text": "y" * 1_500})
            assert ended.state["runWorkflow_output"]["details"]["code"] == "CHILD_NOT_STARTED"
            assert "state" in ended.state["runWorkflow_output"]["message"]

    run(test())


def test_an_execution_that_took_a_child_s_id_is_no_child() -> None:
    """Whoever works out what id a child will have can't put something else in its place."""

    async def test() -> None:
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
            await publish(here, {"$.genuine": True})
            parent = await here.submit("held", RUN)
            await gates["begun"].wait()
            visit = Visit(address="/workflow/1/runWorkflow", pass_="1", number=1, attempt=1, started=0)
            taken = child_id(Execution(id=parent), visit)
            await here.engine.submit(Submission(definition=workflow({"end": {"result": "forged"}}), execution_id=taken))
            gates["go"].set()
            ended = await here.settle(parent)
            assert child_of(here, parent) == taken
            assert ended.failure is not None
            assert ended.failure.error.details["code"] == "CHILD_NOT_STARTED"

    run(test())


@pytest.mark.parametrize("kind", [ChildStarted, ExecutionStarted, Completed, ChildObserved, DefinitionStored])
def test_a_disk_that_fails_on_the_way(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it does, all goes on once it works again: one child, and the parent's end."""
    for module in ("engine.REVIVE_S", "children.AGAIN_S", "calling.AGAIN_S"):
        monkeypatch.setattr(f"application.{module}", 0.01)

    async def test() -> None:
        log = FailingLog()
        async with world(nodes_of(Script()), log=log) as here:
            await publish(here, "a")
            own = {"runWorkflow": {"definition": definition("a", name="own")}}
            step = own if kind is DefinitionStored else RUN
            parent = await here.submit("a", ASKING, step)
            await here.settle(parent)
            log.failures, log.when = 2, lambda event: isinstance(event, kind)
            await here.ask(parent, Signal(now=0, name="go"))
            await until(lambda: here.log.version(parent) > 0 and here.fold(parent).status == "completed")
            assert log.failures == 0
            assert sum(isinstance(each.event, ExecutionStarted) for each in everything(log)) == 2

    run(test())


def test_a_disk_that_fails_while_a_child_is_to_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again."""
    monkeypatch.setattr("application.children.AGAIN_S", 0.01)
    monkeypatch.setattr("application.engine.REVIVE_S", 0.01)

    async def test() -> None:
        log = FailingLog()
        async with world(nodes_of(Script()), log=log) as here:
            await publish(here, ASKING)
            parent = await here.submit(RUN)
            child = await parked(here, parent)
            log.when = lambda event: isinstance(event, Cancelled) and "does not wait" in event.reason
            log.failures = 2
            await here.ask(parent, Cancel(now=0))
            await until(lambda: here.fold(child).status == "cancelled")
            assert log.failures == 0

    run(test())


def test_a_child_of_a_parent_whose_nodes_are_gone_goes_on() -> None:
    """And is seen when they are here again."""

    async def test() -> None:
        log = MemoryLog()
        mine = scripted("mine", Script())
        async with world(nodes_of(Script(), mine), log=log) as here:
            await publish(here, ASKING)
            parent = await here.submit(RUN, "mine")
            child = await parked(here, parent)
        async with world(nodes_of(Script()), log=log, unfinished=unfinished(log)) as here:
            assert parent in here.engine.stranded
            await here.ask(child, Signal(now=0, name="go"))
            await here.settle(child)
            assert statuses(here, parent, child) == ["suspended", "completed"]
        async with world(nodes_of(Script(), mine), log=log, unfinished=unfinished(log)) as here:
            assert (await here.settle(parent)).status == "completed"

    run(test())


def test_an_end_that_comes_with_the_cancelling() -> None:
    """A child that ends while it is to be cancelled has ended: nothing is observed, nothing is cancelled twice."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, ASKING)
            parent = await here.submit(RUN)
            child = await parked(here, parent)
            await asyncio.gather(here.ask(parent, Cancel(now=0)), here.ask(child, Signal(now=0, name="go")))
            await until(lambda: here.fold(child).status in ("completed", "cancelled"))
            assert here.fold(parent).status == "cancelled"
            assert here.count(child, Cancelled) + here.count(child, Completed) == 1

    run(test())


def test_rows_know_parents_and_children() -> None:
    """By which a start finds what a crash has left."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            await publish(here, ASKING)
            parent = await here.submit(parallel(ASKING))
            child = await parked(here, parent)
            assert here.row(parent).children == {"x": child}
            assert (here.row(child).parent, here.row(child).children) == (parent, {})
            await here.ask(child, Signal(now=0, name="go"))
            await here.settle(parent)
            assert here.row(parent).children == {}
            assert here.row(parent).status == here.fold(parent).status == "suspended"

    run(test())


def test_a_node_of_one_s_own_may_run_a_child() -> None:
    """What it calls is held against what can be run, as everything is that a node answers."""

    def call(context: Any, config: dict[str, Any]) -> Any:
        return Call(workflow="kid", state=config["state"])

    async def test() -> None:
        async with world(nodes_of(Script(), node("caller", call))) as here:
            await publish(here, {"$.ok": True})
            good = await here.run({"caller": {"state": {"n": 1}}})
            assert good.state["runWorkflowFinalState"] == {"n": 1, "ok": True}
            deep: Any = {}
            for _ in range(40):
                deep = {"in": deep}
            state = {"deep": deep}
            twice = await here.run({"$.deep.again": "$.deep"}, {"caller": {"state": {"n": "$.deep"}}}, state=state)
            assert twice.status == "completed"

    run(test())


def test_a_call_that_is_no_json() -> None:
    """Is the node's error."""

    async def test() -> None:
        bad = node("caller", lambda context, config: Call(workflow="kid", state={"x": object()}))
        async with world(nodes_of(Script(), bad)) as here:
            await publish(here, "empty")
            ended = await here.run({"caller": {"error?": {"$.code": "{{error.code}}"}}})
            assert ended.state["code"] == "NOT_JSON"

    run(test())


def circle(here: World, *steps: Any, name: str, version: str = "1.0.0") -> list[str]:
    """The messages of the warnings about circles."""
    program = here.engine.publications._programs.compile(definition(*steps, name=name, version=version))
    found = here.engine.publications.warnings_of(program)
    return [one.message for one in found if one.code == "WORKFLOW_CIRCLE"]


def test_workflows_that_run_each_other_in_a_circle() -> None:
    """Are warned of, with the way round; by the versions that would run now."""

    async def test() -> None:
        def runs(name: str, **more: Any) -> dict[str, Any]:
            return {name: {"$node": "run-workflow", "workflowId": name, **more}}

        async with world(nodes_of(Script())) as here:
            assert circle(here, runs("self"), name="self")[0].startswith("self runs self: that is a circle.")
            await publish(here, runs("a"), name="c")
            await publish(here, runs("nowhere"), runs("c"), name="b")
            (found,) = circle(here, "empty", runs("b"), name="a")
            assert found.startswith("a runs b runs c runs a: that is a circle.")
            assert circle(here, runs("b"), name="d") == []
            assert circle(here, {"r": {"$node": "runWorkflow", "workflowId": "{{$.b}}"}}, name="a") == []
            warned = await here.engine.publish(ToPublish(definition=definition(runs("b"), name="a")))
            assert [(one.code, one.path) for one in warned.warnings if one.code == "WORKFLOW_CIRCLE"] == [
                ("WORKFLOW_CIRCLE", "/workflow/0/b/workflowId")
            ]
            # An older version is not what `latest` means, and a version that is named stays what it is.
            await publish(here, "empty", name="a", version="2.0.0")
            assert circle(here, runs("b"), name="a", version="1.5.0") == []
            assert circle(here, runs("b"), name="a", version="2.5.0") != []
            await publish(here, runs("a", version="2.0.0"), name="pinned")
            assert circle(here, runs("pinned"), name="a", version="2.5.0") == []
            await publish(here, runs("a", version="1.0.0"), name="older")
            assert circle(here, runs("older"), name="a", version="2.5.0")[0].startswith("a runs older runs a runs b ru")
            with pytest.raises(InvalidDefinition):
                circle(here, "nothing", name="a")

    run(test())


def registry() -> NodeRegistry:
    """The library."""
    return nodes_of(Script())


def test_a_manual_clock_never_goes_back_for_a_parent() -> None:
    """A child that ends at an earlier time, by a clock that was set back, is observed no earlier than what came before."""

    async def test() -> None:
        clock = ManualClock()
        async with world(registry(), clock=clock) as here:
            await publish(here, ASKING)
            parent = await here.submit(RUN)
            child = await parked(here, parent)
            clock.time -= MINUTE
            await here.ask(child, Signal(now=0, name="go"))
            await here.settle(parent)
            times = [event.time for event in here.events(parent)]
            assert times == sorted(times)

    run(test())


def test_an_edge_beside_a_child() -> None:
    """A branch that ends beside one that waits for a child leaves that alone."""

    async def test() -> None:
        quick = node("quick", lambda context, config: Edge("done"), inline=True)
        async with world(nodes_of(Script(), quick)) as here:
            await publish(here, ASKING)
            parent = await here.submit(parallel("quick"))
            child = await parked(here, parent)
            assert list(open_children(here.fold(parent))) == [child]
            await here.ask(child, Signal(now=0, name="go"))
            assert (await here.settle(parent)).status == "completed"

    run(test())
