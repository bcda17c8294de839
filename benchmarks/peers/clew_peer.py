"""Clew itself: in process as its peers are, but W3 over real HTTP, from the POST to the completed execution."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from benchmarks.peers.clew_nodes.effect import Effect
from benchmarks.peers.clew_server import serving
from benchmarks.peers.effects import KILLED, LEDGER, Effects
from benchmarks.peers.figures import (
    CONCURRENT_S,
    FEWEST_RUN_STEPS,
    FLOW_STEPS,
    RUN_STEPS,
    RUNS,
    SEQUENTIAL_S,
    STEPS,
    WARM_STEPS,
    Figures,
    Latency,
    fitting,
)
from benchmarks.peers.load import at_once, one_by_one
from benchmarks.peers.raw import raw_rate
from benchmarks.peers.stores import sync_of
from benchmarks.spans import definition, flat, taken_s
from clew import Engine, __version__
from interfaces.settings import Settings

WAIT_S = 60.0
SENDERS = 32
LEAD_S = 1.0
"""How long before the timer the runs are begun, and twice a step's time for each of them."""


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["measure", "begin", "resume"])
    parser.add_argument("--store", required=True)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    if asked.action == "measure":
        measure(asked.store, asked.home).tell()
    else:
        killed(asked.store, asked.home, asked.steps, begin=asked.action == "begin")


def engine(store: str) -> Engine:
    """An engine in this process."""
    return Engine(nodes=[Effect], settings=Settings(store=store))


def measure(store: str, home: Path) -> Figures:
    """All workloads but W4."""
    with engine(store) as running:
        _rate(running, WARM_STEPS)
        steps = fitting(_rate(running, WARM_STEPS), SEQUENTIAL_S, most=STEPS, least=100)
        before = raw_rate(store, home)
        sequential = _rate(running, steps)
        raw = (before + raw_rate(store, home)) / 2
        each = FEWEST_RUN_STEPS
        concurrent = _concurrent(running, each, sequential)
        if (more := fitting(concurrent, CONCURRENT_S / RUNS, most=RUN_STEPS, least=1)) > each + 1:
            each, concurrent = more, _concurrent(running, more, sequential)
    alone, beside = asyncio.run(flows(store, home))
    return Figures(
        name=f"Clew {__version__}",
        sync=sync_of(store),
        w1=sequential,
        w1_steps=steps,
        raw=raw,
        w2=concurrent,
        w2_steps=RUNS * each,
        w3=alone,
        w3_at_once=beside,
        note="3 events a step; W3 over HTTP; resumes by itself",
    )


def killed(store: str, home: Path, steps: int, *, begin: bool) -> None:
    """Begin a run that dies in the middle, or take it up to its end."""
    Effect.leave = Effects(home / LEDGER, die_at=steps // 2 if begin else None).leave
    with engine(store) as running:
        if begin:
            running.submit(definition(*flat(steps)), execution_id=KILLED)
        assert running.wait(KILLED, timeout_s=WAIT_S)
        assert running.execution(KILLED)["status"] == "completed"


def _rate(running: Engine, steps: int) -> float:
    result = running.run(definition(*flat(steps)))
    assert result["status"] == "completed", result["error"]
    return steps / taken_s(running, [result["executionId"]])


def _concurrent(running: Engine, steps: int, sequential: float) -> float:
    """All wait at one timer before their first step."""
    due = time.time() + LEAD_S + 2 * RUNS / sequential
    workflow = definition({"wait": {"until": int(due * 1_000)}}, *flat(steps))
    with ThreadPoolExecutor(SENDERS) as senders:
        ids = list(senders.map(lambda _: running.submit(workflow).execution_id, range(RUNS)))
    assert all(running.wait(execution_id) for execution_id in ids)
    assert time.time() < due, "the runs did not come to the timer in time"
    seen = Seen(RUNS * steps)
    Effect.leave = seen.leave
    assert seen.all.wait(WAIT_S)
    assert all(running.wait(execution_id) for execution_id in ids)
    assert all(running.execution(execution_id)["status"] == "completed" for execution_id in ids)
    Effect.leave = None
    return RUNS * steps / taken_s(running, ids)


class Seen:
    """Whether all of so many steps have come."""

    def __init__(self, steps: int) -> None:
        self.all = Event()
        self._missing = steps

    def leave(self, number: int) -> None:
        """One more. Inline nodes all run on the engine's own thread."""
        self._missing -= 1
        if self._missing == 0:
            self.all.set()


async def flows(store: str, home: Path) -> tuple[Latency, Latency]:
    """W3 over HTTP: one after the other, and many at once."""
    body = json.dumps(definition(*["effect"] * FLOW_STEPS)).encode()

    async with serving(store, home) as server:

        async def run(_run: str, _steps: int) -> None:
            status, answered = await server.answer(
                "POST", "/workflows", body, "content-type: application/json", "prefer: wait=10"
            )
            assert (status, answered["status"]) == (200, "completed"), answered

        for _ in range(WARM_STEPS):
            await run("warm", FLOW_STEPS)
        return await one_by_one(run), await at_once(run)


if __name__ == "__main__":
    main()
