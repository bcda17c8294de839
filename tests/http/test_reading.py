"""Reading executions, states, histories, lists and nodes; every body is held against its published type."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

import application.projector
from interfaces.http import wire
from tests.support.http import client, definition, refused, submit

PARKED = {"ask": {"$node": "signal", "name": "go"}}
COUNTING = ({"$.n": 1}, {"$.n": 2}, {"log": {"message": "{{$.n}}"}})


def test_bodies_are_of_their_published_types(http: TestClient) -> None:
    """Nothing is missing, nothing is there that the document does not name."""
    failed = submit(http, {"fail": {"message": "no"}}, status="failed")
    parked = submit(http, {"ok": {"$node": "approval", "title": "Well?"}}, status="suspended")
    done = submit(http, *COUNTING, status="completed")
    for execution in (failed, parked, done):
        msgspec.convert(execution, wire.ExecutionBody)
        path = f"/executions/{execution['executionId']}"
        msgspec.convert(http.get(f"{path}/state").json(), wire.StateBody)
        msgspec.convert(http.get(f"{path}/events").json(), wire.EventsBody)
    answer = http.post("/workflows", json=definition("empty", surplus=1))
    accepted, written = answer.json(), {"Clew-Position": answer.headers["clew-position"]}
    assert [each.path for each in msgspec.convert(accepted, wire.AcceptedBody).warnings or ()] == ["/surplus"]
    msgspec.convert(http.post("/workflows/validate", json=definition("empty")).json(), wire.ValidBody)
    msgspec.convert(http.get("/executions").json(), wire.ExecutionsBody)
    assert msgspec.convert(http.get("/workflows", headers=written).json(), list[wire.WorkflowBody])
    assert len(msgspec.convert(http.get("/nodes").json(), list[wire.NodeBody])) > 10
    msgspec.convert(http.get("/nodes/approval").json(), wire.NodeBody)
    msgspec.convert(http.get("/healthz").json(), wire.HealthBody)
    msgspec.convert(http.get("/readyz").json(), wire.ReadyBody)
    msgspec.convert(http.get("/version").json(), wire.VersionBody)
    msgspec.convert(http.get("/nowhere").json(), wire.ProblemBody)


def test_validation_says_the_same_and_runs_nothing(http: TestClient) -> None:
    """Warnings with places where it is valid, the same 422 as for running it where it is not."""
    valid = http.post("/workflows/validate", json=definition("empty", id="never-run", surplus=1))
    assert (valid.status_code, valid.json()["valid"]) == (200, True)
    assert valid.json()["warnings"][0]["line"] == 1
    wrong = definition("emptyy", "alsowrong", id="never-run")
    told = [http.post(path, json=wrong) for path in ("/workflows", "/workflows/validate")]
    first, second = (refused(answer, 422, "VALIDATION_ERROR")["details"] for answer in told)
    assert first == second
    assert len(first) == 2
    written = {"Clew-Position": http.post("/workflows", json=definition("empty")).headers["clew-position"]}
    assert "never-run" not in [each["workflowId"] for each in http.get("/workflows", headers=written).json()]


def test_the_definition_of_an_execution(http: TestClient) -> None:
    """Whole and as it was sent, under a tag of its own, whether it was published or not."""
    sent = definition(*COUNTING, description="as it was sent")
    execution_id = http.post("/workflows", json=sent).json()["executionId"]
    answer = http.get(f"/executions/{execution_id}/definition")
    assert answer.json() == sent
    assert answer.headers["etag"] == f'"{http.get(f"/executions/{execution_id}").json()["definitionHash"]}"'
    known = {"If-None-Match": answer.headers["etag"]}
    assert http.get(f"/executions/{execution_id}/definition", headers=known).status_code == 304
    refused(http.get("/executions/none-such/definition"), 404, "NOT_FOUND")


def test_the_state_at_a_version(http: TestClient) -> None:
    """By number, from the head, by time; a number never changes, the head may."""
    execution = submit(http, *COUNTING)
    path, head = f"/executions/{execution['executionId']}/state", execution["version"]
    states = [http.get(path, params={"at": at}).json()["state"].get("n") for at in range(1, head + 1)]
    assert list(dict.fromkeys(states)) == [None, 1, 2]
    newest = http.get(path)
    assert newest.json() == http.get(path, params={"at": "head"}).json() == http.get(path, params={"at": head}).json()
    assert http.get(path, params={"at": f"head~{head - 1}"}).json()["version"] == 1
    assert http.get(path, params={"at": execution["endTime"]}).json()["version"] == head
    assert newest.headers["cache-control"] == "no-cache"
    assert "immutable" in http.get(path, params={"at": 2}).headers["cache-control"]


def test_entity_tags(http: TestClient) -> None:
    """A strong tag for each version; who has it gets 304, with no body."""
    execution = submit(http, *COUNTING)
    path = f"/executions/{execution['executionId']}"
    for place, version in (
        (path, execution["version"]),
        (f"{path}/state", execution["version"]),
        (f"{path}/state?at=2", 2),
    ):
        assert http.get(place).headers["etag"] == f'"v{version}"'
        for known in (f'"v{version}"', f'"x", W/"v{version}"', "*"):
            answer = http.get(place, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == f'"v{version}"'
        assert http.get(place, headers={"If-None-Match": '"v1"'}).status_code == 200


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_the_history(http: TestClient, order: str) -> None:
    """Follow one another without a gap, in either order."""
    execution = submit(http, *COUNTING)
    path, versions, after = f"/executions/{execution['executionId']}/events", [], 0
    for _ in range(execution["version"]):
        page = http.get(path, params={"after": after, "limit": 2, "order": order}).json()
        versions += [event["version"] for event in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert sorted(versions) == list(range(1, execution["version"] + 1))
    assert versions == sorted(versions, reverse=order == "desc")


def test_pages_of_the_list(http: TestClient) -> None:
    """Newest first, by status and workflow, page by page; a list reads what was written, given its position."""
    ids = []
    for step in ("empty", {"fail": {"message": "no"}}, PARKED, "empty"):
        answer = http.post("/workflows", json=definition(step, id="listed"), headers={"Prefer": "wait=10"})
        ids.append(answer.json()["executionId"])
    position = {"Clew-Position": answer.headers["clew-position"]}

    def listed(query: str) -> list[str]:
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page = http.get(f"/executions?workflow=listed&limit=1{more}&{query}", headers=position).json()
            found += [item["executionId"] for item in page["items"]]
            cursor = page["next"]
        return found

    assert listed("") == ids[::-1]
    assert listed("status=failed,suspended") == [ids[2], ids[1]]
    assert listed("status=failed&status=completed") == [ids[3], ids[1], ids[0]]
    workflow = next(each for each in http.get("/workflows", headers=position).json() if each["workflowId"] == "listed")
    assert workflow["executions"] == 4


def test_every_write_is_read_in_the_list_that_has_its_position(http: TestClient) -> None:
    """Fifty times: the command's position makes the list wait until it shows it."""
    for _ in range(50):
        answer = http.post("/workflows", json=definition(PARKED, id="fifty"), headers={"Prefer": "wait=10"}).json()
        done = http.post(f"/executions/{answer['executionId']}/cancel")
        page = http.get("/executions?workflow=fifty&limit=1", headers={"Clew-Position": done.headers["clew-position"]})
        newest = page.json()["items"][0]
        assert (newest["executionId"], newest["status"]) == (answer["executionId"], "cancelled")


@pytest.mark.parametrize("position", ["x", "-1", "1.0", ""])
def test_a_position_that_is_none(http: TestClient, position: str) -> None:
    """Is 400."""
    refused(http.get("/executions", headers={"Clew-Position": position}), 400, "INVALID_HEADER")


def test_large_numbers_and_other_scripts_come_back(http: TestClient) -> None:
    """JSON goes in and comes out unchanged."""
    state: dict[str, Any] = {"n": 2**63, "z": -(2**63), "t": "Ünï ☃ 𝄞 \u0000", "f": 1e-300, "k/~": {"": [None]}}
    assert submit(http, "empty", initialState=state)["finalState"] == state


def test_a_list_shows_what_was_there_when_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to who names no position, and while the lists would rather gather for a while."""
    monkeypatch.setattr(application.projector, "LINGER_S", 30.0)
    with client() as http:
        for number in range(1, 6):
            submit(http, "empty", status="completed")
            assert len(http.get("/executions", params={"status": "completed"}).json()["items"]) == number
