"""Nodes that take the whole server with them, and attempts that are due while no server runs: with real processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from domain.durations import microseconds
from tests.support.process import ServerProcess

NODES = '''
import os
import signal
from pathlib import Path
from clew import Edge, ExecutionContext, NodeMetadata, WorkflowNode

HERE = Path(__file__).parent


def count(name):
    descriptor = os.open(HERE / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, b".")
    os.fsync(descriptor)
    os.close(descriptor)
    return (HERE / name).stat().st_size


class Deadly(WorkflowNode):
    """Kills its own process in its first runs."""

    metadata = NodeMetadata(id="deadly", name="Deadly", version="1.0.0", effect="writes")

    def execute(self, context: ExecutionContext, config: dict) -> Edge:
        if count(context.execution_id) <= config["times"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return Edge("alive", {"attempt": context.step.attempt, "key": context.idempotency_key})


class Flaky(WorkflowNode):
    """Raises in its first runs."""

    metadata = NodeMetadata(id="flaky", name="Flaky", version="1.0.0", effect="writes")

    def execute(self, context: ExecutionContext, config: dict) -> Edge:
        if count(context.execution_id) <= config["times"]:
            raise ConnectionError("not yet")
        return Edge("well", context.step.attempt)
'''


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that has started, with these nodes."""
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "deadly.py").write_text(NODES)
    server = ServerProcess(tmp_path, nodes=nodes)
    try:
        server.start()
        yield server
    finally:
        server.close()


def submit(server: ServerProcess, execution_id: str, *steps: Any) -> None:
    """Begin an execution."""
    definition = {"id": "killed", "name": "Killed", "version": "1.0.0", "workflow": list(steps)}
    answer = server.http.post("/workflows", json={"definition": definition, "executionId": execution_id})
    assert answer.status_code == 202, answer.text


def let_go(server: ServerProcess) -> None:
    """End the wait before the deadly step; the server may be gone before it can answer that."""
    with suppress(httpx2.TransportError):
        assert server.http.post("/executions/ex/signals/go").status_code == 202


def settled(server: ServerProcess, execution_id: str) -> dict[str, Any]:
    """The execution once it rests."""
    found: dict[str, Any] = {"status": "running"}
    while found["status"] == "running":
        found = server.get(f"/executions/{execution_id}")
    return found


def types(server: ServerProcess, execution_id: str) -> list[str]:
    return [event["type"] for event in server.events(execution_id)]


@pytest.mark.parametrize(("times", "end"), [(3, "completed"), (4, "failed")])
def test_a_visit_that_kills_its_server_is_recovered_three_times(server: ServerProcess, times: int, end: str) -> None:
    """With one idempotency key; when the fourth attempt kills it too, it is `CRASH_LOOP` and the server lives."""
    hold = {"hold": {"$node": "signal", "name": "go"}}
    submit(server, "ex", hold, {"deadly": {"times": times, "$output": "seen"}})
    let_go(server)
    assert server.wait_until_killed() == -signal.SIGKILL
    for _ in range(times - 1):
        assert server.start_until_killed() == -signal.SIGKILL
    server.start()
    ended = settled(server, "ex")
    assert ended["status"] == end
    events = server.events("ex")
    assert [event["attempt"] for event in events if event["type"] == "NodeStarted" and event["node"] == "deadly"] == [
        1,
        2,
        3,
        4,
    ]
    assert types(server, "ex").count("Recovered") == times
    if end == "completed":
        assert ended["finalState"]["seen"]["attempt"] == 4
    else:
        error = ended["error"]
        assert (error["code"], error["type"], error["severity"], error["address"]) == (
            "CRASH_LOOP", "system", "critical", "/workflow/1/deadly",
        )  # fmt: skip
        server.terminate()
        server.start()  # nothing of it is taken up again
        assert types(server, "ex").count("Recovered") == times


def test_on_crash_pause_waits_for_a_person_over_restarts(server: ServerProcess) -> None:
    """However often the server is started in between; then it runs again, once."""
    submit(server, "ex", {"hold": {"$node": "signal", "name": "go"}}, {"deadly": {"times": 1, "$onCrash": "pause"}})
    let_go(server)
    assert server.wait_until_killed() == -signal.SIGKILL
    for _ in range(3):
        server.start()
        assert settled(server, "ex")["status"] == "paused"
        server.kill()
    server.start()
    assert server.http.post("/executions/ex/resume", json={"reason": "it may"}).status_code == 202
    assert settled(server, "ex")["status"] == "completed"
    assert types(server, "ex").count("Recovered") == 1


def test_an_attempt_that_is_due_while_no_server_runs_begins_after_the_start(server: ServerProcess) -> None:
    """Not before its time, which stands in the log since the attempt before failed; each of three attempts once."""
    policy = {"maxAttempts": 4, "delay": "400ms", "backoff": 1.5, "jitter": 0.5}
    submit(server, "ex", {"flaky": {"times": 3, "$retry": policy}})
    for scheduled in range(1, 4):
        while types(server, "ex").count("RetryScheduled") < scheduled:
            pass
        server.kill()
        server.start()
    ended = settled(server, "ex")
    assert (ended["status"], ended["finalState"]) == ("completed", {"flaky_output": 4})
    events = server.events("ex")
    due = [event["data"]["due"] for event in events if event["type"] == "RetryScheduled"]
    begun = [event for event in events if event["type"] == "NodeStarted"]
    assert [event["attempt"] for event in begun] == [1, 2, 3, 4]
    for at, event in zip(due, begun[1:], strict=True):
        assert microseconds(datetime.fromisoformat(event["time"])) >= at
    assert all("address" not in event for event in events if event["type"] == "Recovered")
