"""What a crash makes of a visit: another attempt, its error, or a pause; and what is no crash of it (LANGUAGE 5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from application.engine import EngineSettings
from domain.commands import Pause, Resume, Retry
from domain.errors import ErrorInfo
from domain.events import Failed, NodeStarted, Paused, Recovered, RetryScheduled
from domain.evolve import evolve
from domain.execution import Execution
from domain.node import Edge, WorkflowNode
from domain.position import Branch, Visit
from infrastructure.memory_log import MemoryLog
from tests.support.workflows import NOON, Script, nodes_of
from tests.support.worlds import ManualClock, World, node, run, until, world

FAULT = ValueError("not now")
DEADLY = EngineSettings(worker="w", stop_s=0.01)
"""Of a worker that leaves its nodes where they are, as a crash does."""


class Hanging:
    """A node that hangs in its first attempts, and then takes an edge."""

    def __init__(self, hangs: int) -> None:
        self.hangs = hangs
        self.attempts: list[int] = []

    @property
    def kind(self) -> type[WorkflowNode]:
        """Its class."""

        async def hang(context: Any, config: Any) -> Any:
            self.attempts.append(context.step.attempt)
            if len(self.attempts) <= self.hangs:
                await asyncio.Event().wait()
            return Edge("x", context.step.attempt)

        return node("slow", hang, effect="writes")


async def crash(log: MemoryLog, hanging: Hanging, execution_id: str | None, *steps: Any) -> World:
    """A worker takes the execution up (or begins it), and is gone while the node hangs."""
    rows = [] if execution_id is None else [World(None, log, ManualClock()).row(execution_id)]  # type: ignore[arg-type]
    before = len(hanging.attempts)
    async with world(nodes_of(Script(), hanging.kind), log=log, settings=DEADLY, unfinished=rows) as here:
        if execution_id is None:
            await here.submit(*steps)
        await until(lambda: len(hanging.attempts) > before)
    return here


def test_a_visit_survives_three_crashes_and_is_given_up_at_the_fourth() -> None:
    """Recovered three times without an end it is `CRASH_LOOP`: of type system, not recoverable, for `error?` to catch."""

    async def test() -> None:
        for crashes, end in ((3, "slow"), (4, "CRASH_LOOP")):
            log, hanging = MemoryLog(), Hanging(crashes)
            for crash_number in range(crashes):
                step = {"slow": {"$output": False, "x?": {"$.end": "slow"}, "error?": {"$.end": "{{error}}"}}}
                here = await crash(log, hanging, "ex_1" if crash_number else None, step)
            async with world(nodes_of(Script(), hanging.kind), log=log, unfinished=[here.row("ex_1")]) as there:
                ended = await there.settle("ex_1")
                assert ended.status == "completed"
                found = ended.state["end"]
                assert (found if isinstance(found, str) else found["code"]) == end
                assert hanging.attempts == list(range(1, min(crashes + 1, 4) + 1))
                if end == "CRASH_LOOP":
                    assert (found["type"], found["recoverable"], found["severity"]) == ("system", False, "critical")
                    assert found["details"] == {"recoveries": 4}

    run(test())


@pytest.mark.parametrize("option", ["fail", "pause"])
def test_on_crash_is_asked_once_for_each_crash(option: str) -> None:
    """`fail` is the error `CRASHED`; after `pause` a resume runs it again, in whatever process it is given."""

    async def test() -> None:
        log, hanging = MemoryLog(), Hanging(1)
        here = await crash(log, hanging, None, {"slow": {"$onCrash": option}})
        async with world(nodes_of(Script(), hanging.kind), log=log, unfinished=[here.row("ex_1")]) as there:
            rests = await there.settle("ex_1")
            assert hanging.attempts == [1]
            if option == "fail":
                assert rests.failure is not None
                assert (rests.failure.error.code, rests.failure.error.type) == ("CRASHED", "system")
                return
            assert rests.status == "paused"
        async with world(nodes_of(Script(), hanging.kind), log=log) as there:  # which knows nothing of the one before
            await there.ask("ex_1", Resume(now=0))
            assert (await there.settle("ex_1")).status == "completed"
            assert (hanging.attempts, there.count("ex_1", Recovered), there.count("ex_1", Paused)) == ([1, 2], 1, 1)

    run(test())


@pytest.mark.parametrize("command", [Resume(now=0), Retry(now=0)], ids=["resume", "retry"])
def test_attempts_that_are_used_up_are_no_crash(command: Any) -> None:
    """A restart between the pause and the resume changes nothing: no recovery, and `$onCrash` is not asked."""

    async def test() -> None:
        log, script = MemoryLog(), Script({"a": [FAULT, FAULT, "x"]})
        policy = {"maxAttempts": 1, "exhausted": "pause"}
        async with world(nodes_of(script), log=log) as here:
            paused = await here.run({"a": {"$retry": policy, "$onCrash": "fail"}})
            assert paused.status == "paused"
        for status in ("paused", "completed"):
            async with world(nodes_of(script), log=log) as there:
                await there.ask("ex_1", command)
                assert (await there.settle("ex_1")).status == status
        assert there.count("ex_1", Recovered) == 0
        assert [event.attempt for event in there.events("ex_1") if isinstance(event, NodeStarted)] == [1, 2, 3]

    run(test())


def test_a_crash_is_none_of_the_attempts_of_a_policy() -> None:
    """A visit that crashed once still has both attempts that it is given."""

    async def test() -> None:
        log, attempts, clock = MemoryLog(), list[int](), ManualClock()

        async def hang_then_err(context: Any, config: Any) -> Any:
            attempts.append(context.step.attempt)
            if len(attempts) == 1:
                await asyncio.Event().wait()
            raise FAULT

        nodes = nodes_of(Script(), node("slow", hang_then_err, effect="writes"))
        async with world(nodes, log=log, clock=clock, settings=DEADLY) as here:
            await here.submit({"slow": {"$retry": {"maxAttempts": 2, "delay": 1}}})
            await until(lambda: len(attempts) == 1)
        async with world(nodes, log=log, clock=clock, unfinished=[here.row("ex_1")]) as there:
            await until(lambda: there.count("ex_1", RetryScheduled) == 1)
            clock.time += 1_000
            ended = await there.settle("ex_1")
            assert (ended.status, attempts) == ("failed", [1, 2, 3])
            assert there.count("ex_1", Failed) == 1

    run(test())


def test_only_an_attempt_that_was_under_way_counts_as_crashed() -> None:
    """A worker that is gone before it has begun the next attempt has interrupted nothing."""
    visit = Visit(address="/workflow/0", pass_="1", number=1, attempt=1, started=NOON)
    execution = Execution(id="e", branches={"": Branch(address="/workflow/0", visit=visit)})
    recovered = evolve(execution, Recovered(time=NOON, worker="w", address="/workflow/0", visit=1, attempt=1))
    assert len(execution.in_flight()) == 1
    assert recovered.in_flight() == []
    again = evolve(
        recovered, NodeStarted(time=NOON, address="/workflow/0", step="a", node="a", pass_="1", visit=1, attempt=2)
    )
    ((_, visit),) = again.in_flight()
    assert (visit.attempt, visit.recoveries) == (2, 1)


def test_a_pause_within_a_pause_begins_no_new_one() -> None:
    """What was due is moved by the whole of it, in the fold and in the lists, and the error is shown all the same."""
    error = ErrorInfo(code="E", message="used up", recoverable=True)

    async def test() -> None:
        gate = asyncio.Event()

        async def fail_late(context: Any, config: Any) -> Any:
            await gate.wait()
            raise FAULT

        async with world(nodes_of(Script(), node("slow", fail_late))) as here:
            execution_id = await here.submit({"slow": {"$retry": {"maxAttempts": 1, "exhausted": "pause"}}})
            await until(lambda: here.engine._residents.get(execution_id).execution.in_flight() != [])  # type: ignore[union-attr]
            await here.ask(execution_id, Pause(now=0))
            here.clock.time += 60_000_000
            gate.set()
            await until(lambda: here.count(execution_id, Paused) == 2)
            paused = here.fold(execution_id)
            assert (paused.paused_at, here.row(execution_id).paused_at) == (NOON, NOON)
            assert paused.exhausted is not None and paused.exhausted.error.message == "not now"

    run(test())
    held = Execution(id="e", status="paused", paused_at=5, branches={"": Branch(address="/workflow/0")})
    assert evolve(held, Paused(time=9, error=error, address="/workflow/0", visit=1)).paused_at == 5
