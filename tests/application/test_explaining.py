"""Explanations of real histories, held against a reader who folds and looks through every event."""

from __future__ import annotations

from typing import Any

import pytest

from application.explaining import Explanations, is_error
from application.folds import Folds
from application.places import Places
from application.reading import execution_event
from domain import json
from domain.changes import patch_of, touches
from domain.commands import Retry, Signal
from domain.context import ExecutionContext
from domain.errors import ErrorInfo, StepFailure, Unacceptable
from domain.events import EdgeTaken, NodeFailed, NodeStarted, RolledBack, StateUpdated
from domain.evolve import evolve
from domain.execution import Execution
from domain.patches import ABSENT, apply, find
from domain.program import Program
from tests.support.workflows import Script, nodes_of
from tests.support.worlds import World, run, world

pytestmark = pytest.mark.usefixtures("every_store")

FAULT = ValueError("not now")
BROKEN = StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))
NOTHING = Program(hash="", id="", name="", version="", initial_state={}, steps=(), max_steps=0, index={})
STATE = {"n": 0, "order": {"total": 1, "lines": []}, "a/b": None, "text": '"path":"/n"'}
POINTERS = (
    *("", "/n", "/order", "/order/total", "/order/lines/1", "/order/gone", "/a~1b", "/text", "/nowhere", "/n/x"),
    *("/late", "/range_index", "/order/lines"),
)


class Reader:
    """Reads a whole history, and answers from it."""

    def __init__(self, here: World, execution_id: str) -> None:
        self.events = [execution_event(each) for each in here.log.read(execution_id)]
        self.states: list[dict[str, Any]] = []
        execution = Execution(id=execution_id)
        for event in self.events:
            execution = evolve(execution, event)
            self.states.append(execution.state)
        self.head = execution
        self._explanations = Explanations(
            here.log, folds := Folds(here.log), Places(here.log, folds), program_of=lambda execution: NOTHING
        )

    def at(self, version: int, pointer: str) -> Any:
        """What is at a pointer."""
        return find(self.states[version - 1], pointer) if version else ABSENT

    def writes(self, pointer: str, upto: int) -> list[int]:
        """The versions that write a pointer, newest first."""
        return [
            version
            for version in range(upto, 0, -1)
            if any(touches(op.path, pointer) for op in patch_of(self.events[version - 1]))
        ]

    def blame(self, pointer: str, at: int, **more: Any) -> dict[str, Any]:
        """The answer to be held against this."""
        return self._explanations.blame(self.head, pointer, str(at), **more)

    def diff(self, from_: int, to: int) -> dict[str, Any]:
        """Likewise."""
        return self._explanations.diff(self.head, str(from_), str(to))

    def step(self, at: int | None, dir: Any, by: str) -> int | None:
        """Likewise, its version."""
        found = self._explanations.step(self.head, None if at is None else str(at), dir=dir, by=by)
        assert (found["event"] and found["event"]["version"]) == found["version"]
        version: int | None = found["version"]
        return version

    def state(self, at: str, fields: list[str] | None = None) -> dict[str, Any]:
        """Likewise."""
        return self._explanations.state(self.head, at, fields)


async def eventful(here: World) -> Reader:
    """A loop, a list that grows, an object in the place of another, a rollback by an error, a retry: three walks."""
    execution_id = await here.submit(
        {"$.order": {"total": 2, "lines": [1], "gone": True}},
        {"snapshot": {"name": "safe"}},
        {"range...": {"stop": 2, "loop?": [{"$.n": "$.n + 1"}, {"a": {"error?": "b"}}]}},
        {"$.order": {"total": 2, "lines": [1, 2]}},
        {"c": {}},
        {"$.late": "now"},
        state=STATE,
        onCriticalError="rollback",
    )
    assert (await here.settle(execution_id)).status == "failed"
    await here.ask(execution_id, Retry(now=0, actor="ann"))
    assert (await here.settle(execution_id)).status == "completed"
    return Reader(here, execution_id)


def setting(context: ExecutionContext, config: dict[str, Any]) -> None:
    """A node that writes `k`."""
    context.state["k"] = 1


def acts() -> Script:
    """What `eventful` needs."""
    return Script({"a": [("x", '"path":"/nowhere"'), FAULT], "c": [BROKEN]})


def equal(told: dict[str, Any], name: str, value: Any) -> bool:
    """Whether a value is told, or left out because there is none."""
    if value is ABSENT:
        return name not in told
    return name in told and json.encode(told[name]) == json.encode(value)


def test_every_blame_is_that_of_who_reads_everything() -> None:
    """Of many pointers at every version: the writers, in order, with what was there before and after each."""

    async def test() -> None:
        async with world(nodes_of(acts())) as here:
            reader = await eventful(here)
            assert any(isinstance(event, RolledBack) for event in reader.events)
            for pointer in POINTERS:
                for at in range(1, reader.head.version + 1):
                    told = reader.blame(pointer, at)
                    writes = [each for each in (told["written"], *told["earlier"]) if each is not None]
                    assert [each["version"] for each in writes] == reader.writes(pointer, at), (pointer, at)
                    assert (told["pointer"], told["at"], told["next"]) == (pointer, at, None)
                    assert equal(told, "value", reader.at(at, pointer)), (pointer, at)
                    for each in writes:
                        version = each["version"]
                        assert equal(each, "value", reader.at(version, pointer)), (pointer, version)
                        assert equal(each, "old", reader.at(version - 1, pointer)), (pointer, version)

    run(test())


def test_a_blame_says_who_and_when() -> None:
    """The event, the step, its visit and attempt; and of a start, whoever asked for it."""

    async def test() -> None:
        async with world(nodes_of(Script({"a": [FAULT, setting]}))) as here:
            await here.submit("b")
            execution_id = await here.submit({"a": {"$retry": {"delay": 0}}}, state={"k": 0})
            await here.settle(execution_id)
            reader = Reader(here, execution_id)
            told = reader.blame("/k", reader.head.version)
            assert {key: told["written"][key] for key in told["written"] if key not in ("version", "time")} == {
                "type": "StateUpdated",
                "address": "/workflow/0/a",
                "step": "a",
                "visit": 1,
                "attempt": 2,
                "old": 0,
                "value": 1,
            }
            [first] = told["earlier"]
            assert (first["version"], first["type"], first["value"]) == (1, "ExecutionStarted", 0)
            assert not {"address", "visit", "old"} & set(first)

    run(test())


def test_a_removed_key_has_a_last_writer_too() -> None:
    """Itself removed, or with what it was in."""

    async def test() -> None:
        async with world(nodes_of(acts())) as here:
            reader = await eventful(here)
            replaced = [
                version
                for version, event in enumerate(reader.events, 1)
                if isinstance(event, StateUpdated)
                and ("remove", "/order/gone") in [(op.op, op.path) for op in event.patch]
            ]
            told = reader.blame("/order/gone", replaced[0])
            assert "value" not in told
            assert told["written"]["version"] == replaced[0]
            assert told["written"]["old"] is True
            assert "value" not in told["written"]

    run(test())


def test_a_long_history_of_writers_is_read_page_by_page() -> None:
    """`next` is where the next page begins; together they are all of it."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"range...": {"stop": 30, "loop?": {"$.n": "$.n + 1"}}}, state={"n": 0})
            await here.settle(execution_id)
            reader = Reader(here, execution_id)
            seen: list[int] = []
            at: int | None = reader.head.version
            while at is not None:
                page = reader.blame("/n", at, limit=6)
                versions = [page["written"]["version"], *(each["version"] for each in page["earlier"])]
                assert len(versions) <= 7
                seen, at = seen + versions, page["next"]
            assert seen == reader.writes("/n", reader.head.version)
            assert len(seen) == 31
            alone = reader.blame("/n", reader.head.version, limit=0)
            assert (alone["earlier"], alone["next"]) == ([], seen[1])

    run(test())


def test_a_page_of_large_values_ends_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """But has one write at least, so that everything can be read."""
    monkeypatch.setattr("application.explaining.BLAME_BYTES", 2_500)

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            large = [{"$.text": letter * 1_000} for letter in "abcd"]
            execution_id = await here.submit(*large)
            await here.settle(execution_id)
            reader = Reader(here, execution_id)
            page = reader.blame("/text", reader.head.version)
            assert (page["written"]["value"][0], page["earlier"]) == ("d", [])
            assert page["next"] == reader.writes("/text", reader.head.version)[1]
            monkeypatch.setattr("application.explaining.BLAME_BYTES", 1)
            assert reader.blame("/text", page["next"])["written"]["value"][0] == "c"

    run(test())


def test_every_diff_leads_from_the_one_state_to_the_other() -> None:
    """In both directions; and each change is told with the last event in between that wrote it."""

    async def test() -> None:
        async with world(nodes_of(acts())) as here:
            reader = await eventful(here)
            head = reader.head.version
            for from_, to in [(a, b) for a in range(1, head + 1, 3) for b in (*range(1, head + 1, 4), head)]:
                told = reader.diff(from_, to)
                assert (told["from"], told["to"]) == (from_, to)
                assert json.encode(apply(reader.states[from_ - 1], told["patch"])) is not None
                assert apply(reader.states[from_ - 1], told["patch"]) == reader.states[to - 1]
                assert [each["pointer"] for each in told["changes"]] == [op.path for op in told["patch"]]
                low, high = sorted((from_, to))
                for each in told["changes"]:
                    pointer = each["pointer"]
                    assert each["version"] == reader.writes(pointer, high)[0] > low
                    assert equal(each, "old", reader.at(from_, pointer))
                    assert equal(each, "new", reader.at(to, pointer))

    run(test())


def test_a_diff_of_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are looked for one by one."""
    monkeypatch.setattr("application.explaining_diff.FEW", 2)

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit(*({f"$.k{n}": n} for n in range(9)), {"$.k0": "again"})
            await here.settle(execution_id)
            reader = Reader(here, execution_id)
            changes = reader.diff(1, reader.head.version)["changes"]
            assert [each["version"] for each in changes] == [
                reader.writes(f"/k{n}", reader.head.version)[0] for n in range(9)
            ]

    run(test())


KINDS: dict[str, Any] = {
    "event": lambda event: True,
    "node": lambda event: isinstance(event, NodeStarted),
    "visit": lambda event: isinstance(event, EdgeTaken | NodeFailed),
    "error": is_error,
    "write:/n": lambda event: any(touches(op.path, "/n") for op in patch_of(event)),
    "write:/order/gone": lambda event: any(touches(op.path, "/order/gone") for op in patch_of(event)),
    "write:/nowhere": lambda event: False,
}


@pytest.mark.parametrize("by", KINDS)
def test_every_step_is_that_of_who_reads_everything(by: str) -> None:
    """From every version in both directions: the nearest, itself excepted, or none."""

    async def test() -> None:
        async with world(nodes_of(acts())) as here:
            reader = await eventful(here)
            meant = [version for version, event in enumerate(reader.events, 1) if KINDS[by](event)]
            assert meant or by == "write:/nowhere"
            for at in range(1, reader.head.version + 1):
                before = [version for version in meant if version < at]
                behind = [version for version in meant if version > at]
                assert reader.step(at, "back", by) == (before[-1] if before else None)
                assert reader.step(at, "forward", by) == (behind[0] if behind else None)
            assert reader.step(None, "forward", by) is None

    run(test())


def test_errors_are_found_whether_somebody_took_care_of_them_or_not() -> None:
    """One that a route took, a failed visit, and the failed execution."""

    async def test() -> None:
        async with world(nodes_of(acts())) as here:
            reader = await eventful(here)
            kinds = [type(event).__name__ for event in reader.events if is_error(event)]
            assert kinds == ["EdgeTaken", "NodeFailed", "Failed"]

    run(test())


def test_a_step_that_can_not_be_is_refused() -> None:
    """Naming what was probably meant, or where the pointer goes wrong."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit("a")
            await here.settle(execution_id)
            reader = Reader(here, execution_id)
            with pytest.raises(Unacceptable, match="Did you mean 'visit'"):
                reader.step(1, "forward", "visits")
            with pytest.raises(Unacceptable, match="dir is back or forward"):
                reader.step(1, "up", "event")
            with pytest.raises(Unacceptable) as caught:
                reader.step(1, "back", "write:/a~")
            assert (caught.value.code, caught.value.details[0].offset) == ("INVALID_POINTER", 8)

    run(test())


def test_parts_of_a_state() -> None:
    """What is null is told, what is not there is left out; at any version."""

    async def test() -> None:
        async with world(nodes_of(acts())) as here:
            reader = await eventful(here)
            told = reader.state("1", ["/a~1b", "/order/total", "/order/lines/0", "/late", ""])
            assert told["version"] == 1
            assert told["fields"] == {"/a~1b": None, "/order/total": 1, "": STATE}
            assert reader.state("head", ["/late"])["fields"] == {"/late": "now"}
            assert reader.state("1", [])["fields"] == {}
            with pytest.raises(Unacceptable, match="At most"):
                reader.state("1", ["/n"] * 1_001)

    run(test())


def test_a_parked_execution_is_explained() -> None:
    """As are those that run: each answer is of the moment when it was asked."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"$.n": 1}, {"signal": {"name": "go"}}, {"$.n": 2}, state={"n": 0})
            await here.settle(execution_id)
            parked = Reader(here, execution_id)
            assert parked.blame("/n", parked.head.version)["value"] == 1
            await here.ask(execution_id, Signal(now=0, name="go"))
            await here.settle(execution_id)
            ended = Reader(here, execution_id)
            assert ended.blame("/n", ended.head.version)["value"] == 2
            assert parked.step(None, "back", "write:/n") == ended.step(parked.head.version, "back", "write:/n")

    run(test())
