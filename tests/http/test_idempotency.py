"""Requests that are sent again, and how long an answer is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.support import stores
from tests.support.http import RunningServer, client, definition, refused, running_server, submit
from tests.support.stores import DURABLE, Stores


@pytest.fixture(scope="module", params=DURABLE)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Stores of each kind in turn, for a module."""
    with stores.stores(request.param, tmp_path_factory.mktemp("store")) as kind:
        yield kind


@pytest.fixture(scope="module")
def http(store: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service for the module."""
    with client(store=store.url(), home=tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def server(store: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A real server for the module."""
    with running_server(tmp_path_factory.mktemp("server"), store=store.url()) as found:
        yield found


PARKED = {"ask": {"$node": "signal", "name": "go"}}


def test_the_same_submission_again(http: TestClient) -> None:
    """Begins nothing: same status and body, and a header that says so; even after the execution has gone on."""
    key = {"Idempotency-Key": "again"}
    body = definition({"log": {"message": "x", "success?": "empty"}}, initialState={"a": 1})
    first = http.post("/workflows", json=body, headers=key)
    submitted = first.json()["executionId"]
    assert http.post("/workflows", json=body, headers={**key, "Prefer": "wait=10"}).json()["status"] == "completed"
    again = http.post("/workflows", json=body, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"] == f"/executions/{submitted}"
    assert again.headers["clew-position"] == first.headers["clew-position"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_another_body_under_the_same_key(http: TestClient) -> None:
    """Is 422; under the same key, but of another actor, it is another request."""
    key = {"Idempotency-Key": "reused"}
    assert http.post("/workflows", json=definition("empty"), headers=key).status_code == 202
    other = definition("empty", name="Other")
    refused(http.post("/workflows", json=other, headers=key), 422, "IDEMPOTENCY_KEY_REUSED")
    assert http.post("/workflows", json=other, headers={**key, "Clew-Actor": "ann"}).status_code == 202


def test_twenty_at_once_with_one_key(server: RunningServer) -> None:
    """Begin one execution between them, and nineteen of the answers say that they are replays."""
    body = definition({"log": {"message": "x"}}, PARKED, id="twenty")

    def post(number: int) -> tuple[int, str, str | None]:
        with server.http() as one:
            answer = one.post("/workflows", json=body, headers={"Idempotency-Key": "twenty"})
            return answer.status_code, answer.text, answer.headers.get("idempotency-replayed")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))
    assert {(status, text) for status, text, _ in answers} == {(202, answers[0][1])}
    assert sorted(replayed or "" for _, _, replayed in answers) == ["", *["true"] * 19]
    with server.http() as one:
        position = one.post("/workflows", json=body, headers={"Idempotency-Key": "twenty"}).headers["clew-position"]
        listed = one.get("/executions", params={"workflow": "twenty"}, headers={"Clew-Position": position}).json()
    assert len(listed["items"]) == 1


def test_the_same_command_again(http: TestClient) -> None:
    """Is carried out once and answered as the first time, although the execution has gone on; another one is refused."""
    execution_id = submit(http, PARKED, PARKED)["executionId"]
    path, key = f"/executions/{execution_id}/signals/go", {"Idempotency-Key": "go"}
    first = http.post(path, json={"n": 1}, headers=key)
    assert http.post(f"/executions/{execution_id}/pause").status_code in (200, 202)
    again = http.post(path, json={"n": 1}, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    refused(http.post(path, json={"n": 2}, headers=key), 422, "IDEMPOTENCY_KEY_REUSED")
    refused(http.post(f"/executions/{execution_id}/cancel", headers=key), 422, "IDEMPOTENCY_KEY_REUSED")
    events = http.get(f"/executions/{execution_id}/events").json()["items"]
    assert [event["type"] for event in events].count("SignalReceived") == 1


def test_an_id_of_ones_own(http: TestClient) -> None:
    """Is used once: 409 for another submission, or that execution as it is now, if that is what was asked for."""
    body = {"definition": definition("empty"), "executionId": "own.id-1", "labels": {"team": "a"}}
    answer = http.post("/workflows", json=body, headers={"Prefer": "wait=10"}).json()
    assert (answer["executionId"], answer["labels"]) == ("own.id-1", {"team": "a"})
    error = refused(http.post("/workflows", json=body), 409, "EXECUTION_EXISTS")
    assert error["executionId"] == "own.id-1"
    used = http.post("/workflows", json={**body, "onConflict": "use"})
    assert (used.status_code, used.json()["status"]) == (202, "completed")
    assert "idempotency-replayed" not in used.headers


def test_initial_state_of_the_wrapper(http: TestClient) -> None:
    """Replaces the definition's own."""
    body = {"definition": definition("empty", initialState={"a": 1}), "initialState": {"b": 2}}
    assert http.post("/workflows", json=body, headers={"Prefer": "wait=10"}).json()["finalState"] == {"b": 2}


@pytest.mark.parametrize(
    ("step", "status"), [("empty", "completed"), (PARKED, "suspended"), ({"fail": {"message": "no"}}, "failed")]
)
def test_prefer_wait(http: TestClient, step: Any, status: str) -> None:
    """Answers 200 with the execution when it has ended or parked, and says what it did."""
    answer = http.post("/workflows", json=definition(step), headers={"Prefer": "respond-async, wait=10"})
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.json() == http.get(answer.headers["location"]).json()
    listed = http.get("/executions?limit=1", headers={"Clew-Position": answer.headers["clew-position"]}).json()
    assert (listed["items"][0]["executionId"], listed["items"][0]["status"]) == (answer.json()["executionId"], status)


@pytest.mark.parametrize(
    ("asked", "applied"), [("wait=0", "wait=0"), ("wait=x", None), ("return=minimal", None), ("wait=-1", None)]
)
def test_preferences_that_wait_for_nothing(http: TestClient, asked: str, applied: str | None) -> None:
    """Get the 202."""
    answer = http.post("/workflows", json=definition("empty"), headers={"Prefer": asked})
    assert answer.status_code == 202
    assert answer.headers.get("preference-applied") == applied


def test_a_key_on_validate_means_nothing(http: TestClient) -> None:
    """It is taken, with any body."""
    for name in ("One", "Two"):
        answer: httpx2.Response = http.post(
            "/workflows/validate", json=definition("empty", name=name), headers={"Idempotency-Key": "v"}
        )
        assert (answer.status_code, answer.json()["valid"]) == (200, True)
