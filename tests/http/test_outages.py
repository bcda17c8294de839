"""A database that fails under a running service: what is answered, that nothing acknowledged is lost, and that it passes."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import pytest
from starlette.testclient import TestClient

import application.engine
import application.projector
import application.writer
from domain.context import ExecutionContext
from domain.node import Edge, NodeMetadata, WorkflowNode
from infrastructure import postgres_connections, postgres_hold, postgres_log, postgres_recorder
from infrastructure.chain import broken_link
from infrastructure.postgres_address import parse
from tests.support import postgres
from tests.support.http import client, definition, refused, running_server, submit
from tests.support.proxy import Proxy
from tests.support.waiting import until

QUICK_S = 2.0
PARKED = {"ask": {"$node": "signal", "name": "go"}}
STEPS = 40


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that happens by itself after a while happens soon."""
    monkeypatch.setattr(postgres_recorder, "WRITING", postgres_recorder.WRITING._replace(silence_s=0.5))
    monkeypatch.setattr(postgres_recorder, "READING", postgres_recorder.READING._replace(silence_s=0.5))
    monkeypatch.setattr(postgres_hold, "HOLDING", postgres_hold.HOLDING._replace(silence_s=0.5))
    monkeypatch.setattr(postgres_connections, "PROBE_S", 0.02)
    monkeypatch.setattr(postgres_hold, "BEAT_S", 0.05)
    monkeypatch.setattr(application.engine, "REVIVE_S", 0.05)
    monkeypatch.setattr(application.projector, "FIRST_BACKOFF_S", 0.05)
    monkeypatch.setattr(application.writer, "PROBE_S", 0.05)


class Effects(WorkflowNode):
    """Has an effect outside, which is counted by its key."""

    metadata = NodeMetadata(id="effects", name="Effects", version="1.0.0", effect="writes")
    seen: ClassVar[Counter[str]] = Counter()

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Count."""
        self.seen[context.idempotency_key] += 1
        context.state["n"] = context.state.get("n", 0) + 1
        return Edge("success")


LOOP = {"range...": {"stop": STEPS, "loop?": ["effects"]}}


@pytest.fixture
def store() -> Iterator[tuple[Proxy, str]]:
    """A store behind a proxy."""
    with postgres.proxied() as found:
        yield found


def is_ready(http: TestClient) -> bool:
    """Whether it takes in work."""
    return http.get("/readyz").status_code == 200


def history_is_sound(http: TestClient, url: str, execution_ids: list[str]) -> None:
    """Versions without gap, each visit ended once, the chain whole, and no effect more often than crashes explain."""
    log = postgres_log.open_log(parse(url), read_only=True)
    try:
        for execution_id in execution_ids:
            events = http.get(f"/executions/{execution_id}/events", params={"limit": 1000}).json()["items"]
            assert [event["version"] for event in events] == list(range(1, len(events) + 1))
            ended = [
                event["visit"] for event in events if event["type"] == "EdgeTaken" and event.get("step") == "effects"
            ]
            assert ended == list(range(1, STEPS + 1))
            assert broken_link(log.rows(execution_id)) is None
    finally:
        log.close()


def finished(http: TestClient, execution_id: str) -> bool:
    """Whether it has ended, which must be well."""
    answer = http.get(f"/executions/{execution_id}")
    if answer.status_code == 503:
        return False
    body = answer.json()
    assert body["status"] in ("running", "completed"), body
    return bool(body["status"] == "completed")


def test_a_database_that_is_gone_for_a_while(store: tuple[Proxy, str], tmp_path: Path) -> None:
    """Everything that needs it is 503 at once, with the reason; when it is back, work goes on by itself."""
    proxy, url = store
    with client(store=url, home=tmp_path) as http:
        parked = submit(http, PARKED, status="suspended")["executionId"]
        proxy.cut()
        for _ in range(3):
            began = monotonic()
            refused(http.post("/workflows", json=definition("empty")), 503, "STORE_UNAVAILABLE")
            refused(http.post(f"/executions/{parked}/signals/go"), 503, "STORE_UNAVAILABLE")
            refused(http.get(f"/executions/{parked}"), 503, "STORE_UNAVAILABLE")
            error = refused(http.get("/readyz"), 503, "NOT_READY")
            assert "can't be reached" in error["message"]
            assert monotonic() - began < QUICK_S
        assert http.get("/healthz").status_code == 200
        proxy.mend()
        until(lambda: is_ready(http))
        assert (
            http.post(f"/executions/{parked}/signals/go", headers={"Prefer": "wait=20"}).json()["status"] == "completed"
        )
        answer = http.post("/workflows", json=definition("empty"), headers={"Prefer": "wait=20"})
        at = {"Clew-Position": answer.headers["clew-position"]}
        until(lambda: len(http.get("/executions", headers=at).json()["items"]) == 2)
        assert [item["status"] for item in http.get("/executions", headers=at).json()["items"]] == ["completed"] * 2


def test_a_database_that_falls_silent_under_load(store: tuple[Proxy, str], tmp_path: Path) -> None:
    """What runs meanwhile is taken up again from the log, and ends as if undisturbed."""
    proxy, url = store
    Effects.seen.clear()
    with client(Effects, store=url, home=tmp_path) as http:
        ids = [http.post("/workflows", json=definition(LOOP)).json()["executionId"] for _ in range(5)]
        until(lambda: len(Effects.seen) >= 20)
        proxy.freeze()
        until(lambda: not is_ready(http))
        proxy.thaw()
        until(lambda: all(finished(http, execution_id) for execution_id in ids))
        until(lambda: is_ready(http))
        history_is_sound(http, url, ids)
        assert len(Effects.seen) == 5 * STEPS


def test_connections_that_are_ended_all_the_time(store: tuple[Proxy, str], tmp_path: Path) -> None:
    """Everything that was accepted completes, and what was answered is in the log."""
    _, url = store
    Effects.seen.clear()
    ending = threading.Event()
    uses = ("writer", "reader", "holder", "views writer", "views reader")

    def end_them() -> None:
        while not ending.is_set():
            for use in uses:
                postgres.terminate(use)

    with client(Effects, store=url, home=tmp_path) as http:
        enemy = threading.Thread(target=end_them)
        enemy.start()
        try:
            ids: list[str] = []
            while len(ids) < 8:
                answer = http.post("/workflows", json=definition(LOOP), headers={"Idempotency-Key": str(len(ids))})
                if answer.status_code == 202:
                    ids.append(answer.json()["executionId"])
                else:
                    refused(answer, 503, "STORE_UNAVAILABLE")
            until(lambda: len(Effects.seen) > 100)
        finally:
            ending.set()
            enemy.join(20)
        until(lambda: all(finished(http, execution_id) for execution_id in ids))
        assert len(set(ids)) == 8
        history_is_sound(http, url, ids)
        assert len(Effects.seen) == 8 * STEPS
        until(lambda: is_ready(http))


def test_answers_that_are_lost(store: tuple[Proxy, str], tmp_path: Path) -> None:
    """A commit whose answer is lost counts once: it is looked up, or folded again from the log."""
    proxy, url = store
    Effects.seen.clear()
    with client(Effects, store=url, home=tmp_path) as http:
        execution_id = http.post("/workflows", json=definition(LOOP)).json()["executionId"]
        while not finished(http, execution_id):
            proxy.lose_an_answer()
        history_is_sound(http, url, [execution_id])
        assert len(Effects.seen) == STEPS


def test_a_store_that_another_server_has_taken(store: tuple[Proxy, str], tmp_path: Path) -> None:
    """The one before says by whom, and records nothing more."""
    proxy, url = store
    with client(store=url, home=tmp_path) as http:
        parked = submit(http, PARKED, status="suspended")["executionId"]
        proxy.cut()
        until(lambda: not postgres.backends("holder"))
        direct = url.replace(f"port={proxy.port}", f"port={proxy.target[1]}")
        other = postgres_log.open_log(parse(direct))
        other.close()
        proxy.mend()
        until(lambda: "taken over by" in http.get("/readyz").json().get("detail", ""))
        error = refused(http.post(f"/executions/{parked}/signals/go"), 503, "STORE_UNAVAILABLE")
        assert socket.gethostname() in error["message"]
        until(lambda: http.get(f"/executions/{parked}").json()["status"] == "suspended")


def test_a_second_server(tmp_path: Path) -> None:
    """Is told which process holds the store, and ends; the first one is not disturbed."""
    with postgres.schema() as url, running_server(tmp_path, store=url) as first:
        assert first.url
        with running_server(tmp_path, store=url) as second:
            assert second.ends() == 1
            assert f"is being written by process {first.process.pid} on {socket.gethostname()}" in second.said
        with first.http() as http:
            submit(http, "empty", status="completed")


def test_a_password_is_shown_nowhere(tmp_path: Path) -> None:
    """Neither when it starts, nor when it can't."""
    with postgres.schema() as url:
        secret = url.replace("?", "?password=s3cret&")
        with running_server(tmp_path, store=secret) as server:
            assert server.url
            assert server.stop() == 0
            assert f"store {url.replace('?', '?password=***&')}" in server.said
            assert "s3cret" not in server.said
        with running_server(tmp_path, store="postgresql://root:s3cret@127.0.0.1:1/test") as server:
            assert server.ends() == 1
            assert "can't be reached" in server.said
            assert "s3cret" not in server.said
