"""Time: waits that end when they are due, also after a downtime or a pause."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import application.engine
import application.timers
from domain.commands import Pause, Resume, Signal
from domain.node import Park, WorkflowNode
from tests.support import worlds
from tests.support.workflows import NOON, Script, nodes_of, scripted
from tests.support.worlds import MINUTE, ManualClock, World, closed_gates, held, run, until, world

pytestmark = pytest.mark.usefixtures("every_store")


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
            await until(lambda: here.fold(execution_id).status == "completed")

    run(test())


def test_due_waits_are_taken_up_after_a_downtime_in_their_order() -> None:
    """A new engine on the same log knows them from the lists."""

    async def test() -> None:
        log, clock = worlds.new_log(), ManualClock()
        script = Script()
        async with world(nodes_of(script), log=log, clock=clock) as here:
            for minutes in (30, 10, 20):
                await here.run({"wait": {"for": f"{minutes}m"}}, {f"w{minutes}": {"$node": "a"}})
            rows = [here.row(f"ex_{index}") for index in (1, 2, 3)]
        assert script.order == ""
        clock.time += 60 * MINUTE
        async with world(nodes_of(script), log=log, clock=clock, unfinished=rows) as here:
            await until(lambda: len(script.ran) == 3)
            assert script.order == "w10 w20 w30"

    run(test())


@pytest.mark.parametrize("parked_within", [False, True], ids=["parked before the pause", "parked within it"])
def test_a_pause_moves_what_was_due_by_the_time_that_the_wait_spent_in_it(parked_within: bool) -> None:
    """The lists agree."""

    async def test() -> None:
        gates = closed_gates()
        async with world(nodes_of(Script(), held(gates))) as here:
            execution_id = await here.submit("held", {"wait": {"for": "10m"}})
            await gates["begun"].wait()
            if not parked_within:
                gates["go"].set()
                await until(lambda: here.fold(execution_id).status == "suspended")
            await here.ask(execution_id, Pause(now=0))
            here.clock.time += 5 * MINUTE
            gates["go"].set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert here.fold(execution_id).due is None
            here.clock.time += 1 * MINUTE
            await here.ask(execution_id, Resume(now=0))
            await until(lambda: here.fold(execution_id).due is not None)
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
        gates.update(closed_gates())
        async with world(nodes_of(Script(), Parks)) as here:
            execution_id = await here.submit("parks")
            await gates["begun"].wait()
            await here.ask(execution_id, Pause(now=0))
            here.clock.time += 5 * MINUTE
            gates["go"].set()
            await until(lambda: bool(here.fold(execution_id).waits()))
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
            await until(lambda: here.fold(execution_id).status == "completed")

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
        assert timers._task is not None and timers._task.done()

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
