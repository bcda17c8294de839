"""Circuit breakers as people see them: `GET /nodes` shows each that a step has guarded, and its half-open probe."""

from __future__ import annotations

import threading
from typing import Any

from domain.node import Edge, NodeMetadata, WorkflowNode
from tests.support.http import client, definition, submit

GUARDED: dict[str, Any] = {"shaky": {"$breaker": {"failures": 2, "cooldown": "150ms"}}}
begun, go = threading.Event(), threading.Event()
fails = [True, True, False]


class Shaky(WorkflowNode):
    """Fails twice; then it waits until it may go on."""

    metadata = NodeMetadata(id="shaky", name="Shaky", version="1.0.0", effect="reads")

    def execute(self, context: Any, config: dict[str, Any]) -> Edge:
        """As it says."""
        if fails.pop(0):
            raise ConnectionError("down")
        begun.set()
        assert go.wait(20)
        return Edge("success")


def test_the_breaker_of_a_node_over_its_life() -> None:
    """Unguarded it has none; closed, open until a time, half open while it is probed, and closed again."""
    with client(Shaky) as http:

        def breaker() -> Any:
            return next(node for node in http.get("/nodes").json() if node["id"] == "shaky").get("breaker")

        assert breaker() is None
        submit(http, GUARDED, status="failed")
        assert breaker() == {"state": "closed", "failures": 1, "openUntil": None}
        submit(http, GUARDED, status="failed")
        opened = breaker()
        assert (opened["state"], opened["failures"]) == ("open", 2)
        assert opened["openUntil"].endswith("Z")
        refused = submit(http, GUARDED, status="failed")["error"]
        assert (refused["code"], refused["recoverable"], refused["severity"]) == ("CIRCUIT_OPEN", True, "error")
        while breaker()["state"] == "open":
            pass
        assert breaker()["state"] == "half-open"
        probe = http.post("/workflows", json=definition(GUARDED)).json()["executionId"]
        assert begun.wait(20)
        assert breaker()["state"] == "half-open"
        assert submit(http, GUARDED, status="failed")["error"]["code"] == "CIRCUIT_OPEN"
        go.set()
        while http.get(f"/executions/{probe}").json()["status"] == "running":
            pass
        assert breaker() == {"state": "closed", "failures": 0, "openUntil": None}
