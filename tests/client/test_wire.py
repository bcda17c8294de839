"""What the client sends again, and what it makes of refusals, against a server that answers as it is told."""

from __future__ import annotations

from typing import Any

import pytest

from clew import Client
from domain.errors import ClewError, InvalidDefinition, NotFound, NotJson, Outdated, Refused, Unacceptable, Unavailable
from interfaces.client.refusals import error_of
from tests.client.both import CONNECTS
from tests.client.scripted import HANG_UP, Answer, scripted

ACCEPTED = Answer(202, {"executionId": "ex_1", "status": "running", "links": {}}, {"Clew-Position": "7"})
BUSY = Answer(503, {"error": {"code": "UNAVAILABLE", "message": "Too much to do."}}, {"Retry-After": "1"})
DEFINITION: dict[str, Any] = {"id": "a", "name": "A", "version": "1.0.0", "workflow": ["empty"]}


@CONNECTS
def test_a_busy_server_and_a_broken_connection_are_tried_again_under_one_key(connect: type[Client]) -> None:
    """The same key goes with each attempt, so that nothing is begun twice; the pauses grow, and heed Retry-After."""
    pauses: list[float] = []
    with scripted([HANG_UP, BUSY, ACCEPTED]) as server, connect(server.url, sleep=pauses.append) as client:
        accepted = client.submit(DEFINITION)
    assert (accepted.execution_id, accepted.position) == ("ex_1", 7)
    keys = {asked.headers["Idempotency-Key"] for asked in server.asked}
    assert (len(server.asked), len(keys)) == (3, 1)
    assert pauses == [0.1, 1.0]


@CONNECTS
def test_a_server_that_stays_busy_is_given_up(connect: type[Client]) -> None:
    """The attempts are bounded; the last answer is the error."""
    pauses: list[float] = []
    with (
        scripted([BUSY] * 9) as server,
        connect(server.url, attempts=4, sleep=pauses.append) as client,
        pytest.raises(Unavailable, match=r"Too much to do\."),
    ):
        client.cancel("ex_1")
    assert len(server.asked) == 4
    assert pauses == [1.0, 2.0, 2.0]


@CONNECTS
def test_nobody_listening_is_told_with_the_address(connect: type[Client]) -> None:
    """The error says where nobody answers, and what to do."""
    with connect("http://127.0.0.1:9", attempts=2, sleep=lambda seconds: None) as client:
        with pytest.raises(Unavailable, match=r"No server answers at http://127\.0\.0\.1:9") as caught:
            client.nodes()
        assert caught.value.code == "UNREACHABLE"
        assert client.ready() is False


@CONNECTS
@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_a_refusal_is_not_asked_for_twice(connect: type[Client], status: int) -> None:
    """Only what may get better by itself is tried again."""
    with (
        scripted([Answer(status, {"error": {"code": "X", "message": "No."}})] * 2) as server,
        connect(server.url) as client,
    ):
        with pytest.raises(ClewError, match="No"):
            client.resume("ex_1")
        assert len(server.asked) == 1


@CONNECTS
def test_a_key_of_the_caller_is_sent_and_a_replay_told(connect: type[Client]) -> None:
    """An own key makes an own retry safe."""
    replayed = Answer(202, ACCEPTED.body, {"Idempotency-Replayed": "true"})
    with scripted([replayed]) as server, connect(server.url, actor="ada") as client:
        assert client.submit(DEFINITION, key="mine").replayed is True
    assert server.asked[0].headers["Idempotency-Key"] == "mine"
    assert server.asked[0].headers["Clew-Actor"] == "ada"


@CONNECTS
def test_a_command_may_be_for_one_version_only(connect: type[Client]) -> None:
    """`if_version` is sent as `If-Match`; a mismatch is a refusal, and not asked for again."""
    moved = Answer(412, {"error": {"code": "VERSION_MISMATCH", "message": "It is at version 9 by now."}})
    with scripted([moved] * 3) as server, connect(server.url) as client:
        with pytest.raises(Refused, match="version 9"):
            client.signal("ex_1", "go", if_version=7)
        with pytest.raises(Refused, match="version 9"):
            client.pause("ex_1", reason="why", if_version=8)
    assert [asked.headers["If-Match"] for asked in server.asked] == ['"v7"', '"v8"']
    assert server.asked[1].body == {"reason": "why"}


@CONNECTS
def test_a_plain_submission_is_the_definition_itself(connect: type[Client]) -> None:
    """It is wrapped only when there is more to say."""
    with scripted([ACCEPTED, ACCEPTED]) as server, connect(server.url) as client:
        client.submit(DEFINITION)
        client.submit(DEFINITION, initial_state={}, execution_id="mine", on_conflict="use", labels={"a": "b"})
    assert server.asked[0].body == DEFINITION
    wrapped = {"initialState": {}, "executionId": "mine", "onConflict": "use", "labels": {"a": "b"}}
    assert server.asked[1].body == {"definition": DEFINITION, **wrapped}


@CONNECTS
def test_problems_of_a_wrapped_definition_point_into_the_definition(connect: type[Client]) -> None:
    """The caller has the definition, not the body around it."""
    detail = {"code": "UNKNOWN_NODE", "path": "/definition/workflow/0", "message": "No.", "line": 1, "column": 9}
    refusal = Answer(422, {"error": {"code": "VALIDATION_ERROR", "message": "No.", "details": [detail]}})
    with scripted([refusal]) as server, connect(server.url) as client, pytest.raises(InvalidDefinition) as caught:
        client.submit(DEFINITION, initial_state={})
    problem = caught.value.problems[0]
    assert (problem.path, problem.line, problem.column) == ("/workflow/0", None, None)


@CONNECTS
def test_ids_and_names_are_quoted(connect: type[Client]) -> None:
    """A slash in an id is no other path."""
    done = Answer(202, {"executionId": "a/b", "status": "running", "version": 3})
    with scripted([done]) as server, connect(server.url) as client:
        client.signal("a/b", "go?", {"n": 1}, reason="so", address="/workflow/0", visit=2)
    assert server.asked[0].path == "/executions/a%2Fb/signals/go%3F?reason=so&address=%2Fworkflow%2F0&visit=2"
    assert server.asked[0].body == {"n": 1}


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (404, {"code": "NOT_FOUND"}, NotFound),
        (409, {"code": "CONFLICT"}, Refused),
        (412, {"code": "PRECONDITION_FAILED"}, Outdated),
        (413, {"code": "TOO_LARGE"}, Unacceptable),
        (415, {"code": "UNSUPPORTED_MEDIA_TYPE"}, Unacceptable),
        (422, {"code": "INVALID_VERSION", "details": [{"path": "/at", "head": 3}]}, Unacceptable),
        (422, {"code": "VALIDATION_ERROR", "details": []}, InvalidDefinition),
        (400, {"code": "NOT_JSON", "details": [{"path": "", "message": "x", "line": 2, "column": 3}]}, NotJson),
        (400, {"code": "BAD_KEY"}, Unacceptable),
        (503, {"code": "STORE_UNAVAILABLE"}, Unavailable),
        (502, None, Unavailable),
        (500, {"code": "INTERNAL_ERROR", "requestId": "r-1"}, ClewError),
        (418, None, ClewError),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
def test_errors_come_back_as_their_kind(status: int, error: dict[str, Any] | None, kind: type[ClewError]) -> None:
    """Status and code decide; the code and details stay."""
    body = {"title": "T", "detail": "D", "error": {"message": "M", **error}} if error is not None else {"title": "T"}
    found = error_of(status, body)
    assert type(found) is kind
    assert found.code == (error["code"] if error is not None else f"HTTP_{status}")
    if status == 500:
        assert "r-1" in found.message
    if isinstance(found, NotJson):
        assert (found.line, found.column) == (2, 3)


@pytest.mark.parametrize("body", [None, [], "text", {"error": "text"}, {"error": {"details": "text", "message": 7}}])
def test_a_body_of_another_kind_still_makes_an_error(body: Any) -> None:
    """Whatever stands between may answer too."""
    assert type(error_of(404, body)) is NotFound


@CONNECTS
def test_a_proxy_s_page_is_an_error_with_its_status(connect: type[Client]) -> None:
    """What is not JSON is told by its status; a success that is not JSON is no Clew server."""
    with scripted([Answer(404, b"<html>"), Answer(200, b"<html>")]) as server, connect(server.url) as client:
        with pytest.raises(NotFound, match="HTTP status 404"):
            client.nodes()
        with pytest.raises(ClewError, match="not JSON"):
            client.nodes()


@CONNECTS
@pytest.mark.parametrize("url", ["", "127.0.0.1:8484", "ftp://somewhere", "http://"])
def test_an_address_that_is_none_is_refused(connect: type[Client], url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Unacceptable, match="is not the address of a server"):
        connect(url)


@CONNECTS
def test_waiting_ends_when_the_time_does(connect: type[Client]) -> None:
    """What does not settle in time is told: by False, or for `run` by an error; it is looked at ever more rarely."""
    running = Answer(200, {"executionId": "ex_1", "status": "running"})
    with scripted([running, ACCEPTED, running]) as server, connect(server.url) as client:
        assert client.wait("ex_1", timeout_s=0) is False
        with pytest.raises(TimeoutError, match="ex_1 is still running"):
            client.run(DEFINITION, timeout_s=0)
    pauses: list[float] = []
    parked = Answer(200, {"executionId": "ex_1", "status": "suspended", "waiting": []})
    with scripted([running, running, running, parked]) as server, connect(server.url, sleep=pauses.append) as client:
        assert client.wait("ex_1", timeout_s=60) is True
    assert pauses == sorted(pauses)
    assert len(pauses) == 3
