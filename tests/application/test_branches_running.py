"""Branches while the engine drives them: beside one another, cut short when nobody needs them, one lock after the other."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from application.engine import EngineSettings
from domain.commands import Cancel, Pause, Resume, Signal
from domain.events import BranchClosed, Completed, EdgeTaken, NodeStarted
from domain.limits import Limits
from domain.node import Edge
from tests.support.workflows import Script, nodes_of
from tests.support.worlds import MINUTE, World, node, run, until, world


def meeting(count: int) -> Any:
    """A node that ends when as many of it run at once."""
    everybody = asyncio.Barrier(count)

    async def meet(context: Any, config: dict[str, Any]) -> Any:
        await everybody.wait()
        return Edge("met", context.step.name)

    return node("meet", meet)


def stuck(cancelled: list[str], begun: asyncio.Event) -> Any:
    """A node that never ends by itself, and says when it is cancelled."""

    async def stay(context: Any, config: dict[str, Any]) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(context.step.name)
            raise

    return node("stuck", stay)


def test_slow_nodes_in_two_branches_run_at_the_same_time() -> None:
    """Each waits for the other to be running: one after the other they would never end."""

    async def test() -> None:
        async with world(nodes_of(Script(), meeting(2))) as here:
            ended = await here.run({"parallel": {"x?": ["meet"], "y?": ["meet"]}})
            assert ended.state["parallel_output"]["results"] == {"x": "meet", "y": "meet"}

    run(test())


def test_plain_nodes_in_two_branches_run_at_the_same_time() -> None:
    """In threads of their own."""
    both = threading.Barrier(2)

    def meet(context: Any, config: dict[str, Any]) -> Any:
        both.wait(10)
        return Edge("met")

    async def test() -> None:
        async with world(nodes_of(Script(), node("meet", meet))) as here:
            ended = await here.run({"parallel": {"x?": ["meet"], "y?": ["meet"]}})
            assert ended.status == "completed"

    run(test())


def test_as_many_passes_run_together_as_concurrency_says() -> None:
    """Three at a time: a barrier of three opens, and there is never a fourth."""
    running, most = [0], [0]
    gate: dict[str, asyncio.Barrier] = {}

    async def meet(context: Any, config: dict[str, Any]) -> Any:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await gate["three"].wait()
        running[0] -= 1
        return Edge("met")

    async def test() -> None:
        gate["three"] = asyncio.Barrier(3)
        async with world(nodes_of(Script(), node("meet", meet))) as here:
            ended = await here.run({"each...": {"items": [0] * 9, "$concurrency": 3, "loop?": ["meet"]}})
            assert (ended.status, most[0]) == ("completed", 3)

    run(test())


def test_the_loser_of_any_is_cut_short() -> None:
    """Its node is cancelled, and what the winner leads to goes on."""

    async def test() -> None:
        cancelled: list[str] = []
        begun = asyncio.Event()

        async def quick(context: Any, config: dict[str, Any]) -> Any:
            await begun.wait()
            return Edge("won", 1)

        script = Script()
        async with world(nodes_of(script, stuck(cancelled, begun), node("quick", quick))) as here:
            ended = await here.run({"parallel": {"mode": "any", "x?": ["stuck"], "y?": ["quick"]}}, "a")
            assert (ended.status, cancelled, script.order) == ("completed", ["stuck"], "a")
            assert ended.state["parallel_output"]["cancelled"] == ["x"]

    run(test())


def test_what_a_loser_answers_after_all_is_refused() -> None:
    """A node that does not let itself be cancelled writes nothing, not even into a branch of the same name."""

    async def test() -> None:
        begun = asyncio.Event()

        async def stubborn(context: Any, config: dict[str, Any]) -> Any:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                context.state["late"] = True
            return Edge("late", "late")

        async def quick(context: Any, config: dict[str, Any]) -> Any:
            await begun.wait()
            begun.clear()
            return Edge("won")

        async with world(nodes_of(Script(), node("stubborn", stubborn), node("quick", quick))) as here:
            ended = await here.run(
                {"range...": {"stop": 3, "loop?": [{"parallel": {"mode": "any", "x?": ["stubborn"], "y?": ["quick"]}}]}}
            )
            assert ended.status == "completed"
            assert "late" not in ended.state
            edges = [event.edge for event in here.events(ended.id) if isinstance(event, EdgeTaken)]
            assert edges.count("late") == 0
            assert edges.count("won") == 3

    run(test())


def test_a_failure_cuts_the_other_branches_short() -> None:
    """Whether a step takes the error or the execution fails by it."""

    async def test() -> None:
        for routed in ({"error?": ["a"]}, {}):
            cancelled: list[str] = []
            begun = asyncio.Event()

            async def fail(context: Any, config: dict[str, Any], begun: asyncio.Event = begun) -> Any:
                await begun.wait()
                raise ValueError("no")

            async with world(nodes_of(Script(), stuck(cancelled, begun), node("fails", fail))) as here:
                ended = await here.run({"parallel": {"x?": ["stuck"], "y?": ["fails"], **routed}})
                assert ended.status == ("completed" if routed else "failed")
                await until(lambda cancelled=cancelled: cancelled == ["stuck"])  # type: ignore[misc]

    run(test())


def test_an_end_in_a_branch_cuts_the_others_short() -> None:
    """The execution is completed, and nothing of it runs on."""

    async def test() -> None:
        cancelled: list[str] = []
        begun = asyncio.Event()

        async def quick(context: Any, config: dict[str, Any]) -> Any:
            await begun.wait()
            return Edge("won")

        async with world(nodes_of(Script(), stuck(cancelled, begun), node("quick", quick))) as here:
            ended = await here.run({"parallel": {"x?": ["stuck"], "y?": [{"quick": {"won?": "$end"}}]}})
            assert ended.status == "completed"
            await until(lambda: cancelled == ["stuck"])

    run(test())


def test_a_cancellation_by_a_person_reaches_every_branch() -> None:
    """All nodes in flight are cancelled."""

    async def test() -> None:
        cancelled: list[str] = []
        begun = asyncio.Event()
        async with world(nodes_of(Script(), stuck(cancelled, begun))) as here:
            execution_id = await here.submit(
                {"parallel": {"x?": ["stuck"], "y?": ["stuck"], "z?": [{"wait": {"for": "1h"}}]}}
            )
            await begun.wait()
            await until(lambda: here.count(execution_id, NodeStarted) == 4)
            await here.ask(execution_id, Cancel(now=0))
            await until(lambda: cancelled == ["stuck", "stuck"])
            assert here.fold(execution_id).status == "cancelled"

    run(test())


def test_one_lock_after_the_other() -> None:
    """A step that reads and writes what it has locked loses no update, however long it takes."""

    async def add(context: Any, config: dict[str, Any]) -> Any:
        seen = context.state["n"]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        context.state["n"] = seen + 1
        return Edge("added")

    async def test() -> None:
        async with world(nodes_of(Script(), node("add", add))) as here:
            body = {"add": {"$locks": ["$.n"]}}
            ended = await here.run({"each...": {"items": [0] * 20, "$concurrency": 5, "loop?": [body]}}, state={"n": 0})
            assert (ended.status, ended.state["n"]) == ("completed", 20)

    run(test())


def test_a_branch_that_waits_for_a_signal_does_not_hold_up_the_others() -> None:
    """Suspended only when all are parked; the row in the lists says the same."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit(
                {"parallel": {"x?": [{"signal": {"name": "go"}}, "a"], "y?": ["b", {"wait": {"for": "1h"}}, "c"]}}, "d"
            )
            parked = await here.settle(execution_id)
            assert (parked.status, here.row(execution_id).status) == ("suspended", "suspended")
            assert here.row(execution_id).due == parked.due
            await here.ask(execution_id, Signal(now=0, name="go"))
            await here.settle(execution_id)
            here.clock.time += 61 * MINUTE
            await until(lambda: here.count(execution_id, Completed) == 1)
            assert [event.branch for event in here.events(execution_id) if isinstance(event, BranchClosed)] == [
                "x",
                "y",
            ]

    run(test())


def test_a_pause_holds_every_branch() -> None:
    """What is in flight finishes; nothing begins until the execution is resumed."""

    async def test() -> None:
        gates = {"x": asyncio.Event(), "y": asyncio.Event()}

        async def hold(context: Any, config: dict[str, Any]) -> Any:
            await gates[config["at"]].wait()
            return Edge("k")

        async with world(nodes_of(Script(), node("hold", hold))) as here:
            execution_id = await here.submit(
                {"parallel": {"x?": [{"hold": {"at": "x"}}, "a"], "y?": [{"hold": {"at": "y"}}, "b"]}}
            )
            await until(lambda: here.count(execution_id, NodeStarted) == 3)
            await here.ask(execution_id, Pause(now=0))
            gates["x"].set()
            gates["y"].set()
            await until(lambda: here.count(execution_id, EdgeTaken) == 2)
            assert here.count(execution_id, NodeStarted) == 3
            await here.ask(execution_id, Resume(now=0))
            assert (await here.settle(execution_id)).status == "completed"

    run(test())


def test_a_thousand_passes_and_a_thousand_branches() -> None:
    """Within the limits, in a time that grows with their number and not with its square."""

    async def wide(here: World) -> None:
        ended = await here.run({"each...": {"items": list(range(2_000)), "$concurrency": 100, "loop?": ["a"]}})
        assert (ended.status, here.count(ended.id, BranchClosed)) == ("completed", 2_000)

    async def test() -> None:
        settings = EngineSettings(worker="w", limits=Limits(branches=1_000))
        async with world(nodes_of(Script()), settings=settings) as here:
            await wide(here)

    run(test())
