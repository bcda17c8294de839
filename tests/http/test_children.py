"""Child workflows over HTTP: what people see of parents and children."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.http import JSON, RunningServer, definition, refused, submit

ASKING = {"ask": {"$node": "signal", "name": "go"}}


def publish(http: Any, name: str, *steps: Any, version: str = "1.0.0", **more: Any) -> Any:
    """Publish a workflow of these steps."""
    body = {**definition(*steps, **more), "id": name, "version": version}
    answer = http.put(f"/workflows/{name}/versions/{version}", json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer


def run_step(name: str, **more: Any) -> dict[str, Any]:
    """A step that runs a published workflow."""
    return {"run": {"$node": "runWorkflow", "workflowId": name, **more}}


def test_a_parent_and_its_child(http: TestClient) -> None:
    """`Prefer: wait` waits for both; each shows the other, in its history and in the lists."""
    publish(http, "double", {"end": {"result": "$.n * 2"}})
    parent = submit(http, run_step("double", initialState={"n": 21}), {"$.done": True}, status="completed")
    assert parent["finalState"]["runWorkflowResult"] == 42
    assert parent["parent"] is None
    child = http.get(f"/executions/{parent['finalState']['runWorkflowExecutionId']}").json()
    assert child["parent"] == {
        "executionId": parent["executionId"], "address": "/workflow/0/run", "visit": 1, "depth": 1,
    }  # fmt: skip
    events = http.get(f"/executions/{parent['executionId']}/events").json()["items"]
    told = {event["type"]: event for event in events}
    assert told["ChildStarted"]["data"] == {
        "child": child["executionId"],
        "workflow": "double",
        "workflowVersion": "1.0.0",
        "definitionHash": child["definitionHash"],
        "initialState": {"n": 21},
    }
    assert (told["ChildStarted"]["step"], told["ChildStarted"]["node"]) == ("run", "runWorkflow")
    assert told["ChildObserved"]["data"] == {
        "child": child["executionId"], "childVersion": child["version"], "status": "completed",
    }  # fmt: skip
    first = http.get(f"/executions/{child['executionId']}/events?limit=1").json()["items"][0]
    assert first["data"]["parent"]["execution"] == parent["executionId"]
    position = {"Clew-Position": str(events[-1]["position"])}
    rows = http.get("/executions?workflow=double", headers=position).json()["items"]
    assert [row["parent"] for row in rows] == [parent["executionId"]]


def test_what_a_parent_waits_for(http: TestClient) -> None:
    """Names its child; waiting for it ends when the child waits for somebody; the child's answer lets both go on."""
    publish(http, "asks", ASKING)
    parent = submit(http, run_step("asks", timeout="1h"), status="suspended")
    (wait,) = parent["waiting"]
    assert (wait["kind"], wait["workflowId"], wait["version"]) == ("child", "asks", "1.0.0")
    assert wait["due"] is not None
    child = http.get(f"/executions/{wait['executionId']}").json()
    assert (child["status"], child["waiting"][0]["name"]) == ("suspended", "go")
    refused(http.post(f"/executions/{parent['executionId']}/resume"), 409, "WAITING")
    http.post(f"/executions/{wait['executionId']}/signals/go", headers={"Prefer": "wait=10"})
    while http.get(f"/executions/{parent['executionId']}").json()["status"] != "completed":
        continue


def test_cancelling_a_parent_cancels_its_child(http: TestClient) -> None:
    """And says in the child's history why."""
    publish(http, "asks", ASKING)
    parent = submit(http, run_step("asks"), status="suspended")
    child = parent["waiting"][0]["executionId"]
    assert http.post(f"/executions/{parent['executionId']}/cancel").status_code == 202
    while http.get(f"/executions/{child}").json()["status"] != "cancelled":
        continue
    last = http.get(f"/executions/{child}/events?order=desc&limit=1").json()["items"][0]
    assert last["data"]["reason"] == f"{parent['executionId']}, which ran it, does not wait for it any more."


def test_a_failed_child(http: TestClient) -> None:
    """Is its parent's error, with its own in the details."""
    publish(http, "fails", {"fail": {"message": "no luck", "code": "GAVE_UP"}})
    parent = submit(http, run_step("fails"), status="failed")
    error = parent["error"]
    assert (error["code"], error["step"], error["node"]) == ("CHILD_FAILED", "run", "runWorkflow")
    assert (error["details"]["code"], error["details"]["message"]) == ("GAVE_UP", "no luck")
    assert http.get(f"/executions/{error['details']['executionId']}").json()["error"]["code"] == "GAVE_UP"


def test_a_newer_version_changes_nothing_for_a_child_that_runs(http: TestClient) -> None:
    """It is pinned to what it began with."""
    publish(http, "pinned", ASKING, {"$.v": 1})
    parent = submit(http, run_step("pinned"), status="suspended")
    child = parent["waiting"][0]["executionId"]
    publish(http, "pinned", {"$.v": 2}, version="1.1.0")
    ended = http.post(f"/executions/{child}/signals/go", headers={"Prefer": "wait=10"}).json()
    assert (ended["workflowVersion"], ended["finalState"]["v"]) == ("1.0.0", 1)
    assert submit(http, run_step("pinned"))["finalState"]["runWorkflowFinalState"] == {"v": 2}


def test_workflows_in_a_circle_are_warned_of(http: TestClient) -> None:
    """By validation, by publishing, and when one is run; with the place."""
    publish(http, "ring-b", run_step("ring-a"))
    text = (
        b'{"id": "ring-a", "name": "A", "version": "1.0.0",\n "workflow": [{"runWorkflow": {"workflowId": "ring-b"}}]}'
    )
    answers = [
        http.post("/workflows/validate", content=text, headers=JSON),
        http.post("/workflows", content=text, headers=JSON),
        http.put("/workflows/ring-a/versions/1.0.0", content=text, headers=JSON),
    ]
    for answer in answers:
        (warning,) = answer.json()["warnings"]
        assert (warning["code"], warning["path"]) == ("WORKFLOW_CIRCLE", "/workflow/0/runWorkflow/workflowId")
        assert (warning["line"], warning["column"]) == (2, 32)
        assert warning["message"].startswith("ring-a runs ring-b runs ring-a")


def test_a_definition_inside_is_checked_at_its_place(http: TestClient) -> None:
    """With line and column, as everything else."""
    text = (
        b'{"id": "a", "name": "A", "version": "1.0.0",\n "workflow": [{"runWorkflow": {"definition":\n'
        b'  {"id": "b", "name": "B", "version": "1.0.0", "workflow": ["emty"]}}}]}'
    )
    error = refused(http.post("/workflows/validate", content=text, headers=JSON), 422, "VALIDATION_ERROR")
    (problem,) = error["details"]
    assert (problem["code"], problem["nearest"]) == ("UNKNOWN_NODE", "empty")
    assert problem["path"] == "/workflow/0/runWorkflow/definition/workflow/0"
    assert (problem["line"], problem["column"]) == (3, 61)


def test_a_workflow_that_is_not_there(http: TestClient) -> None:
    """Is an error when the step runs: it may be published until then."""
    error = submit(http, run_step("nowhere"), status="failed")["error"]
    assert (error["type"], error["code"]) == ("configuration", "NO_SUCH_WORKFLOW")


def test_an_execution_can_not_be_begun_as_somebody_s_child(http: TestClient) -> None:
    """That is for steps alone."""
    body = {"definition": definition("empty"), "parent": {"execution": "x", "address": "", "visit": 1, "depth": 1}}
    refused(http.post("/workflows", json=body), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("node", ["runWorkflow", "run-workflow"])
def test_the_node_is_listed(http: TestClient, node: str) -> None:
    """Under both names, with what it takes."""
    found = http.get(f"/nodes/{node}").json()
    assert set(found["parameters"]) == {"workflowId", "version", "definition", "initialState", "timeout"}
    assert (found["edges"], found["effect"]) == (["success"], "none")


def test_a_hundred_parents_at_once(server: RunningServer) -> None:
    """Each has its own child, and each child ends before its parent does."""
    with server.http() as http:
        publish(http, "kid", {"end": {"result": "$.n"}})
        body = definition(run_step("kid", initialState={"n": "$.n"}), {"end": {"result": "$.runWorkflowResult"}})
        ids = []
        for n in range(100):
            answer = http.post("/workflows", json={"definition": {**body, "initialState": {"n": n}}})
            ids.append(answer.json()["executionId"])
        results, children = [], set()
        for execution_id in ids:
            while (found := http.get(f"/executions/{execution_id}").json())["status"] != "completed":
                assert found["status"] in ("running", "suspended")
            results.append(found["finalState"]["result"])
            children.add(found["finalState"]["runWorkflowExecutionId"])
        assert results == list(range(100))
        assert len(children) == 100
