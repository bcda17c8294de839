"""Blame, step and timeline of a fork of a fork that go on into its sources, held against who reads every event of all."""

from __future__ import annotations

from typing import Any

import pytest

from application.ports import Recorded
from application.queries import Queries
from application.reading import execution_event
from application.requests import ForkRequest, Submission
from domain.changes import patch_of, touches
from domain.errors import Unacceptable
from domain.events import EdgeTaken, ExecutionForked, NodeFailed, NodeStarted
from domain.json_patch import read_operations
from domain.patches import ABSENT, find
from tests.application.test_measuring import queries_of
from tests.support.workflows import Script, nodes_of, workflow
from tests.support.worlds import World, run, world

pytestmark = pytest.mark.usefixtures("every_store")

STATE = {"n": 0, "order": {"total": 1}}
STEPS: tuple[Any, ...] = (
    {"range...": {"stop": 3, "loop?": [{"$.n": "$.n + 1"}, "a"]}},
    {"ask": {"$node": "signal", "name": "go"}},
    {"$.order.total": "$.n"},
)
POINTERS = ("", "/n", "/order", "/order/total", "/late", "/nowhere")


async def fork(here: World, queries: Queries, source: str, at: str, *operations: Any, name: str) -> str:
    """A fork that has come to rest."""
    asked = ForkRequest(source=source, at=at, operations=read_operations(list(operations)), execution_id=name)
    await here.engine.fork(queries.forks.plan(asked))
    await here.settle(name)
    return name


class Reader:
    """Reads whole histories: those of `SOURCE`, a fork of it with an edit, and one of that without; all of one lineage."""

    def __init__(self, here: World, queries: Queries, names: list[str]) -> None:
        self.names = names
        self.queries = queries
        self.events: list[Recorded] = []
        for name, following in zip(names, [*names[1:], None], strict=True):
            cut = here.log.read(following, limit=1)[0].event if following else None
            assert cut is None or isinstance(cut, ExecutionForked)
            self.events += here.log.read(name, upto=cut.source.version if cut else None)

    def value(self, place: int, pointer: str) -> Any:
        """What is at a pointer behind so many events."""
        if not place:
            return ABSENT
        recorded = self.events[place - 1]
        return find(self.queries.state(recorded.stream, recorded.version)["state"], pointer)

    def writes(self, pointer: str, upto: int) -> list[int]:
        """The places of the events up to one that write a pointer, newest first."""
        return [
            place
            for place in range(upto, 0, -1)
            if any(touches(op.path, pointer) for op in patch_of(execution_event(self.events[place - 1])))
        ]

    def at(self, place: int) -> str:
        """How a place is asked for."""
        recorded = self.events[place - 1]
        return f"{recorded.stream}@{recorded.version}"

    def name(self, place: int) -> tuple[str, int]:
        """Whose event it is, and which."""
        recorded = self.events[place - 1]
        return recorded.stream, recorded.version


async def lineage(here: World, queries: Queries) -> Reader:
    """A loop that a fork was cut into, with an edit, and another one off that where it had parked."""
    await here.engine.submit(Submission(definition=workflow(*STEPS, state=STATE), execution_id="source"))
    await here.settle("source")
    passes = [recorded.version for recorded in here.log.read("source") if isinstance(recorded.event, NodeStarted)]
    edit = ({"op": "replace", "path": "/n", "value": 10}, {"op": "add", "path": "/late", "value": "now"})
    await fork(here, queries, "source", str(passes[3]), *edit, name="first")
    await fork(here, queries, "first", "head", name="second")
    return Reader(here, queries, ["source", "first", "second"])


def is_same(told: dict[str, Any], key: str, value: Any) -> bool:
    """Whether a value is told, or left out because there is none."""
    return key not in told if value is ABSENT else told[key] == value


def test_every_blame_goes_on_into_the_sources() -> None:
    """At every version of each: the writers in order, each with its execution, and the values around each."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            reader = await lineage(here, queries)
            for pointer in POINTERS:
                for place in range(1, len(reader.events) + 1):
                    told = queries.blame("second", pointer, reader.at(place), lineage=True)
                    writes = [each for each in (told["written"], *told["earlier"]) if each is not None]
                    expected = reader.writes(pointer, place)
                    found = [(each["executionId"], each["version"]) for each in writes]
                    assert found == [reader.name(each) for each in expected], (pointer, place)
                    assert (told["executionId"], told["at"]) == reader.name(place)
                    assert told["next"] is None
                    assert is_same(told, "value", reader.value(place, pointer)), (pointer, place)
                    for each, write in zip(expected, writes, strict=True):
                        assert is_same(write, "value", reader.value(each, pointer))
                        assert is_same(write, "old", reader.value(each - 1, pointer))

    run(test())


def test_a_blame_without_lineage_stays_in_the_fork() -> None:
    """What it has of its source it began with."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            await lineage(here, queries)
            told = queries.blame("second", "/order/total")
            assert (told["written"]["version"], told["written"]["type"]) == (1, "ExecutionForked")
            assert "executionId" not in told and "executionId" not in told["written"]
            assert queries.blame("second", "/order/total", lineage=True)["written"]["executionId"] == "source"

    run(test())


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_pages_of_a_blame_follow_one_another(limit: int) -> None:
    """`next` is what to ask the same execution at, also across the cuts."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            reader = await lineage(here, queries)
            seen: list[Any] = []
            at: Any = None
            while at is not None or not seen:
                page = queries.blame("second", "/n", at, limit=limit, lineage=True)
                seen += [page["written"], *page["earlier"]]
                at = page["next"]
            whole = queries.blame("second", "/n", lineage=True)
            assert seen == [whole["written"], *whole["earlier"]]
            assert {each["executionId"] for each in seen} == {"source", "first"}
            assert len(seen) == len(reader.writes("/n", len(reader.events))) > 3

    run(test())


MEANT: dict[str, Any] = {
    "event": lambda event: True,
    "node": lambda event: isinstance(event, NodeStarted),
    "visit": lambda event: isinstance(event, EdgeTaken | NodeFailed),
    "write:/n": lambda event: any(touches(op.path, "/n") for op in patch_of(event)),
    "error": lambda event: False,
}


@pytest.mark.parametrize("by", MEANT)
def test_every_step_goes_on_into_the_sources(by: str) -> None:
    """From each version back and forward: the nearest event of the whole lineage, with its execution."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            reader = await lineage(here, queries)
            meant = [MEANT[by](execution_event(each)) for each in reader.events]
            last = len(meant)
            for place in range(1, last + 1):
                for dir, places in (("back", range(place - 1, 0, -1)), ("forward", range(place + 1, last + 1))):
                    told = queries.step("second", reader.at(place), dir=dir, by=by, lineage=True)  # type: ignore[arg-type]
                    found = next((each for each in places if meant[each - 1]), None)
                    if found is None:
                        assert told == {"executionId": None, "version": None, "event": None}, (place, dir)
                        continue
                    assert (told["executionId"], told["version"]) == reader.name(found), (place, dir)
                    events = queries.events("second", after=found - 1, limit=1, lineage=True)["items"]
                    assert [told["event"]] == events
            assert queries.step("second", "1", by=by)["version"] is None

    run(test())


def test_a_version_of_what_does_not_lead_there() -> None:
    """Is refused: of another execution, behind the cut, or without its lineage."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            await lineage(here, queries)
            cut = here.log.read("first", limit=1)[0].event
            assert isinstance(cut, ExecutionForked)
            behind = cut.source.version + 1
            for name, at, words in (
                ("second", "nobody@1", "source, first, second"),
                ("first", "second@1", "source, first"),
                ("second", f"source@{behind}", f"1 to {behind - 1}"),
                ("second", "source@zz", "names no version"),
            ):
                with pytest.raises(Unacceptable, match=words) as refused:
                    queries.step(name, at, lineage=True)
                assert refused.value.code == "INVALID_VERSION"
            with pytest.raises(Unacceptable):
                queries.blame("second", "/n", "source@1")
            told = queries.step("second", "source@head", lineage=True)
            assert (told["executionId"], told["version"]) == ("source", behind - 2)

    run(test())


def told(columns: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of a timeline, as rows."""
    return list(zip(*(columns[name] for name in names), strict=True))


def test_a_timeline_begins_with_the_visits_of_the_sources() -> None:
    """Each as in its own execution up to the cut, where what was open ends."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            reader = await lineage(here, queries)
            whole = queries.timeline("second", lineage=True)
            columns = whole["columns"]
            assert list(dict.fromkeys(columns["execution"])) == reader.names
            assert (whole["version"], whole["next"]) == (queries.fold("second").version, None)
            own = queries.timeline("second")["columns"]
            count = len(own["version"])
            assert {name: values[-count:] for name, values in columns.items() if name != "execution"} == own
            found = told(columns, "execution", "step", "visit", "status")
            cuts = [row for row in found if row[3] == "cancelled"]
            asked = [row for row in found if row[1] == "ask"]
            assert asked == [("first", "ask", 1, "cancelled"), ("second", "ask", 1, "waiting")]
            assert {row[0] for row in cuts} == {"source", "first"}
            open_in = {name for name, end in told(columns, "execution", "endVersion") if end is None}
            assert open_in == {"second"}
            until = queries.timeline("source")["columns"]["version"]
            shared = [version for name, version in told(columns, "execution", "version") if name == "source"]
            assert shared == until[: len(shared)]

    run(test())


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_of_a_timeline_follow_one_another(limit: int) -> None:
    """`after` and `next` count all events, across the cuts."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            await lineage(here, queries)
            whole = queries.timeline("second", lineage=True)["columns"]
            seen: dict[str, list[Any]] = {name: [] for name in whole}
            after: int | None = 0
            while after is not None:
                page = queries.timeline("second", after=after, limit=limit, lineage=True)
                for name, values in page["columns"].items():
                    seen[name] += values
                after = page["next"]
            assert seen == whole

    run(test())
