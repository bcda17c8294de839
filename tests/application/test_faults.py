"""Faults of the store, crashes and stops: what was acknowledged stays, what was in flight is recovered."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from application import engine, writer
from application.engine import EngineSettings
from application.ports import Append, StoreUnavailable
from application.requests import Submission
from domain.commands import Cancel, OutsideCommand, Pause, Resume, Signal
from domain.context import ExecutionContext
from domain.errors import Refused
from domain.events import (
    AnyEvent,
    CommandKey,
    Completed,
    EdgeTaken,
    Failed,
    NodeStarted,
    Paused,
    Recovered,
    Resumed,
    SignalReceived,
    StateUpdated,
    Suspended,
)
from domain.node import Edge
from infrastructure.memory_log import MemoryLog
from tests.support import worlds
from tests.support.workflows import Script, nodes_of, scripted, workflow
from tests.support.worlds import FailingLog, World, closed_gates, held, node, run, until, world

pytestmark = pytest.mark.usefixtures("every_store")


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
            await until(lambda: here.fold(execution_id).status == "completed")
            assert log.failures == 0
            ended = [event.address for event in here.events(execution_id) if isinstance(event, EdgeTaken)]
            assert ended == ["/workflow/0", "/workflow/1", "/workflow/2"]
            assert here.count(execution_id, Recovered) >= 1

    run(test())


def test_a_store_that_fails_again_and_again_is_no_crash_loop(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node is not to blame: it runs once more each time, and its own attempts are not used up by that."""
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(engine, "REVIVE_S", 0.001)

    async def test() -> None:
        log = FailingLog()
        log.when = lambda event: isinstance(event, EdgeTaken) and event.address == "/workflow/1/z"
        log.failures = failures = 7
        script = Script({"z": [("x", 1)] * 8})
        nodes = nodes_of(script, scripted("z", script, effect="writes"))
        async with world(nodes, log=log) as here:
            execution_id = await here.submit("a", {"z": {"$retry": {"maxAttempts": 2, "delay": 1}}}, "c")
            await until(lambda: here.fold(execution_id).has_ended)
            assert here.fold(execution_id).status == "completed"
            recovered = [event for event in here.events(execution_id) if isinstance(event, Recovered)]
            assert [event.cause for event in recovered] == ["store"] * failures

    run(test())


@pytest.mark.parametrize(
    "command", [Signal(now=0, name="s"), Cancel(now=0), Pause(now=0)], ids=lambda c: type(c).__name__
)
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


def test_a_submission_that_was_recorded_after_all_goes_on_by_itself() -> None:
    """Its sender was told that nobody knows; when that is sent again, it is the same execution."""

    async def test() -> None:
        log = FailingLog()
        log.failures, log.doubtful = 1, True
        async with world(nodes_of(Script()), log=log) as here:
            submission = Submission(definition=workflow("a"), key=CommandKey(key="k", request="r"))
            with pytest.raises(StoreUnavailable):
                await here.engine.submit(submission)
            (execution_id,) = {one.stream for one in log.follow(0, 10) if one.stream.startswith("ex_")}
            await until(lambda: here.fold(execution_id).status == "completed")
            assert (await here.engine.submit(submission)).execution_id == execution_id

    run(test())


def test_a_submission_that_is_sent_again_wakes_what_nobody_knew_of() -> None:
    """At once, without waiting for the look at the log that comes later."""

    async def test() -> None:
        log = FailingLog()
        log.failures, log.doubtful = 1, True
        async with world(nodes_of(Script()), log=log) as here:
            submission = Submission(definition=workflow("a"), execution_id="mine", on_conflict="use")
            with pytest.raises(StoreUnavailable):
                await here.engine.submit(submission)
            assert (await here.engine.submit(submission)).existing
            async with asyncio.timeout(0.9):
                assert (await here.settle("mine")).status == "completed"

    run(test())


def test_a_doubtful_commit_is_not_forgotten_because_the_next_one_succeeds() -> None:
    """Two branches hand over one after the other: the first is told that it failed, the second that it is recorded."""

    async def test() -> None:
        log = FailingLog()
        log.when = lambda event: isinstance(event, NodeStarted) and event.branch == "x"
        log.failures, log.doubtful = 1, True
        script = Script()
        nodes = nodes_of(script, scripted("z", script, effect="writes"))
        async with world(nodes, log=log) as here:
            execution_id = await here.submit({"parallel": {"x?": ["z"], "y?": ["z", {"wait": {"for": 1}}, "z"]}})
            await until(lambda: here.count(execution_id, Suspended) == 1)
            here.clock.time += 2_000
            await until(lambda: here.fold(execution_id).status == "completed")

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
        log, gates = worlds.new_log(), closed_gates()
        async with world(nodes_of(Script(), held(gates)), log=log) as here:
            execution_id = await here.submit("held", "a")
            await gates["begun"].wait()
            asyncio.get_running_loop().call_soon(gates["go"].set)  # in the turn after the stop has begun
        assert here.count(execution_id, EdgeTaken) == 1
        assert here.count(execution_id, NodeStarted) == 1
        script = Script()
        async with world(nodes_of(script, held(gates)), log=log, unfinished=[here.row(execution_id)]) as there:
            assert (await there.settle(execution_id)).status == "completed"
            assert script.order == "a"

    run(test())


def test_a_node_that_takes_no_notice_of_a_stop_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The stop comes to its end, names what it left, and the next start recovers it."""
    monkeypatch.setattr(engine, "CUT_S", 0.02)
    go = asyncio.Event()

    async def stubborn(context: Any, config: Any) -> Any:
        while context.step.attempt == 1 and not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue
        return Edge("x", 1)

    async def test() -> None:
        log = MemoryLog()
        nodes = nodes_of(Script(), node("slow", stubborn, effect="writes"))
        async with world(nodes, log=log, settings=EngineSettings(worker="one", stop_s=0.02)) as here:
            execution_id = await here.submit("slow")
            await until(lambda: here.count(execution_id, NodeStarted) == 1)
        assert caplog.messages == [
            f"clew {execution_id}: its node does not take notice of the stop, and is left behind"
        ]
        async with world(nodes, log=log, unfinished=[here.row(execution_id)]) as there:
            assert (await there.settle(execution_id)).status == "completed"
            assert there.count(execution_id, Recovered) == 1
        go.set()

    run(test())


def test_a_node_too_slow_for_a_stop_is_recovered_at_the_next_start() -> None:
    """As another attempt of the same visit, under the same idempotency key, and the history says so."""

    async def test() -> None:
        log = worlds.new_log()
        contexts: list[ExecutionContext] = []

        async def hang_once(context: Any, config: Any) -> Any:
            contexts.append(context)
            if len(contexts) == 1:
                await asyncio.Event().wait()
            return Edge("x", 1)

        nodes = nodes_of(Script(), node("slow", hang_once, effect="writes"))
        async with world(nodes, log=log, settings=EngineSettings(worker="one", stop_s=0.02)) as here:
            execution_id = await here.submit("slow")
            await until(lambda: bool(contexts))
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
        log = worlds.new_log()
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
            await until(lambda: bool(visits))
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
        log, gates = worlds.new_log(), closed_gates()
        async with world(nodes_of(Script(), held(gates)), log=log,
                         settings=EngineSettings(worker="w", stop_s=0.01)) as here:  # fmt: skip
            ids = [await here.submit("held", {"$.n": index}) for index in range(5)]
            await gates["begun"].wait()
        gates["go"].set()
        rows = [here.row(execution_id) for execution_id in ids]
        async with world(nodes_of(Script(), held(gates)), log=log, unfinished=rows) as there:
            states = [(await there.settle(execution_id)).state["n"] for execution_id in ids]
            assert states == list(range(5))
            assert all(there.count(execution_id, Recovered) == 1 for execution_id in ids)
            assert not any(there.count(execution_id, Resumed) for execution_id in ids)

    run(test())


def test_a_failed_commit_is_told_until_the_store_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that is; the store is asked now and then, so that it is noticed although nobody tries a commit."""
    monkeypatch.setattr(writer, "PROBE_S", 0.001)
    probes = [StoreUnavailable("The disk is full."), StoreUnavailable("The disk is gone."), None]
    told: list[str | None] = []
    worlds: list[World] = []

    class ProbedLog(FailingLog):
        def probe(self) -> None:
            told.append(worlds[0].engine.sickness)
            if error := probes.pop(0):
                raise error

    async def test() -> None:
        log = ProbedLog()
        async with world(nodes_of(Script()), log=log) as here:
            worlds.append(here)
            assert here.engine.sickness is None
            log.failures = 1
            with pytest.raises(StoreUnavailable):
                await here.submit("a")
            await until(lambda: not probes and here.engine.sickness is None)
            assert told == ["The disk is full.", "The disk is full.", "The disk is gone."]

    run(test())


def test_a_commit_that_succeeds_ends_the_sickness() -> None:
    """At once, before the store is asked."""

    async def test() -> None:
        log = FailingLog()
        async with world(nodes_of(Script()), log=log) as here:
            log.failures = 1
            with pytest.raises(StoreUnavailable):
                await here.submit("a")
            assert here.engine.sickness == "The disk is full."
            await here.run("a")
            assert here.engine.sickness is None

    run(test())


def test_an_execution_whose_nodes_are_gone_is_told_and_goes_on_when_they_are_back() -> None:
    """It stays as it is in the log; commands on it are refused with the reason."""

    async def test() -> None:
        gates, log = closed_gates(), worlds.new_log()
        async with world(
            nodes_of(Script(), held(gates)), log=log, settings=EngineSettings(worker="w", stop_s=0.01)
        ) as here:
            execution_id = await here.submit("held", "a")
            await gates["begun"].wait()
            row = here.row(execution_id)
        async with world(nodes_of(Script()), log=log, unfinished=[row]) as here:
            assert "There is no node 'held'" in here.engine.stranded[execution_id]
            with pytest.raises(Refused, match="can't go on here") as refused:
                await here.ask(execution_id, Pause(now=0))
            assert refused.value.code == "CAN_NOT_GO_ON"
            assert here.fold(execution_id).status == "running"
        gates["go"].set()
        async with world(nodes_of(Script(), held(gates)), log=log, unfinished=[row]) as here:
            assert here.engine.stranded == {}
            assert (await here.settle(execution_id)).status == "completed"

    run(test())
