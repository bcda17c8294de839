"""A server that is told to stop: it does, in time and with status 0, whatever hangs and whoever waits; nothing is lost."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

from infrastructure.sqlite_log import open_log
from tests.simulation.faults import Ledger
from tests.simulation.invariants import History, violations
from tests.support.crowd import post
from tests.support.http import RunningServer, definition, running_server

AT_MOST_S = 10.0
AT_ONCE_S = 2.0
NODES = """
import asyncio
import threading
from clew import NodeMetadata, WorkflowNode


class InAThread(WorkflowNode):
    metadata = NodeMetadata(id="in-a-thread", name="In a thread", version="1.0.0")

    def execute(self, context, config):
        threading.Event().wait()


class InAThreadOfItsOwn(WorkflowNode):
    metadata = NodeMetadata(id="in-a-thread-of-its-own", name="In a thread of its own", version="1.0.0")

    async def execute(self, context, config):
        await asyncio.to_thread(threading.Event().wait)


class OnTheLoop(WorkflowNode):
    metadata = NodeMetadata(id="on-the-loop", name="On the loop", version="1.0.0")

    async def execute(self, context, config):
        await asyncio.Event().wait()


class Stubborn(WorkflowNode):
    metadata = NodeMetadata(id="stubborn", name="Stubborn", version="1.0.0")

    async def execute(self, context, config):
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class Blocking(WorkflowNode):
    metadata = NodeMetadata(id="blocking", name="Blocking", version="1.0.0")

    async def execute(self, context, config):
        threading.Event().wait()
"""
HANGING = ("in-a-thread", "in-a-thread-of-its-own", "on-the-loop", "stubborn")


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """A folder with the nodes that hang."""
    folder = tmp_path / "nodes"
    folder.mkdir()
    (folder / "hanging.py").write_text(NODES)
    return folder


def begin(http: httpx2.Client, step: str) -> str:
    """An execution of that one step, which has begun."""
    answer = http.post("/workflows", json=definition(step))
    assert answer.status_code == 202, answer.text
    execution_id: str = answer.json()["executionId"]
    until = monotonic() + 20
    while "NodeStarted" not in types(http, execution_id):
        assert monotonic() < until
    return execution_id


def types(http: httpx2.Client, execution_id: str) -> list[str]:
    """The types of an execution's events."""
    return [event["type"] for event in http.get(f"/executions/{execution_id}/events").json()["items"]]


@contextmanager
def holding(server: RunningServer, *beginnings: bytes) -> Iterator[list[socket.socket]]:
    """Connections that have sent as much as this, and wait."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection((host, int(port)), timeout=20)) for _ in beginnings]
        for connection, beginning in zip(held, beginnings, strict=True):
            connection.sendall(beginning)
        yield held


def check_log(home: Path) -> None:
    """What must be so of any log, of one that was left in a hurry too. Its executions need not have come to rest."""
    log = open_log(home / "log.db", read_only=True)
    try:
        found = violations(log, History(), Ledger(), crashes=1)
        assert [one for one in found if "stands still" not in one] == []
    finally:
        log.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_quick(tmp_path: Path, nodes: Path, number: signal.Signals) -> None:
    """Although nodes hang in threads and on the loop, and clients hold connections; who waits for an end is told 202."""
    waits = post("/workflows", definition("on-the-loop", id="waited-for"), Prefer="wait=60")
    with running_server(tmp_path, nodes=[nodes]) as server, server.http() as http:
        begun = [begin(http, step) for step in HANGING]
        with holding(server, b"", b"GET /executions HT", waits[:-10], waits) as (*_, waiting):
            until = monotonic() + 20
            while len(http.get("/executions?workflow=waited-for").json()["items"]) < 1:
                assert monotonic() < until
            began = monotonic()
            server.process.send_signal(number)
            assert waiting.recv(65_536).startswith(b"HTTP/1.1 202 ")
            assert monotonic() - began < AT_ONCE_S
            assert server.ends() == 0
            assert monotonic() - began < AT_MOST_S
    check_log(tmp_path)
    with running_server(tmp_path, nodes=[nodes]) as server:
        with server.http() as http:
            for execution_id in begun:
                assert types(http, execution_id)[:3] == ["ExecutionStarted", "NodeStarted", "Recovered"]
        server.process.kill()


def test_a_node_that_blocks_the_loop(tmp_path: Path, nodes: Path) -> None:
    """Doesn't keep the server from stopping in time, nor `/healthz` from being answered until then."""
    with running_server(tmp_path, nodes=[nodes]) as server, server.http() as http:
        execution_id = begin(http, "blocking")
        assert http.get("/healthz").status_code == 200
        began = monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.ends() == 0
        assert monotonic() - began < AT_MOST_S
    check_log(tmp_path)
    with running_server(tmp_path, nodes=[nodes]) as server:
        with server.http() as http:
            assert types(http, execution_id)[:3] == ["ExecutionStarted", "NodeStarted", "Recovered"]
        server.process.kill()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, nodes: Path, second: signal.Signals) -> None:
    """By that signal, as any other process; what was accepted is there afterwards."""
    with running_server(tmp_path, nodes=[nodes]) as server, server.http() as http:
        execution_id = begin(http, "stubborn")
        with holding(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as (seen,):
            assert seen.recv(65_536)
            server.process.send_signal(signal.SIGTERM)
            while seen.recv(65_536):  # it has begun to stop when it closes this
                continue
        began = monotonic()
        server.process.send_signal(second)
        assert server.ends() == -second
        assert monotonic() - began < AT_ONCE_S
    check_log(tmp_path)
    with running_server(tmp_path, nodes=[nodes]) as server:
        with server.http() as http:
            assert types(http, execution_id)[:3] == ["ExecutionStarted", "NodeStarted", "Recovered"]
        server.process.kill()


def submit_until_it_stops(server: RunningServer, name: str) -> list[tuple[str, int]]:
    """Submissions one after the other until one is not accepted: the ids that were accepted, each with its position."""
    accepted: list[tuple[str, int]] = []
    with server.http() as http:
        while True:
            body = {"definition": definition("empty", "empty", "empty"), "executionId": f"{name}-{len(accepted)}"}
            try:
                answer = http.post("/workflows", json=body)
            except httpx2.TransportError:
                return accepted
            if answer.status_code == 503:
                assert answer.headers["retry-after"]
                assert answer.json()["error"]["code"] == "UNAVAILABLE"
                return accepted
            assert answer.status_code == 202, answer.text
            accepted.append((body["executionId"], int(answer.headers["clew-position"])))  # type: ignore[arg-type]


def test_what_was_accepted_until_the_stop_is_there_after_it(tmp_path: Path) -> None:
    """Clients submit as fast as they can while the server stops; after a restart everything they were told is done."""
    history = History()
    with running_server(tmp_path) as server, ThreadPoolExecutor(8) as pool:
        assert server.url
        clients = [pool.submit(submit_until_it_stops, server, f"c{number}") for number in range(8)]
        with server.http() as http:
            until = monotonic() + 20
            while len(http.get("/executions?limit=100").json()["items"]) < 100:
                assert monotonic() < until
        assert server.stop() == 0
        for client in clients:
            history.accepted.update(client.result(30))
    assert len(history.accepted) >= 100
    with running_server(tmp_path) as server, server.http() as http:
        left: Any = True
        until = monotonic() + 20
        while left:
            left = http.get("/executions?status=running").json()["items"]
            assert monotonic() < until
        assert server.stop() == 0
    log = open_log(tmp_path / "log.db", read_only=True)
    try:
        assert violations(log, history, Ledger(), crashes=0) == []
    finally:
        log.close()
