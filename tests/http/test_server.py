"""The server's life: it says where it listens, refuses clearly to start, and goes on from its store."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import RunningServer, running_server, submit


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
    """By another server: its process is named, and what to do; the other goes on as if nothing had been."""
    with running_server(tmp_path) as server, server.http() as http:
        parked = submit(http, {"signal": {"name": "go"}}, status="suspended")
        said = refuses(tmp_path)
        assert said == (
            f"Clew can't start on {server.store}: {tmp_path}/log.db is being written by process {server.process.pid}. "
            "Stop that one first, or ask it instead of opening its store.\n"
        )
        assert http.post(f"/executions/{parked['executionId']}/signals/go").json()["status"] == "completed"
        assert server.stop() == 0


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
