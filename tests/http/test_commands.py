"""The table of commands and statuses (DESIGN, section 5), and what commands take and answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from domain.context import ExecutionContext
from domain.node import NodeMetadata, WorkflowNode
from interfaces.http.wire import DoneBody
from tests.support.http import JSON, client, definition, refused, submit

RELEASE = Event()


class Hold(WorkflowNode):
    """Keeps its execution running until the tests of this module are over."""

    metadata = NodeMetadata(id="hold", name="Hold", version="1.0.0")

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> None:
        """Wait."""
        RELEASE.wait(25)


class Shaky(WorkflowNode):
    """Fails at its first attempt."""

    metadata = NodeMetadata(id="shaky", name="Shaky", version="1.0.0")

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> None:
        """Fail, or not."""
        if context.step.attempt == 1:
            raise ValueError("not yet")


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    """A service that has the nodes `hold` and `shaky`."""
    with client(Hold, Shaky) as found:
        yield found
        RELEASE.set()


def execution_that_is(status: str, http: TestClient) -> str:
    """The id of an execution at this status."""
    parked = {"ask": {"$node": "signal", "name": "go"}}
    match status:
        case "running":
            execution_id = http.post("/workflows", json=definition("hold", parked)).json()["executionId"]
            while http.get(f"/executions/{execution_id}").json()["version"] < 2:  # `hold` has not begun yet
                continue
        case "suspended":
            execution_id = submit(http, parked)["executionId"]
        case "paused":
            execution_id = submit(http, parked)["executionId"]
            assert http.post(f"/executions/{execution_id}/pause").status_code == 202
        case "completed":
            execution_id = submit(http, "empty")["executionId"]
        case "failed":
            execution_id = submit(http, {"fail": {"message": "no"}})["executionId"]
        case _:
            execution_id = submit(http, parked)["executionId"]
            assert http.post(f"/executions/{execution_id}/cancel").status_code == 202
    assert http.get(f"/executions/{execution_id}").json()["status"] == status
    return str(execution_id)


STATUSES = ("running", "suspended", "paused", "completed", "cancelled", "failed")
ENDED = "EXECUTION_ENDED"
Cell = str | tuple[int, str, str]
"""The code of a refusal (409), or the status of the answer, the event that is recorded (if any), and how it is then."""
TABLE: dict[str, tuple[Cell, ...]] = {
    "resume": (
        (200, "", "running"), "WAITING", (202, "Resumed", "suspended"), ENDED, ENDED, (202, "Resumed", "running"),
    ),
    "pause": ((202, "Paused", "paused"), (202, "Paused", "paused"), (200, "", "paused"), ENDED, ENDED, ENDED),
    "signals/go": (
        (202, "SignalReceived", "running"),
        (202, "SignalReceived", "completed"),
        (202, "SignalReceived", "paused"),
        ENDED,
        ENDED,
        ENDED,
    ),
    "cancel": (*[(202, "Cancelled", "cancelled")] * 3, ENDED, ENDED, ENDED),
    "retry": (*["NOT_FAILED"] * 5, (202, "Resumed", "running")),
    "rollback": (
        "PAUSE_FIRST",
        (202, "RolledBack", "running"),
        (202, "RolledBack", "paused"),
        (202, "RolledBack", "running"),
        ENDED,
        (202, "RolledBack", "running"),
    ),
    "state": (
        "PAUSE_FIRST",
        (200, "StateEdited", "suspended"),
        (200, "StateEdited", "paused"),
        ENDED,
        ENDED,
        (200, "StateEdited", "failed"),
    ),
    "snapshots": tuple((202, "SnapshotTaken", status) for status in STATUSES),
}  # fmt: skip
CELLS = [(command, status, cell) for command, row in TABLE.items() for status, cell in zip(STATUSES, row, strict=True)]
BODIES = {"signals/go": 1, "rollback": {"to": 1}, "snapshots": {"name": "here"}}
EDIT = [{"op": "add", "path": "/n", "value": 1}]


def ask(http: TestClient, execution_id: str, command: str, reason: str) -> Any:
    """Give a command, with reason and actor."""
    path, named = f"/executions/{execution_id}/{command}", {"Clew-Actor": "ann"}
    if command == "state":
        return http.patch(path, json=EDIT, headers=named, params={"reason": reason})
    if command == "signals/go":
        return http.post(path, json=1, headers=named, params={"reason": reason})
    return http.post(path, json={**BODIES.get(command, {}), "reason": reason}, headers=named)  # type: ignore[dict-item]


@pytest.mark.parametrize(("command", "status", "cell"), CELLS)
def test_the_table(http: TestClient, command: str, status: str, cell: Cell) -> None:
    """Each command at each status: what is answered and recorded, and how the execution is then."""
    execution_id = execution_that_is(status, http)
    path = f"/executions/{execution_id}"
    before = http.get(path).json()["version"]
    answer = ask(http, execution_id, command, "because")
    if isinstance(cell, str):
        error = refused(answer, 409, cell)
        assert error["executionId"] == execution_id
        assert cell != "PAUSE_FIRST" or "pause first" in error["message"]
        assert http.get(path).json()["version"] == before
        return
    code, kind, after = cell
    assert answer.status_code == code, answer.text
    body = msgspec.convert(answer.json(), DoneBody)
    assert (body.execution_id, body.status) == (execution_id, after)
    assert answer.headers["etag"] == f'"v{body.version}"'
    assert int(answer.headers["clew-position"]) > 0
    assert http.get(path).json()["version"] >= body.version
    events = http.get(f"{path}/events", params={"after": before}).json()["items"]
    if not kind:
        assert (body.version, events) == (before, [])
        return
    assert events[0]["type"] == kind
    assert (events[0]["actor"], events[0]["data"]["reason"]) == ("ann", "because")
    assert events[0]["version"] <= body.version


def test_what_paused_because_its_attempts_are_used_up_can_be_retried(http: TestClient) -> None:
    """The one pause that a retry ends."""
    paused = submit(http, {"shaky": {"$retry": {"maxAttempts": 1, "exhausted": "pause"}}}, status="paused")
    answer = ask(http, paused["executionId"], "retry", "mended")
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    events = http.get(f"/executions/{paused['executionId']}/events", params={"after": paused["version"]}).json()
    assert (events["items"][0]["type"], events["items"][0]["data"]["reason"]) == ("Resumed", "mended")


def test_a_signal_that_is_kept_ends_a_later_wait(http: TestClient) -> None:
    """One sent while paused is taken when the execution is resumed."""
    execution_id = execution_that_is("paused", http)
    assert http.post(f"/executions/{execution_id}/signals/go", json={"n": 1}).status_code == 202
    assert http.post(f"/executions/{execution_id}/resume").json()["status"] == "completed"


def test_actor_and_reason_are_recorded(http: TestClient) -> None:
    """In the event of the command, those of a signal come in the query."""
    execution_id = execution_that_is("suspended", http)
    named = {"Clew-Actor": "ann@example.org"}
    http.post(f"/executions/{execution_id}/pause", json={"reason": "lunch"}, headers=named)
    http.post(f"/executions/{execution_id}/signals/go?reason=hungry", json=[1], headers=named)
    events = http.get(f"/executions/{execution_id}/events?order=desc&limit=2").json()["items"]
    assert [(each["type"], each["actor"], each["data"]["reason"]) for each in events] == [
        ("SignalReceived", "ann@example.org", "hungry"),
        ("Paused", "ann@example.org", "lunch"),
    ]
    assert events[0]["data"]["payload"] == [1]


def test_a_wait_that_is_named(http: TestClient) -> None:
    """A signal for another address or visit is refused; for the right one it is taken."""
    execution_id = execution_that_is("suspended", http)
    path = f"/executions/{execution_id}/signals/go"
    refused(http.post(path, params={"address": "/workflow/9/ask"}), 409, "NO_SUCH_WAIT")
    refused(http.post(path, params={"address": "/workflow/0/ask", "visit": 2}), 409, "NO_SUCH_WAIT")
    refused(http.post(path, params={"visit": 1}), 422, "INVALID_PARAMETER")
    assert http.post(path, params={"address": "/workflow/0/ask", "visit": 1}).status_code == 202


def test_a_payload_that_the_wait_can_not_take(http: TestClient) -> None:
    """Is 422 with the place in the payload, and the wait goes on."""
    execution_id = submit(http, {"ok": {"$node": "approval", "title": "Well?"}}, status="suspended")["executionId"]
    path = f"/executions/{execution_id}/signals/ok"
    error = refused(http.post(path, content=b'{\n  "choice": "maybe"}', headers=JSON), 422, "INVALID_PAYLOAD")
    assert [(each["path"], each["line"], each["column"]) for each in error["details"]] == [("/choice", 2, 3)]
    refused(http.post(path), 422, "INVALID_PAYLOAD")
    assert http.get(f"/executions/{execution_id}").json()["status"] == "suspended"
    assert http.post(path, json={"choice": "approve"}).json()["status"] == "completed"


def test_a_signal_whose_name_has_a_slash(http: TestClient) -> None:
    """Reaches the wait of that name."""
    execution_id = submit(http, {"signal": {"name": "a/b c"}}, status="suspended")["executionId"]
    assert http.post(f"/executions/{execution_id}/signals/a%2Fb%20c").json()["status"] == "completed"


def test_if_match(http: TestClient) -> None:
    """A command for a version that is past is 412 with the one there is; for that one it is carried out."""
    execution_id = execution_that_is("suspended", http)
    version = http.get(f"/executions/{execution_id}").json()["version"]
    path = f"/executions/{execution_id}/pause"
    for old in (f'"v{version - 1}"', f'W/"v{version}"', "nonsense", '"v1", "v2"'):
        answer = http.post(path, headers={"If-Match": old})
        error = refused(answer, 412, "VERSION_MISMATCH")
        assert error["version"] == version
        assert answer.headers["etag"] == f'"v{version}"'
    right = {"If-Match": f'"v1", "v{version}"', "Idempotency-Key": "once"}
    first, again = http.post(path, headers=right), http.post(path, headers=right)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert http.post(path, headers={"If-Match": "*"}).status_code == 200


def test_an_execution_that_does_not_settle_in_time(http: TestClient) -> None:
    """Gets the 202 when the preferred wait is over."""
    answer = http.post("/workflows", json=definition("hold"), headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert answer.headers["preference-applied"] == "wait=1"


def test_a_command_waits_when_it_is_preferred(http: TestClient) -> None:
    """With `Prefer: wait` the answer is the execution as the command's consequences leave it."""
    execution_id = execution_that_is("suspended", http)
    answer = http.post(f"/executions/{execution_id}/signals/go", json=1, headers={"Prefer": "wait=10"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=10")
    assert (answer.json()["status"], answer.json()["finalState"]) == ("completed", {"ask_output": 1})


def test_looking_at_an_execution_waits_when_it_is_preferred(http: TestClient) -> None:
    """Until it settles, or the time is over; not at all if it has settled already, or there is none."""
    held = http.post("/workflows", json=definition("hold")).json()["executionId"]
    answer = http.get(f"/executions/{held}", headers={"Prefer": "wait=1"})
    assert (answer.json()["status"], answer.headers["Preference-Applied"]) == ("running", "wait=1")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(http.get, f"/executions/{held}", headers={"Prefer": "wait=30"})
        http.post(f"/executions/{held}/cancel")
        assert looking.result().json()["status"] == "cancelled"
    assert http.get(f"/executions/{held}", headers={"Prefer": "wait=30"}).json()["status"] == "cancelled"
    assert "Preference-Applied" not in http.get(f"/executions/{held}").headers
    refused(http.get("/executions/none-such", headers={"Prefer": "wait=30"}), 404, "NOT_FOUND")
