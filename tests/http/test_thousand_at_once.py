"""A thousand clients who all want the same at the same moment, of a real server on SQLite: it happens once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.sqlite_log import open_log
from tests.simulation.faults import Ledger
from tests.simulation.invariants import History, violations
from tests.support.crowd import at_once, post
from tests.support.http import RunningServer, definition, running_server

CROWD = 1_000
WITHIN_S = 60.0
"""Seconds a crowd is given on a machine that is busy; on an idle one it takes two."""
PARKED = {"ask": {"$node": "signal", "name": "go"}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's store is."""
    return tmp_path_factory.mktemp("thousand")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[RunningServer]:
    """One server; at its end the log must be as it must."""
    with running_server(home) as server:
        yield server
        assert server.stop() == 0
    log = open_log(home / "log.db", read_only=True)
    try:
        assert violations(log, History(), Ledger(), crashes=0) == []
    finally:
        log.close()


def begun(home: Path, workflow: str) -> list[str]:
    """The executions of a workflow that the log itself has, by their first events."""
    log = open_log(home / "log.db", read_only=True)
    try:
        events = [one for one in log.follow(0, 1_000_000) if one.version == 1]
        return [one.stream for one in events if getattr(one.event, "workflow", None) == workflow]
    finally:
        log.close()


def test_one_key(server: RunningServer, home: Path) -> None:
    """One execution and one answer: 999 of a thousand say that they are replays, and are the same otherwise."""
    body = definition({"log": {"message": "x"}}, PARKED, id="one-key")
    told = at_once(server.url, [post("/workflows", body, Idempotency_Key="k")] * CROWD, within_s=WITHIN_S)
    assert Counter(one.status for one in told) == {202: CROWD}
    assert all(one.body == told[0].body for one in told)
    assert {one.headers["location"] for one in told} == {f"/executions/{told[0].body['executionId']}"}
    assert len({one.headers["clew-position"] for one in told}) == 1
    assert Counter(one.headers.get("idempotency-replayed") for one in told) == {None: 1, "true": CROWD - 1}
    assert begun(home, "one-key") == [told[0].body["executionId"]]


def test_one_key_for_two_bodies(server: RunningServer, home: Path) -> None:
    """One of the bodies is begun, whoever was first; the other is refused each time."""
    bodies = [definition(PARKED, id="two-bodies", initialState={"n": n}) for n in range(2)]
    requests = [post("/workflows", bodies[n % 2], Idempotency_Key="two") for n in range(CROWD)]
    told = at_once(server.url, requests, within_s=WITHIN_S)
    half = CROWD // 2
    assert Counter(one.status for one in told) == {202: half, 422: half}
    assert {one.status for one in told[::2]} != {one.status for one in told[1::2]}
    assert {one.body["error"]["code"] for one in told if one.status == 422} == {"IDEMPOTENCY_KEY_REUSED"}
    (execution,) = begun(home, "two-bodies")
    assert {one.body["executionId"] for one in told if one.status == 202} == {execution}


@pytest.mark.parametrize(("on_conflict", "refusals"), [("fail", CROWD - 1), ("use", 0)])
def test_an_id_of_their_own(server: RunningServer, home: Path, on_conflict: str, refusals: int) -> None:
    """One begins it. The others are refused by its name, or, if that is what they asked for, given it as it is."""
    name = f"own-{on_conflict}"
    wanted = {"definition": definition(PARKED, id=name), "executionId": name, "onConflict": on_conflict}
    told = at_once(server.url, [post("/workflows", wanted)] * CROWD, within_s=WITHIN_S)
    assert Counter(one.status for one in told) == Counter({202: CROWD - refusals, 409: refusals})
    assert {one.body["error"]["code"] for one in told if one.status == 409} <= {"EXECUTION_EXISTS"}
    assert {one.body["error"]["executionId"] for one in told if one.status == 409} <= {name}
    assert {one.body["executionId"] for one in told if one.status == 202} == {name}
    assert not any("idempotency-replayed" in one.headers for one in told)
    assert begun(home, name) == [name]


def test_an_id_of_their_own_with_one_key(server: RunningServer, home: Path) -> None:
    """The key comes first: all thousand get the answer of the one that began it, although they would rather fail."""
    wanted = {"definition": definition(PARKED, id="both"), "executionId": "both", "onConflict": "fail"}
    told = at_once(server.url, [post("/workflows", wanted, Idempotency_Key="b")] * CROWD, within_s=WITHIN_S)
    assert Counter(one.status for one in told) == {202: CROWD}
    assert all(one.body == told[0].body for one in told)
    assert Counter(one.headers.get("idempotency-replayed") for one in told) == {None: 1, "true": CROWD - 1}
    assert begun(home, "both") == ["both"]


def test_one_signal_with_one_key(server: RunningServer) -> None:
    """It is received once, and every one of the thousand is answered as the first."""
    with server.http() as http:
        body = {"definition": definition(PARKED, PARKED), "executionId": "signalled"}
        assert http.post("/workflows", json=body, headers={"Prefer": "wait=10"}).json()["status"] == "suspended"
        requests = [post("/executions/signalled/signals/go", {"n": 1}, Idempotency_Key="s")] * CROWD
        told = at_once(server.url, requests, within_s=WITHIN_S)
        assert Counter(one.status for one in told) == {202: CROWD}
        assert all(one.body == told[0].body for one in told)
        assert Counter(one.headers.get("idempotency-replayed") for one in told) == {None: 1, "true": CROWD - 1}
        events = http.get("/executions/signalled/events").json()["items"]
        assert [event["type"] for event in events].count("SignalReceived") == 1
