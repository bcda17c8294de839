"""Explanations over HTTP: bodies, caching, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from interfaces.http import wire, wire_explaining
from tests.support.http import refused, submit

STEPS = (
    {"$.order.total": 1},
    {"snapshot": {"name": "before"}},
    {"$.order.total": 2},
    {"log": {"message": "{{$.order.total}}"}},
)
STATE = {"order": {"total": 0}, "nothing": None, "a,b": {"c": 1}, "end,": {"x": 2}}
TOTAL = "/workflow/2/$.order.total"


@pytest.fixture(scope="module")
def path(http: TestClient) -> str:
    """The path of an execution that has ended."""
    execution = submit(http, *STEPS, initialState=STATE, status="completed")
    return f"/executions/{execution['executionId']}"


def asked(http: TestClient, place: str, **params: Any) -> Any:
    """A body, which must be of its published type."""
    answer = http.get(place, params={name.rstrip("_"): value for name, value in params.items()})
    assert answer.status_code == 200, answer.text
    kinds = {
        "blame": wire_explaining.BlameBody,
        "diff": wire_explaining.DiffBody,
        "step": wire_explaining.StepBody,
        "state": wire_explaining.FieldsBody if "fields" in params else wire.StateBody,
    }
    msgspec.convert(answer.json(), kinds[place.rpartition("/")[2]])
    return answer.json()


def test_the_state_at_every_kind_of_place(http: TestClient, path: str) -> None:
    """By visit, before it, by mark, by walk."""

    def total(at: str) -> Any:
        return asked(http, f"{path}/state", at=at)["state"]["order"]["total"]

    assert total(f"node:{TOTAL}@1") == total(f"node:{TOTAL}") == 2
    assert total(f"node:{TOTAL}@1:before") == 1
    assert total("mark:before") == 1
    assert (total("start"), total("walk:1/start"), total("walk:1/head")) == (0, 0, 2)


def test_parts_of_a_state(http: TestClient, path: str) -> None:
    """Commas stand between pointers; null is told from nothing."""
    told = asked(http, f"{path}/state", at="start", fields="/order/total,/nothing,/nowhere,/a,b/c,/order")
    assert told["version"] == 1
    assert told["fields"] == {"/order/total": 0, "/nothing": None, "/a,b/c": 1, "/order": {"total": 0}}
    assert asked(http, f"{path}/state", fields='["/end,/x"]')["fields"] == {"/end,/x": 2}
    error = refused(http.get(f"{path}/state", params={"fields": "/order,/a~"}), 422, "INVALID_POINTER")
    assert [(each["path"], each["offset"]) for each in error["details"]] == [("?fields", 9)]


def test_what_never_changes_may_be_kept(http: TestClient, path: str) -> None:
    """Numbers only: every other place may come to be another version. Tags are strong, and honoured everywhere."""
    for question, kept, asked_again in (
        ("state", {"at": "2"}, {"at": "mark:before"}),
        ("state", {"at": "2", "fields": "/order"}, {"fields": "/order"}),
        ("blame", {"at": "2", "pointer": "/order"}, {"at": "walk:1/2", "pointer": "/order"}),
        ("diff", {"from": "1", "to": "2"}, {"from": "1"}),
        ("diff", {"to": "2"}, {"from": "start", "to": "2"}),
    ):
        first, second = (http.get(f"{path}/{question}", params=params) for params in (kept, asked_again))
        assert "immutable" in first.headers["cache-control"], (question, kept)
        assert second.headers["cache-control"] == "no-cache", (question, asked_again)
        for answer, params in ((first, kept), (second, asked_again)):
            tag = answer.headers["etag"]
            assert tag.startswith('"v')
            again = http.get(f"{path}/{question}", params=params, headers={"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")


def test_a_blame(http: TestClient, path: str) -> None:
    """The last writer and those before it; `next` goes on where a page ends."""
    told = asked(http, f"{path}/blame", pointer="/order/total")
    assert (told["value"], told["written"]["old"], told["written"]["address"]) == (2, 1, TOTAL)
    assert [(each.get("old"), each["value"], each["type"]) for each in told["earlier"]] == [
        (0, 1, "StateUpdated"),
        (None, 0, "ExecutionStarted"),
    ]
    page = asked(http, f"{path}/blame", pointer="/order/total", limit=0)
    assert (page["written"], page["earlier"]) == (told["written"], [])
    following = asked(http, f"{path}/blame", pointer="/order/total", at=page["next"])
    assert [following["written"], *following["earlier"]] == told["earlier"]
    assert asked(http, f"{path}/blame", pointer="")["value"] == asked(http, f"{path}/state")["state"]
    nobody = asked(http, f"{path}/blame", pointer="/nowhere")
    assert (nobody["written"], "value" in nobody) == (None, False)


def test_a_diff(http: TestClient, path: str) -> None:
    """A patch, and who made each of its changes."""
    told = asked(http, f"{path}/diff", from_="mark:before", to="head")
    [op] = [op for op in told["patch"] if op["path"] == "/order/total"]
    assert op == {"op": "replace", "path": "/order/total", "value": 2}
    [change] = [each for each in told["changes"] if each["pointer"] == "/order/total"]
    assert (change["old"], change["new"], change["address"]) == (1, 2, TOTAL)
    back = asked(http, f"{path}/diff", from_="head", to="mark:before")
    assert (back["from"], back["to"]) == (told["to"], told["from"])
    assert asked(http, f"{path}/diff", from_="head")["patch"] == []


def test_a_step(http: TestClient, path: str) -> None:
    """When it last changed is one call; the event is that of the history; both are null at the end of the road."""
    last = asked(http, f"{path}/step", by="write:/order/total")
    written = asked(http, f"{path}/blame", pointer="/order/total")["written"]["version"]
    assert last["version"] == written
    assert last["event"] == http.get(f"{path}/events", params={"after": written - 1, "limit": 1}).json()["items"][0]
    assert asked(http, f"{path}/step", dir="forward") == {"version": None, "event": None}
    assert asked(http, f"{path}/step", at=1) == {"version": None, "event": None}
    ended = asked(http, f"{path}/step", at="start", dir="forward", by="visit")
    assert (ended["event"]["type"], ended["event"]["address"]) == ("EdgeTaken", "/workflow/0/$.order.total")


@pytest.mark.parametrize(
    ("question", "params", "code", "place"),
    [
        ("state", {"at": "zz"}, "INVALID_VERSION", "?at"),
        ("state", {"at": "node:/workflow/9/x"}, "INVALID_VERSION", "?at"),
        ("state", {"at": "mark:befor"}, "INVALID_VERSION", "?at"),
        ("state", {"fields": "order"}, "INVALID_POINTER", "?fields"),
        ("state", {"fields": "[1]"}, "INVALID_POINTER", "?fields"),
        ("diff", {"from": "0"}, "INVALID_VERSION", "?from"),
        ("diff", {"to": "9999"}, "INVALID_VERSION", "?to"),
        ("blame", {}, "INVALID_PARAMETER", "?pointer"),
        ("blame", {"pointer": "/a", "at": "9999"}, "INVALID_VERSION", "?at"),
        ("blame", {"pointer": "/a~3"}, "INVALID_POINTER", "?pointer"),
        ("blame", {"pointer": "/a", "limit": "1001"}, "INVALID_PARAMETER", "?limit"),
        ("step", {"by": "writes:/a"}, "INVALID_PARAMETER", "?by"),
        ("step", {"by": "write:a"}, "INVALID_POINTER", "?by"),
        ("step", {"dir": "up"}, "INVALID_PARAMETER", "?dir"),
        ("step", {"at": "head~9999"}, "INVALID_VERSION", "?at"),
    ],
)
def test_what_can_not_be_is_refused_with_its_place(
    http: TestClient, path: str, question: str, params: dict[str, str], code: str, place: str
) -> None:
    """All of it 422."""
    error = refused(http.get(f"{path}/{question}", params=params), 422, code)
    assert [each["path"] for each in error["details"]] == [place]
    if params.get("at") == "mark:befor":
        assert error["details"][0]["nearest"] == "mark:before"
    if place in ("?from", "?to"):
        assert error["message"].startswith(f"{place[1:]}=")


def test_nobody_is_explained(http: TestClient) -> None:
    """404 for an execution that there is not."""
    for question in ("state", "diff", "blame?pointer=/a", "step"):
        refused(http.get(f"/executions/nobody/{question}"), 404, "NOT_FOUND")


def test_what_people_did_is_explained(http: TestClient) -> None:
    """An edit, a rollback and a fork write like a step does, with whoever asked for it; a fork begins with its base."""
    name = submit(http, {"$.n": 1}, {"signal": {"name": "go"}}, initialState={"n": 0, "m": 0})["executionId"]
    path, actor = f"/executions/{name}", {"Clew-Actor": "ann"}
    edit = [{"op": "replace", "path": "/n", "value": 5}]
    assert http.patch(f"{path}/state", json=edit, headers=actor).status_code == 200
    told = asked(http, f"{path}/blame", pointer="/n")
    assert (told["written"]["type"], told["written"]["actor"], told["written"]["old"]) == ("StateEdited", "ann", 1)
    assert http.post(f"{path}/rollback", json={"to": "start"}, headers=actor).status_code == 202
    http.get(path, headers={"Prefer": "wait=5"})
    back = asked(http, f"{path}/blame", pointer="/n", at="walk:2/start")
    assert (back["written"]["type"], back["written"]["old"], back["value"]) == ("RolledBack", 5, 0)
    assert asked(http, f"{path}/diff", from_="walk:1/head", to="walk:2/start")["changes"][0]["type"] == "RolledBack"
    forked = http.post(f"{path}/forks", json={"at": "walk:1/head", "patch": edit[:0]}, headers=actor)
    assert forked.status_code == 201, forked.text
    fork = f"/executions/{forked.json()['executionId']}"
    http.get(fork, headers={"Prefer": "wait=5"})
    begun = asked(http, f"{fork}/blame", pointer="/m", at="start")
    assert (begun["value"], begun["written"]["type"], begun["earlier"]) == (0, "ExecutionForked", [])
    assert asked(http, f"{fork}/blame", pointer="/nowhere")["written"] is None
