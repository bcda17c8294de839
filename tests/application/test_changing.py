"""Rollbacks and edits by a running engine: what is in flight, what is waited for, and what the lists say."""

from __future__ import annotations

from typing import Any

import pytest

from application.folds import Folds
from domain.commands import EditState, Pause, Resume, RollBack, Signal
from domain.errors import Outdated
from domain.events import EdgeTaken, NodeStarted, Recovered, RolledBack
from domain.json_patch import read_operations
from domain.node import Edge
from tests.support.workflows import Script, nodes_of
from tests.support.worlds import MINUTE, World, closed_gates, held, node, run, until, world

ASK = {"signal": {"name": "go"}}
pytestmark = pytest.mark.usefixtures("every_store")


async def back(here: World, execution_id: str, version: int) -> Any:
    """Go back to what a version means."""
    folds = Folds(here.log)
    to = folds.end_of_completion(execution_id, version)
    return await here.engine.command(execution_id, RollBack(now=0, target=folds.load(execution_id, upto=to)))


def test_what_is_in_flight_is_cut_short_and_its_result_refused() -> None:
    """In a pause: the node's answer belongs to a walk that was left; the step is visited again in the new one."""
    gates = closed_gates()
    runs: list[int] = []

    async def test() -> None:
        async def slow(context: Any, config: Any) -> Any:
            runs.append(context.step.visit)
            gates["begun"].set()
            if len(runs) == 1:
                try:
                    await gates["go"].wait()
                finally:
                    runs.append(-1)
            return Edge("x", len(runs))

        async with world(nodes_of(Script(), node("slow", slow))) as here:
            execution_id = await here.submit("a", {"slow": {}})
            await gates["begun"].wait()
            await here.ask(execution_id, Pause(now=0))
            done = await back(here, execution_id, 1)
            assert done.status == "paused"
            await until(lambda: runs == [1, -1])
            gates["go"].set()
            await here.ask(execution_id, Resume(now=0))
            ended = await here.settle(execution_id)
            assert (ended.status, ended.walk, ended.state["slow_output"]) == ("completed", 2, 3)
            assert here.count(execution_id, Recovered) == 0
            ends = [
                one for one in here.events(execution_id) if isinstance(one, EdgeTaken) and one.address.endswith("slow")
            ]
            assert len(ends) == 1
            assert here.row(execution_id).status == "completed"

    run(test())


def test_a_node_that_does_not_take_notice_is_waited_for_by_its_branch() -> None:
    """Its answer is refused all the same; the new walk begins when it is done."""
    gates = closed_gates()

    async def test() -> None:
        async with world(nodes_of(Script(), held(gates))) as here:
            execution_id = await here.submit({"held": {}})
            await gates["begun"].wait()
            gates["begun"].clear()
            await here.ask(execution_id, Pause(now=0))
            await back(here, execution_id, 1)
            await here.ask(execution_id, Resume(now=0))
            await gates["begun"].wait()
            gates["go"].set()
            ended = await here.settle(execution_id)
            assert (ended.status, ended.walk) == ("completed", 2)
            assert here.count(execution_id, NodeStarted) == 2
            assert here.count(execution_id, EdgeTaken) == 1

    run(test())


def test_a_timer_that_stands_again_fires_by_itself() -> None:
    """At its time, which the lists know; at once if that is past."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"wait": {"for": 60}}, "a", ASK)
            parked = (await here.settle(execution_id)).version
            due = here.row(execution_id).due
            await back(here, execution_id, parked)
            assert (here.row(execution_id).due, here.fold(execution_id).due) == (due, due)
            here.clock.time += 2 * MINUTE
            await until(lambda: here.count(execution_id, EdgeTaken) == 2)
            await here.settle(execution_id)
            await back(here, execution_id, parked)
            await until(lambda: here.count(execution_id, EdgeTaken) == 4)
            execution = await here.settle(execution_id)
            assert (execution.status, here.row(execution_id).status) == ("suspended", "suspended")

    run(test())


def test_an_ended_execution_goes_on_and_is_taken_up_again() -> None:
    """By another engine too, when the first was gone in the middle."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            execution_id = await here.submit("a", ASK, "b")
            await here.settle(execution_id)
            await here.ask(execution_id, Signal(now=0, name="go"))
            assert (await here.settle(execution_id)).status == "completed"
            assert (await back(here, execution_id, 1)).status == "running"
            again = await here.settle(execution_id)
            assert (again.status, again.ended, here.row(execution_id).end_time) == ("suspended", None, None)
            rows = [here.row(execution_id)]
            log, clock = here.log, here.clock
        async with world(nodes, log=log, clock=clock, unfinished=rows) as there:
            await there.ask(execution_id, Signal(now=0, name="go"))
            assert (await there.settle(execution_id)).status == "completed"

    run(test())


def test_a_version_that_is_told_can_be_looked_at() -> None:
    """What was decided and is not durable yet is made so before a command that expected less is refused."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit(ASK)
            version = (await here.settle(execution_id)).version
            edit = EditState(now=0, operations=read_operations([{"op": "add", "path": "/n", "value": 1}]))
            assert await here.ask(execution_id, edit)
            late = EditState(now=0, operations=(), expected=(version,))
            with pytest.raises(Outdated) as caught:
                await here.ask(execution_id, late)
            assert caught.value.details == {"version": version + 1}
            assert here.fold(execution_id).version == version + 1

    run(test())


def test_the_lists_follow_a_rollback_in_a_pause() -> None:
    """Paused it stays, and the end of the pause moves what is due."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"parallel": {"x?": [{"wait": {"for": 60}}], "y?": [ASK]}})
            parked = (await here.settle(execution_id)).version
            await here.ask(execution_id, Pause(now=0))
            here.clock.time += 5 * MINUTE
            assert (await back(here, execution_id, parked)).status == "paused"
            assert (here.row(execution_id).status, here.row(execution_id).due) == ("paused", None)
            await here.ask(execution_id, Resume(now=0))
            execution = here.fold(execution_id)
            assert execution.due is not None and execution.due > here.clock.time
            assert (here.row(execution_id).due, here.row(execution_id).status) == (execution.due, "suspended")
            assert here.count(execution_id, RolledBack) == 1

    run(test())
