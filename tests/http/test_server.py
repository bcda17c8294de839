"""The server's life: it says where it listens, refuses clearly to start, and stops in time with nothing lost."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.support.http import RunningServer, definition, running_server, submit

SLOW = """
import threading
from clew import NodeMetadata, WorkflowNode


class Slow(WorkflowNode):
    metadata = NodeMetadata(id="slow", name="Slow", version="1.0.0")

    def execute(self, context, config):
        threading.Event().wait()
"""


def test_start_and_stop(tmp_path: Path) -> None:
    """One line says where it listens and on what; SIGTERM ends it with 0; the next one goes on from the store."""
    with running_server(tmp_path) as server:
        with server.http() as http:
            parked = submit(http, {"signal": {"name": "go"}}, status="suspended")
        assert server.stop() == 0
        assert server.said == f"Clew 0.1.0 listens on {server.url}, store {server.store}\n"
    with running_server(tmp_path) as server, server.http() as http:
        path = f"/executions/{parked['executionId']}"
        assert http.get(path).json() == parked
        assert http.post(f"{path}/signals/go").json()["status"] == "completed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_quick(tmp_path: Path, number: signal.Signals) -> None:
    """Under 10 s, although a node never ends and a client waits; what was accepted is there afterwards."""
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "slow.py").write_text(SLOW)
    with running_server(tmp_path, nodes=[nodes]) as server, server.http() as http:
        execution_id = http.post("/workflows", json=definition("slow")).json()["executionId"]
        place = server.url.removeprefix("http://").split(":")
        with socket.create_connection((place[0], int(place[1])), timeout=20) as waiting:
            body = b'{"id": "w", "name": "W", "version": "1.0.0", "workflow": ["slow"]}'
            head = "POST /workflows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: wait=60\r\n"
            waiting.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            until = monotonic() + 20
            while len(http.get("/executions").json()["items"]) < 2:
                assert monotonic() < until
            began = monotonic()
            server.process.send_signal(number)
            assert server.ends() == 0
            assert monotonic() - began < 10
            assert waiting.recv(65_536).startswith(b"HTTP/1.1 202 ")
    with running_server(tmp_path, nodes=[nodes]) as server:
        with server.http() as http:
            types = [event["type"] for event in http.get(f"/executions/{execution_id}/events").json()["items"]]
            assert types[:3] == ["ExecutionStarted", "NodeStarted", "Recovered"]
        server.process.kill()


def refuses(home: Path, **how: Any) -> str:
    """What a server says that does not start; it must be one line, and no success."""
    server = RunningServer(home, **how)
    assert server.ends() != 0
    said = server.said
    server.stop()
    assert said.count("\n") == 1, said
    return said


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """One message, and the store is not touched."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refuses(tmp_path, port=taken.getsockname()[1])
    assert "Address already in use" in said
    assert "--port" in said
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_held(tmp_path: Path) -> None:
    """By another server: its process is named."""
    with running_server(tmp_path) as server:
        assert server.url
        assert str(server.process.pid) in refuses(tmp_path)


def test_a_store_that_can_not_be(tmp_path: Path) -> None:
    """Of an unknown kind, no database, or below a file: one message, and nothing left half-written."""
    assert "mysql" in refuses(tmp_path, store="mysql://x")
    (tmp_path / "text.db").write_text("this is no database at all, whatever it is called\n" * 40)
    assert "text.db" in refuses(tmp_path, store=f"sqlite:///{tmp_path}/text.db")
    assert "text.db" in refuses(tmp_path, store=f"sqlite:///{tmp_path}/text.db/log.db")
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


def test_a_directory_that_can_not_be_written(tmp_path: Path) -> None:
    """Is one message with its name."""
    assert "/proc/clew" in refuses(tmp_path, store="sqlite:////proc/clew/log.db")


@pytest.mark.parametrize("file_bytes", [0, 100, 5_000, 9_000])
def test_a_full_disk(tmp_path: Path, file_bytes: int) -> None:
    """Is one message, and what is left of the start keeps no later one from starting."""
    assert "log" in refuses(tmp_path, file_bytes=file_bytes)
    with running_server(tmp_path) as server, server.http() as http:
        submit(http, "empty", status="completed")


def test_nodes_that_do_not_load_are_told_at_the_start(tmp_path: Path) -> None:
    """By file and line, on standard error, and the server starts."""
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "broken.py").write_text("\nraise ValueError('on purpose')\n")
    with running_server(tmp_path, nodes=[nodes]) as server:
        assert server.url
        assert server.said.count("broken.py:2: ValueError: on purpose\n") == 1
