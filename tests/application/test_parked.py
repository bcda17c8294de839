"""Thousands parked, and their timers: no task, no thread, never early, once, and in order after any downtime (LANGUAGE 8)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.requests import Submission
from domain.commands import Signal
from domain.events import NodeStarted, Resumed, RetryScheduled, Suspended
from infrastructure.memory_log import MemoryLog
from tests.support.workflows import Script, nodes_of, workflow
from tests.support.worlds import MINUTE, ManualClock, World, run, until, world

PARKED = 2_000
PARKING: dict[str, Callable[[str], Any]] = {
    "wait": lambda duration: {"wait": {"for": duration}},
    "signal": lambda duration: {"signal": {"name": "go", "timeout": duration, "timeout?": []}},
    "retry": lambda duration: {"a": {"$retry": {"maxAttempts": 2, "delay": duration}, "error?": []}},
}
WAITS: list[Any] = [
    {"signal": {"name": "go", "timeout": "1h", "timeout?": "$fail"}},
    {"wait": {"for": "1h"}},
    {"approval": {"title": "?", "approve?": []}},
    {"signal": {"name": "go"}},
]


def test_thousands_parked_are_no_task_and_no_thread() -> None:
    """Of a process that parked them, and of one that starts with them; each of them goes on when it is told to."""

    async def test() -> None:
        log, clock = MemoryLog(), ManualClock()
        async with world(nodes_of(Script()), log=log, clock=clock) as here:
            await here.run("a")
            await look(here)
            tasks, threads = len(asyncio.all_tasks()), threading.active_count()
            ids = [await here.submit(WAITS[at % 4], "a") for at in range(PARKED)]
            await look(here)
            assert (len(asyncio.all_tasks()), threading.active_count()) == (tasks, threads)
            rows = [here.row(execution_id) for execution_id in ids]
            assert {row.status for row in rows} == {"suspended"}
            assert here.engine._residents.get(ids[0]) is None, "those that parked first are let go"
            for execution_id in ids[-4:]:
                assert not here.engine._residents.get(execution_id).tasks  # type: ignore[union-attr]
        async with world(nodes_of(Script()), log=log, clock=clock, unfinished=rows) as there:
            assert (len(asyncio.all_tasks()), threading.active_count()) == (tasks, threads)
            assert not list(
                there.engine._residents
            )  # a parked one is a due time, or nothing at all, until it is asked for
            for at, execution_id in enumerate(ids):
                if at % 4 != 1:
                    signal = Signal(now=0, name="go" if at % 4 != 2 else "approval", payload={"choice": "approve"})
                    await there.ask(execution_id, signal)
            clock.time += 60 * MINUTE
            await look(there)
            assert len(asyncio.all_tasks()) == tasks
            assert {there.fold(execution_id).status for execution_id in ids} == {"completed"}

    run(test())


async def look(here: World) -> None:
    """Let the timers look at the clock now, and what they begin come to rest."""
    here.engine._timers._changed.set()
    for _ in range(3):
        await asyncio.sleep(0)
    await until(lambda: not any(live.tasks for live in here.engine._residents) and not here.engine._chores)


def due_times(log: MemoryLog) -> dict[str, int]:
    """When each execution is due, as its log says: a wait to end, or an attempt to begin."""
    events = [(each.stream, each.event) for each in log.follow(0, 1_000_000)]
    waits = {stream: event.wait.due or 0 for stream, event in events if isinstance(event, Suspended)}
    return waits | {stream: event.due for stream, event in events if isinstance(event, RetryScheduled)}


def fired(log: MemoryLog) -> list[tuple[str, int]]:
    """(execution, time) of every timer that has fired, in the order of the log."""
    return [
        (each.stream, each.event.time)
        for each in log.follow(0, 1_000_000)
        if isinstance(each.event, Resumed) or (isinstance(each.event, NodeStarted) and each.event.attempt > 1)
    ]


PARK = st.tuples(st.sampled_from(["wait", "signal", "retry"]), st.integers(0, 40))
MOVE = st.tuples(st.just("move"), st.integers(-30, 45))
DOWN = st.tuples(st.just("down"), st.integers(-30, 90))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(PARK, PARK, MOVE, DOWN), max_size=24))
def test_timers_fire_once_never_early_and_in_order(told: list[tuple[str, int]]) -> None:
    """Whatever the clock does, forwards and back, while an engine runs or while none does."""

    async def test() -> None:
        log, clock = MemoryLog(), ManualClock()
        ids: list[str] = []
        expected: list[str] = []
        for downtime, story in split(told):
            clock.time += downtime * MINUTE
            rows = [World(None, log, clock).row(execution_id) for execution_id in ids]  # type: ignore[arg-type]
            nodes, left = (
                nodes_of(Script({"a": [ValueError("no")] * 99})),
                [row for row in rows if row.end_time is None],
            )
            async with world(nodes, log=log, clock=clock, unfinished=left) as here:
                for kind, minutes in [("move", 0), *story]:
                    if kind == "move":
                        clock.time += minutes * MINUTE
                    else:
                        ids.append(f"ex{len(ids)}")
                        definition = workflow(PARKING[kind](f"{minutes}m"), "b")
                        await here.engine.submit(Submission(definition=definition, execution_id=ids[-1]))
                    await look(here)
                    due = due_times(log)
                    now = [each for each in ids if each not in expected and due[each] <= clock.time]
                    expected += sorted(now, key=lambda each: (due[each], ids.index(each)))
                    found = fired(log)
                    assert [execution_id for execution_id, _ in found] == expected
                    assert all(time >= due[execution_id] for execution_id, time in found)

    run(test())


def split(told: list[tuple[str, int]]) -> list[tuple[int, list[tuple[str, int]]]]:
    """What happens while an engine runs, each time with how far the clock moved while none did."""
    stories: list[tuple[int, list[tuple[str, int]]]] = [(0, [])]
    for kind, minutes in told:
        if kind == "down":
            stories.append((minutes, []))
        else:
            stories[-1][1].append((kind, minutes))
    return stories
