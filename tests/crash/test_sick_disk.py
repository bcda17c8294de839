"""A real server on a disk that falls ill: it says so, loses nothing it has acknowledged, and recovers by itself."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

from infrastructure.sqlite_log import open_log
from tests.simulation.faults import Ledger
from tests.simulation.invariants import History, violations
from tests.support.http import definition, refused
from tests.support.process import ServerProcess
from tests.support.sick_disks import Disk, calls, failing, full, gone

PATIENCE_S = 60.0
ITEMS = 60
NODE = r"""
import json
from pathlib import Path
from clew import Edge, NodeMetadata, WorkflowNode

LEDGER = Path(__file__).with_name("ledger")


class Note(WorkflowNode):
    metadata = NodeMetadata(id="note", name="Note", version="1.0.0", effect="writes")

    def execute(self, context, config):
        with LEDGER.open("a") as lines:
            lines.write(json.dumps([context.execution_id, context.step.address, context.idempotency_key]) + "\n")
        return Edge("noted")
"""
LONG = definition({"range...": {"stop": ITEMS, "loop?": ["note"]}}, {"signal": {"name": "on"}}, "note", id="long")
PARKED = definition({"signal": {"name": "go"}}, "note", id="parked")
LARGE = definition("note", id="large", initialState={"text": "x" * 100_000})
"""Larger than what room is left in pages that SQLite has already."""
SICKNESSES: dict[str, tuple[Callable[[Path], AbstractContextManager[Disk]], str]] = {
    "full": (full, "is on a full disk. Free some space"),
    "full by order": (lambda home: failing(home, calls("write", error=errno.ENOSPC)), "is on a full disk"),
    "read-only": (lambda home: failing(home, calls("write", "open", error=errno.EROFS)), "can't be"),
    "writes fail": (lambda home: failing(home, calls("write", error=errno.EIO)), "Look at the disk"),
    "syncs fail": (lambda home: failing(home, calls("sync", error=errno.EIO)), "Look at the disk"),
    "gone": (gone, "is gone, or another file is in its place"),
}


class Client:
    """Asks, and remembers what it was told."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        self.history = History()

    def submit(self, body: Any, key: str, **headers: str) -> httpx2.Response:
        """Under a key, so that it may be sent again until there is an answer."""
        answer = self.http.post("/workflows", json=body, headers={"Idempotency-Key": key, **headers})
        if answer.status_code in (200, 202):
            execution_id = answer.json()["executionId"]
            self.history.accepted[execution_id] = int(answer.headers["clew-position"])
            self.history.answers.setdefault(key, set()).add(execution_id)
        return answer

    def signal(self, execution_id: str, name: str, key: str) -> httpx2.Response:
        """Also under a key."""
        path = f"/executions/{execution_id}/signals/{name}"
        answer = self.http.post(path, json={}, headers={"Idempotency-Key": key})
        if answer.status_code == 202:
            self.history.commands.append((execution_id, key, answer.json()["version"]))
        return answer

    def status(self, execution_id: str) -> str:
        """Of an execution, now."""
        answer = self.http.get(f"/executions/{execution_id}")
        assert answer.status_code == 200, answer.text
        status: str = answer.json()["status"]
        return status


def eventually(is_so: Callable[[], bool]) -> None:
    """Ask again until it is so."""
    until = monotonic() + PATIENCE_S
    while not is_so():
        assert monotonic() < until


def lines(nodes: Path) -> list[list[str]]:
    """What the nodes noted: execution, address, key."""
    ledger = nodes / "ledger"
    return [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []


@pytest.mark.parametrize("name", SICKNESSES)
def test_a_sick_disk(tmp_path: Path, name: str) -> None:
    """503 with a reason and Retry-After, `/readyz` too, and well again by itself; then the log is as it must be."""
    disk_of, reason = SICKNESSES[name]
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "note.py").write_text(NODE)
    with disk_of(tmp_path) as disk:
        store = disk.folder / "log.db"
        server = ServerProcess(tmp_path, nodes=nodes, environment=disk.environment, store=f"sqlite:///{store}")
        try:
            server.start()
            client = Client(server.http)
            live(client, disk, nodes, reason)
            assert server.terminate() == 0
        finally:
            server.close()
        check(store, client.history, nodes)


def live(client: Client, disk: Disk, nodes: Path, reason: str) -> None:
    """The disk falls ill in the middle of an execution, stays so until the server has said it, and gets well."""
    parked = client.submit(PARKED, "parked", Prefer="wait=10").json()["executionId"]
    long = client.submit(LONG, "long").json()["executionId"]
    eventually(lambda: len(lines(nodes)) > 3)
    disk.sicken()
    try:
        eventually(lambda: client.submit(LARGE, "large").status_code == 503)
        told = client.submit(LARGE, "large")
        assert reason in refused(told, 503, "STORE_UNAVAILABLE")["message"]
        assert told.headers["retry-after"] == "1"
        refused(client.signal(parked, "go", "go"), 503, "STORE_UNAVAILABLE")
        ready = client.http.get("/readyz")
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
        assert reason in ready.json()["detail"]
        assert client.http.get("/healthz").status_code == 200
        assert client.status(parked) == "suspended"
    finally:
        disk.heal()
    eventually(lambda: client.http.get("/readyz").status_code == 200)  # though nobody has asked for anything
    eventually(lambda: client.submit(LARGE, "large").status_code == 202)
    eventually(lambda: client.signal(parked, "go", "go").status_code == 202)
    eventually(lambda: client.signal(long, "on", "on").status_code == 202)
    eventually(lambda: {client.status(one) for one in client.history.accepted} == {"completed"})
    eventually(lambda: {row["status"] for row in client.http.get("/executions").json()["items"]} == {"completed"})


def check(store: Path, history: History, nodes: Path) -> None:
    """What clients were told is in the log, the log is whole, and nothing ran again that was not interrupted."""
    ledger = Ledger()
    for execution_id, address, key in lines(nodes):
        ledger.order.append((execution_id, address, key))
        ledger.done[key] += 1
    assert len(ledger.done) == ITEMS + 3
    log = open_log(store, read_only=True)
    try:
        assert violations(log, history, ledger, crashes=0) == []
    finally:
        log.close()
