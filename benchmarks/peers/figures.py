"""What is measured of one engine on one store, and how it is told to who asked: one line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

STEPS = 1_000
RUNS = 200
RUN_STEPS = 10
FLOW_STEPS = 3
AT_ONCE = 50
FLOWS = 200
FLOWS_AT_ONCE = 500
WARM_STEPS = 50
FEWEST_RUN_STEPS = 2

SEQUENTIAL_S = 2.5
CONCURRENT_S = 3.0
FLOWS_S = 1.0
"""What a slow engine gets for a workload: it then runs fewer steps, and the table says how many."""


@dataclass(kw_only=True)
class Latency:
    """Milliseconds from the start of a run to its end, and of how many runs."""

    p50_ms: float
    p99_ms: float
    runs: int


@dataclass(kw_only=True)
class Figures:
    """What one engine did on one store; None where a workload makes no sense for it.

    `w1` and `w2` are steps a second; their `_steps` are how many steps there were in all. `raw` are the bare commits a
    second of the same disk or server at the time of W1.
    """

    name: str
    sync: str
    w1: float | None = None
    w1_steps: int = 0
    raw: float | None = None
    w2: float | None = None
    w2_steps: int = 0
    w3: Latency | None = None
    w3_at_once: Latency | None = None
    note: str = ""

    def tell(self) -> None:
        """Print it."""
        sys.stdout.write(json.dumps(asdict(self)) + "\n")


def read(line: str) -> Figures:
    """What `tell` printed."""
    found = json.loads(line)
    for key in ("w3", "w3_at_once"):
        found[key] = None if found[key] is None else Latency(**found[key])
    return Figures(**found)


def latency(taken_s: Sequence[float]) -> Latency:
    """The median and the 99th percentile."""
    ordered = sorted(taken_s)
    return Latency(
        p50_ms=ordered[len(ordered) // 2] * 1_000,
        p99_ms=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1_000,
        runs=len(ordered),
    )


def fitting(rate: float, seconds: float, *, most: int, least: int) -> int:
    """How many steps fit into the time at this rate."""
    return max(least, min(most, int(rate * seconds)))
