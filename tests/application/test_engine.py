"""What people ask of executions while the engine drives them, and when they are told."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from application.engine import EngineSettings
from application.requests import Submission
from domain.commands import Cancel, Pause, Resume, Retry, Signal
from domain.errors import NotFound, Refused, Unacceptable
from domain.events import (
    Cancelled,
    CommandKey,
    Completed,
    EdgeTaken,
    NodeStarted,
    Paused,
    Recovered,
    SignalReceived,
)
from domain.node import Edge
from tests.support.workflows import Script, nodes_of, workflow
from tests.support.worlds import closed_gates, held, node, run, world

pytestmark = pytest.mark.usefixtures("every_store")


def test_a_pause_lets_the_node_in_flight_finish_and_begins_none() -> None:
    """Its result is recorded; the step behind it begins after the resume."""

    async def test() -> None:
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
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
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
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
            started = [
                (event.address, event.pass_) for event in here.events(execution_id) if isinstance(event, NodeStarted)
            ]
            assert len(started) == len(set(started))
            assert here.count(execution_id, Paused) > 0

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
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
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
