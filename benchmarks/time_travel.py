"""What looking back costs: states, blame, forks and what-ifs of long and of many histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from random import Random
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Final

from benchmarks.spans import definition
from benchmarks.stores import Store
from benchmarks.workloads import Measured, engine
from clew import Engine

PASSES: Final = 11_200
"""Of a loop with two steps: over 100,000 events."""
ASKED: Final = 200
SEED: Final = 20_261_124
EXECUTIONS: Final = 500
STEPS: Final = 50
STATE_MS: Final = 5.0
BLAME_MS: Final = 10.0
FORK_MS: Final = 20.0
WHAT_IF_S: Final = 5.0
"""Bounds that we hold ourselves to: of the median, and of all what-ifs together."""


NewStore = Callable[[], AbstractContextManager[Store]]


def long_history(running: Engine) -> tuple[str, int]:
    """An execution of so many events at least, whose every pass changes the state: its id, and its version."""
    step = {"$.sums": "{{ $.sums[1:] + [$.n * 7 % 1000] }}"}
    loop = {"while...": {"condition": "$.n < $.upto", "do?": [{"$.n": "$.n + 1"}, step]}}
    begun = {"n": 0, "upto": PASSES, "sums": list(range(20))}
    execution = running.run({**definition(loop), "initialState": begun}, timeout_s=600)
    assert execution["status"] == "completed", execution["error"]
    return execution["executionId"], execution["version"]


def looking_back(new_store: NewStore) -> Iterator[Measured]:
    """What is asked of one long history."""
    with new_store() as store, engine(store) as running:
        name, head = long_history(running)
        note = f"of {head:,} events"
        chance = Random(SEED)  # noqa: S311 - the same versions in each run
        versions = chance.sample(range(1, head + 1), ASKED)
        taken = [_timed(partial(running.state, name, version)) for version in versions]
        yield _latencies("T1 state at any version", taken, STATE_MS, note)
        taken = [_timed(partial(running.blame, name, "/sums/0", version)) for version in versions]
        yield _latencies("T2 blame at any version", taken, BLAME_MS, note)
        ending: Any = [
            {"op": "replace", "path": "/upto", "value": 0}
        ]  # so that forks don't run beside what is measured
        taken = [_timed(partial(running.fork, name, at=version, patch=ending)) for version in versions]
        yield _latencies("T3 fork of any version", taken, FORK_MS, note)


def _timed(ask: Callable[[], Any]) -> float:
    begun = perf_counter()
    ask()
    return perf_counter() - begun


def _latencies(name: str, taken: Iterable[float], bound_ms: float, note: str) -> Measured:
    """How many a second, one after the other; with the median beside its bound."""
    each = sorted(taken)
    slow = quantiles(each, n=100)[98] * 1_000
    told = f"p50 {median(each) * 1_000:.2f} ms (bound {bound_ms:g} ms), p99 {slow:.2f} ms {note}"
    return Measured(name, len(each) / sum(each), "asks/s", told)


def what_if(new_store: NewStore) -> Iterator[Measured]:
    """What many executions would have come to on another state."""
    steps = [{"$.n": "$.n + $.more"}, "effect"] * (STEPS // 2)
    workflow = {**definition(*steps), "initialState": {"n": 0, "more": 1}}
    with new_store() as store, engine(store) as running:
        names = [running.submit(workflow).execution_id for _ in range(EXECUTIONS)]
        for name in names:
            assert running.wait(name)
        begun = perf_counter()
        found = running.what_if_many("bench", last=EXECUTIONS, patch=[{"op": "replace", "path": "/more", "value": 2}])
        taken = perf_counter() - begun
    assert (found["walked"], found["unknown"]) == (EXECUTIONS, 0), found["summary"]
    note = f"{EXECUTIONS} executions of {STEPS} steps in {taken:.1f} s (bound {WHAT_IF_S:g} s)"
    yield Measured("T4 what if, over many", EXECUTIONS * STEPS / taken, "steps/s", note)


def looked_back(new_store: NewStore) -> Iterator[Measured]:
    """Everything here."""
    yield from looking_back(new_store)
    yield from what_if(new_store)
