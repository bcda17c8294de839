"""What holds for every request: its id, a net under everything, methods that people try, stores that fail."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from application.ports import StoreUnavailable, VersionConflict
from domain.errors import Unavailable
from tests.support.http import RunningServer, client, definition, refused, submit


@pytest.fixture
def http() -> Iterator[TestClient]:
    """A service of each test's own, to be broken."""
    with client() as found:
        yield found


def service_of(http: TestClient) -> Any:
    return http.app.state.api.service  # type: ignore[attr-defined]


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def test_request_ids(http: TestClient) -> None:
    """The client's own comes back if it is a plain one; else, and where there is none, a new one is made."""
    assert http.get("/version", headers={"X-Request-Id": "mine-1.2_3:4"}).headers["x-request-id"] == "mine-1.2_3:4"
    error = refused(http.get("/nowhere", headers={"X-Request-Id": "mine"}), 404, "NO_SUCH_PATH")
    assert error["requestId"] == "mine"
    for bad in ("", "a b", "x" * 129, 'a"b', "<script>"):
        made = http.get("/version", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert re.fullmatch(r"req_[0-9a-f]{24}", made)
    assert http.get("/version").headers["x-request-id"] != http.get("/version").headers["x-request-id"]


def test_a_fault_of_our_own(
    http: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Is 500 with the request id, in the log with its traceback, and tells nothing of the inside."""
    monkeypatch.setattr(service_of(http).queries, "nodes", raising(ZeroDivisionError("inside knowledge")))
    with caplog.at_level(logging.ERROR, logger="clew.http"):
        answer = http.get("/nodes")
    error = refused(answer, 500, "INTERNAL_ERROR")
    assert "inside" not in error["message"].replace("inside the service", "")
    assert "inside knowledge" not in answer.text
    [record] = caplog.records
    assert error["requestId"] in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)
    assert http.get("/version").status_code == 200


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("Too much to do."), "UNAVAILABLE"),
        (StoreUnavailable("The disk is full."), "STORE_UNAVAILABLE"),
        (VersionConflict("Version 3 is taken."), "UNAVAILABLE"),
    ],
)
def test_a_service_that_can_not(http: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str) -> None:
    """Is 503, and says when to ask again; a conflict of versions inside is no 409 for who asked."""
    monkeypatch.setattr(service_of(http), "command", raising(error))
    answer = http.post("/executions/x/pause")
    refused(answer, 503, code)
    assert answer.headers["retry-after"] == "1"


def test_health(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sick service is alive, but not ready."""
    assert http.get("/readyz").json() == {"status": "ready", "warnings": []}
    monkeypatch.setattr(service_of(http), "sickness", lambda: "The disk is gone.")
    answer = http.get("/readyz")
    assert refused(answer, 503, "NOT_READY")["message"] == "The disk is gone."
    assert answer.headers["retry-after"] == "1"
    assert http.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/workflows", "/executions/x/state", "/executions/x/signals/y", "/docs"])
def test_options(http: TestClient, path: str) -> None:
    """Says which methods there are; every other that is not is 405 with the same."""
    answer = http.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    allowed = set(answer.headers["allow"].split(", "))
    assert "OPTIONS" in allowed
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        told = http.request(method, path)
        refused(told, 405, "METHOD_NOT_ALLOWED")
        assert set(told.headers["allow"].split(", ")) == allowed


def test_head_is_get_without_the_body(server: RunningServer) -> None:
    """The same headers, length included."""
    with server.http() as http:
        path = f"/executions/{submit(http, 'empty')['executionId']}"
        for place in (path, f"{path}/state", "/nodes", "/nowhere"):
            head, get = http.head(place), http.get(place)
            assert (head.status_code, head.content) == (get.status_code, b"")
            assert head.headers["content-type"] == get.headers["content-type"]
            assert head.headers.get("etag") == get.headers.get("etag")


def test_clients_that_leave(server: RunningServer) -> None:
    """In the middle of a body, and while they wait for an answer: nobody else notices."""
    place = urlsplit(server.url)
    body = str(definition({"signal": {"name": "go"}})).replace("'", '"').encode()
    start = b"POST /workflows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: wait=30\r\n"
    for sent in (body[: len(body) // 2], body):
        with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
            connection.sendall(start + f"Content-Length: {len(body)}\r\n\r\n".encode() + sent)
    with server.http() as http:
        submit(http, "empty", status="completed")
        assert http.get("/readyz").status_code == 200
    assert "Traceback" not in server.said


def test_nobody_waits_for_a_server_that_stops(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait for an answer ends when the server is to stop: the client gets the 202, and the server is not ready."""
    api = http.app.state.api  # type: ignore[attr-defined]

    async def settled(execution_id: str, wait_s: float) -> bool:
        api.closing.set()
        await asyncio.Event().wait()
        raise AssertionError("nothing sets this event")

    monkeypatch.setattr(api.service, "settled", settled)
    assert http.post("/workflows", json=definition("empty"), headers={"Prefer": "wait=60"}).status_code == 202
    refused(http.get("/readyz"), 503, "NOT_READY")
