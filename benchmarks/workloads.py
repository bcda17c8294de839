"""What is measured: each workload runs on a fresh store and gives its rate and a note."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from time import perf_counter
from typing import NamedTuple

from benchmarks.peers.clew_nodes.effect import Effect
from benchmarks.peers.clew_peer import flows
from benchmarks.spans import definition, flat, starts, taken_s
from benchmarks.stores import Store
from clew import Engine
from interfaces.settings import Settings

RAW_COMMITS = 2_000
SEQUENTIAL = 1_000
CONCURRENT = 200
CONCURRENT_STEPS = 10
LONG = 10_000
SENDERS = 32
SUBMITTED = 1_000
PARKED = int(os.environ.get("CLEW_PARKED", "10000"))
LEAD_S = 6.0
"""How long before their timer the executions of W2 are begun."""
LARGE_BYTES = 100_000
LARGE_STEPS = 100


class Measured(NamedTuple):
    """A workload's name, its rate per second of `unit`, and what there is to add."""

    name: str
    rate: float
    unit: str
    note: str


def engine(store: Store) -> Engine:
    """An engine on a store."""
    return Engine(nodes=[Effect], settings=Settings(store=store.url, home=store.home))


def raw_commits(store: Store) -> Measured:
    """The limit of the store: three rows and a commit each."""
    begun = perf_counter()
    store.commit(RAW_COMMITS)
    taken = perf_counter() - begun
    return Measured("bare three-row commits", RAW_COMMITS / taken, "commits/s", "the limit of the store")


def sequential(store: Store) -> Measured:
    """W1: one execution of 1,000 effectful steps, one after the other; and W7, what it takes on the disk."""
    rate = _one(store, "effect")
    bytes_a_step = store.bytes() / SEQUENTIAL
    return Measured("W1 sequential, effectful", rate, "steps/s", f"W7: {bytes_a_step:,.0f} bytes a step on the disk")


def pure(store: Store) -> Measured:
    """W1p: the same with steps that have no effect."""
    return Measured("W1p sequential, pure", _one(store, "empty"), "steps/s", "")


def _one(store: Store, node: str) -> float:
    with engine(store) as running:
        running.run(definition("empty"))
        result = running.run(definition(*flat(SEQUENTIAL, node)))
        assert result["status"] == "completed", result["error"]
        return SEQUENTIAL / taken_s(running, [result["executionId"]], node)


def concurrent(store: Store) -> Measured:
    """W2: 200 executions of 10 effectful steps at once; all of them wait at one timer before."""
    with engine(store) as running:
        due = time.time() + LEAD_S
        workflow = definition({"wait": {"until": int(due * 1_000)}}, *flat(CONCURRENT_STEPS))
        ids = [running.submit(workflow).execution_id for _ in range(CONCURRENT)]
        for execution_id in ids:
            assert running.wait(execution_id)
        assert time.time() < due, "the executions did not come to the timer in time"
        time.sleep(due - time.time())
        _complete(running, ids)
        taken = taken_s(running, ids)
    return Measured(
        "W2 concurrent, effectful", CONCURRENT * CONCURRENT_STEPS / taken, "steps/s", "200 executions at once"
    )


def _complete(running: Engine, ids: list[str]) -> None:
    """Wait until all have completed, asking seldom: who waits costs what is measured."""
    until = perf_counter() + 60
    while any(running.execution(execution_id)["status"] != "completed" for execution_id in ids):
        assert perf_counter() < until, "the executions do not complete"
        time.sleep(0.2)


def round_trip(store: Store) -> Measured:
    """W3: three steps over HTTP, from the POST to the completed execution, one after the other and 50 at once."""
    alone, beside = asyncio.run(flows(store.url, store.home))
    note = (
        f"p50 {alone.p50_ms:.1f} ms, p99 {alone.p99_ms:.1f} ms; "
        f"50 at once p50 {beside.p50_ms:.1f} ms, p99 {beside.p99_ms:.1f} ms"
    )
    return Measured("W3 three steps over HTTP", 1_000 / alone.p50_ms, "runs/s", note)


def long(store: Store) -> Measured:
    """W6: whether the last hundred of 10,000 steps take longer than steps 900 to 1,000."""
    loop = {"range...": {"stop": LONG, "loop?": ["effect"]}}
    with engine(store) as running:
        result = running.run(definition(loop, maxSteps=3 * LONG), timeout_s=300)
        assert result["status"] == "completed", result["error"]
        begun = starts(running, result["executionId"])
    early, late = begun[1_000] - begun[900], begun[-1] - begun[-101]
    note = f"the last hundred took {late / early:.2f} times as long as 900 to 1,000; the loop's own visits not counted"
    return Measured(f"W6 loop of {LONG:,} steps", LONG / (begun[-1] - begun[0]), "steps/s", note)


def large(store: Store) -> Measured:
    """What a step writes and stores that changes 20 bytes of a state of 100 KB."""
    state = {"large": token_hex(LARGE_BYTES // 2), "done": ""}  # no store can make it smaller
    with engine(store) as running:
        running.run(definition("empty"))
        workflow = definition(*flat(LARGE_STEPS))
        running.run(workflow, initial_state=state)
        written, stored = store.written(), store.stored()
        result = running.run(workflow, initial_state=state)
        assert result["status"] == "completed", result["error"]
        written, stored = store.written() - written - LARGE_BYTES, store.stored() - stored - LARGE_BYTES
        taken = taken_s(running, [result["executionId"]])
    note = f"{written / LARGE_STEPS:,.0f} bytes written a step, {stored / LARGE_STEPS:,.0f} stored"
    return Measured("20 bytes of a 100 KB state", LARGE_STEPS / taken, "steps/s", note)


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
QUICK: tuple[Workload, ...] = (raw_commits, sequential, pure, concurrent, round_trip, large)
EVERYTHING: tuple[Workload, ...] = (*QUICK, long, accepted, parked)
ON_POSTGRES: tuple[Workload, ...] = (raw_commits, sequential, concurrent, large)
