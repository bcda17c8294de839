"""What is measured from a log: every visit once, with its times, whatever happened around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from application import measuring_path, probing
from application.measuring_timeline import COLUMNS
from application.ports import EventLog, Recorded
from application.programs import Programs
from application.projector import Projector
from application.queries import Queries
from application.reading import PAGE, load
from application.requests import ForkRequest
from domain.commands import Cancel, Retry, RollBack, Signal
from domain.errors import ErrorInfo, NotFound, StepFailure, Unacceptable
from domain.events import AnyEvent, ChildStarted, NodeStarted
from domain.json_patch import read_operations
from domain.limits import Limits
from infrastructure.memory_log import MemoryLog
from infrastructure.memory_views import MemoryViews
from infrastructure.nodes.registry import NodeRegistry
from tests.contracts.samples import said, started
from tests.support.workflows import Script, nodes_of
from tests.support.worlds import ManualClock, World, closed_gates, held, node, run, until, world

SECOND = 1_000_000
FAULT = ValueError("not now")
ASK = {"ask": {"$node": "signal", "name": "go"}}
EACH = {"each...": {"items": "$.list", "loop?": [{"$.n": "$.n + $.currentItem"}]}}


def queries_of(log: EventLog, nodes: NodeRegistry) -> Queries:
    """The questions that can be asked of a log."""
    return Queries(log, MemoryViews(), Programs(log, nodes, Limits()), nodes)


def rows(timeline: dict[str, Any]) -> list[dict[str, Any]]:
    """The visits of a timeline."""
    columns = timeline["columns"]
    assert tuple(columns) == COLUMNS
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def told(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some columns of a visit."""
    return tuple(row[name] for name in names)


def slow(clock: ManualClock) -> Any:
    """A node that takes as many seconds as it is told, and fails if it is told so."""

    def act(context: Any, config: Any) -> Any:
        clock.time += int(config["s"] * SECOND)
        if config.get("fails"):
            raise StepFailure(ErrorInfo(code="NO", message="no"))

    return node("slow", act, inline=True)


@pytest.mark.usefixtures("every_store")
def test_times_of_visits_and_what_they_waited_for() -> None:
    """Running time and waiting time, by the clock of the log; a visit in progress has no end."""

    async def test() -> None:
        clock = ManualClock()
        nodes = nodes_of(Script(), slow(clock))
        async with world(nodes, clock=clock) as here:
            execution_id = await here.submit(
                {"slow": {"s": 2}}, ASK, {"$.x": 1}, {"again": {"$node": "signal", "name": "b"}}
            )
            await here.settle(execution_id)
            clock.time += 5 * SECOND
            await here.ask(execution_id, Signal(now=0, name="go"))
            await until(lambda: here.fold(execution_id).status == "suspended" and "x" in here.fold(execution_id).state)
            queries = queries_of(here.log, nodes)
            first, ask, setter, last = rows(queries.timeline(execution_id))
            names = ("step", "node", "durationMs", "waitingMs", "status", "waitingFor", "edge")
            assert told(first, *names) == ("slow", "slow", 2_000, 0, "completed", None, None)
            assert told(ask, *names) == ("ask", "signal", 5_000, 5_000, "completed", None, "received")
            assert told(setter, *names) == ("", "", 0, 0, "completed", None, None)
            assert told(last, *names) == ("again", "signal", None, 0, "waiting", "signal", None)
            assert ask["time"] == "2026-11-22T12:00:02.000000Z"
            assert all(row["endVersion"] > row["version"] for row in (first, ask, setter))
            assert last["endTime"] is None
            metrics = queries.metrics(execution_id)
            assert told(metrics, "durationMs", "visits", "endTime") == (7_000, 4, None)
            assert metrics["waitingMs"] == {"signal": 5_000}
            assert [told(step, "step", "count", "open") for step in metrics["steps"]] == [
                ("slow", 1, 0), ("ask", 1, 0), ("", 1, 0), ("again", 1, 1),
            ]  # fmt: skip
            assert metrics["logBytes"] == sum(each.size for each in here.log.read(execution_id)) > 0
            assert metrics["events"] == metrics["version"] == here.fold(execution_id).version

    run(test())


def test_attempts_of_a_visit_are_one_row() -> None:
    """With the wait before each further one; errors and retries are counted, of caught ones too."""

    async def test() -> None:
        nodes = nodes_of(Script({"a": [FAULT, FAULT, "x"], "b": [FAULT]}))
        async with world(nodes) as here:
            execution_id = await here.submit(
                {"a": {"$retry": {"delay": "1s", "backoff": 3}}}, {"b": {"error?": [{"$.e": 1}]}}
            )
            for seconds in (1, 3):
                await until(lambda: here.fold(execution_id).due is not None)
                due = here.fold(execution_id).due
                assert due == here.clock.time + seconds * SECOND
                here.clock.time = due
                await until(lambda due=due: here.fold(execution_id).due != due)  # type: ignore[misc]
            await here.settle(execution_id)
            queries = queries_of(here.log, nodes)
            a, b, _ = rows(queries.timeline(execution_id))
            assert told(a, "attempts", "durationMs", "waitingMs", "status") == (3, 4_000, 4_000, "completed")
            assert told(b, "attempts", "status", "edge") == (1, "error", "error")
            metrics = queries.metrics(execution_id)
            assert told(metrics, "errors", "retries", "recoveries", "walks") == (3, 2, 0, 1)
            assert metrics["waitingMs"] == {"retry": 4_000}
            by_step = {step["step"]: step for step in metrics["steps"]}
            assert told(by_step["a"], "errors", "retries") == (2, 2)

    run(test())


def test_a_crash_is_a_recovery_and_no_retry() -> None:
    """The visit goes on as one row; the time between the crash and the next attempt is a wait."""

    async def test() -> None:
        gates = closed_gates()
        nodes = nodes_of(Script(), held(gates))
        async with world(nodes) as here:
            execution_id = await here.submit("held")
            await gates["begun"].wait()
            log, clock, row = here.log, here.clock, here.row(execution_id)
        gates["go"].set()
        clock.time += 9 * SECOND
        async with world(nodes, log=log, clock=clock, unfinished=[row]) as there:
            await there.settle(execution_id)
            queries = queries_of(log, nodes)
            (visit,) = rows(queries.timeline(execution_id))
            assert told(visit, "attempts", "durationMs", "status") == (2, 9_000, "completed")
            metrics = queries.metrics(execution_id)
            assert told(metrics, "recoveries", "retries", "errors") == (1, 0, 0)

    run(test())


@pytest.mark.usefixtures("every_store")
def test_a_new_walk_begins_with_what_is_parked_there() -> None:
    """After going back the old wait's row is over, and a new one begins in the new walk; so it is after a retry."""

    async def test() -> None:
        nodes = nodes_of(Script({"a": [FAULT, "x"]}))
        async with world(nodes) as here:
            execution_id = await here.submit(ASK, "a")
            await here.settle(execution_id)
            parked = here.fold(execution_id)
            await here.ask(execution_id, Signal(now=0, name="go"))
            await until(lambda: here.fold(execution_id).status == "failed")
            await here.ask(execution_id, RollBack(now=0, target=parked, reason="once more"))
            await until(lambda: here.fold(execution_id).walk == 2)
            queries = queries_of(here.log, nodes)
            found = [told(row, "step", "walk", "visit", "status") for row in rows(queries.timeline(execution_id))]
            assert found == [("ask", 1, 1, "completed"), ("a", 1, 1, "failed"), ("ask", 2, 1, "waiting")]
            assert rows(queries.timeline(execution_id))[-1]["node"] == "signal"
            path = queries.path(execution_id)["path"]["items"]
            assert path[0]["parameters"] == {"name": "go"}
            assert path[2]["parameters"] is None
            assert "before this walk" in path[2]["unresolved"]
            walks = queries.lineage(execution_id)["walks"]
            assert [told(walk, "walk", "cause") for walk in walks] == [(1, "start"), (2, "rollback")]
            assert told(walks[1], "to", "reason") == (parked.version, "once more")
            await here.ask(execution_id, Cancel(now=0))
            assert rows(queries.timeline(execution_id))[-1]["status"] == "cancelled"

    run(test())


def test_a_retry_is_a_walk() -> None:
    """The step that failed is visited again, and both visits are told."""

    async def test() -> None:
        nodes = nodes_of(Script({"a": [FAULT, "x"]}))
        async with world(nodes) as here:
            execution_id = (await here.run("a")).id
            await here.ask(execution_id, Retry(now=0, reason="try"))
            await until(lambda: here.fold(execution_id).status == "completed")
            queries = queries_of(here.log, nodes)
            found = [told(row, "walk", "visit", "status") for row in rows(queries.timeline(execution_id))]
            assert found == [(1, 1, "failed"), (2, 1, "completed")]
            assert queries.lineage(execution_id)["walks"][1]["cause"] == "retry"
            assert queries.metrics(execution_id)["walks"] == 2

    run(test())


def test_the_critical_path_goes_through_the_branch_that_closed_last() -> None:
    """What the other branches took does not count; what comes before and behind does."""

    async def test() -> None:
        clock = ManualClock()
        nodes = nodes_of(Script(), slow(clock))
        branches = {"x?": [{"short": {"$node": "slow", "s": 1}}], "y?": [{"wait": {"for": "10s"}}]}
        async with world(nodes, clock=clock) as here:
            execution_id = await here.submit(
                {"before": {"$node": "slow", "s": 2}}, {"parallel": branches}, {"slow": {"s": 3}}
            )
            await here.settle(execution_id)
            due = here.fold(execution_id).due
            assert due is not None
            clock.time = due
            await until(lambda: here.fold(execution_id).status == "completed")
            metrics = queries_of(here.log, nodes).metrics(execution_id)
            critical = {step["step"]: step["criticalMs"] for step in metrics["steps"]}
            assert critical["short"] == 0
            assert critical["before"] == 2_000
            assert critical["slow"] == 3_000
            assert critical["wait"] == 10_000
            assert sum(critical.values()) <= metrics["durationMs"]

    run(test())


def test_figures_are_of_the_visits() -> None:
    """Count, total, average, and the one that 95 of 100 are no longer than."""

    async def test() -> None:
        clock = ManualClock()
        nodes = nodes_of(Script(), slow(clock))
        async with world(nodes, clock=clock) as here:
            loop = {"each...": {"items": "$.list", "loop?": [{"slow": {"s": "$.currentItem"}}]}}
            execution_id = (await here.run(loop, state={"list": list(range(1, 21))})).id
            metrics = queries_of(here.log, nodes).metrics(execution_id)
            by_node = {each["node"]: each for each in metrics["nodes"]}
            assert by_node["slow"]["count"] == 20
            assert by_node["slow"]["durationMs"] == {"total": 210_000, "average": 10_500, "p95": 19_000, "max": 20_000}
            assert by_node["slow"]["durationMs"] == metrics["steps"][1]["durationMs"]
            assert metrics["visits"] == sum(each["count"] for each in metrics["nodes"]) == 41

    run(test())


@pytest.mark.usefixtures("every_store")
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_follow_one_another(limit: int) -> None:
    """Every visit is on one page, with what it came to although that is behind the page; so it is with paths."""

    async def test() -> None:
        nodes = nodes_of(Script())
        branches = {"x?": ["a", ASK, "b"], "y?": ["c", {"d": {"$retry": {}}}]}
        async with world(nodes) as here:
            execution_id = await here.submit({"parallel": branches}, EACH, state={"list": [1, 2, 3], "n": 0})
            await here.settle(execution_id)
            await here.ask(execution_id, Signal(now=0, name="go"))
            await until(lambda: here.fold(execution_id).status == "completed")
            queries = queries_of(here.log, nodes)
            whole = rows(queries.timeline(execution_id))
            path = queries.path(execution_id)["path"]["items"]
            paged: list[Any] = []
            steps: list[Any] = []
            after: int | None = 0
            while after is not None:
                page = queries.timeline(execution_id, after=after, limit=limit)
                assert len(rows(page)) <= limit
                paged, after = paged + rows(page), page["next"]
            after = 0
            while after is not None:
                part = queries.path(execution_id, after=after, limit=limit)["path"]
                steps, after = steps + part["items"], part["next"]
            assert paged == whole
            assert steps == path
            assert [row["version"] for row in whole] == sorted(row["version"] for row in whole)
            assert len(whole) == here.count(execution_id, NodeStarted)

    run(test())


def test_a_path_has_the_parameters_that_nodes_ran_with() -> None:
    """Exactly those, of the last attempt; secrets stay references; a setter has its value."""

    async def test() -> None:
        script = Script({"b": [FAULT, "x"]})
        nodes = nodes_of(script)
        async with world(nodes, secrets={"PIN": "1234-5678"}) as here:
            retried = {"b": {"$retry": {"delay": 1}, "n": "$.n", "text": "n is {{ $.n }}"}}
            loop = {
                "each...": {
                    "items": "$.list",
                    "loop?": [{"$.n": "$.n + 1"}, {"a": {"n": "$.n", "of": "$.currentItem"}}],
                }
            }
            signs = {"auth": {"operation": "sign", "data": "x", "secret": {"$secret": "PIN"}}}
            execution_id = await here.submit(loop, retried, signs, state={"n": 0, "list": ["p", "q"]})
            await until(lambda: here.fold(execution_id).due is not None)
            here.clock.time += SECOND
            await until(lambda: here.fold(execution_id).status == "completed")
            items = queries_of(here.log, nodes).path(execution_id)["path"]["items"]
            ran = [item["parameters"] for item in items if item["node"] in ("a", "b")]
            assert [*script.configs[:2], script.configs[-1]] == ran
            assert [item["parameters"] for item in items if not item["node"]] == [{"$.n": 1}, {"$.n": 2}]
            (signed,) = [item for item in items if item["node"] == "auth"]
            assert signed["parameters"]["secret"] == {"$secret": "PIN"}
            assert "1234-5678" not in str(items)

    run(test())


def test_a_path_without_the_nodes() -> None:
    """The visits are told all the same, and why their parameters are not."""

    async def test() -> None:
        odd = node("odd", lambda context, config: None)
        async with world(nodes_of(Script(), odd)) as here:
            execution_id = (await here.run({"odd": {"x": 1}})).id
            (item,) = queries_of(here.log, nodes_of(Script())).path(execution_id)["path"]["items"]
            assert told(item, "step", "node", "parameters") == ("odd", "odd", None)
            assert item["unresolved"] == measuring_path.NO_PROGRAM

    run(test())


def test_parameters_that_could_not_be_resolved() -> None:
    """Are none, with the error."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            execution_id = (await here.run({"a": {"x": "$.missing"}})).id
            (item,) = queries_of(here.log, nodes).path(execution_id)["path"]["items"]
            assert item["parameters"] is None
            assert item["unresolved"].startswith("UNDEFINED_REFERENCE: ")

    run(test())


def test_a_page_of_a_path_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the visit that goes past it, and the next page goes on there."""
    monkeypatch.setattr(measuring_path, "PATH_BYTES", 1_000)

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            execution_id = (await here.run(*[{"a": {"x": "$.text"}}] * 4, state={"text": "t" * 600})).id
            queries = queries_of(here.log, nodes)
            page = queries.path(execution_id)["path"]
            assert len(page["items"]) == 2
            rest = queries.path(execution_id, after=page["next"])["path"]
            assert (len(rest["items"]), rest["next"]) == (2, None)

    run(test())


@pytest.mark.usefixtures("every_store")
def test_a_probe_sees_each_version_as_it_was() -> None:
    """A line for each version; with `change` the first one and those where it is another value."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            execution_id = (await here.run(EACH, state={"list": [1, 0, 5], "n": 0})).id
            queries = queries_of(here.log, nodes)
            lines = list(queries.probe(execution_id, "$.n * 2"))
            events = here.log.read(execution_id)
            assert [line["version"] for line in lines] == [each.version for each in events]
            states = [load(here.log, execution_id, upto=each.version).state for each in events]
            assert [line["value"] for line in lines] == [state["n"] * 2 for state in states]
            changes = list(queries.probe(execution_id, "{{ $.n * 2 }}", every="change"))
            assert [line["value"] for line in changes] == [0, 2, 12]
            assert changes == [
                line for before, line in pairwise([{"value": None}, *lines]) if before["value"] != line["value"]
            ]
            part = list(queries.probe(execution_id, "$.n", from_=changes[1]["version"], to="head~1"))
            assert [part[0]["version"], part[-1]["version"]] == [changes[1]["version"], len(events) - 1]

    run(test())


def test_a_probe_sees_what_a_setter_sees() -> None:
    """`input`, `output`, `loop`, `execution`; what is missing is an error in its line, and `1` is not `true`."""

    async def test() -> None:
        nodes = nodes_of(Script({"a": [("x", {"k": 1})]}))
        async with world(nodes) as here:
            loop = {"each...": {"items": [7], "loop?": [{"$.seen": True}]}}
            execution_id = (await here.run("a", {"$.seen": 1}, loop)).id
            queries = queries_of(here.log, nodes)

            def gives(expr: str) -> list[Any]:
                lines = queries.probe(execution_id, expr, every="change")
                return [line["value"] if "value" in line else line["error"]["code"] for line in lines]

            assert gives("$.seen") == ["UNDEFINED_REFERENCE", 1, True]
            assert gives("output.a.k") == ["UNDEFINED_REFERENCE", 1]
            assert gives("input.k | default(0)")[:2] == [0, 1]
            assert gives("loop.item")[:2] == ["UNDEFINED_REFERENCE", 7]
            assert gives("execution.id") == [execution_id]
            assert gives("range(20000) | length > 1") == [True]
            assert gives("range(99999)") == ["EXPRESSION_ERROR"]

    run(test())


def test_a_probe_that_can_not_be() -> None:
    """Is refused before the first line, with its place."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            execution_id = (await here.run("a")).id
            queries = queries_of(here.log, nodes)
            for expr, offset in (("$.n +", 5), ("{{ $.n | uper }}", 9), ("", 0), ("  lup.x", 2)):
                with pytest.raises(Unacceptable) as refused:
                    queries.probe(execution_id, expr)
                (place,) = refused.value.details
                assert (place.code, place.path, place.offset) == ("INVALID_EXPRESSION", "?expr", offset)
            for first, last in (("4", "3"), ("0", None), ("x", None), (None, "99")):
                with pytest.raises(Unacceptable) as refused:
                    queries.probe(execution_id, "$", from_=first, to=last)
                assert refused.value.code == "INVALID_VERSION"
            with pytest.raises(NotFound):
                queries.probe("nobody", "$")

    run(test())


def test_whoever_reads_a_probe_can_stop_at_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches come although no line does, and nothing is read on once nobody asks for the next."""
    monkeypatch.setattr(probing, "BATCH_S", 0.0)
    log = CountingLog()
    _fill(log, 3 * PAGE)
    batches = queries_of(log, nodes_of(Script())).probe_batches("e", "1", every="change")
    assert [len(next(batches)) for _ in range(5)] == [1, 0, 0, 0, 0]
    assert log.held <= PAGE
    assert sum(map(len, batches)) == 0


class CountingLog(MemoryLog):
    """Counts the events that it gives at once, and in all."""

    held = 0
    told = 0

    def read(
        self,
        stream: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """As ever."""
        found = super().read(stream, after=after, upto=upto, limit=limit, newest_first=newest_first)
        self.held, self.told = max(self.held, len(found)), self.told + len(found)
        return found


def _fill(log: EventLog, count: int) -> None:
    from application.ports import Append

    events: list[AnyEvent] = [started(), *(said(index) for index in range(1, count))]
    log.append([Append(stream="e", after=0, events=tuple(events))])


def test_a_long_history_is_never_in_memory_whole() -> None:
    """Whatever is asked of it, it is read page by page; a page of its path needs no more than that page."""

    async def test() -> None:
        log = CountingLog()
        nodes = nodes_of(Script())
        async with world(nodes, log=log) as here:
            loop = {"each...": {"items": "$.list", "loop?": [{"$.n": "$.n + 1"}]}}
            execution_id = (await here.run(loop, state={"n": 0, "list": [0] * 900})).id
        version = log.version(execution_id)
        assert version > 8 * PAGE
        queries = queries_of(log, nodes)
        queries.fold(execution_id)
        log.held = 0
        assert len(rows(queries.timeline(execution_id, limit=5_000))) == 1_801
        assert queries.metrics(execution_id)["visits"] == 1_801
        assert sum(1 for _ in queries.probe(execution_id, "$.n")) == version
        assert queries.compare(execution_id, execution_id)["same"] == 1_801
        assert queries.lineage(execution_id)["descendants"] == []
        assert 0 < log.held <= PAGE
        log.told = 0
        assert len(queries.path(execution_id, limit=10)["path"]["items"]) == 10
        assert len(rows(queries.timeline(execution_id, limit=10))) == 10
        assert log.told < 4 * PAGE

    run(test())


@pytest.mark.usefixtures("every_store")
def test_a_lineage_is_a_tree() -> None:
    """From the outermost parent down to the children of children, each with its status and the visit that runs it."""

    async def test() -> None:
        nodes = nodes_of(Script())
        inner = {"id": "inner", "name": "Inner", "version": "1.0.0", "workflow": [ASK]}
        outer = {
            "id": "outer", "name": "Outer", "version": "1.0.0",
            "workflow": [{"low": {"$node": "run-workflow", "definition": inner}}],
        }  # fmt: skip
        async with world(nodes) as here:
            top = await here.submit(
                {
                    "each...": {
                        "items": [1, 2],
                        "$concurrency": 2,
                        "loop?": [{"run": {"$node": "run-workflow", "definition": outer}}],
                    }
                }
            )
            await here.settle(top)
            children = [event.child for event in here.events(top) if isinstance(event, ChildStarted)]
            for child in children:
                await here.settle(child)
            grandchildren = [
                event.child for child in children for event in here.events(child) if isinstance(event, ChildStarted)
            ]
            for each in grandchildren:
                await here.settle(each)
            queries = queries_of(here.log, nodes)
            tree = queries.lineage(top)
            assert [each["executionId"] for each in tree["descendants"]] == children
            assert {each["status"] for each in tree["descendants"]} == {"suspended"}
            both = sorted(
                told(each, "relation", "visit", "walk") for each in tree["descendants"]
            )  # whichever was first
            assert both == [("child", 1, 1), ("child", 2, 1)]
            below = [each["executionId"] for child in tree["descendants"] for each in child["descendants"]]
            assert below == grandchildren
            low = queries.lineage(grandchildren[0])
            assert [each["executionId"] for each in low["ancestors"]] == [top, children[0]]
            assert [each["address"].rpartition("/")[2] for each in low["ancestors"]] == ["run", "low"]
            assert queries.lineage(top, depth=1)["descendants"][0]["descendants"] is None
            few = queries.lineage(top, limit=1)
            assert [each["executionId"] for each in few["descendants"]] == children[:1]
            rest = queries.lineage(top, after=few["next"], limit=1)
            assert [each["executionId"] for each in rest["descendants"]] == children[1:]
            assert rest["next"] is None

    run(test())


def compared(left: Sequence[Any], right: Sequence[Any], **script: Any) -> dict[str, Any]:
    """Two executions of these steps, or of the same on two states, side by side."""
    found: list[dict[str, Any]] = []

    async def test() -> None:
        nodes = nodes_of(Script(script))
        async with world(nodes) as here:
            ids = [(await here.run(*steps, state=state)).id for steps, state in (left, right)]
            found.append(queries_of(here.log, nodes).compare(*ids))

    run(test())
    return found[0]


def test_two_that_are_alike() -> None:
    """Have no divergence, and no patch."""
    steps = [EACH, "a"]
    state = {"n": 0, "list": [1, 2]}
    same = compared((steps, state), (steps, state))
    assert told(same, "divergence", "parting", "ahead", "patch", "initialPatch", "sameDefinition") == (
        None, None, None, [], [], True,
    )  # fmt: skip
    assert same["same"] == 6


def test_values_that_differ_on_the_same_way() -> None:
    """The first visit that wrote something else is the divergence; the ways never part."""
    both = compared(([EACH, "a"], {"n": 0, "list": [1, 2]}), ([EACH, "a"], {"n": 0, "list": [1, 3]}))
    assert both["parting"] is None
    first = both["divergence"]
    assert first["differences"] == ["output", "patch"]
    assert [first[side]["output"]["item"] for side in ("left", "right")] == [2, 3]
    assert both["same"] == 4
    assert both["initialPatch"] == [{"op": "replace", "path": "/list/1", "value": 3}]
    assert {"op": "replace", "path": "/n", "value": 4} in both["patch"]


def test_ways_that_part() -> None:
    """At the edge that differs, with where each led."""
    steps = [{"logic": {"operation": "and", "values": ["$.go"], "true?": [{"$.x": 1}], "false?": [{"$.y": 1}]}}, "a"]
    both = compared((steps, {"go": True}), (steps, {"go": False}))
    parting = both["parting"]
    assert parting["address"] == "/workflow/0/logic"
    assert {"edge", "target"} <= set(parting["differences"])
    assert [parting[side]["edge"] for side in ("left", "right")] == ["true", "false"]
    assert both["divergence"] == parting
    assert both["ahead"] is None


def test_a_node_that_came_out_otherwise() -> None:
    """An error against an edge; the error is told."""
    both = compared((["a", "b"], {}), (["a", "b"], {}), b=[("x", 1), FAULT])
    parting = both["parting"]
    assert (parting["address"], parting["left"]["edge"], parting["right"]["status"]) == ("/workflow/1", "x", "failed")
    assert parting["right"]["error"]["message"] == "not now"
    assert parting["left"]["output"] == 1
    assert both["same"] == 1


def test_other_definitions() -> None:
    """Are aligned by address and pass, as far as they go."""
    both = compared((["a", "b", "c"], {}), (["a", "c"], {}))
    assert not both["sameDefinition"]
    assert both["parting"]["differences"] == ["step"]
    assert [both["parting"][side]["node"] for side in ("left", "right")] == ["b", "c"]
    assert both["same"] == 1


def test_branches_are_aligned_each_for_itself() -> None:
    """Another order of the same steps beside one another is no difference."""

    async def test() -> None:
        gates = {name: asyncio.Event() for name in "xy"}

        async def hold(context: Any, config: Any) -> Any:
            await gates[config["gate"]].wait()

        nodes = nodes_of(Script(), node("gated", hold))
        branches = {"x?": [{"gated": {"gate": "x"}}, "a"], "y?": [{"gated": {"gate": "y"}}, "b"]}
        async with world(nodes) as here:
            ids = []
            for order in ("xy", "yx"):
                execution_id = await here.submit({"parallel": branches})
                ids.append(execution_id)
                for count, name in enumerate(order, start=1):
                    gates[name].set()
                    await until(lambda count=count, one=execution_id: _closed(here, one) >= count)  # type: ignore[misc]
                await here.settle(execution_id)
                for gate in gates.values():
                    gate.clear()
            queries = queries_of(here.log, nodes)
            orders = [rows(queries.timeline(each)) for each in ids]
            assert [row["endVersion"] for row in orders[0]] != [row["endVersion"] for row in orders[1]]
            both = queries.compare(*ids)
            assert told(both, "divergence", "ahead", "same") == (None, None, 5)

    run(test())


def _closed(here: World, execution_id: str) -> int:
    return sum(type(event).__name__ == "BranchClosed" for event in here.events(execution_id))


@pytest.mark.usefixtures("every_store")
def test_versions_of_one_execution() -> None:
    """The later is ahead of the earlier, at the visit that the earlier has not come to."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            execution_id = await here.submit("a", {"$.x": 1}, ASK, "b")
            await here.settle(execution_id)
            queries = queries_of(here.log, nodes)
            a, setter, _ = rows(queries.timeline(execution_id))
            both = queries.compare(f"{execution_id}@{a['endVersion']}", f"{execution_id}@head")
            assert told(both, "divergence", "parting", "same") == (None, None, 1)
            assert told(both["ahead"], "side", "visits") == ("right", 1)
            assert both["ahead"]["next"]["version"] == setter["version"]
            assert both["patch"] == [{"op": "add", "path": "/x", "value": 1}]
            for name in ("nobody", "nobody@1"):
                with pytest.raises(NotFound):
                    queries.compare(execution_id, name)
            with pytest.raises(Unacceptable):
                queries.compare(f"{execution_id}@99", execution_id)

    run(test())


def test_two_that_are_too_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are not compared beyond a bound: that is told, with what to do."""
    monkeypatch.setattr("application.comparing.MOST_APART", 10)

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            short = (await here.run("a")).id
            long = (await here.run(EACH, state={"n": 0, "list": [1] * 50})).id
            with pytest.raises(Unacceptable, match="too far apart"):
                queries_of(here.log, nodes).compare(f"{short}@1", long)

    run(test())


async def forked(here: World, queries: Queries, execution_id: str, at: str, n: int | None = None) -> str:
    """A fork that has come to rest; with another `n` in its state, if that is given."""
    edit = [{"op": "replace", "path": "/n", "value": n}] if n is not None else []
    plan = queries.forks.plan(ForkRequest(source=execution_id, at=at, operations=read_operations(edit)))
    fork = (await here.engine.fork(plan)).execution_id
    await here.settle(fork)
    return fork


def listed(queries: Queries, log: EventLog) -> None:
    """Bring the lists up to the log."""
    Projector(log, queries._views).catch_up()


@pytest.mark.usefixtures("every_store")
def test_forks_are_relations_too() -> None:
    """Below what they were forked off, at the version that was, and with their source above; their first walk is a fork."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            source = (await here.run("a", {"$.x": "$.n"}, "b", state={"n": 1})).id
            setter = rows(queries.timeline(source))[1]["version"]
            first = await forked(here, queries, source, str(setter - 1), n=2)
            second = await forked(here, queries, first, "head")
            listed(queries, here.log)
            tree = queries.lineage(source)
            (below,) = tree["descendants"]
            assert told(below, "relation", "executionId", "at", "walk") == ("fork", first, setter - 1, 1)
            assert [each["executionId"] for each in below["descendants"]] == [second]
            leaf = queries.lineage(second)
            assert [told(each, "relation", "executionId") for each in leaf["ancestors"]] == [
                ("source", source), ("source", first),
            ]  # fmt: skip
            assert leaf["walks"][0]["cause"] == "fork"
            assert [row["step"] for row in rows(queries.timeline(first))] == ["", "b"]
            assert [line["value"] for line in queries.probe(first, "$.x", every="change", from_="head")] == [2]

    run(test())


@pytest.mark.usefixtures("every_store")
def test_a_fork_beside_its_source() -> None:
    """What they share is alike; they differ where the fork's edit shows, and in nothing without one."""

    async def test() -> None:
        nodes = nodes_of(Script())
        async with world(nodes) as here:
            queries = queries_of(here.log, nodes)
            source = (await here.run("a", {"$.x": "$.n"}, EACH, "b", state={"n": 1, "list": [1, 2]})).id
            a, setter = rows(queries.timeline(source))[:2]
            plain = await forked(here, queries, source, str(a["endVersion"]))
            edited = await forked(here, queries, source, str(a["endVersion"]), n=2)
            both = queries.compare(source, plain)
            assert told(both, "divergence", "ahead", "patch", "same") == (None, None, [], 8)
            both = queries.compare(source, edited)
            assert told(both, "parting", "same", "initialPatch") == (None, 5, [])
            assert both["divergence"]["address"] == setter["address"]
            assert [both["divergence"][side]["executionId"] for side in ("left", "right")] == [source, edited]
            assert {op["path"]: op["value"] for op in both["patch"]}["/x"] == 2
            assert queries.compare(plain, edited)["divergence"]["address"] == setter["address"]

    run(test())
