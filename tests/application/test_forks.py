"""Forks with an engine: begun durably, folded from their source's checkpoints, and left alone by what becomes of it."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from application.folds import Folds
from application.forking import Forks
from application.ports import Append, EventLog, StoreUnavailable
from application.programs import Programs
from application.publications import Publications
from application.reading import load
from application.requests import Accepted, ForkRequest, Submission
from application.service import Service
from application.summaries import summarise
from domain.commands import Cancel, Signal
from domain.completions import end_of_completion
from domain.errors import Unacceptable
from domain.events import (
    ChildObserved,
    ChildStarted,
    CommandKey,
    ExecutionForked,
    StateEdited,
)
from domain.patches import Op
from infrastructure.chain import broken_link
from infrastructure.memory_checkpoints import MemoryCheckpoints
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.registry import NodeRegistry
from tests.support import worlds
from tests.support.engines import service_on
from tests.support.workflows import Script, nodes_of, workflow
from tests.support.worlds import FailingLog, World, node, run, world

LOOP = ({"each...": {"items": [1, 2, 3], "loop?": ["a", {"$.n": "$.n + $.currentItem"}]}}, {"$.n": "$.n * 10"})


async def fork(w: World, source: str, **asked: Any) -> Accepted:
    """A fork that is begun."""
    return await w.engine.fork(planner(w).plan(ForkRequest(source=source, **asked)))


def planner(w: World) -> Forks:
    """What plans forks on a world's log."""
    nodes: Any = w.engine._driver._nodes
    programs = Programs(w.log, nodes, w.engine.settings.limits)
    return Forks(
        w.log,
        Folds(w.log),
        programs,
        Publications(w.log, programs, nodes),
        nodes=nodes,
        head_of=lambda name: load(w.log, name),
        version_at=lambda head, at: int(at),
    )


def test_a_fork_runs_and_its_source_is_untouched(every_store: None) -> None:
    """At every version: it ends as its source did, its row is that of its fold, and nothing of the source has changed."""
    del every_store

    async def test() -> None:
        async with world(nodes_of(Script())) as w:
            source = (await w.run(*LOOP, state={"n": 0})).id
            before = w.log.read(source)
            for version in range(1, len(before) + 1, 3):
                accepted = await fork(w, source, at=str(version))
                forked = await w.settle(accepted.execution_id)
                assert (forked.status, forked.state) == ("completed", w.fold(source).state)
                row = w.row(forked.id)
                assert (row.source, row.status, row.version) == (source, "completed", forked.version)
            assert w.log.read(source) == before

    run(test())


def test_a_fork_that_waits_is_woken(every_store: None) -> None:
    """Its timer is its own, whether its engine has seen it begin or only finds it in the lists."""
    del every_store

    async def test() -> None:
        log, clock = worlds.new_log(), worlds.ManualClock()
        async with world(nodes_of(Script()), log=log, clock=clock) as w:
            source = (await w.run({"wait": {"for": "1m"}}, "a")).id
            clock.time += worlds.MINUTE // 2
            first = (await fork(w, source)).execution_id
            second = (await fork(w, source)).execution_id
            assert w.row(first).due == clock.time + worlds.MINUTE
            clock.time += worlds.MINUTE
            for name in (source, first):
                await worlds.until(lambda name=name: w.fold(name).status == "completed")  # type: ignore[misc]
            rows = [w.row(second)]
            assert w.fold(second).status in ("suspended", "completed")
        async with world(nodes_of(Script()), log=log, clock=clock, unfinished=rows) as w:
            await worlds.until(lambda: w.fold(second).status == "completed")

    run(test())


def test_effects_happen_under_keys_of_their_own() -> None:
    """What a node with an effect did in the source, it does again in the fork, under another idempotency key."""
    keys: list[str] = []

    async def test() -> None:
        charge = node("charge", lambda context, config: keys.append(context.idempotency_key), effect="writes")
        async with world(nodes_of(Script(), charge)) as w:
            source = (await w.run("charge", "a")).id
            await w.settle((await fork(w, source, at="1")).execution_id)

    run(test())
    assert len(keys) == len(set(keys)) == 2


def test_a_fork_whose_commit_was_doubtful_goes_on_all_the_same() -> None:
    """If the log has it, somebody looks, and takes it up."""

    async def test() -> None:
        log = FailingLog()
        async with world(nodes_of(Script()), log=log) as w:
            source = (await w.run("a", "b")).id
            log.failures, log.doubtful = 1, True
            with pytest.raises(StoreUnavailable):
                await fork(w, source, at="1", execution_id="forked")
            await worlds.until(lambda: bool(w.log.version("forked")) and w.fold("forked").status == "completed")

    run(test())


def test_a_fork_that_was_cut_short_by_a_crash_is_recovered() -> None:
    """At every cut of its history, as any other execution: it is folded from its source again."""

    async def test() -> None:
        log = MemoryLog()
        async with world(nodes_of(Script()), log=log) as w:
            source = (await w.run(*LOOP, state={"n": 0})).id
            name = (await fork(w, source, at="9")).execution_id
            whole = await w.settle(name)
            everything = log.follow(0, 10_000)
        own = [recorded for recorded in everything if recorded.stream == name]
        history = [recorded.event for recorded in own]
        for cut in range(1, len(own)):
            if end_of_completion(cut, history[cut - 1 :]) != cut:  # type: ignore[arg-type]
                continue  # what was decided at once is recorded at once
            left = MemoryLog()
            for recorded in everything:
                if recorded.stream != name or recorded.version <= cut:
                    append = Append(stream=recorded.stream, after=recorded.version - 1, events=(recorded.event,))
                    left.append([append])
            row = None
            for recorded in left.read(name):
                row = summarise(row, recorded)
            assert row is not None
            async with world(nodes_of(Script()), log=left, unfinished=[row]) as w:
                again = await w.settle(name)
                assert (again.status, again.state) == (whole.status, whole.state)

    run(test())


CHILD: dict[str, Any] = {**workflow("b", {"$.result": 7}), "id": "child"}


def test_children_of_the_source_are_taken_or_begun_again() -> None:
    """The result of one that has completed is taken; one that runs is begun again, and the source keeps its own."""
    script = Script()
    with service_on(MemoryLog(), nodes_of(script)) as service:
        steps = ({"runWorkflow": {"definition": CHILD}}, {"signal": {"name": "go"}})
        source = started(service, *steps)
        version = version_of(service, source, ChildStarted)
        for policy, runs in (("reuse", 0), ("restart", 1)):
            before = script.ran.count("b")
            name = forked(service, source, at=str(version), children=policy)
            assert service.queries.fold(name).state["runWorkflowResult"] == 7
            assert script.ran.count("b") - before == runs
        parked = {**workflow({"signal": {"name": "child"}}), "id": "parked"}
        waiting = started(service, {"runWorkflow": {"definition": parked}})
        [child] = children(service, waiting)
        name = forked(service, waiting)
        [own] = children(service, name)
        assert own != child
        service.command_and_wait(name, Cancel(now=0))
        assert service.wait_settled(own, 10)
        assert service.queries.fold(own).status == "cancelled"
        assert service.queries.fold(child).status == "suspended"
        assert not any(isinstance(event, ChildObserved) for event in events(service, waiting))


def started(service: Service, *steps: Any, **more: Any) -> str:
    """An execution of these steps, at rest."""
    name = service.submit_and_wait(Submission(definition=workflow(*steps, **more))).execution_id
    assert service.wait_settled(name, 10)
    return name


def forked(service: Service, source: str, **asked: Any) -> str:
    """A fork, at rest."""
    name = service.fork_and_wait(ForkRequest(source=source, **asked)).execution_id
    assert service.wait_settled(name, 10)
    return name


def events(service: Service, name: str) -> list[Any]:
    """Its events."""
    return [recorded.event for recorded in service.queries._log.read(name)]


def version_of(service: Service, name: str, kind: type) -> int:
    """The version of its first event of a kind."""
    return next(at for at, event in enumerate(events(service, name), start=1) if isinstance(event, kind))


def children(service: Service, name: str) -> list[str]:
    """The children that it has begun."""
    return [event.child for event in events(service, name) if isinstance(event, ChildStarted)]


def test_a_fork_of_a_running_execution_goes_on_beside_it() -> None:
    """It is cut at the newest durable version; both end."""
    with service_on(MemoryLog(), nodes_of(Script())) as service:
        source = started(service, {"signal": {"name": "go"}}, "a")
        name = service.fork_and_wait(ForkRequest(source=source)).execution_id
        service.command_and_wait(source, Signal(now=0, name="go"))
        assert service.wait_settled(source, 10)
        assert service.queries.fold(source).status == "completed"
        assert service.queries.fold(name).status == "suspended"


def test_the_same_key_is_the_same_fork_whatever_has_become_of_it() -> None:
    """It is answered before anything is planned: the place may not even be there any more."""
    with service_on(MemoryLog(), nodes_of(Script())) as service:
        source = started(service, {"signal": {"name": "go"}}, "a")
        asked = ForkRequest(source=source, key=CommandKey(key="k", request="r"))
        first = service.fork_and_wait(asked)
        service.command_and_wait(first.execution_id, Signal(now=0, name="go"))
        assert service.wait_settled(first.execution_id, 10)
        again = service.fork_and_wait(asked)
        assert (again.execution_id, again.status, again.replayed) == (first.execution_id, "suspended", True)
        other = ForkRequest(source=source, key=CommandKey(key="k", request="another"))
        with pytest.raises(Unacceptable) as refused:
            service.fork_and_wait(other)
        assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"


# -- a long history ------------------------------------------------------------------------------------------------------

LONG = 100_000 if os.environ.get("CLEW_TORTURE") == "1" else 20_000


class Counting(MemoryLog):
    """A log that counts the events that are read of a stream, and outlives the services on it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: dict[str, int] = {}

    def read(self, stream: str, **asked: Any) -> Any:
        """As ever."""
        found = super().read(stream, **asked)
        self.reads[stream] = self.reads.get(stream, 0) + len(found)
        return found

    def close(self) -> None:
        """Not yet."""


def long_history(log: EventLog, nodes: NodeRegistry, count: int) -> str:
    """An execution with many events, at rest: its first loop has turned many times."""
    with service_on(log, nodes) as service:
        name = started(
            service, {"while...": {"condition": "$.n < 3", "loop?": ["a"]}}, {"signal": {"name": "go"}}, state={"n": 9}
        )
    version, now = log.version(name), log.read(name)[-1].event.time
    for base in range(version, count, 500):
        made = tuple(
            StateEdited(time=now, patch=(Op("replace", "/n", index),)) for index in range(min(500, count - base))
        )
        log.append([Append(stream=name, after=base, events=made)])
    return name


def test_a_fork_of_a_long_history_takes_milliseconds_and_bytes() -> None:
    """Of all its events, those behind the nearest checkpoint are read; what is recorded does not grow with them."""
    log, nodes = Counting(), nodes_of(Script())
    name = long_history(log, nodes, LONG)
    folds = Folds(log, MemoryCheckpoints())
    folds.load(name)
    assert folds.drain(30)
    with service_on(log, nodes, folds=folds) as service:
        took: list[float] = []
        for version in (LONG, LONG // 2, LONG // 3, LONG - 500, LONG - 1):
            log.reads.clear()
            before, since = log.position(), time.perf_counter()
            forked_ = service.fork_and_wait(ForkRequest(source=name, at=str(version)))
            took.append(time.perf_counter() - since)
            assert log.position() == before + 1
            [recorded] = log.read(forked_.execution_id)
            assert isinstance(recorded.event, ExecutionForked) and recorded.size < 600
            assert log.reads[name] < 2_000
        assert sorted(took)[1] < 0.02


def test_the_cut_is_the_forks_first_checkpoint() -> None:
    """So a fork is folded without its source; and from the source when that checkpoint is gone."""
    log, nodes = Counting(), nodes_of(Script())
    name = long_history(log, nodes, 3_000)
    checkpoints = MemoryCheckpoints()
    folds = Folds(log, checkpoints)
    with service_on(log, nodes, folds=folds) as service:
        fork_name = service.fork_and_wait(ForkRequest(source=name, at="2000")).execution_id
        assert folds.drain(10)
        fork_of_it = service.fork_and_wait(ForkRequest(source=fork_name)).execution_id
        assert folds.drain(10)
        log.reads.clear()
        whole = Folds(log, checkpoints).load(fork_of_it)
        assert log.reads.get(name, 0) == 0
        for forgotten in (fork_of_it, fork_name, name):
            checkpoints.forget(forgotten)
        again = Folds(log, checkpoints).load(fork_of_it)
        assert log.reads[name] >= 2_000
        assert again == whole
        assert broken_link(log.rows(fork_of_it)) is None
