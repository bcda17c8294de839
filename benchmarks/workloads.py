"""What is measured: each workload runs on a fresh store and gives its rate and a note."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.stores import Store
from clew import Engine
from domain.context import ExecutionContext
from domain.node import Edge, NodeMetadata, WorkflowNode
from interfaces.settings import Settings

RAW_COMMITS = 2_000
SEQUENTIAL = 1_000
CONCURRENT = 200
CONCURRENT_STEPS = 10
SENDERS = 32
SUBMITTED = 1_000
PARKED = int(os.environ.get("CLEW_PARKED", "10000"))


class Measured(NamedTuple):
    """A workload's name, its rate per second of `unit`, and what there is to add."""

    name: str
    rate: float
    unit: str
    note: str


class Effect(WorkflowNode):
    """An effect that costs nothing itself: what is measured is what the engine adds."""

    metadata = NodeMetadata(id="effect", name="Effect", version="1.0.0", effect="writes")
    inline = True

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Count the visit in the state."""
        context.state["done"] = context.step.visit
        return Edge("success")


def definition(*steps: Any) -> dict[str, Any]:
    """A workflow of these steps."""
    settings = {"maxIterations": 100_000}
    return {"id": "bench", "name": "Bench", "version": "1.0.0", "settings": settings, "workflow": list(steps)}


def engine(store: Store) -> Engine:
    """An engine on a store."""
    return Engine(nodes=[Effect], settings=Settings(store=store.url, home=store.home))


def raw_commits(store: Store) -> Measured:
    """The limit of the store: three rows and a commit each."""
    begun = perf_counter()
    store.commit(RAW_COMMITS)
    taken = perf_counter() - begun
    return Measured("raw three-row commits", RAW_COMMITS / taken, "commits/s", store.name)


def sequential(store: Store) -> Measured:
    """W1: one execution of 1,000 effectful steps, one after the other."""
    loop = {"range...": {"stop": SEQUENTIAL, "loop?": ["effect"]}}
    return _one(store, definition(loop), "W1 sequential, effectful", "steps/s", SEQUENTIAL)


def pure(store: Store) -> Measured:
    """W1p: the same with steps that have no effect."""
    loop = {"range...": {"stop": SEQUENTIAL, "loop?": ["empty"]}}
    return _one(store, definition(loop), "W1p sequential, pure", "steps/s", SEQUENTIAL)


def _one(store: Store, workflow: dict[str, Any], name: str, unit: str, count: int) -> Measured:
    with engine(store) as running:
        running.run(definition("empty"))
        begun = perf_counter()
        result = running.run(workflow)
        taken = perf_counter() - begun
    assert result["status"] == "completed", result["error"]
    bytes_per_step = store.bytes() / count
    return Measured(name, count / taken, unit, f"loop steps not counted; {bytes_per_step:,.0f} bytes a step on disk")


def concurrent(store: Store) -> Measured:
    """W2: 200 executions of 10 effectful steps at once, all let go by one signal each."""
    steps = [{"signal": {"name": "go"}}, {"range...": {"stop": CONCURRENT_STEPS, "loop?": ["effect"]}}]
    with engine(store) as running:
        ids = [running.submit(definition(*steps)).execution_id for _ in range(CONCURRENT)]
        for execution_id in ids:
            assert running.wait(execution_id)
        begun = perf_counter()
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(lambda execution_id: running.signal(execution_id, "go"), ids))
        for execution_id in ids:
            assert running.wait(execution_id)
        taken = perf_counter() - begun
    return Measured(
        "W2 concurrent, effectful", CONCURRENT * CONCURRENT_STEPS / taken, "steps/s", "200 executions at once"
    )


def accepted(store: Store) -> Measured:
    """W9: submissions of a workflow that parks at once, each durable before it is answered, one after the other."""
    with engine(store) as running:
        begun = perf_counter()
        for _ in range(SUBMITTED):
            running.submit(definition({"signal": {"name": "go"}}))
        taken = perf_counter() - begun
    return Measured("W9 submissions, in process", SUBMITTED / taken, "accepted/s", "one after the other")


def parked(store: Store) -> Measured:
    """W8: executions parked at a signal that may time out: what they cost the process that parked them and the next one,
    which then resumes them all.
    """
    workflow = definition({"signal": {"name": "go", "timeout": "30d"}}, "empty")
    with engine(store) as running:
        running.run(definition("empty"))
        before = _resident()
        ids = [running.submit(workflow).execution_id for _ in range(PARKED)]
        for execution_id in ids:
            assert running.wait(execution_id)
        first = (_resident() - before) / PARKED
    before, begun = _resident(), perf_counter()
    with engine(store) as running:
        started = perf_counter() - begun
        next_one = max(0, _resident() - before) / PARKED
        begun = perf_counter()
        running.signal(ids[0], "go")
        assert running.wait(ids[0])
        soonest = perf_counter() - begun
        begun = perf_counter()
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(lambda execution_id: running.signal(execution_id, "go"), ids[1:]))
        for execution_id in ids:
            assert running.wait(execution_id)
        taken = perf_counter() - begun
    note = (
        f"{PARKED:,} parked: {first:,.0f} bytes of memory each, {next_one:,.0f} after a restart that takes {started:.2f} s; "
        f"the first goes on in {soonest * 1_000:.0f} ms"
    )
    return Measured("W8 parked, resumed by signals", PARKED / taken, "resumed/s", note)


def _resident() -> int:
    """Bytes of memory that this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


Workload = Callable[[Store], Measured]
EVERYTHING: tuple[Workload, ...] = (raw_commits, sequential, pure, concurrent, accepted, parked)
ON_POSTGRES: tuple[Workload, ...] = (raw_commits, sequential, concurrent)
