"""What if over HTTP: of one execution and of many, in the form that is described, and with nothing done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from application import what_if
from interfaces.http.wire_what_if import WhatIfAnswerBody, WhatIfSummaryBody
from tests.application.test_what_if import CHARGE, CHARGED, Charge, order
from tests.support import stores
from tests.support.http import client, refused
from tests.support.stores import DURABLE, Kind


def posted(http: TestClient, path: str, body: Any = None, position: str = "0") -> dict[str, Any]:
    """The answer, which must be there."""
    headers = {"Clew-Position": position}
    answer = http.post(path, json=body, headers=headers) if body is not None else http.post(path, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("kind", DURABLE)
def test_one_and_many(kind: Kind, tmp_path: Path) -> None:
    """The answers have the form of the description; the log is not longer than it was."""
    CHARGED.clear()
    with stores.stores(kind, tmp_path) as store, client(Charge, store=store.url(), home=tmp_path) as http:
        begun = http.post("/workflows", json=order(), headers={"Prefer": "wait=10"})
        body, position = begun.json(), begun.headers["Clew-Position"]
        name, version = body["executionId"], body["version"]
        path = f"/executions/{name}/what-if"
        for asked, status in (
            (None, "completed"),
            ({}, "completed"),
            ({"patch": [{"op": "replace", "path": "/total", "value": 6}]}, "unknown"),
            ({"patch": [{"op": "replace", "path": "/total", "value": 6}], "assume": "recorded"}, "completed"),
            ({"at": "head~3", "definition": order()}, "completed"),
            ({"assume": {CHARGE: {"edge": "error", "output": {"code": "X", "message": "No."}}}}, "failed"),
        ):
            answer = posted(http, path, asked)
            assert msgspec.convert(answer, WhatIfAnswerBody).status == status
        assumed = {"last": 5, "assume": {CHARGE: {"edge": "success"}}}
        many = posted(http, "/workflows/order/what-if", assumed, position)
        assert msgspec.convert(many, WhatIfSummaryBody).otherwise == 1
        assert http.get(f"/executions/{name}").json()["version"] == version
        assert len(http.get("/executions").json()["items"]) == 1
    assert CHARGED == [5]


def test_what_can_not_be_asked(tmp_path: Path) -> None:
    """Each with its status, its code, and its place."""
    with client(Charge) as http:
        name = http.post("/workflows", json=order(), headers={"Prefer": "wait=10"}).json()["executionId"]
        path = f"/executions/{name}/what-if"
        refused(http.post("/executions/nobody/what-if"), 404, "NOT_FOUND")
        refused(http.post(path, content="{", headers={"Content-Type": "application/json"}), 400, "NOT_JSON")
        refused(http.post(path, json=[1]), 422, "SCHEMA")
        error = refused(http.post(path, json={"ptach": [], "at": {}}), 422, "UNKNOWN_KEY")
        assert [detail["path"] for detail in error["details"]] == ["/ptach", "/at"]
        assert error["details"][1]["line"] == 1
        error = refused(http.post(path, json={"definition": {"id": "x"}}), 422, "VALIDATION_ERROR")
        assert error["details"][0]["path"].startswith("/definition")
        refused(http.post("/workflows/order/what-if", json={"last": 1_001}), 422, "SCHEMA")
        refused(http.post("/workflows/order/what-if", json={"definition": "9.9.9"}), 404, "NO_SUCH_WORKFLOW")
        refused(http.post("/workflows/nothing/what-if"), 404, "NO_SUCH_WORKFLOW")
        for step, assumed, code, place in (
            ("/workflow/2/each", {"edge": "nope"}, "UNKNOWN_EDGE", "edge"),
            ("/workflow/0/$.vat", {"edge": "x"}, "UNKNOWN_EDGE", "edge"),
            (CHARGE, {"edge": "success", "patch": [{"op": "remove", "path": "/zzz"}]}, "PATCH_FAILED", "patch/0/path"),
        ):
            error = refused(http.post(path, json={"assume": {step: assumed}}), 422, code)
            assert error["details"][0]["path"] == f"/assume/{step.replace('/', '~1')}/{place}"


def test_a_walk_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one with a refusal, of many with what there was time for."""
    monkeypatch.setattr(what_if, "BREATHE_AFTER_S", 0.0)
    with client(Charge) as http:
        begun = http.post("/workflows", json=order(), headers={"Prefer": "wait=10"})
        name = begun.json()["executionId"]
        monkeypatch.setattr(what_if, "LONGEST_S", -1.0)
        monkeypatch.setattr(what_if, "LONGEST_MANY_S", -1.0)
        refused(http.post(f"/executions/{name}/what-if"), 422, "WHAT_IF_TOO_LONG")
        found = posted(http, "/workflows/order/what-if", None, begun.headers["Clew-Position"])
        assert (found["walked"], found["left"]) == (0, 1)


def test_more_questions_than_may_wait_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of waiting without an end."""
    monkeypatch.setattr(what_if, "WHAT_IFS", 1)
    monkeypatch.setattr(what_if, "MOST_WAITING", -1)
    with client(Charge) as http:
        name = http.post("/workflows", json=order(), headers={"Prefer": "wait=10"}).json()["executionId"]
        answer = http.post(f"/executions/{name}/what-if")
        refused(answer, 503, "UNAVAILABLE")
        assert answer.headers["Retry-After"] == "1"
