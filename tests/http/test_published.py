"""Publishing over HTTP: versions that never change, and running one by its id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from domain.limits import Limits
from tests.support.http import JSON, client, definition, refused, running_server
from tests.support.workflows import Script, scripted

ASKING = {"ask": {"$node": "signal", "name": "go"}}


def versioned(workflow_id: str, version: str, *steps: Any, **more: Any) -> dict[str, Any]:
    """A definition under an id and version."""
    return {**definition(*steps, **more), "id": workflow_id, "version": version}


def put(http: Any, body: dict[str, Any], **more: Any) -> Any:
    """Publish under the definition's own id and version."""
    return http.put(f"/workflows/{body['id']}/versions/{body['version']}", json=body, **more)


def test_a_version_is_published_once_and_for_good(http: TestClient) -> None:
    """201, the same again 200 with the same answer, another definition 409; it can be read and is listed."""
    body = versioned("pay", "1.0.0", {"log": {"message": "x"}})
    first = put(http, body, headers={"Clew-Actor": "ann"})
    assert first.status_code == 201, first.text
    told = first.json()
    assert {key: told[key] for key in ("workflowId", "workflowVersion", "name", "actor", "nodes")} == {
        "workflowId": "pay", "workflowVersion": "1.0.0", "name": "Test", "actor": "ann", "nodes": {"log": "1.0.0"},
    }  # fmt: skip
    assert first.headers["location"] == "/workflows/pay/versions/1.0.0"
    again = put(http, body, headers={"Clew-Actor": "bob"})
    assert (again.status_code, again.json()) == (200, told)
    assert again.headers["clew-position"] == first.headers["clew-position"]
    other = put(http, versioned("pay", "1.0.0", {"log": {"message": "y"}}))
    error = refused(other, 409, "VERSION_PUBLISHED")
    assert "differ at /workflow/0/log/message" in error["message"]
    assert error["executionId"] is None
    read = http.get("/workflows/pay/versions/1.0.0")
    assert read.json() == body
    assert "immutable" in read.headers["cache-control"]
    assert http.get("/workflows/pay/versions/1.0.0", headers={"If-None-Match": read.headers["etag"]}).status_code == 304
    assert http.get("/workflows/pay/versions").json() == {"workflowId": "pay", "latest": "1.0.0", "items": [told]}


def test_the_definition_that_is_read_can_be_published_again(http: TestClient) -> None:
    """Key by key as it was sent: the order of keys is the order of steps."""
    text = json.dumps({**versioned("order", "1.0.0"), "workflow": [{"$.b": 1, "$.a": 2}]}).encode()
    assert http.put("/workflows/order/versions/1.0.0", content=text, headers=JSON).status_code == 201
    read = http.get("/workflows/order/versions/latest")
    assert "immutable" not in read.headers["cache-control"]
    assert http.put("/workflows/order/versions/1.0.0", content=read.content, headers=JSON).status_code == 200


def test_versions_are_listed_highest_first(http: TestClient) -> None:
    """By their numbers; the latest is the highest, not the one that was published last."""
    for version in ("1.9.0", "1.10.0", "1.9.1"):
        assert put(http, versioned("many", version, "empty")).status_code == 201
    listed = http.get("/workflows/many/versions").json()
    assert [each["workflowVersion"] for each in listed["items"]] == ["1.10.0", "1.9.1", "1.9.0"]
    assert listed["latest"] == "1.10.0"
    assert http.get("/workflows/many/versions/latest").json()["version"] == "1.10.0"


def test_published_workflows_that_never_ran_are_listed(http: TestClient) -> None:
    """With their newest version, and without a last start."""
    put(http, versioned("idle", "1.0.0", "empty"))
    position = put(http, versioned("idle", "0.9.0", "empty")).headers["clew-position"]
    rows = {row["workflowId"]: row for row in http.get("/workflows", headers={"Clew-Position": position}).json()}
    assert rows["idle"] == {
        "workflowId": "idle", "workflowVersion": "1.0.0", "publishedVersion": "1.0.0", "executions": 0, "lastStart": None,
    }  # fmt: skip


def test_what_is_wrong_is_told_at_once_with_its_place(http: TestClient) -> None:
    """As for POST /workflows: all problems with line and column; an id or version that is not the path's is one."""
    text = b'{"id": "a",\n "name": "A", "version": "1.0.0",\n "workflow": ["emty"], "id": "b"}'
    answer = http.put("/workflows/c/versions/2.0.0", content=text, headers=JSON)
    error = refused(answer, 422, "VALIDATION_ERROR")
    found = [(each["code"], each["path"], each["line"], each["column"]) for each in error["details"]]
    assert found == [
        ("PATH_MISMATCH", "/version", 2, 15),
        ("UNKNOWN_NODE", "/workflow/0", 3, 15),
        ("DUPLICATE_KEY", "/id", 3, 24),
        ("PATH_MISMATCH", "/id", 3, 24),
    ]
    refused(http.get("/workflows/c/versions"), 404, "NO_SUCH_WORKFLOW")


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        (b"{", 400, "NOT_JSON"),
        (b"[]", 422, "VALIDATION_ERROR"),
        (b'{"definition": {}}', 422, "VALIDATION_ERROR"),
        (b"", 400, "NOT_JSON"),
        (b'{"id": 5, "version": null, "name": "N", "workflow": ["empty"]}', 422, "VALIDATION_ERROR"),
        (b" " * 1_048_577, 413, "TOO_LARGE"),
    ],
)
def test_bad_definitions(http: TestClient, text: bytes, status: int, code: str) -> None:
    """Are refused as everywhere."""
    refused(http.put("/workflows/bad/versions/1.0.0", content=text, headers=JSON), status, code)


@pytest.mark.parametrize("path", ["a%20b/versions/1.0.0", "bad/versions/1.0", "bad/versions/latest"])
def test_bad_paths(http: TestClient, path: str) -> None:
    """An id or version that no definition can have."""
    refused(http.put(f"/workflows/{path}", json=versioned("bad", "1.0.0", "empty")), 422, "VALIDATION_ERROR")


def test_a_node_of_another_version_is_told(http: TestClient) -> None:
    """Before anything is published."""
    body = versioned("later", "1.0.0", {"say": {"$node": "log@2", "message": "x"}})
    (problem,) = refused(put(http, body), 422, "VALIDATION_ERROR")["details"]
    assert (problem["code"], problem["path"], problem["nearest"]) == ("NODE_VERSION", "/workflow/0/say/$node", "log@1")


def test_a_published_workflow_is_run(http: TestClient) -> None:
    """The latest, or a version; with its own state or another; pinned to its definition."""
    put(http, versioned("sum", "1.0.0", {"end": {"result": "$.a + 1"}}, initialState={"a": 1}))
    put(http, versioned("sum", "1.1.0", {"end": {"result": "$.a + 2"}}, initialState={"a": 1}))

    def result(**body: Any) -> tuple[str, Any]:
        answer = http.post("/workflows/sum/executions", json=body, headers={"Prefer": "wait=10"})
        assert answer.status_code == 200, answer.text
        execution = answer.json()
        return execution["workflowVersion"], execution["finalState"]["result"]

    assert result() == ("1.1.0", 3)
    assert result(version="latest", labels={"team": "a"}, priority=5) == ("1.1.0", 3)
    assert result(version="1.0.0", initialState={"a": 10}) == ("1.0.0", 11)
    answer = http.post("/workflows/sum/executions")  # no body at all
    assert (answer.status_code, set(answer.json())) == (202, {"executionId", "status", "links"})
    assert answer.headers["location"] == f"/executions/{answer.json()['executionId']}"
    body = {"executionId": "sum-1", "version": "1.0.0"}
    assert http.post("/workflows/sum/executions", json=body).json()["executionId"] == "sum-1"
    refused(http.post("/workflows/sum/executions", json=body), 409, "EXECUTION_EXISTS")
    used = http.post("/workflows/sum/executions", json={**body, "onConflict": "use"})
    assert (used.status_code, used.json()["executionId"]) == (202, "sum-1")


def test_the_same_start_again(http: TestClient) -> None:
    """Begins nothing, although a newer version is the latest by now; another body under the key is refused."""
    put(http, versioned("again", "1.0.0", ASKING))
    key = {"Idempotency-Key": "start"}
    first = http.post("/workflows/again/executions", json={"version": "latest"}, headers=key)
    put(http, versioned("again", "1.1.0", ASKING))
    again = http.post("/workflows/again/executions", json={"version": "latest"}, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert http.get(first.headers["location"]).json()["workflowVersion"] == "1.0.0"
    other = http.post("/workflows/again/executions", json={"version": "1.1.0"}, headers=key)
    refused(other, 422, "IDEMPOTENCY_KEY_REUSED")
    inline = http.post("/workflows", json=versioned("again", "1.0.0", ASKING), headers=key)
    assert (inline.status_code, inline.json()["executionId"] != first.json()["executionId"]) == (202, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "says"),
    [
        ("knwn", {}, 404, "NO_SUCH_WORKFLOW", "Did you mean 'known'"),
        ("known", {"version": "1.0.1"}, 404, "NO_SUCH_VERSION", "the newest is 2.0.0, the nearest is 1.0.0"),
        ("known", {"version": "1"}, 422, "SCHEMA", "latest"),
        ("known", {"version": 1}, 422, "SCHEMA", "latest"),
        ("known", {"initialState": []}, 422, "SCHEMA", "initialState is an object"),
        ("known", {"executionId": "a b"}, 422, "SCHEMA", "An execution id"),
        ("known", {"onConflict": "replace"}, 422, "SCHEMA", "onConflict"),
        ("known", {"labels": {"a": 1}}, 422, "SCHEMA", "label"),
        ("known", {"definition": {}}, 422, "UNKNOWN_KEY", "has no meaning here"),
        ("known", {"verson": "1.0.0"}, 422, "UNKNOWN_KEY", "Did you mean 'version'"),
        ("known", {"priority": 1000}, 422, "SCHEMA", "priority"),
        ("known", {"breakpoints": []}, 422, "NOT_SUPPORTED", "breakpoints"),
        ("known", [], 422, "SCHEMA", "The body is an object"),
    ],
)
def test_bad_starts(http: TestClient, path: str, body: Any, status: int, code: str, says: str) -> None:
    """Each says what can be done about it."""
    for version in ("1.0.0", "2.0.0"):
        position = put(http, versioned("known", version, "empty")).headers["clew-position"]
    http.get("/workflows", headers={"Clew-Position": position})  # the lists know it
    assert says in refused(http.post(f"/workflows/{path}/executions", json=body), status, code)["message"]


def test_several_things_wrong_with_a_start(http: TestClient) -> None:
    """Are told at once, with their places."""
    text = b'{"version": "x",\n "labels": 5}'
    error = refused(http.post("/workflows/any/executions", content=text, headers=JSON), 422, "SCHEMA")
    assert [(each["path"], each["line"]) for each in error["details"]] == [("/version", 1), ("/labels", 2)]


@pytest.mark.parametrize(
    "path", ["/workflows/none/versions", "/workflows/none/versions/1.0.0", "/workflows/none/versions/latest"]
)
def test_what_is_not_published_can_not_be_read(http: TestClient, path: str) -> None:
    """404, also for a workflow that was run but not published."""
    http.post("/workflows", json=versioned("none", "1.0.0", "empty"))
    refused(http.get(path), 404, "NO_SUCH_WORKFLOW")


def test_methods(http: TestClient) -> None:
    """A published version can't be deleted, nor posted to."""
    put(http, versioned("kept", "1.0.0", "empty"))
    for method in ("DELETE", "POST", "PATCH"):
        answer = http.request(method, "/workflows/kept/versions/1.0.0")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PUT")


def test_warnings_come_with_the_answer(http: TestClient) -> None:
    """With their places, each time; they are no part of what is published."""
    body = versioned("warned", "1.0.0", {"each": {"items": []}})
    for status in (201, 200):
        answer = put(http, body)
        assert answer.status_code == status
        assert [each["code"] for each in answer.json()["warnings"]] == ["NOT_A_LOOP"]
    assert "warnings" not in http.get("/workflows/warned/versions").json()["items"][0]


def test_a_limit_on_versions() -> None:
    """Is the server's, and named."""
    with client(limits=Limits(published_versions=1)) as http:
        put(http, versioned("few", "1.0.0", "empty"))
        refused(put(http, versioned("few", "1.0.1", "empty")), 409, "VERSION_LIMIT")
        assert put(http, versioned("few", "1.0.0", "empty")).status_code == 200


def test_published_versions_outlive_the_server_and_the_lists(tmp_path: Path) -> None:
    """They are in the log; the lists are built again from it."""
    body = versioned("kept", "1.2.0", {"end": {"result": "$.a"}}, initialState={"a": 7})
    with running_server(tmp_path) as server, server.http() as http:
        assert put(http, body).status_code == 201
        told = http.get("/workflows/kept/versions").json()
    (tmp_path / "log-views.db").unlink()
    with running_server(tmp_path) as server, server.http() as http:
        assert http.get("/workflows/kept/versions").json() == told
        assert [row["publishedVersion"] for row in http.get("/workflows").json()] == ["1.2.0"]
        ran = http.post("/workflows/kept/executions", headers={"Prefer": "wait=10"}).json()
        assert (ran["status"], ran["finalState"]["result"]) == ("completed", 7)


def test_a_start_is_refused_where_the_nodes_have_changed(tmp_path: Path) -> None:
    """409, naming the node and both versions; what can be done is publish a version made for today's."""
    store = f"sqlite:///{tmp_path / 'log.db'}"
    with client(scripted("mine", Script(), version="1.4.0"), store=store) as http:
        put(http, versioned("mine", "1.0.0", "mine"))
    with client(scripted("mine", Script(), version="2.0.0"), store=store) as http:
        error = refused(http.post("/workflows/mine/executions"), 409, "NODES_CHANGED")
        assert error["nodes"] == [{"node": "mine", "published": "1.4.0", "here": "2.0.0"}]
        put(http, versioned("mine", "1.0.1", "mine"))
        assert http.post("/workflows/mine/executions").status_code == 202
