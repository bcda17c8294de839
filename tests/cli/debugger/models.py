"""A debugger in the middle of a small history, without a source."""

from __future__ import annotations

from typing import Any

from interfaces.cli.debugger.model import Model

EVENTS: tuple[dict[str, Any], ...] = (
    {"version": 1, "type": "ExecutionStarted", "data": {"workflow": "w", "workflowVersion": "1.0.0"}},
    {"version": 2, "type": "NodeStarted", "address": "/workflow/0/set", "step": "set", "data": {}},
    {
        "version": 3,
        "type": "StateUpdated",
        "address": "/workflow/0/set",
        "visit": 1,
        "data": {"patch": [{"op": "replace", "path": "/total", "value": 12}]},
    },
    {"version": 4, "type": "EdgeTaken", "address": "/workflow/0/set", "data": {"edge": "success", "target": None}},
    {"version": 5, "type": "Suspended", "address": "/workflow/1/ask", "data": {"wait": {"kind": "signal"}}},
)
DEFINITION = {"id": "w", "name": "W", "version": "1.0.0", "workflow": [{"set": {"total": 12}}, {"ask": {"name": "go"}}]}
EXECUTION = {
    "executionId": "ex_1",
    "workflowId": "w",
    "workflowVersion": "1.0.0",
    "status": "suspended",
    "version": 5,
}


def model(at: int = 3, **more: Any) -> Model:
    """At a version of that history."""
    fields: dict[str, Any] = {
        "execution": EXECUTION,
        "definition": DEFINITION,
        "at": at,
        "page": tuple({"time": "2026-11-24T10:00:00.000001Z", **event} for event in EVENTS),
        "state": {"total": 12, "lines": [1, 2], "a/b": {"c": None}},
        "before": {"total": 10, "lines": [1, 2], "a/b": {"c": None}},
    }
    return Model(**{**fields, **more})
