"""How long steps took, as the events in the log say: from the start of the first to the end of the last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from clew import Engine

NODE = "effect"
PAGE = 1_000
EDGE_OF_A_HISTORY = 20
"""Events at either end among which the first and the last step are looked for."""


def definition(*steps: Any, **settings: Any) -> dict[str, Any]:
    """A workflow of these steps."""
    bounds = {"maxIterations": 100_000, **settings}
    return {"id": "bench", "name": "Bench", "version": "1.0.0", "settings": bounds, "workflow": list(steps)}


def flat(count: int, node: str = NODE) -> list[str]:
    """So many steps, one after the other."""
    return [node] * count


def taken_s(engine: Engine, ids: Iterable[str], node: str = NODE) -> float:
    """Seconds from the start of the first step of a node to the end of the last, over executions of nothing behind it."""
    firsts, lasts = [], []
    for execution_id in ids:
        early = engine.events(execution_id, limit=EDGE_OF_A_HISTORY)["items"]
        late = engine.events(execution_id, limit=EDGE_OF_A_HISTORY, order="desc")["items"]
        firsts.append(next(_time(event) for event in early if event["type"] == "NodeStarted" and event["node"] == node))
        lasts.append(next(_time(event) for event in late if event["type"] == "EdgeTaken"))
    return max(lasts) - min(firsts)


def starts(engine: Engine, execution_id: str, node: str = NODE) -> list[float]:
    """When each step of a node began, in seconds."""
    found: list[float] = []
    after = 0
    while page := engine.events(execution_id, after=after, limit=PAGE)["items"]:
        found += [_time(event) for event in page if event["type"] == "NodeStarted" and event["node"] == node]
        after = page[-1]["version"]
    return found


def _time(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()
