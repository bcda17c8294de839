"""What comes of the nodes' examples: each is run by an engine in memory, and what differs from run to run is left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from interfaces.embedded import Engine
from interfaces.settings import Settings

DIFFERS: Final = "…"
"""Stands for a value that is another one in every run: a time, an id, a token."""
_WHOLE: Final = {"id": "example", "name": "Example", "version": "1.0.0"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an example ended or parked, the edge that its node took first with the data, and the state it then had."""

    status: str
    edge: str | None = None
    data: Any = None
    state: dict[str, Any] = {}


def outcome_of(example: Mapping[str, Any], node_id: str) -> Outcome:
    """Run an example of a node, twice."""
    first, second = _run(example, node_id), _run(example, node_id)
    return msgspec.convert(_common(msgspec.to_builtins(first), msgspec.to_builtins(second)), Outcome)


def _run(example: Mapping[str, Any], node_id: str) -> Outcome:
    with TemporaryDirectory() as home, Engine(settings=Settings(store="memory:", files=Path(home))) as engine:
        execution_id = engine.run({**_WHOLE, **example})["executionId"]
        events = engine.events(execution_id, limit=1_000)["items"]
        taken = [event["data"] for event in events if event["type"] == "EdgeTaken" and event.get("node") == node_id]
        failed = [event["data"] for event in events if event["type"] == "NodeFailed" and event.get("node") == node_id]
        unrouted = [{"edge": "error", "output": data["error"]} for data in failed]
        first: dict[str, Any] = next(iter((*taken, *unrouted)), {})
        return Outcome(
            status=engine.execution(execution_id)["status"],
            edge=first.get("edge"),
            data=first.get("output"),
            state=engine.state(execution_id)["state"],
        )


def _common(one: Any, other: Any) -> Any:
    """What both have; where they differ, a mark."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _common(value, other[key]) for key, value in one.items()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_common(*pair) for pair in zip(one, other, strict=True)]
    return one if one == other else DIFFERS
