"""Loops that fail on their way, and are retried: they go on where they failed, and show how far they are (LANGUAGE 6)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from application.presenting import describe_execution
from domain.commands import Retry
from domain.events import EdgeTaken, NodeStarted
from domain.node import Edge
from infrastructure.memory_log import MemoryLog
from tests.support.workflows import Act, Script, nodes_of
from tests.support.worlds import node, run, world

FAULT = ValueError("the seventh is broken")
WORK: dict[str, Any] = {"b": {"index": "{{loop.index}}", "item": "{{loop.item}}"}}
LETTERS = list("abcdefghij")
LOOPS: dict[str, tuple[dict[str, Any], list[Any], set[str]]] = {
    "each": ({"each...": {"items": LETTERS}}, LETTERS, {"currentItem", "currentIndex"}),
    "each in the original's form": ({"each": {"items": LETTERS}}, LETTERS, {"currentItem", "currentIndex"}),
    "range": ({"range...": {"start": 5, "stop": 15}}, list(range(5, 15)), {"rangeValue", "rangeIndex"}),
    "batch": (
        {"batch...": {"items": [*LETTERS, *LETTERS], "size": 2}},
        [None] * 10,
        {"currentBatch", "currentBatchIndex"},
    ),
    "while": ({"while...": {"condition": "$.whileIteration < 10"}}, [None] * 10, {"whileIteration"}),
    "a node of one's own": ({"a...": {"$output": False}}, [None] * 10, set()),
}
BODIES: dict[str, Any] = {
    "in the body": [WORK, "c"],
    "in a block": [{"d": {"$output": False, "x?": [WORK]}}, "c"],
    "after a jump": [{"d": {"$output": False, "x?": "b"}}, "h", WORK, "c"],
    "in an inner loop": [{"one...": {"$node": "range", "stop": 1, "loop?": [{"b": {"index": "$.index"}}]}}, "c"],
}


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("loop", "items", "keys"), LOOPS.values(), ids=LOOPS)
def test_a_loop_that_fails_at_its_seventh_pass_goes_on_there(
    loop: dict[str, Any], items: list[Any], keys: set[str], body: Any, restart: bool
) -> None:
    """Nothing before it runs again; the position keys are those of the pass, and are put back at the end."""
    ((name, config),) = loop.items()
    inner = body is BODIES["in an inner loop"]
    keep = [{"$.index": "{{loop.index}}"}] if inner else []
    step = {name: {**config, "loop?": [*keep, *body], "done?": [{"e": {"end": "{{input}}"}}]}}
    acts: dict[str, list[Act]] = {"a": [*["loop"] * 10, "done"], "d": [*["x"] * 99], "b": [*[None] * 6, FAULT]}

    async def test() -> None:
        log, script = MemoryLog(), Script(acts)
        async with world(nodes_of(script), log=log) as here:
            failed = await here.run(step)
            assert failed.status == "failed" and failed.failure is not None
            assert failed.failure.error.message == FAULT.args[0]
            assert indexes(script) == list(range(7))
            assert keys <= failed.state.keys()
            shown = describe_execution(failed, None)["loops"][0]
            assert (shown["address"], shown["index"]) == (f"/workflow/0/{name}", 6)
            assert shown["total"] == (None if name in ("while...", "a...") else 10)
            if not restart:
                await here.ask(failed.id, Retry(now=0))
                ended = await here.settle(failed.id)
        if restart:
            async with world(nodes_of(script), log=log) as there:
                await there.ask(failed.id, Retry(now=0))
                ended = await there.settle(failed.id)
        assert ended.status == "completed"
        assert indexes(script) == [*range(7), *range(6, 10)]
        if not inner:
            assert [config["item"] for config in of(script, "b")] == [*items[:7], *items[6:]]
        assert len(of(script, "c")) == 10
        assert len(of(script, "e")) == 1
        assert ended.state.keys().isdisjoint(keys)
        assert ended.branches[""].frames == ()
        assert ended.walk == 2

    run(test())


def of(script: Script, step: str) -> list[dict[str, Any]]:
    """The parameters of each visit of a step."""
    return [config for name, config in zip(script.ran, script.configs, strict=True) if name == step]


def indexes(script: Script) -> list[int]:
    """The passes in which the work was done."""
    return [config["index"] for config in of(script, "b")]


def test_a_loop_step_that_fails_itself_goes_on_in_its_frame() -> None:
    """Its next pass is the one that it was asked for when it failed."""

    async def test() -> None:
        script = Script({"a": ["go", "go", FAULT, "go", "done"]})
        async with world(nodes_of(script)) as here:
            failed = await here.run({"a...": {"go?": [WORK]}})
            await here.ask(failed.id, Retry(now=0))
            assert (await here.settle(failed.id)).status == "completed"
            assert script.order == "a b a b a a b a"
            assert indexes(script) == [0, 1, 2]

    run(test())


def test_position_keys_of_before_are_put_back_after_a_retry_too() -> None:
    """What they held at entry is kept in the frame, over the failure."""

    async def test() -> None:
        script = Script({"b": [None, FAULT]})
        async with world(nodes_of(script)) as here:
            step = {"each...": {"items": [1, 2, 3], "loop?": ["b", {"$.currentItem": "spoilt"}]}}
            failed = await here.run(step, state={"currentItem": "mine"})
            assert failed.state == {"currentItem": 2, "currentIndex": 1}
            await here.ask(failed.id, Retry(now=0))
            assert (await here.settle(failed.id)).state == {"currentItem": "mine"}

    run(test())


def test_passes_of_a_retried_loop_are_visits_of_their_own() -> None:
    """The walk is new, so that no pass shares its idempotency key with one before the failure."""

    async def test() -> None:
        script = Script({"b": [None, FAULT]})
        async with world(nodes_of(script)) as here:
            failed = await here.run({"range...": {"stop": 3, "loop?": ["b"]}})
            await here.ask(failed.id, Retry(now=0))
            await here.settle(failed.id)
            keys = [context.idempotency_key for context in script.contexts]
            assert len(keys) == len(set(keys)) == 4
            passes = [
                event.pass_ for event in here.events(failed.id) if isinstance(event, NodeStarted) and event.step == "b"
            ]
            assert passes == ["1.0/1", "1.1/1", "1.1/2", "1.2/1"]

    run(test())


def test_how_far_a_loop_is_shows_while_it_runs() -> None:
    """In the state (the position keys), in the edge data of the pass, in the frame, and in `GET /executions/{id}`."""

    async def test() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def hold(context: Any, config: Any) -> Any:
            begun.set()
            await go.wait()
            go.clear()
            return Edge("x")

        async with world(nodes_of(Script(), node("held", hold, effect="writes"))) as here:
            inner = {"inner...": {"$node": "range", "start": 1, "stop": 3, "loop?": ["held"]}}
            execution_id = await here.submit({"each...": {"items": ["x", "y"], "loop?": [inner]}}, "a")
            for outer_index, inner_index in ((0, 0), (0, 1), (1, 0), (1, 1)):
                await begun.wait()
                now = here.fold(execution_id)
                assert now.status == "running"
                assert now.state == {
                    "currentItem": "xy"[outer_index],
                    "currentIndex": outer_index,
                    "rangeValue": inner_index + 1,
                    "rangeIndex": inner_index,
                }
                assert now.outputs["each"]["remaining"] == 1 - outer_index
                last = [event for event in here.events(execution_id) if isinstance(event, EdgeTaken)][-1]
                assert last.output == {
                    "item": inner_index + 1, "value": inner_index + 1, "index": inner_index, "total": 2,
                    "isFirst": inner_index == 0, "isLast": inner_index == 1, "remaining": 1 - inner_index,
                }  # fmt: skip
                each = "/workflow/0/each..."
                assert describe_execution(now, None)["loops"] == [
                    {"address": each, "step": "each", "index": outer_index, "total": 2},
                    {"address": f"{each}/loop?/0/inner...", "step": "inner", "index": inner_index, "total": 2},
                ]
                begun.clear()
                go.set()
            ended = await here.settle(execution_id)
            assert (ended.status, describe_execution(ended, None)["loops"], ended.state) == ("completed", [], {})

    run(test())
