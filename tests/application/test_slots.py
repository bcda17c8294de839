"""Slots: so many at once, the more urgent first, and none is ever lost."""

from __future__ import annotations

import asyncio

from application.engine import EngineSettings
from application.requests import Submission
from application.slots import Slots
from domain.node import Edge
from tests.support.workflows import Script, nodes_of, workflow
from tests.support.worlds import node, run, until, world


async def hold(
    slots: Slots, priority: int, name: str, order: list[str], until_free: asyncio.Event | None = None
) -> None:
    """Take a slot, say so, and keep it for a while."""
    async with slots.hold(priority):
        order.append(name)
        if until_free is not None:
            await until_free.wait()


def test_the_more_urgent_comes_first_and_equals_in_their_order() -> None:
    """Whoever has a slot keeps it."""

    async def test() -> None:
        slots, order, free = Slots(1), list[str](), asyncio.Event()
        first = asyncio.create_task(hold(slots, -5, "first", order, free))
        await until(lambda: order == ["first"])
        others = [
            asyncio.create_task(hold(slots, priority, name, order))
            for priority, name in ((0, "a"), (0, "b"), (7, "urgent"), (-1, "late"))
        ]
        await asyncio.sleep(0)
        free.set()
        await asyncio.gather(first, *others)
        assert order == ["first", "urgent", "a", "b", "late"]

    run(test())


def test_a_slot_is_not_lost_by_a_cancellation_whenever_it_comes() -> None:
    """While waiting, and in the very moment in which the slot is given."""

    async def test() -> None:
        slots, order = Slots(1), list[str]()
        async with slots.hold(0):
            names = ("waiting", "given", "last")
            waiting, given, last = (asyncio.create_task(hold(slots, 0, name, order)) for name in names)
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.sleep(0)
        given.cancel()  # the slot has just become its own
        await asyncio.gather(waiting, given, last, return_exceptions=True)
        assert order == ["last"]
        await hold(slots, 0, "again", order)
        assert order[-1] == "again"

    run(test())


def test_of_the_executions_that_can_not_all_run_the_more_urgent_runs_first() -> None:
    """`settings.priority` of the workflow, or what the submission says instead."""

    async def test() -> None:
        order: list[str] = []
        free = asyncio.Event()

        async def note(context: object, config: dict[str, str]) -> Edge:
            order.append(config["name"])
            await free.wait()
            return Edge("noted")

        settings = EngineSettings(worker="w", max_running=1)
        async with world(nodes_of(Script(), node("note", note)), settings=settings) as here:
            ids = [await here.submit({"note": {"name": "first"}})]
            await until(lambda: order == ["first"])
            ids.append(await here.submit({"note": {"name": "usual"}}))
            ids.append(await here.submit({"note": {"name": "by the workflow"}}, priority=5))
            definition = workflow({"note": {"name": "by the submission"}}, priority=-5)
            accepted = await here.engine.submit(Submission(definition=definition, priority=9))
            ids.append(accepted.execution_id)
            free.set()
            for execution_id in ids:
                await here.settle(execution_id)
            assert order == ["first", "by the submission", "by the workflow", "usual"]
            assert here.fold(ids[-1]).priority == 9

    run(test())
