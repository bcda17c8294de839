"""How the engine runs nodes: where, with what, and what it makes of their answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from domain.context import ExecutionContext
from domain.errors import ErrorInfo, StepFailure
from domain.events import (
    EdgeTaken,
    NodeStarted,
)
from domain.node import Edge, NodeMetadata, Parameter, Park, Pass
from infrastructure.memory_log import MemoryLog
from tests.support.workflows import Script, nodes_of
from tests.support.worlds import node, run, world


async def _asked(context: Any, config: Any) -> Any:
    await asyncio.sleep(0)
    return Edge("x", threading.current_thread().name)


def _where(context: Any, config: Any) -> Any:
    return Edge("x", threading.current_thread().name)


@pytest.mark.parametrize(
    ("act", "inline", "place"),
    [(_asked, False, "MainThread"), (_where, True, "MainThread"), (_where, False, "clew-node")],
    ids=["async", "inline", "plain"],
)
def test_where_a_node_runs(act: Any, inline: bool, place: str) -> None:
    """Async and inline ones on the engine's loop, plain ones in a thread."""

    async def test() -> None:
        async with world(nodes_of(Script(), node("doer", act, inline=inline))) as here:
            ended = await here.run("doer")
            assert ended.state["doer_output"].startswith(place)

    run(test())


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
def test_the_first_entry_of_an_edge_map_that_gives_something_is_taken(inline: bool) -> None:
    """In order, with the result as data; functions see the context, and those behind it are not asked."""
    asked: list[str] = []

    def answer(name: str, result: Any) -> Callable[[ExecutionContext], Any]:
        def function(context: ExecutionContext) -> Any:
            asked.append(f"{name} {context.state['n']}")
            context.state[name] = True
            return result

        return function

    def act(context: Any, config: Any) -> Any:
        return {"none": answer("none", None), "zero": answer("zero", 0), "later": answer("later", 1)}

    async def test() -> None:
        async with world(nodes_of(Script(), node("mapper", act, inline=inline))) as here:
            ended = await here.run({"mapper": {"zero?": ["end"]}}, "a", state={"n": 7})
            assert ended.state == {"n": 7, "none": True, "zero": True, "mapper_output": 0}
            assert asked == ["none 7", "zero 7"]

    run(test())


@pytest.mark.parametrize("answer", [None, {}, {"x": lambda context: None}], ids=["None", "empty map", "nothing given"])
def test_no_edge_goes_on(answer: Any) -> None:
    """With no edge data."""

    async def test() -> None:
        async with world(nodes_of(Script(), node("quiet", lambda context, config: answer))) as here:
            ended = await here.run({"quiet": {"x?": "$fail"}}, {"$.after": "{{input}}"})
            assert (ended.status, ended.state) == ("completed", {"after": None})

    run(test())


async def _cancels_itself(context: Any, config: Any) -> Any:
    raise asyncio.CancelledError


def _write(key: Any, value: Any) -> Callable[[Any, Any], Any]:
    def act(context: Any, config: Any) -> None:
        context.state[key] = value

    return act


def _raise(error: BaseException) -> Callable[[Any, Any], Any]:
    def act(context: Any, config: Any) -> None:
        raise error

    return act


def _itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


UNSOUND: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "data that is no JSON": (lambda context, config: Edge("x", object()), "NOT_JSON"),
    "data that is not finite": (lambda context, config: Edge("x", {"n": float("nan")}), "NOT_JSON"),
    "an integer past 64 bits": (lambda context, config: Edge("x", 2**64), "NOT_JSON"),
    "data that contains itself": (lambda context, config: Edge("x", _itself()), "NOT_JSON"),
    "a lone surrogate": (lambda context, config: Edge("x", "\ud800"), "NOT_JSON"),
    "an edge that can't be written": (lambda context, config: Edge("\ud800"), "NOT_JSON"),
    "an edge without a name": (lambda context, config: Edge(""), "INVALID_ANSWER"),
    "an edge that is no text": (lambda context, config: Edge(3), "INVALID_ANSWER"),  # type: ignore[arg-type]
    "a number": (lambda context, config: 5, "INVALID_ANSWER"),
    "a map of values": (lambda context, config: {"x": 1}, "INVALID_ANSWER"),
    "a map with other keys": (lambda context, config: {1: lambda context: 1}, "INVALID_ANSWER"),
    "a map function that raises": (lambda context, config: {"x": lambda context: 1 // 0}, "NODE_ERROR"),
    "a map of maps": (lambda context, config: {"x": lambda context: {"y": object()}}, "NOT_JSON"),
    "a write of a set": (_write("k", {1, 2}), "NOT_JSON"),
    "a write under no text": (_write(5, 1), "NOT_JSON"),
    "a write of keys that are none": (_write("k", {5: 1}), "NOT_JSON"),
    "an error with details that are none": (
        _raise(StepFailure(ErrorInfo(code="C", message="m", details={"o": object()}))), "NOT_JSON"
    ),
    "an error whose message can't be written": (_raise(ValueError("\ud800")), "NODE_ERROR"),
    "a wait about something odd": (lambda context, config: Park(kind="signal", name="s", about={"o": object()}), "NOT_JSON"),
    "its own cancellation": (_cancels_itself, "NODE_ERROR"),
}  # fmt: skip


@pytest.mark.parametrize(("act", "code"), UNSOUND.values(), ids=UNSOUND)
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
def test_what_a_node_may_not_answer_fails_the_step_and_nothing_else(act: Any, code: str, inline: bool) -> None:
    """With the step's address and a clear code; the engine goes on, also with executions of the same batch."""

    async def test() -> None:
        async with world(nodes_of(Script(), node("odd", act, inline=inline))) as here:
            odd, other = await here.submit("odd"), await here.submit("a", {"$.n": 1})
            ended = await here.settle(odd)
            assert ended.failure is not None
            assert (ended.failure.error.code, ended.failure.address) == (code, "/workflow/0")
            assert (await here.settle(other)).state == {"n": 1}
            assert here.count(odd, NodeStarted) == 1

    run(test())


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
def test_a_plain_node_that_returns_an_awaitable_is_awaited_within_its_time(inline: bool) -> None:
    """`execute` may be wrapped in what hides that it is async."""

    async def later() -> Any:
        return Edge("x", 1)

    async def never() -> Any:
        await asyncio.Event().wait()

    async def test() -> None:
        hidden = node("hidden", lambda context, config: never() if config.get("hang") else later(), inline=inline)
        async with world(nodes_of(Script(), hidden)) as here:
            assert (await here.run("hidden")).state == {"hidden_output": 1}
            ended = await here.run({"hidden": {"hang": True, "$timeout": 10}})
            assert ended.failure is not None and ended.failure.error.code == "NODE_TIMEOUT"

    run(test())


def test_a_heartbeat_begins_the_time_of_a_node_anew() -> None:
    """It may take longer than its timeout, as long as it says that it goes on."""

    async def beating(context: Any, config: Any) -> Any:
        for _ in range(8):
            await asyncio.sleep(0.1)
            if config["beat"]:
                context.heartbeat()
        return Edge("x", True)

    async def test() -> None:
        async with world(nodes_of(Script(), node("beating", beating))) as here:
            ended = await here.run({"beating": {"$timeout": 500, "beat": True}})
            assert ended.status == "completed"
            ended = await here.run({"beating": {"$timeout": 500, "beat": False}})
            assert ended.failure is not None and ended.failure.error.code == "NODE_TIMEOUT"

    run(test())


def test_what_a_node_sees_of_its_visit() -> None:
    """Step, visit, attempt, routed edges, secrets, time and an idempotency key that is the visit's own."""
    seen: list[ExecutionContext] = []

    def look(context: Any, config: Any) -> None:
        seen.append(context)

    async def test() -> None:
        async with world(nodes_of(Script(), node("look", look)), secrets={"token": "s3cret"}) as here:
            again = {"range...": {"stop": 2, "loop?": [{"first": {"$node": "look", "x?": [], "error?": []}}]}}
            ended = await here.run(again)
            first, second = seen
            assert (first.execution_id, first.workflow_id, first.node_id) == (ended.id, "tested", "look")
            assert (first.step.name, first.step.visit, second.step.visit, first.step.attempt) == ("first", 1, 2, 1)
            assert first.step.address == "/workflow/0/range.../loop?/0/first"
            assert first.step.routed == {"x", "error"}
            assert first.secrets["token"] == "s3cret"
            assert first.now().isoformat() == "2026-11-22T12:00:00+00:00"
            assert first.idempotency_key != second.idempotency_key

    run(test())


def test_what_a_node_was_given_is_its_own_to_change() -> None:
    """Inputs, previous edge data and parameters are copies: the state changes by recorded writes alone."""

    def spoil(context: Any, config: Any) -> None:
        context.inputs["items"].append("spoilt")
        context.inputs["list"].append("spoilt")
        context.previous["items"].append("spoilt")
        config["param"].append("spoilt")

    async def test() -> None:
        nodes = nodes_of(Script({"a": [("x", {"items": [1]})]}), node("spoil", spoil, inputs=("items", "list")))
        async with world(nodes) as here:
            ended = await here.run("a", {"spoil": {"param": "$.list"}}, "log", {"$.seen": "{{output.a}}"},
                                   state={"list": [1]})  # fmt: skip
            assert (ended.status, ended.state["list"], ended.state["seen"]) == ("completed", [1], {"items": [1]})
            assert ended.outputs["a"] == {"items": [1]}

    run(test())


def test_reads_name_every_state_key_that_a_node_looked_at_itself() -> None:
    """Also those that its inputs were looked up in, found or not."""

    def look(context: Any, config: Any) -> None:
        context.state.get("read")
        context.state["written"] = 1

    async def test() -> None:
        nodes = nodes_of(Script(), node("look", look, inputs=("given", "found", "missing")))
        async with world(nodes) as here:
            ended = await here.run({"look": {"given": 1}}, state={"read": 1, "found": 2, "other": 3})
            (taken,) = [event for event in here.events(ended.id) if isinstance(event, EdgeTaken)]
            assert taken.reads == ("found", "missing", "read")

    run(test())


def test_a_node_with_effects_starts_only_after_its_start_is_durable() -> None:
    """Output commit: what it does can always be traced to an event."""
    log = MemoryLog()
    counts: list[int] = []

    def effect(context: Any, config: Any) -> None:
        started = [one.event for one in log.read(context.execution_id) if isinstance(one.event, NodeStarted)]
        counts.append(sum(event.address == context.step.address for event in started))

    async def test() -> None:
        async with world(nodes_of(Script(), node("effect", effect, effect="writes")), log=log) as here:
            await here.run({"$.n": 1}, "effect", "a", "effect")
            assert counts == [1, 1]

    run(test())


def test_a_node_that_parks_keeps_what_it_wrote() -> None:
    """Its writes are recorded before the wait begins."""

    def ask(context: ExecutionContext, config: Any) -> Any:
        context.state["asked"] = True
        return Park(kind="signal", name="go")

    async def test() -> None:
        async with world(nodes_of(Script(), node("asker", ask))) as here:
            parked = await here.run("asker")
            assert (parked.status, parked.state) == ("suspended", {"asked": True})

    run(test())


def test_a_pass_that_is_not_json_is_its_steps_error() -> None:
    """An iterator's data and position keys are looked at like any other answer."""
    bad = [Pass(data={1, 2}), Pass(bind={"at": object()})]

    async def test() -> None:
        for answer in bad:
            async with world(nodes_of(Script(), node("rounds", lambda context, config, answer=answer: answer))) as here:
                ended = await here.run({"rounds...": {"loop?": {}}})
                assert ended.failure is not None and ended.failure.error.code == "NOT_JSON"

    run(test())


def test_an_overlay_that_raises_is_its_steps_error() -> None:
    """What a node's own code raises before it runs is the step's error too, not the engine's."""
    doer = node("doer", lambda context, config: None)

    class Overlaid(doer):  # type: ignore[misc, valid-type]
        """Shows its late parameters something, or tries to."""

        metadata = NodeMetadata(id="doer", name="Doer", version="1.0.0", parameters={"late": Parameter(late=True)})

        def overlay(self, config: Any, index: int) -> Any:
            raise LookupError("no overlay")

    async def test() -> None:
        async with world(nodes_of(Script(), Overlaid)) as here:
            ended = await here.run({"doer": {"late": 1}})
            assert ended.failure is not None
            assert (ended.failure.error.code, ended.failure.error.message) == ("NODE_ERROR", "no overlay")

    run(test())


class Wild(BaseException):
    """Nothing that `except Exception` would see."""


class Mute(Exception):
    """Raises even when it is asked what it says."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def _raising(error: BaseException) -> Any:
    def act(context: Any, config: Any) -> Any:
        raise error

    return act


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), Wild("base"), GeneratorExit(), Mute(), SystemExit(4)],
    ids=lambda error: type(error).__name__,
)
def test_nothing_that_a_node_raises_reaches_the_engine(error: BaseException, inline: bool) -> None:
    """It is the step's error, which its route can take, and the engine goes on."""

    async def test() -> None:
        async with world(nodes_of(Script(), node("doer", _raising(error), inline=inline))) as here:
            ended = await here.run({"doer": {"error?": {"$.seen": "{{error.details.class}}"}}})
            assert ended.status == "completed"
            assert ended.state["seen"].endswith(type(error).__name__)
            assert (await here.run("a")).status == "completed"

    run(test())


def test_a_node_that_cancels_its_own_task_errs() -> None:
    """Once: it is not taken for a cancellation of the execution, nor tried again without end."""

    async def cancel_oneself(context: Any, config: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def test() -> None:
        async with world(nodes_of(Script(), node("doer", cancel_oneself))) as here:
            ended = await here.run("doer")
            assert ended.failure is not None and ended.failure.error.code == "NODE_ERROR"
            assert here.count(ended.id, NodeStarted) == 1

    run(test())


def test_an_edge_with_the_mark_of_a_route_is_refused() -> None:
    """No definition could route it."""

    async def test() -> None:
        async with world(nodes_of(Script(), node("doer", lambda context, config: Edge("x?")))) as here:
            ended = await here.run("doer")
            assert ended.failure is not None and ended.failure.error.code == "INVALID_ANSWER"

    run(test())
