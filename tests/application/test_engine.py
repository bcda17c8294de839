"""The engine: how nodes are run, what people ask while they run, time, faults of the store, and stopping."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

import application.engine
import application.timers
from application.engine import Engine, EngineSettings
from application.ports import Append, Recorded, StoreUnavailable, Summary, VersionConflict
from application.programs import Programs
from application.reading import execution_event, load
from application.requests import Submission
from application.summaries import summarise
from domain.commands import Cancel, OutsideCommand, Pause, Resume, Retry, Signal
from domain.context import ExecutionContext
from domain.errors import ErrorInfo, NotFound, Refused, StepFailure, Unacceptable
from domain.events import (
    AnyEvent,
    Cancelled,
    CommandKey,
    Completed,
    EdgeTaken,
    ExecutionEvent,
    Failed,
    NodeStarted,
    Paused,
    Recovered,
    Resumed,
    SignalReceived,
    StateUpdated,
)
from domain.execution import Execution
from domain.node import Edge, Park, WorkflowNode
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.registry import NodeRegistry
from infrastructure.system import check_schema
from tests.support.workflows import NOON, Script, nodes_of, scripted, workflow

MINUTE = 60_000_000


class ManualClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> int:
        """Microseconds."""
        return self.time


class CountedIds:
    """Ids in order."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self._count += 1
        return f"{prefix}{self._count}"


class FailingLog(MemoryLog):
    """A log that fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0
        self.when: Callable[[AnyEvent], bool] = lambda event: True

    def append(self, batch: Sequence[Append]) -> list[tuple[Recorded, ...] | VersionConflict]:
        """Fail as often as was asked, for a batch that has such an event."""
        if self.failures and any(self.when(event) for append in batch for event in append.events):
            self.failures -= 1
            raise StoreUnavailable("The disk is full.")
        return super().append(batch)


class World:
    """An engine with everything around it."""

    def __init__(self, engine: Engine, log: MemoryLog, clock: ManualClock) -> None:
        self.engine = engine
        self.log = log
        self.clock = clock

    async def submit(self, *steps: Any, state: dict[str, Any] | None = None, **settings: Any) -> str:
        """Begin an execution of these steps."""
        accepted = await self.engine.submit(Submission(definition=workflow(*steps, state=state, **settings)))
        return accepted.execution_id

    async def settle(self, execution_id: str) -> Execution:
        """The execution as the log has it when it has ended, parked or paused."""
        assert await self.engine.settled(execution_id, 10.0)
        return self.fold(execution_id)

    async def run(self, *steps: Any, state: dict[str, Any] | None = None, **settings: Any) -> Execution:
        """Begin and settle."""
        return await self.settle(await self.submit(*steps, state=state, **settings))

    async def ask(self, execution_id: str, command: OutsideCommand) -> bool:
        """Give a command; whether it changed anything."""
        return (await self.engine.command(execution_id, command)).changed

    def fold(self, execution_id: str) -> Execution:
        """The execution as the log has it."""
        return load(self.log, execution_id)

    def events(self, execution_id: str) -> list[ExecutionEvent]:
        """Its history."""
        return [execution_event(recorded) for recorded in self.log.read(execution_id)]

    def count(self, execution_id: str, kind: type[ExecutionEvent]) -> int:
        """How many events of a kind it has."""
        return sum(isinstance(event, kind) for event in self.events(execution_id))

    def row(self, execution_id: str) -> Summary:
        """Its row in the lists."""
        row = None
        for recorded in self.log.read(execution_id):
            row = summarise(row, recorded)
        assert row is not None
        return row


@asynccontextmanager
async def world(  # noqa: PLR0913 - each is something that a test may choose
    nodes: NodeRegistry,
    *,
    log: MemoryLog | None = None,
    clock: ManualClock | None = None,
    settings: EngineSettings | None = None,
    secrets: dict[str, str] | None = None,
    unfinished: Iterable[Summary] = (),
) -> AsyncIterator[World]:
    """A started engine, stopped at the end."""
    log, clock = log or MemoryLog(), clock or ManualClock()
    settings = settings or EngineSettings(worker="w")
    engine = Engine(
        log=log,
        nodes=nodes,
        clock=clock,
        ids=CountedIds(),
        check_schema=check_schema,
        programs=Programs(log, nodes, settings.limits),
        settings=settings,
        secrets=secrets,
    )
    await engine.start(unfinished)
    try:
        yield World(engine, log, clock)
    finally:
        await engine.stop()


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, for at most as long as any should take."""
    asyncio.run(asyncio.wait_for(test, 20))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set forward, and a store that is well again, are noticed at once."""
    monkeypatch.setattr(application.timers, "LONGEST_NAP_S", 0.005)
    monkeypatch.setattr(application.engine, "REVIVE_S", 0.005)


def node(node_id: str, act: Callable[..., Any], *, inline: bool = False, **metadata: Any) -> type[WorkflowNode]:
    """A node whose `execute` is this function, which is given the context (and the config if it takes two)."""
    made = scripted(node_id, Script(), **metadata)
    if asyncio.iscoroutinefunction(act):

        async def execute(self: Any, context: Any, config: Any) -> Any:
            return await act(context, config)
    else:

        def execute(self: Any, context: Any, config: Any) -> Any:  # type: ignore[misc]
            return act(context, config)

    made.execute = execute  # type: ignore[method-assign]
    made.inline = inline
    return made


# How nodes are run


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
            await asyncio.sleep(0.02)
            if config["beat"]:
                context.heartbeat()
        return Edge("x", True)

    async def test() -> None:
        async with world(nodes_of(Script(), node("beating", beating))) as here:
            ended = await here.run({"beating": {"$timeout": 100, "beat": True}})
            assert ended.status == "completed"
            ended = await here.run({"beating": {"$timeout": 100, "beat": False}})
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


# What people ask


def _held(events: dict[str, asyncio.Event]) -> type[WorkflowNode]:
    async def hold(context: Any, config: Any) -> Any:
        events["begun"].set()
        await events["go"].wait()
        return Edge("x", "done")

    return node("held", hold)


def _gates() -> dict[str, asyncio.Event]:
    return {"begun": asyncio.Event(), "go": asyncio.Event()}


def test_a_pause_lets_the_node_in_flight_finish_and_begins_none() -> None:
    """Its result is recorded; the step behind it begins after the resume."""

    async def test() -> None:
        gates = _gates()
        async with world(nodes_of(Script(), _held(gates))) as here:
            execution_id = await here.submit("held", "a")
            await gates["begun"].wait()
            assert await here.ask(execution_id, Pause(now=0, reason="lunch"))
            assert not await here.ask(execution_id, Pause(now=0))
            gates["go"].set()
            while here.count(execution_id, EdgeTaken) < 1:
                await asyncio.sleep(0)
            assert here.fold(execution_id).status == "paused"
            assert here.count(execution_id, NodeStarted) == 1
            assert await here.ask(execution_id, Resume(now=0))
            ended = await here.settle(execution_id)
            assert (ended.status, here.count(execution_id, NodeStarted)) == ("completed", 2)
            assert not here.count(execution_id, Recovered)

    run(test())


def test_a_resume_while_the_node_is_still_in_flight_goes_on_with_it() -> None:
    """It is not begun again."""

    async def test() -> None:
        gates = _gates()
        async with world(nodes_of(Script(), _held(gates))) as here:
            execution_id = await here.submit("held", "a")
            await gates["begun"].wait()
            await here.ask(execution_id, Pause(now=0))
            await here.ask(execution_id, Resume(now=0))
            gates["go"].set()
            assert (await here.settle(execution_id)).status == "completed"
            assert here.count(execution_id, NodeStarted) == 2

    run(test())


def test_a_cancel_ends_at_once_and_later_results_are_refused() -> None:
    """The node in flight is cancelled; a plain one runs on in its thread, for nothing."""

    async def test() -> None:
        begun, go = threading.Event(), threading.Event()

        def hold(context: Any, config: Any) -> Any:
            begun.set()
            go.wait(10)
            context.state["late"] = True
            return Edge("x", 1)

        async with world(nodes_of(Script(), node("held", hold))) as here:
            execution_id = await here.submit("held", "a")
            await asyncio.to_thread(begun.wait, 10)
            await here.ask(execution_id, Cancel(now=0, reason="enough"))
            go.set()
            ended = await here.settle(execution_id)
            assert (ended.status, ended.state) == ("cancelled", {})
            assert isinstance(here.events(execution_id)[-1], Cancelled)
            with pytest.raises(Refused):
                await here.ask(execution_id, Cancel(now=0))

    run(test())


@pytest.mark.parametrize("command", [Retry, Resume])
def test_a_retry_begins_a_new_walk_at_the_step_that_failed(command: Any) -> None:
    """With the state as it was left, and a new idempotency key; what succeeded is not run again."""

    async def test() -> None:
        script = Script({"b": [ValueError("no"), ("x", 1)]})
        async with world(nodes_of(script)) as here:
            execution_id = await here.submit("a", {"$.n": 1}, "b", "c")
            assert (await here.settle(execution_id)).status == "failed"
            await here.ask(execution_id, command(now=0))
            ended = await here.settle(execution_id)
            assert (ended.status, ended.walk, ended.failure, script.order) == ("completed", 2, None, "a b b c")
            keys = [context.idempotency_key for context in script.contexts[1:3]]
            assert keys[0] != keys[1]

    run(test())


def test_a_retry_of_a_fail_route_finds_everything_as_it_was() -> None:
    """Frames, `error` and `input` of the step that took it."""

    async def test() -> None:
        script = Script({"a": [("error", "why")], "b": [("x", 1), None], "d": [("y", 2)]})
        look = {"error": "{{error.message}}", "input": "{{input}}", "i": "{{loop.index}}"}
        body = [{"a": {"error?": ["d", {"b": {**look, "x?": "$fail"}}]}}]
        async with world(nodes_of(script)) as here:
            execution_id = await here.submit({"range...": {"stop": 1, "loop?": body}}, "c")
            assert (await here.settle(execution_id)).status == "failed"
            await here.ask(execution_id, Retry(now=0))
            assert (await here.settle(execution_id)).status == "completed"
            assert script.order == "a d b b c"
            assert script.configs[2] == script.configs[3] == {"error": "why", "input": 2, "i": 0}

    run(test())


def test_commands_of_an_execution_that_is_not_there() -> None:
    """Are NotFound, and leave nothing behind."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            with pytest.raises(NotFound):
                await here.ask("nobody", Pause(now=0))
            with pytest.raises(NotFound):
                await here.engine.settled("nobody", 0.1)

    run(test())


def test_a_command_with_a_key_is_done_once() -> None:
    """Again with the same request it is a replay; with another it is refused."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"signal": {"name": "s"}}, {"signal": {"name": "s"}})
            await here.settle(execution_id)
            key = CommandKey(key="k", request="r")
            first = await here.engine.command(execution_id, Signal(now=0, name="s", payload=1, key=key))
            again = await here.engine.command(execution_id, Signal(now=0, name="s", payload=1, key=key))
            assert (first.changed, first.replayed, again.changed, again.replayed) == (True, False, False, True)
            assert here.count(execution_id, SignalReceived) == 1
            other = CommandKey(key="k", request="other")
            with pytest.raises(Unacceptable) as refused:
                await here.ask(execution_id, Signal(now=0, name="s", payload=2, key=other))
            assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"

    run(test())


def test_a_submission_with_a_key_is_begun_once() -> None:
    """The id is derived from the key; another request under it is refused."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            key = CommandKey(key="k", request="r")
            wanted = Submission(definition=workflow("a"), key=key)
            first, again = await here.engine.submit(wanted), await here.engine.submit(wanted)
            assert (first.execution_id, first.replayed, again.replayed) == (again.execution_id, False, True)
            with pytest.raises(Unacceptable):
                await here.engine.submit(Submission(definition=workflow("a"), key=CommandKey(key="k", request="x")))

    run(test())


@pytest.mark.parametrize("on_conflict", ["fail", "use"])
def test_an_id_that_is_taken(on_conflict: Any) -> None:
    """Is refused, or used, as the submission asks."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            wanted = Submission(definition=workflow("a"), execution_id="mine", on_conflict=on_conflict)
            await here.engine.submit(wanted)
            if on_conflict == "use":
                assert (await here.engine.submit(wanted)).replayed
            else:
                with pytest.raises(Refused):
                    await here.engine.submit(wanted)
            assert (await here.settle("mine")).status == "completed"
            assert here.count("mine", Completed) == 1

    run(test())


FAST = {"while...": {"condition": "$.go", "loop?": [{"$.n": "$.n + 1"}]}}


def test_hundreds_of_signals_at_a_fast_loop_are_all_taken_in() -> None:
    """None is lost or refused, and the loop goes on all the while."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit(FAST, state={"go": True, "n": 0}, maxIterations=100_000)
            sent = [Signal(now=0, name=f"s{index % 10}", payload=index) for index in range(500)]
            await asyncio.gather(*[here.ask(execution_id, signal) for signal in sent])
            await here.ask(execution_id, Cancel(now=0))
            kept = here.fold(execution_id).kept
            assert sorted(one.payload for signals in kept.values() for one in signals) == list(range(500))
            assert [one.payload for one in kept["s3"]] == list(range(3, 500, 10))
            assert here.fold(execution_id).state["n"] > 0

    run(test())


def test_hundreds_of_pauses_at_a_fast_loop_all_take_hold() -> None:
    """However the commands and the steps fall, it ends, and no visit is begun twice."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            steps = [{"$.n": 0}, {"while...": {"condition": "$.n < 3000", "loop?": [{"$.n": "$.n + 1"}]}}]
            execution_id = await here.submit(*steps, maxIterations=100_000)
            for turn in range(300):
                if here.engine._residents.get(execution_id) is None:
                    break
                try:
                    await here.ask(execution_id, Pause(now=0))
                    for _ in range(turn % 4):
                        await asyncio.sleep(0)
                    await here.ask(execution_id, Resume(now=0))
                except Refused:
                    break
            ended = await here.settle(execution_id)
            assert (ended.status, ended.state["n"]) == ("completed", 3000)
            started = [(event.address, event.pass_) for event in here.events(execution_id) if isinstance(event, NodeStarted)]
            assert len(started) == len(set(started))
            assert here.count(execution_id, Paused) > 3

    run(test())


@pytest.mark.parametrize("turns", range(8))
def test_a_resume_in_whatever_turn_of_the_loop_is_not_lost(turns: int) -> None:
    """Also in the one in which the branch has just come to rest."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit(FAST, state={"go": True, "n": 0}, maxIterations=100_000)
            for _ in range(3):
                await asyncio.sleep(0)
            live = await here.engine._live(execution_id)
            here.engine._driver.wake(live)
            live.decide(Pause(now=here.clock.now()))
            for _ in range(turns):
                await asyncio.sleep(0)
            await here.ask(execution_id, Resume(now=0))
            before = live.execution.version
            for _ in range(20):
                await asyncio.sleep(0)
            assert live.execution.version > before + 10
            await here.ask(execution_id, Cancel(now=0))

    run(test())


def test_each_of_many_signals_wakes_a_loop_that_waits_for_them() -> None:
    """A signal step in a loop takes them one by one, early ones too."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            step = {"signal": {"name": "s", "$output": False, "received?": [{"$.got": "$.got + [input]"}]}}
            execution_id = await here.submit({"range...": {"stop": 200, "loop?": [step]}}, state={"got": []})
            for index in range(200):
                await here.ask(execution_id, Signal(now=0, name="s", payload=index))
            assert (await here.settle(execution_id)).state == {"got": list(range(200))}

    run(test())


def test_early_signals_are_kept_up_to_their_limit() -> None:
    """A hundred per name, oldest first; the next is refused, another name is not."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"approval": {"title": "?"}}, {"signal": {"name": "s"}})
            await here.settle(execution_id)
            for index in range(100):
                await here.ask(execution_id, Signal(now=0, name="s", payload=index))
            with pytest.raises(Refused) as refused:
                await here.ask(execution_id, Signal(now=0, name="s"))
            assert refused.value.code == "SIGNAL_LIMIT"
            await here.ask(execution_id, Signal(now=0, name="t"))
            await here.ask(execution_id, Signal(now=0, name="approval", payload={"choice": "approve"}))
            ended = await here.settle(execution_id)
            assert (ended.status, ended.state["signal_output"], len(ended.kept["s"])) == ("completed", 0, 99)

    run(test())


# Settling


def test_settled_is_told_only_when_it_is_durable() -> None:
    """Whoever waits finds in the log what they were told of."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            for _ in range(50):
                execution_id = await here.submit({"signal": {"name": "s"}}, {"$.n": 1}, {"signal": {"name": "t"}})
                await here.engine.settled(execution_id, 5.0)
                waiting = asyncio.ensure_future(here.engine.settled(execution_id, 5.0))
                await asyncio.gather(
                    *[here.ask(execution_id, Signal(now=0, name=name)) for name in ("u", "s", "t")], waiting
                )
                assert (await here.settle(execution_id)).status == "completed"

    run(test())


def test_settled_gives_up_when_its_time_is_over() -> None:
    """And says so."""

    async def test() -> None:
        gates = _gates()
        async with world(nodes_of(Script(), _held(gates))) as here:
            execution_id = await here.submit("held")
            assert not await here.engine.settled(execution_id, 0.01)
            gates["go"].set()
            assert await here.engine.settled(execution_id, 5.0)

    run(test())


def test_executions_at_rest_are_let_go() -> None:
    """Whatever was asked of them: nothing that has ended stays, and what is parked stays within the bound."""

    async def test() -> None:
        settings = EngineSettings(worker="w", resident_bytes=10_000)
        async with world(nodes_of(Script()), settings=settings) as here:
            ended = [await here.submit("a") for _ in range(20)]
            parked = [await here.submit({"signal": {"name": "s"}}) for _ in range(20)]
            for execution_id in (*ended, *parked):
                await here.settle(execution_id)
                await here.engine.settled(execution_id, 1.0)
            for execution_id in ended:
                with pytest.raises(Refused):
                    await here.ask(execution_id, Signal(now=0, name="s"))
            for _ in range(10):
                await asyncio.sleep(0)
            assert len(list(here.engine._residents)) < 10
            for execution_id in parked:
                await here.ask(execution_id, Signal(now=0, name="s"))
            assert {(await here.settle(execution_id)).status for execution_id in parked} == {"completed"}

    run(test())


# Time


def test_a_wait_ends_at_its_time_and_not_before() -> None:
    """By the clock, however long it takes; meanwhile it is no task."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"wait": {"for": "1h"}}, "a")
            assert (await here.settle(execution_id)).status == "suspended"
            here.clock.time += 60 * MINUTE - 1
            assert await here.engine.settled(execution_id, 0.05)
            await here.engine._timers._fire_due()
            assert here.fold(execution_id).status == "suspended"
            here.clock.time += 1
            await _until(lambda: here.fold(execution_id).status == "completed")

    run(test())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def test_due_waits_are_taken_up_after_a_downtime_in_their_order() -> None:
    """A new engine on the same log knows them from the lists."""

    async def test() -> None:
        log, clock = MemoryLog(), ManualClock()
        script = Script()
        async with world(nodes_of(script), log=log, clock=clock) as here:
            for minutes in (30, 10, 20):
                await here.run({"wait": {"for": f"{minutes}m"}}, {f"w{minutes}": {"$node": "a"}})
            rows = [here.row(f"ex_{index}") for index in (1, 2, 3)]
        assert script.order == ""
        clock.time += 60 * MINUTE
        async with world(nodes_of(script), log=log, clock=clock, unfinished=rows) as here:
            await _until(lambda: len(script.ran) == 3)
            assert script.order == "w10 w20 w30"

    run(test())


@pytest.mark.parametrize("parked_within", [False, True], ids=["parked before the pause", "parked within it"])
def test_a_pause_moves_what_was_due_by_the_time_that_the_wait_spent_in_it(parked_within: bool) -> None:
    """The lists agree."""

    async def test() -> None:
        gates = _gates()
        async with world(nodes_of(Script(), _held(gates))) as here:
            execution_id = await here.submit("held", {"wait": {"for": "10m"}})
            await gates["begun"].wait()
            if not parked_within:
                gates["go"].set()
                await _until(lambda: here.fold(execution_id).status == "suspended")
            await here.ask(execution_id, Pause(now=0))
            here.clock.time += 5 * MINUTE
            gates["go"].set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert here.fold(execution_id).due is None
            here.clock.time += 1 * MINUTE
            await here.ask(execution_id, Resume(now=0))
            await _until(lambda: here.fold(execution_id).due is not None)
            due = here.fold(execution_id).due
            assert due == NOON + 16 * MINUTE
            assert here.row(execution_id).due == due

    run(test())


def test_a_wait_that_parks_within_a_pause_is_not_late() -> None:
    """The pause moves it by what is left of the pause, not by all of it."""

    class Parks(WorkflowNode):
        metadata = scripted("parks", Script()).metadata

        async def execute(self, context: Any, config: Any) -> Any:
            gates["begun"].set()
            await gates["go"].wait()
            return Park(kind="timer", due=here.clock.now() + 10 * MINUTE)

    gates: dict[str, asyncio.Event] = {}
    here: World

    async def test() -> None:
        nonlocal here
        gates.update(_gates())
        async with world(nodes_of(Script(), Parks)) as here:
            execution_id = await here.submit("parks")
            await gates["begun"].wait()
            await here.ask(execution_id, Pause(now=0))
            here.clock.time += 5 * MINUTE
            gates["go"].set()
            await _until(lambda: bool(here.fold(execution_id).waits()))
            here.clock.time += 1 * MINUTE
            await here.ask(execution_id, Resume(now=0))
            due = here.fold(execution_id).due
            assert due == NOON + 16 * MINUTE
            assert here.row(execution_id).due == due

    run(test())


def test_a_signal_before_its_timeout_wins_and_the_timer_is_forgotten() -> None:
    """The first in the log wins."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            step = {"signal": {"name": "s", "timeout": "1m", "received?": ["a"], "timeout?": "$fail"}}
            execution_id = await here.submit(step, {"wait": {"for": "10m"}})
            await here.settle(execution_id)
            await here.ask(execution_id, Signal(now=0, name="s"))
            assert (await here.settle(execution_id)).status == "suspended"
            here.clock.time += 2 * MINUTE
            await here.engine._timers._fire_due()
            assert here.fold(execution_id).status == "suspended"
            here.clock.time += 10 * MINUTE
            await _until(lambda: here.fold(execution_id).status == "completed")

    run(test())


def test_timers_stop_even_if_something_becomes_due_in_the_same_turn() -> None:
    """A stop is never swallowed."""

    async def test() -> None:
        async def fire(execution_id: str) -> None:
            raise AssertionError("nothing is due")

        clock = ManualClock()
        timers = application.timers.Timers(clock, fire)
        timers.start()
        for _ in range(3):
            await asyncio.sleep(0)
        timers.note("e", clock.now() + MINUTE)
        async with asyncio.timeout(2):
            await timers.stop()

    run(test())


def test_time_never_goes_back_within_an_execution() -> None:
    """Even if the machine's does."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"signal": {"name": "s"}}, "a")
            await here.settle(execution_id)
            here.clock.time -= 60 * MINUTE
            await here.ask(execution_id, Signal(now=0, name="s"))
            await here.settle(execution_id)
            times = [event.time for event in here.events(execution_id)]
            assert times == sorted(times)

    run(test())


# Faults of the store, crashes and stopping


@pytest.mark.parametrize("kind", [NodeStarted, StateUpdated, EdgeTaken, Completed])
def test_after_a_failed_commit_it_goes_on_from_the_log(kind: type[AnyEvent], caplog: pytest.LogCaptureFixture) -> None:
    """What was not recorded is done again, as another attempt; what was recorded is not."""
    caplog.set_level(logging.CRITICAL)

    async def test() -> None:
        log = FailingLog()
        log.when = lambda event: isinstance(event, kind) and getattr(event, "address", "") in ("/workflow/1", "")
        log.failures = 2
        script = Script({"z": [("x", 1)] * 4})
        nodes = nodes_of(script, scripted("z", script, effect="writes"))
        async with world(nodes, log=log) as here:
            execution_id = await here.submit("a", "z", "c")
            await _until(lambda: here.fold(execution_id).status == "completed")
            assert log.failures == 0
            ended = [event.address for event in here.events(execution_id) if isinstance(event, EdgeTaken)]
            assert ended == ["/workflow/0", "/workflow/1", "/workflow/2"]
            assert here.count(execution_id, Recovered) >= 1

    run(test())


@pytest.mark.parametrize("command", [Signal(now=0, name="s"), Cancel(now=0), Pause(now=0)], ids=lambda c: type(c).__name__)
def test_a_command_that_could_not_be_recorded_can_be_given_again(command: OutsideCommand) -> None:
    """Its sender is told; the execution is not the worse for it."""

    async def test() -> None:
        log = FailingLog()
        async with world(nodes_of(Script()), log=log) as here:
            execution_id = await here.submit({"signal": {"name": "s"}}, "a")
            await here.settle(execution_id)
            log.failures = 1
            with pytest.raises(StoreUnavailable):
                await here.ask(execution_id, command)
            assert here.fold(execution_id).status == "suspended"
            for _ in range(20):
                await asyncio.sleep(0)
            assert await here.ask(execution_id, command)
            ended = await here.settle(execution_id)
            assert ended.status == {Signal: "completed", Cancel: "cancelled", Pause: "paused"}[type(command)]

    run(test())


def test_a_submission_that_could_not_be_recorded_leaves_nothing() -> None:
    """It can be made again under the same id."""

    async def test() -> None:
        log = FailingLog()
        async with world(nodes_of(Script()), log=log) as here:
            log.failures = 1
            wanted = Submission(definition=workflow("a"), execution_id="mine")
            with pytest.raises(StoreUnavailable):
                await here.engine.submit(wanted)
            assert not log.position()
            await here.engine.submit(wanted)
            assert (await here.settle("mine")).status == "completed"

    run(test())


def test_a_command_from_elsewhere_is_folded_in() -> None:
    """A version conflict is no error of whoever asks: it is decided again on what the log has."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"signal": {"name": "s"}}, "a")
            parked = await here.settle(execution_id)
            elsewhere = SignalReceived(time=parked.updated, name="other", payload=1)
            here.log.append([Append(stream=execution_id, after=parked.version, events=(elsewhere,))])
            assert await here.ask(execution_id, Signal(now=0, name="s", payload=2))
            ended = await here.settle(execution_id)
            assert (ended.status, ended.state, len(ended.kept["other"])) == ("completed", {"signal_output": 2}, 1)

    run(test())


def test_a_stop_gives_the_node_in_flight_its_time() -> None:
    """Its result is recorded, and no step begins after it."""

    async def test() -> None:
        log, gates = MemoryLog(), _gates()
        async with world(nodes_of(Script(), _held(gates)), log=log) as here:
            execution_id = await here.submit("held", "a")
            await gates["begun"].wait()
            asyncio.get_running_loop().call_soon(gates["go"].set)  # in the turn after the stop has begun
        assert here.count(execution_id, EdgeTaken) == 1
        assert here.count(execution_id, NodeStarted) == 1
        script = Script()
        async with world(nodes_of(script, _held(gates)), log=log, unfinished=[here.row(execution_id)]) as there:
            assert (await there.settle(execution_id)).status == "completed"
            assert script.order == "a"

    run(test())


def test_a_node_too_slow_for_a_stop_is_recovered_at_the_next_start() -> None:
    """As another attempt of the same visit, under the same idempotency key, and the history says so."""

    async def test() -> None:
        log = MemoryLog()
        contexts: list[ExecutionContext] = []

        async def hang_once(context: Any, config: Any) -> Any:
            contexts.append(context)
            if len(contexts) == 1:
                await asyncio.Event().wait()
            return Edge("x", 1)

        nodes = nodes_of(Script(), node("slow", hang_once, effect="writes"))
        async with world(nodes, log=log, settings=EngineSettings(worker="one", stop_s=0.02)) as here:
            execution_id = await here.submit("slow")
            await _until(lambda: bool(contexts))
        settings = EngineSettings(worker="two")
        async with world(nodes, log=log, settings=settings, unfinished=[here.row(execution_id)]) as there:
            assert (await there.settle(execution_id)).status == "completed"
            assert [context.step.attempt for context in contexts] == [1, 2]
            assert contexts[0].idempotency_key == contexts[1].idempotency_key
            (recovered,) = [event for event in there.events(execution_id) if isinstance(event, Recovered)]
            assert (recovered.worker, recovered.address, recovered.attempt) == ("two", "/workflow/0", 1)

    run(test())


@pytest.mark.parametrize(
    ("on_crash", "status", "ran"), [("again", "completed", 2), ("fail", "failed", 1), ("pause", "paused", 1)]
)
def test_a_crash_within_a_pause_is_recovered_when_it_is_resumed(on_crash: str, status: str, ran: int) -> None:
    """The node that was in flight is known to have been interrupted, and `$onCrash` is asked."""

    async def test() -> None:
        log = MemoryLog()
        visits: list[int] = []

        async def hang_once(context: Any, config: Any) -> Any:
            visits.append(context.step.attempt)
            if len(visits) == 1:
                await asyncio.Event().wait()
            return Edge("x", 1)

        option = {} if on_crash == "again" else {"$onCrash": on_crash}
        nodes = nodes_of(Script(), node("slow", hang_once, effect="writes"))
        async with world(nodes, log=log, settings=EngineSettings(worker="one", stop_s=0.02)) as here:
            execution_id = await here.submit({"slow": option})
            await _until(lambda: bool(visits))
            await here.ask(execution_id, Pause(now=0))
        async with world(nodes, log=log) as there:
            assert await there.ask(execution_id, Resume(now=0))
            ended = await there.settle(execution_id)
            assert (ended.status, len(visits)) == (status, ran)
            assert there.count(execution_id, Recovered) == 1
            assert isinstance(there.events(execution_id)[-1], Completed | Failed | Paused)

    run(test())


def test_running_executions_go_on_at_the_start_and_resumes_are_events() -> None:
    """Each is recovered once."""

    async def test() -> None:
        log, gates = MemoryLog(), _gates()
        async with world(nodes_of(Script(), _held(gates)), log=log,
                         settings=EngineSettings(worker="w", stop_s=0.01)) as here:  # fmt: skip
            ids = [await here.submit("held", {"$.n": index}) for index in range(5)]
            await gates["begun"].wait()
        gates["go"].set()
        rows = [here.row(execution_id) for execution_id in ids]
        async with world(nodes_of(Script(), _held(gates)), log=log, unfinished=rows) as there:
            states = [(await there.settle(execution_id)).state["n"] for execution_id in ids]
            assert states == list(range(5))
            assert all(there.count(execution_id, Recovered) == 1 for execution_id in ids)
            assert not any(there.count(execution_id, Resumed) for execution_id in ids)

    run(test())
