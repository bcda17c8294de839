"""Rollback, edits of the state and names for versions over HTTP: what they take and answer, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from domain.context import ExecutionContext
from domain.limits import Limits
from domain.node import NodeMetadata, WorkflowNode
from interfaces.http.wire import DoneBody
from interfaces.http.wire_changing import RollbackPreviewBody, SnapshotsBody
from tests.support.http import JSON, client, definition, refused, submit

PATCH_JSON = {"Content-Type": "application/json-patch+json"}
ASK = {"ask": {"$node": "signal", "name": "go"}}
CHARGES: list[tuple[str, int]] = []


class Charge(WorkflowNode):
    """Has an effect, which this list shows."""

    metadata = NodeMetadata(id="charge", name="Charge", version="1.0.0", effect="writes")

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> None:
        """Charge."""
        CHARGES.append((context.idempotency_key, context.step.visit))
        context.state["charged"] = context.state.get("charged", 0) + config.get("amount", 1)


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    """A service that has the node `charge`."""
    with client(Charge, limits=Limits(state_bytes=10_000)) as found:
        yield found


def parked(http: TestClient, *steps: Any, **more: Any) -> dict[str, Any]:
    """An execution that has run these steps, and asks."""
    return submit(http, *steps, ASK, {"after": {"$node": "charge", "amount": 10}}, status="suspended", **more)


def state(http: TestClient, execution_id: str, at: str = "head") -> dict[str, Any]:
    """Its state."""
    found: dict[str, Any] = http.get(f"/executions/{execution_id}/state", params={"at": at}).json()["state"]
    return found


def events(http: TestClient, execution_id: str, after: int = 0) -> list[dict[str, Any]]:
    """Its history behind a version."""
    found: list[dict[str, Any]] = http.get(f"/executions/{execution_id}/events", params={"after": after}).json()[
        "items"
    ]
    return found


def test_a_rollback_to_a_mark(http: TestClient) -> None:
    """The event says where to and why; what follows is a new walk, whose effects have keys of their own."""
    execution = parked(http, {"$.n": 1}, {"snapshot": {"name": "before charging"}}, "charge", {"$.n": 2})
    path = f"/executions/{execution['executionId']}"
    before = events(http, execution["executionId"])
    CHARGES.clear()
    answer = http.post(
        f"{path}/rollback",
        json={"to": "mark:before charging", "reason": "the wrong card"},
        headers={"Clew-Actor": "ann", "Prefer": "wait=10"},
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "suspended")
    now = events(http, execution["executionId"])
    assert now[: len(before)] == before
    back = now[len(before)]
    assert (back["type"], back["actor"]) == ("RolledBack", "ann")
    data = back["data"]
    assert (data["name"], data["reason"]) == ("before charging", "the wrong card")
    mark = next(item for item in before if item["type"] == "SnapshotTaken")["version"]
    ended = next(item for item in before if item["type"] == "EdgeTaken" and item["version"] > mark)["version"]
    assert data["to"] == ended
    assert sorted((op["op"], op["path"]) for op in data["patch"]) == [("remove", "/charged"), ("replace", "/n")]
    assert state(http, execution["executionId"], str(back["version"])) == state(
        http, execution["executionId"], str(ended)
    )
    assert len({key for key, _ in CHARGES}) == 1
    assert state(http, execution["executionId"]) == execution_state(execution, http)


def execution_state(execution: dict[str, Any], http: TestClient) -> dict[str, Any]:
    """The state as it was when it parked first."""
    return state(http, execution["executionId"], str(execution["version"]))


@pytest.mark.parametrize("to", [3, "3", "head~2", "now"])
def test_what_names_a_version(http: TestClient, to: Any) -> None:
    """A number, as such or as text; behind the head; a time."""
    execution = parked(http, {"$.n": 1}, {"$.n": 2})
    if to == "now":
        to = http.get(f"/executions/{execution['executionId']}").json()["startTime"]
    answer = http.post(f"/executions/{execution['executionId']}/rollback", json={"to": to})
    assert answer.status_code == 202, answer.text
    body = msgspec.convert(answer.json(), DoneBody)
    assert body.version == execution["version"] + 1


def test_the_preview_lists_what_would_happen_again(http: TestClient) -> None:
    """It changes nothing, is the same by GET, and a version in the middle of a completion means its end."""
    execution = parked(http, "charge", {"snapshot": {"name": "one"}}, {"second": {"$node": "charge"}}, {"$.n": 1})
    execution_id = execution["executionId"]
    http.post(f"/executions/{execution_id}/signals/go", json=1, headers={"Prefer": "wait=10"})
    version = http.get(f"/executions/{execution_id}").json()["version"]
    path = f"/executions/{execution_id}/rollback"
    told = http.get(path, params={"to": "mark:one"})
    dry = http.post(path, json={"to": "mark:one", "dryRun": True})
    assert (told.status_code, dry.status_code, dry.json()) == (200, 200, told.json())
    found = msgspec.convert(told.json(), RollbackPreviewBody)
    assert http.get(f"/executions/{execution_id}").json()["version"] == version
    ended = [item["version"] for item in events(http, execution_id) if item["type"] == "EdgeTaken"]
    assert found.to == ended[1]
    assert [(each.step, each.node, each.visit, each.effect, each.edge, each.error) for each in found.repeats] == [
        ("second", "charge", 1, "writes", None, None),
        ("after", "charge", 1, "writes", None, None),
    ]
    assert [each.address for each in found.repeats] == ["/workflow/2/second", "/workflow/5/after"]
    assert (found.repeat_count, found.status, found.refused) == (2, "completed", None)
    assert [(each.name, each.address) for each in found.signals] == [("go", "/workflow/4/ask")]
    assert {each.path for each in found.patch} == {"/charged", "/n", "/ask_output"}
    waiting = http.get(path, params={"to": str(execution["version"])}).json()
    assert [(wait["kind"], wait["name"]) for wait in waiting["waits"]] == [("signal", "go")]
    assert [each["step"] for each in waiting["repeats"]] == ["after"]


def test_the_preview_has_what_was_in_flight(http: TestClient) -> None:
    """And what failed; it says too why it can't be done as it stands."""
    execution = submit(
        http, "charge", {"no": {"$node": "filesystem", "operation": "read", "path": "no"}}, status="failed"
    )
    path = f"/executions/{execution['executionId']}"
    begun = next(item for item in events(http, execution["executionId"]) if item["type"] == "NodeStarted")
    found = http.get(f"{path}/rollback", params={"to": begun["version"]}).json()
    first, second = found["repeats"]
    assert (first["step"], first["effect"]) == ("charge", "writes")
    assert second["error"] is not None
    cancelled = parked(http)
    http.post(f"/executions/{cancelled['executionId']}/cancel")
    found = http.get(f"/executions/{cancelled['executionId']}/rollback", params={"to": "1"}).json()
    assert found["refused"]["code"] == "EXECUTION_ENDED"


def test_a_child_that_is_running_is_cancelled(http: TestClient) -> None:
    """The preview says so, and another one is begun."""
    child = definition(ASK, id="child")
    execution = submit(http, "charge", {"run-workflow": {"definition": child}}, status="suspended")
    path = f"/executions/{execution['executionId']}"
    (wait,) = execution["waiting"]
    found = http.get(f"{path}/rollback", params={"to": "head"}).json()
    assert [(each["executionId"], each["running"]) for each in found["children"]] == [(wait["executionId"], True)]
    assert found["repeats"] == []
    again = http.post(f"{path}/rollback", json={"to": "head"}, headers={"Prefer": "wait=10"}).json()
    assert again["status"] == "suspended"
    assert again["waiting"][0]["executionId"] != wait["executionId"]
    ended = http.get(f"/executions/{wait['executionId']}").json()
    while ended["status"] != "cancelled":
        ended = http.get(f"/executions/{wait['executionId']}").json()
    http.post(f"/executions/{again['waiting'][0]['executionId']}/signals/go", json=1)
    while http.get(path).json()["status"] != "completed":
        continue


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ({"to": 0}, "INVALID_VERSION", "/to"),
        ({"to": 999}, "INVALID_VERSION", "/to"),
        ({"to": "head~99"}, "INVALID_VERSION", "/to"),
        ({"to": "yesterday"}, "INVALID_VERSION", "/to"),
        ({"to": "mark:bfore"}, "INVALID_VERSION", "/to"),
        ({"to": True}, "SCHEMA", "/to"),
        ({"to": ""}, "SCHEMA", "/to"),
        ({}, "SCHEMA", ""),
        ([], "SCHEMA", ""),
        ({"to": 1, "dry": True}, "UNKNOWN_KEY", "/dry"),
        ({"to": 1, "dryRun": "yes"}, "SCHEMA", "/dryRun"),
        ({"to": 1, "reason": "x" * 2_001}, "SCHEMA", "/reason"),
    ],
)
def test_a_rollback_that_can_not_be(http: TestClient, body: Any, code: str, place: str) -> None:
    """Is 422, with its place; nothing is recorded."""
    execution = parked(http, {"snapshot": {"name": "before"}})
    path = f"/executions/{execution['executionId']}"
    error = refused(http.post(f"{path}/rollback", json=body), 422, code)
    assert error["details"][0]["path"] == place
    if body == {"to": "mark:bfore"}:
        assert "Did you mean mark:before?" in error["message"]
    if code == "INVALID_VERSION":
        assert error["head"] == execution["version"]
        refused(http.get(f"{path}/rollback", params=body), 422, code)
    assert http.get(path).json()["version"] == execution["version"]


def test_an_execution_that_is_not_there(http: TestClient) -> None:
    """404, whatever is asked of it."""
    for answer in (
        http.post("/executions/nobody/rollback", json={"to": 1}),
        http.get("/executions/nobody/rollback"),
        http.patch("/executions/nobody/state", json=[]),
        http.post("/executions/nobody/snapshots", json={"name": "x"}),
        http.get("/executions/nobody/snapshots"),
    ):
        refused(answer, 404, "NOT_FOUND")


def test_if_match_is_decided_on_what_there_is(http: TestClient) -> None:
    """412 with the version that there is, for each of the commands; right or any, they are carried out."""
    execution_id = parked(http)["executionId"]
    path = f"/executions/{execution_id}"

    def ask(command: str, tag: str) -> Any:
        headers = {"If-Match": tag}
        if command == "state":
            return http.patch(f"{path}/state", json=[{"op": "add", "path": "/n", "value": tag}], headers=headers)
        return http.post(
            f"{path}/{command}", json={"to": 1} if command == "rollback" else {"name": "n"}, headers=headers
        )

    for command in ("state", "snapshots", "rollback"):
        version = http.get(path).json()["version"]
        for old in (f'"v{version - 1}"', f'W/"v{version}"', "nonsense", '"v0"', '"v1", "v2"'):
            answer = ask(command, old)
            assert refused(answer, 412, "VERSION_MISMATCH")["version"] == version
            assert answer.headers["etag"] == f'"v{version}"'
        answer = ask(command, f'"v1", "v{version}"')
        assert answer.is_success, answer.text
        http.get(path)
        assert ask("state", "*").is_success or command == "rollback"


def test_one_of_many_edits_of_the_same_version_wins(http: TestClient) -> None:
    """Whoever comes second is told the version that the first one made."""
    execution = parked(http)
    path, tag = f"/executions/{execution['executionId']}/state", {"If-Match": f'"v{execution["version"]}"'}
    answers = [http.patch(path, json=[{"op": "add", "path": "/n", "value": n}], headers=tag) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 412, 412]
    assert answers[1].json()["error"]["version"] == execution["version"] + 1


@pytest.mark.parametrize("form", ["patch", "json", "object"])
def test_an_edit(http: TestClient, form: str) -> None:
    """As a JSON Patch under either type, or in an object with a reason."""
    execution = parked(http, state=None)
    path = f"/executions/{execution['executionId']}/state"
    patch = [{"op": "add", "path": "/order", "value": {"total": 1}}, {"op": "test", "path": "/order/total", "value": 1}]
    match form:
        case "patch":
            text = msgspec.json.encode(patch)
            answer = http.patch(path, content=text, headers=PATCH_JSON, params={"reason": "a slip"})
        case "json":
            answer = http.patch(path, json=patch, params={"reason": "a slip"})
        case _:
            answer = http.patch(path, json={"patch": patch, "reason": "a slip"})
    assert answer.status_code == 200, answer.text
    body = msgspec.convert(answer.json(), DoneBody)
    assert (body.status, body.version) == ("suspended", execution["version"] + 1)
    assert answer.headers["etag"] == f'"v{body.version}"'
    (event,) = events(http, execution["executionId"], execution["version"])
    assert (event["type"], event["data"]["reason"]) == ("StateEdited", "a slip")
    assert event["data"]["patch"] == [{"op": "add", "path": "/order", "value": {"total": 1}}]
    assert state(http, execution["executionId"])["order"] == {"total": 1}
    again = http.patch(path, json=patch[1:])
    assert (again.status_code, again.json(), again.headers["clew-unchanged"]) == (200, answer.json(), "true")
    assert events(http, execution["executionId"], body.version) == []


def test_what_was_edited_is_what_the_next_step_sees(http: TestClient) -> None:
    """Of an execution that goes on."""
    execution_id = parked(http)["executionId"]
    http.patch(f"/executions/{execution_id}/state", json=[{"op": "add", "path": "/charged", "value": 100}])
    ended = http.post(f"/executions/{execution_id}/signals/go", json=1, headers={"Prefer": "wait=10"}).json()
    assert ended["finalState"]["charged"] == 110


@pytest.mark.parametrize(
    ("patch", "code", "places"),
    [
        ([{"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"}], "PATCH_FAILED", ["/1/path"]),
        ([{"op": "test", "path": "/n", "value": 2}], "PATCH_FAILED", ["/0/value"]),
        ([{"op": "move", "from": "/b", "path": "/c"}], "PATCH_FAILED", ["/0/from"]),
        ([{"op": "put", "path": "/a"}, {"op": "add", "path": "a"}], "INVALID_PATCH", ["/0/op", "/1", "/1/path"]),
        ({"op": "add", "path": "/a", "value": 1}, "UNKNOWN_KEY", ["/op", "/path", "/value", ""]),
        ("add", "INVALID_PATCH", [""]),
        ([{"op": "add", "path": "/a", "value": "x" * 11_000}], "STATE_LIMIT", [""]),
    ],
)
def test_an_edit_that_can_not_be(http: TestClient, patch: Any, code: str, places: list[str]) -> None:
    """Is 422, and says which operation and where; in an object the places are those in it."""
    execution = parked(http, {"$.n": 1})
    path = f"/executions/{execution['executionId']}"
    error = refused(http.patch(f"{path}/state", json=patch), 422, code)
    assert sorted(detail["path"] for detail in error["details"]) == sorted(places)
    if code == "PATCH_FAILED":
        index = places[0].split("/")[1]
        assert f"Operation {index} " in error["message"]
        error = refused(http.patch(f"{path}/state", json={"patch": patch}), 422, code)
        assert [detail["path"] for detail in error["details"]] == [f"/patch{place}" for place in places]
        assert all(detail["line"] for detail in error["details"])
    assert http.get(path).json()["version"] == execution["version"]


def test_a_body_that_is_no_patch_at_all(http: TestClient) -> None:
    """Not JSON is 400, another type 415."""
    path = f"/executions/{parked(http)['executionId']}/state"
    refused(http.patch(path, content=b"[", headers=JSON), 400, "NOT_JSON")
    refused(http.patch(path, content=b"", headers=JSON), 400, "NOT_JSON")
    refused(http.patch(path, content=b"[]", headers={"Content-Type": "text/plain"}), 415, "UNSUPPORTED_MEDIA_TYPE")
    refused(http.patch(path, json=[], params={"reason": "x" * 2_001}), 422, "INVALID_PARAMETER")
    refused(http.patch(path, json={"patch": [], "reason": "a"}, params={"reason": "b"}), 422, "INVALID_PARAMETER")


def test_the_same_command_again(http: TestClient) -> None:
    """Under one key: carried out once, answered alike; another request under it is refused."""
    execution_id = parked(http, {"$.n": 1})["executionId"]
    path = f"/executions/{execution_id}"

    def twice(ask: Any) -> None:
        version = http.get(path).json()["version"]
        first, again = ask(), ask()
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers["idempotency-replayed"] == "true"
        assert first.json()["version"] >= version + 1

    edit = [{"op": "add", "path": "/m", "value": 1}]
    twice(lambda: http.patch(f"{path}/state", json=edit, headers={"Idempotency-Key": "e"}))
    twice(lambda: http.post(f"{path}/snapshots", json={"name": "x"}, headers={"Idempotency-Key": "s"}))
    twice(lambda: http.post(f"{path}/rollback", json={"to": "head~2"}, headers={"Idempotency-Key": "r"}))
    other = http.post(f"{path}/rollback", json={"to": 1}, headers={"Idempotency-Key": "r"})
    refused(other, 422, "IDEMPOTENCY_KEY_REUSED")
    kinds = [event["type"] for event in events(http, execution_id)]
    assert [kinds.count(kind) for kind in ("StateEdited", "SnapshotTaken", "RolledBack")] == [1, 1, 1]


def test_names_for_versions(http: TestClient) -> None:
    """Given by people and by steps; one that is used again moves."""
    execution = parked(http, {"snapshot": {"name": "step"}})
    path = f"/executions/{execution['executionId']}"
    named = {"Clew-Actor": "ann"}
    first = http.post(f"{path}/snapshots", json={"name": "mine", "reason": "look"}, headers=named).json()
    http.post(f"{path}/snapshots", json={"name": "other"})
    moved = http.post(f"{path}/snapshots", json={"name": "mine", "reason": "again"}, headers=named).json()
    found = msgspec.convert(http.get(f"{path}/snapshots").json(), SnapshotsBody)
    assert [(item.name, item.version, item.actor, item.reason) for item in found.items] == [
        ("step", execution["version"] - 4, None, None),
        ("other", first["version"] + 1, None, None),
        ("mine", moved["version"], "ann", "again"),
    ]
    assert found.items[0].address == "/workflow/0/snapshot"
    assert http.get(f"{path}/state", params={"at": "mark:mine"}).json()["version"] == moved["version"]
    for body, code in (
        ({"name": ""}, "INVALID_NAME"),
        ({"name": "x" * 256}, "INVALID_NAME"),
        ({"name": 1}, "SCHEMA"),
        ({}, "SCHEMA"),
    ):
        refused(http.post(f"{path}/snapshots", json=body), 422, code)


def test_an_execution_without_names(http: TestClient) -> None:
    """Has an empty list."""
    assert http.get(f"/executions/{parked(http)['executionId']}/snapshots").json() == {"items": []}


def test_a_version_from_before_a_change_of_definition(http: TestClient) -> None:
    """The preview says that it can't be gone back to where its place is not in the definition by now; so does the command."""
    failing = [{"$.n": 1}, {"parallel": {"x?": ["empty"]}}, {"last": {"$node": "fail", "message": "no"}}]
    execution = submit(http, *failing, status="failed")
    path = f"/executions/{execution['executionId']}"
    mended = definition({"$.n": 1}, "charge", {"last": {"$node": "empty"}}, version="1.1.0")
    answer = http.post(f"{path}/retry", json={"definition": mended}, headers={"Prefer": "wait=10"})
    assert answer.json()["status"] == "completed", answer.text
    opened = next(item for item in events(http, execution["executionId"]) if item["type"] == "BranchesOpened")
    told = http.get(f"{path}/rollback", params={"to": opened["version"]}).json()
    assert told["refused"]["code"] == "NO_SUCH_POSITION"
    error = refused(http.post(f"{path}/rollback", json={"to": opened["version"]}), 422, "NO_SUCH_POSITION")
    assert error["details"][0]["path"] == "/to"
    back = http.post(f"{path}/rollback", json={"to": 1}, headers={"Prefer": "wait=10"}).json()
    assert (back["status"], back["workflowVersion"], back["finalState"]["charged"]) == ("completed", "1.1.0", 1)


def test_the_preview_has_each_visit_once_however_often_it_was_gone_back(http: TestClient) -> None:
    """What other walks did since is not done again twice, nor what was over at the version."""
    child = {"run-workflow": {"definition": definition({"$.k": 1}, id="kid")}}
    execution = parked(http, "charge", {"second": {"$node": "charge"}}, child)
    execution_id, late = execution["executionId"], execution["version"]
    path = f"/executions/{execution_id}"
    http.post(f"{path}/signals/go", json=1, headers={"Prefer": "wait=10"})
    first = http.get(f"{path}/rollback", params={"to": "1"}).json()
    assert [each["step"] for each in first["repeats"]] == ["charge", "second", "after"]
    for _ in range(2):
        http.post(f"{path}/rollback", json={"to": 1}, headers={"Prefer": "wait=10"})
        http.post(f"{path}/signals/go", json=1, headers={"Prefer": "wait=10"})
    again = http.get(f"{path}/rollback", params={"to": "1"}).json()
    for member in ("repeats", "repeatCount", "children", "signals"):
        assert again[member] == first[member], member
    parked_again = http.get(f"{path}/rollback", params={"to": str(late)}).json()
    assert [each["step"] for each in parked_again["repeats"]] == ["after"]
    assert (parked_again["children"], [each["visit"] for each in parked_again["signals"]]) == ([], [1])
    in_second_walk = http.get(f"{path}/rollback", params={"to": "walk:2/node:/workflow/1/second@1"}).json()
    assert [each["step"] for each in in_second_walk["repeats"]] == ["after"]
