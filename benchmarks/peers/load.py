"""The workloads that a peer is put through, by a process that has that peer installed.

    python -m benchmarks.peers.NAME measure|begin|resume --store URL --home DIRECTORY [--steps N]

`measure` prints one line of JSON. `begin` starts a run that dies in the middle; `resume` takes it up to its end.
Only the standard library is imported here, and psycopg for a server.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import perf_counter
from typing import Protocol

from benchmarks.peers.effects import KILLED, LEDGER, Effects
from benchmarks.peers.figures import (
    AT_ONCE,
    CONCURRENT_S,
    FEWEST_RUN_STEPS,
    FLOW_STEPS,
    FLOWS,
    FLOWS_AT_ONCE,
    FLOWS_S,
    RUN_STEPS,
    RUNS,
    SEQUENTIAL_S,
    STEPS,
    WARM_STEPS,
    Figures,
    Latency,
    fitting,
    latency,
)
from benchmarks.peers.raw import raw_rate


class Peer(Protocol):
    """An engine that is ready to run."""

    name: str
    note: str

    async def run(self, run: str, steps: int) -> None:
        """One durable run of so many steps, each with its effect, from its start to its end."""

    async def resume(self, run: str, steps: int) -> None:
        """Take up a run that a killed process has left, to its end."""

    def sync(self) -> str:
        """How it makes a step durable, as its own store says it."""


Run = Callable[[str, int], Awaitable[None]]
NewPeer = Callable[[str, Path, Effects], AbstractAsyncContextManager[Peer]]


def main(new_peer: NewPeer) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["measure", "begin", "resume"])
    parser.add_argument("--store", required=True)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    if asked.action == "measure":
        asyncio.run(_measure(new_peer, asked.store, asked.home)).tell()
    else:
        asyncio.run(_killed(new_peer, asked))


async def _measure(new_peer: NewPeer, store: str, home: Path) -> Figures:
    effects = Effects()
    async with new_peer(store, home, effects) as peer:
        await peer.run("warm", WARM_STEPS)
        rate = await _rate(peer, "as-warm", WARM_STEPS)
        steps = fitting(rate, SEQUENTIAL_S, most=STEPS, least=100)
        before = raw_rate(store, home)
        sequential = await _rate(peer, "sequential", steps)
        raw = (before + raw_rate(store, home)) / 2
        each = FEWEST_RUN_STEPS
        concurrent = await _concurrent(peer, effects, each)
        if (more := fitting(concurrent, CONCURRENT_S / RUNS, most=RUN_STEPS, least=1)) > each + 1:
            each, concurrent = more, await _concurrent(peer, effects, more)
        return Figures(
            name=peer.name,
            sync=peer.sync(),
            w1=sequential,
            w1_steps=steps,
            raw=raw,
            w2=concurrent,
            w2_steps=RUNS * each,
            w3=await one_by_one(peer.run),
            w3_at_once=await at_once(peer.run),
            note=peer.note,
        )


async def _killed(new_peer: NewPeer, asked: argparse.Namespace) -> None:
    begin = asked.action == "begin"
    effects = Effects(asked.home / LEDGER, die_at=asked.steps // 2 if begin else None)
    async with new_peer(asked.store, asked.home, effects) as peer:
        if begin:
            await peer.run(KILLED, asked.steps)
        else:
            await peer.resume(KILLED, asked.steps)


async def _rate(peer: Peer, run: str, steps: int) -> float:
    begun = perf_counter()
    await peer.run(run, steps)
    return steps / (perf_counter() - begun)


async def _concurrent(peer: Peer, effects: Effects, steps: int) -> float:
    gate = effects.shut(RUNS)
    runs = [asyncio.create_task(peer.run(f"concurrent-{steps}-{number}", steps)) for number in range(RUNS)]
    opened = asyncio.create_task(gate.opened())
    await asyncio.wait([opened, *runs], return_when=asyncio.FIRST_COMPLETED)
    begun = perf_counter()
    await asyncio.gather(*runs)
    taken = perf_counter() - begun
    assert opened.done(), "the runs did not wait for one another"
    effects.open()
    return RUNS * steps / taken


async def one_by_one(run: Run) -> Latency:
    """W3, one after the other."""
    until = perf_counter() + FLOWS_S
    taken: list[float] = []
    while len(taken) < FLOWS and perf_counter() < until:
        begun = perf_counter()
        await run(f"alone-{len(taken)}", FLOW_STEPS)
        taken.append(perf_counter() - begun)
    return latency(taken)


async def at_once(run: Run) -> Latency:
    """W3, always so many beside one another."""
    until = perf_counter() + FLOWS_S
    numbers = iter(range(FLOWS_AT_ONCE))
    taken: list[float] = []

    async def one_after_the_other() -> None:
        for number in numbers:
            begun = perf_counter()
            await run(f"beside-{number}", FLOW_STEPS)
            taken.append(perf_counter() - begun)
            if perf_counter() > until:
                return

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return latency(taken)
