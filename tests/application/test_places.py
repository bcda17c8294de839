"""Naming versions: numbers, from the end, by time, by visit, by mark, and within a walk."""

from __future__ import annotations

from typing import Any

import pytest

from application.folds import Folds
from application.places import Places, is_fixed
from application.reading import execution_event
from domain.commands import Retry
from domain.durations import iso
from domain.errors import Unacceptable
from domain.events import BranchClosed, EdgeTaken, NodeFailed, NodeStarted, Resumed, SnapshotTaken, Suspended
from tests.support.workflows import NOON, Script, nodes_of
from tests.support.worlds import World, run, until, world

pytestmark = pytest.mark.usefixtures("every_store")

LOOP = "/workflow/0/range..."
A = f"{LOOP}/loop?/0/a"
FAULT = ValueError("not now")


class Named:
    """An execution whose versions are named."""

    def __init__(self, here: World, execution_id: str) -> None:
        self._places = Places(here.log, Folds(here.log))
        self._head = here.fold(execution_id)
        self._log = here.log
        self.head = self._head.version

    def at(self, place: str) -> int:
        """The version of a place."""
        return self._places.version(self._head, place)

    def refused(self, place: str) -> Unacceptable:
        """The refusal of a place."""
        with pytest.raises(Unacceptable) as caught:
            self._places.version(self._head, place, where="/to")
        assert caught.value.code == "INVALID_VERSION"
        assert caught.value.details["head"] == self.head
        assert caught.value.details["path"] == "/to"
        assert caught.value.message.startswith(f"to={place[:80]}")
        return caught.value

    def walk_of(self, version: int) -> int:
        """The walk of a version."""
        return self._places.walk_of(self._head, version)

    def all(self, kind: type, **having: Any) -> list[int]:
        """The versions of the events of a kind that have these fields."""
        events = [(each.version, execution_event(each)) for each in self._log.read(self._head.id)]
        return [
            version
            for version, event in events
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in having.items())
        ]


async def retried(here: World) -> Named:
    """A loop of three passes over `a`, which failed in its third once, and was tried again: two walks."""
    execution_id = await here.submit(
        {"range...": {"stop": 3, "loop?": [{"a": {}}, {"snapshot": {"name": "pass"}}]}}, "b"
    )
    assert (await here.settle(execution_id)).status == "failed"
    await here.ask(execution_id, Retry(now=0))
    assert (await here.settle(execution_id)).status == "completed"
    return Named(here, execution_id)


def third_fails() -> Script:
    """Acts for `retried`."""
    return Script({"a": [("x", 1), ("x", 2), FAULT, ("x", 3)]})


def test_numbers_and_ends() -> None:
    """Versions count from 1 over all walks; `head` is the newest, `start` the first."""

    async def test() -> None:
        async with world(nodes_of(third_fails())) as here:
            named = await retried(here)
            assert [named.at(place) for place in ("1", "17", "start", "head", "head~0", "head~3")] == [
                *(1, 17, 1),
                *(named.head, named.head, named.head - 3),
            ]
            for place in ("0", str(named.head + 1), f"head~{named.head}", "walk:1/head~9999"):
                assert "is not a version of" in named.refused(place).message

    run(test())


def test_times() -> None:
    """The last version that is not after it."""

    async def test() -> None:
        async with world(nodes_of(Script({}))) as here:
            execution_id = await here.submit("a", {"wait": {"for": "1h"}}, "b")
            parked = (await here.settle(execution_id)).version
            here.clock.time += 3_600_000_000
            await until(lambda: here.fold(execution_id).has_ended)
            named = Named(here, execution_id)
            assert named.at(iso(NOON)) == named.at(iso(NOON + 3_599_000_000)) == parked
            assert named.at(iso(NOON + 3_600_000_000)) == named.at("2099-01-01T00:00:00Z") == named.head
            assert "before the first version" in named.refused(iso(NOON - 1)).message
            assert "not a time" in named.refused("yesterdayZ").message

    run(test())


def test_visits() -> None:
    """After their end, or before they began; of several the newest, in the newest walk that has one of the number."""

    async def test() -> None:
        async with world(nodes_of(third_fails())) as here:
            named = await retried(here)
            starts, ends = named.all(NodeStarted, address=A), named.all(EdgeTaken, address=A)
            [failed] = named.all(NodeFailed, address=A)
            assert named.at(f"node:{A}") == ends[-1]
            assert named.at(f"node:{A}:before") == starts[-1] - 1
            assert named.at(f"node:{A}@1") == ends[-1], "walk 2 counts anew"
            assert named.at(f"node:{A}@2") == ends[1]
            assert named.at(f"node:{A}@2:before") == starts[1] - 1
            assert named.at(f"node:{A}@3") == failed
            assert named.at(f"walk:1/node:{A}@1") == ends[0]
            assert named.at(f"walk:1/node:{A}") == failed
            assert named.at(f"walk:1/node:{A}@1:before") == starts[0] - 1
            assert named.at(f"walk:2/node:{A}") == ends[-1]

    run(test())


def test_walks() -> None:
    """Each from what began it to the version before the next one."""

    async def test() -> None:
        async with world(nodes_of(third_fails())) as here:
            named = await retried(here)
            [second] = named.all(Resumed, cause="retry")
            assert named.at("walk:1/start") == 1
            assert named.at("walk:1/head") == second - 1
            assert named.at("walk:1/head~2") == second - 3
            assert named.at("walk:2/start") == second
            assert named.at("walk:2/head") == named.head
            assert named.at(f"walk:2/{second}") == second
            assert [named.walk_of(version) for version in (1, second - 1, second, named.head)] == [1, 1, 2, 2]
            assert f"those are {second} to {named.head}" in named.refused(f"walk:2/{second - 1}").message
            assert "are 1 to 2" in named.refused("walk:3/head").message
            assert "are 1 to 2" in named.refused("walk:0/head").message
            assert "walk:2/head" in named.refused("walk:2").message

    run(test())


def test_marks() -> None:
    """A name that was used again is where it moved to; a step's snapshot is complete when its visit has ended."""

    async def test() -> None:
        async with world(nodes_of(third_fails())) as here:
            named = await retried(here)
            taken, ended = named.all(SnapshotTaken), named.all(EdgeTaken, address=f"{LOOP}/loop?/1/snapshot")
            assert len(taken) == len(ended) == 3
            assert named.at("mark:pass") == ended[2] > taken[2]
            assert named.at("walk:1/mark:pass") == ended[1]
            assert named.refused("mark:pss").details["nearest"] == "mark:pass"
            assert "Did you mean" not in named.refused("mark:").message

    run(test())


def test_what_is_still_open() -> None:
    """A visit that has not ended is at its newest event, which a step that runs beside it does not move."""

    async def test() -> None:
        async with world(nodes_of(Script({}))) as here:
            execution_id = await here.submit({"parallel": {"x?": [{"signal": {"name": "go"}}], "y?": ["a", {"b": {}}]}})
            await here.settle(execution_id)
            named = Named(here, execution_id)
            [parked] = named.all(Suspended)
            assert named.at("node:/workflow/0/parallel/x?/0/signal") == parked < named.head
            assert named.at("node:/workflow/0/parallel") == named.head == named.all(BranchClosed)[0]
            [begun] = named.all(NodeStarted, address="/workflow/0/parallel/x?/0/signal")
            assert named.at("node:/workflow/0/parallel/x?/0/signal:before") == begun - 1

    run(test())


def test_another_attempt_is_the_same_visit() -> None:
    """`:before` is before its first attempt, and its end is that of the last."""

    async def test() -> None:
        async with world(nodes_of(Script({"a": [FAULT, ("x", 1)]}))) as here:
            execution_id = await here.submit({"a": {"$retry": {"delay": 1}}}, "b")
            await until(lambda: here.fold(execution_id).due is not None)
            here.clock.time += 1_000_000
            await here.settle(execution_id)
            named = Named(here, execution_id)
            first, second = named.all(NodeStarted, address="/workflow/0/a")
            assert named.at("node:/workflow/0/a@1:before") == first - 1
            assert named.at("node:/workflow/0/a:before") == first - 1
            assert named.at("node:/workflow/0/a") == named.all(EdgeTaken, address="/workflow/0/a")[0] > second

    run(test())


def test_what_there_is_not_is_refused_with_what_is_nearest() -> None:
    """A step that was not visited, a visit that there was not, and texts that name no version at all."""

    async def test() -> None:
        async with world(nodes_of(third_fails())) as here:
            named = await retried(here)
            assert named.refused(f"node:{LOOP}/loop?/0/aa").details["nearest"] == f"node:{A}"
            assert named.refused(f"node:{A}@9").details["nearest"] == f"node:{A}@1"
            assert named.refused(f"walk:1/node:{A}@9").details["nearest"] == f"node:{A}@3"
            assert "was not visited" in named.refused("node:/workflow/9/" + "x" * 500).message
            assert "count from 1" in named.refused(f"node:{A}@0").message
            for place in ("", "zz", "-1", "head~", "head~-1", "HEAD", "node:a", "node:", "walk:x/1", "٣", "9" * 40):
                assert "names no version" in named.refused(place).message

    run(test())


def test_only_a_number_is_for_ever() -> None:
    """The rest may come to mean another version."""
    assert is_fixed("17")
    assert not any(map(is_fixed, ("head", "head~3", "walk:1/17", "mark:17", "1.5", "", "2026-11-22T10:00:00Z")))
