"""Everything that can be wrong with what is sent, over a real connection to a real server."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.http import JSON, RunningServer, definition, refused, submit

MEBIBYTE = 1_048_576
OPEN = "[" * 10_000 + "]" * 10_000


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    """A client of the real server."""
    with server.http() as found:
        yield found


def post(http: httpx2.Client, text: str | bytes, path: str = "/workflows") -> httpx2.Response:
    content = text.encode() if isinstance(text, str) else text
    answer: httpx2.Response = http.post(path, content=content, headers=JSON)
    return answer


@pytest.mark.parametrize("path", ["/workflows", "/workflows/validate"])
@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{\n  "id": nope}', 2, 9),
        ("", 1, 1),
        ('{"id": "a",}', 1, 12),
        ('{"n": NaN}', 1, 7),
        ('{\n\n"n": ' + "9" * 1_000_000 + "}", 3, 6),
        ('{"a": ' + OPEN + "}", 1, 134),
        (b'{"a": "\xff"}', 1, 8),
        ('\ufeff{"id": "a"}', 1, 1),
    ],
    ids=["word", "empty", "comma", "NaN", "million digits", "10,000 deep", "not UTF-8", "byte order mark"],
)
def test_what_is_not_json(http: httpx2.Client, path: str, text: str | bytes, line: int, column: int) -> None:
    """Is refused with 400 and its place."""
    answer = post(http, text, path)
    assert answer.status_code == 400, answer.text
    error = refused(answer, 400, answer.json()["error"]["code"])
    assert [(each["path"], each["line"], each["column"]) for each in error["details"]] == [("", line, column)]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_the_wrong_content_type(http: httpx2.Client, kind: str) -> None:
    """Is refused with 415, and none at all as well."""
    headers = {"Content-Type": kind} if kind else {}
    refused(http.post("/workflows", content=b"{}", headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_in_a_coding(http: httpx2.Client) -> None:
    """Is refused with 415, which says that it is to be sent as it is."""
    content = gzip.compress(json.dumps(definition("empty")).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = http.post("/workflows", content=content, headers=headers)
    assert "gzip" in refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")["message"]
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.clew+json", "Application/JSON"])
def test_other_spellings_of_json(http: httpx2.Client, kind: str) -> None:
    """Are taken."""
    content = json.dumps(definition("empty")).encode()
    assert http.post("/workflows", content=content, headers={"Content-Type": kind}).status_code == 202


def test_a_large_body_is_measured_exactly(http: httpx2.Client) -> None:
    """A body of just 1 MiB is read; one byte more is 413, whatever is in it."""
    text = json.dumps(definition("empty", description="")).encode()
    fits = text.replace(b'"description": ""', b'"description": "' + b"x" * (MEBIBYTE - len(text)) + b'"')
    assert len(fits) == MEBIBYTE
    assert post(http, fits).status_code == 202
    refused(post(http, fits + b" "), 413, "TOO_LARGE")


def answered_early(server: RunningServer, headers: bytes, body: bytes) -> tuple[bytes, bool]:
    """The answer to a request whose body never ends, and whether the connection was closed after it."""
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        start = b"POST /workflows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(start + headers + b"\r\n" + body)
        answer = b""
        while True:
            try:
                received = connection.recv(65_536)
            except ConnectionResetError:
                received = b""
            if not received:
                return answer, True
            answer += received


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 100000000\r\n", b"["),
        (b"Content-Length: 100000000\r\nExpect: 100-continue\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n", (b"20000\r\n" + b" " * 0x20000 + b"\r\n") * 9),
    ],
    ids=["declared", "asked first", "in chunks"],
)
def test_a_large_body_is_refused_while_it_arrives(server: RunningServer, headers: bytes, body: bytes) -> None:
    """413 comes although the body has not ended, and the connection is closed: the rest is not read."""
    answer, closed = answered_early(server, headers, body)
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert b'"code":"TOO_LARGE"' in answer
    assert closed


def problems(answer: httpx2.Response) -> set[tuple[str, str, int, int]]:
    error = refused(answer, 422, "VALIDATION_ERROR")
    return {(each["code"], each["path"], each["line"], each["column"]) for each in error["details"]}


def test_everything_wrong_with_a_definition_at_once(http: httpx2.Client) -> None:
    """Unknown node, unknown target, an edge outside a node, a duplicate key: each with its place in the text."""
    text = """{"id": "a", "name": "A", "version": "1.0.0", "workflow": [
  "emptyy",
  {"x?": {}},
  {"log": {"message": "x", "message": "y"}},
  {"log": {"message": "x", "success?": "nowhere"}}
]}"""
    found = post(http, text)
    assert problems(found) == {
        ("UNKNOWN_NODE", "/workflow/0", 2, 3),
        ("ROUTE_OUTSIDE_NODE", "/workflow/1/x?", 3, 4),
        ("DUPLICATE_KEY", "/workflow/2/log/message", 4, 28),
        ("UNKNOWN_TARGET", "/workflow/3/log/success?", 5, 28),
    }
    unknown = next(each for each in found.json()["error"]["details"] if each["code"] == "UNKNOWN_NODE")
    assert unknown["nearest"] == "empty"


def test_problems_of_a_wrapped_definition(http: httpx2.Client) -> None:
    """Have pointers into the body, together with those of the wrapper."""
    text = """{"definition": {"id": "a", "name": "A", "version": "1", "workflow": ["emptyy"]},
"initialStat": {},
"priority": 300,
"executionId": "no spaces",
"onConflict": "hope",
"labels": {"a": 1}, "labels": {"b": 2}}"""
    assert problems(post(http, text)) == {
        ("SCHEMA", "/definition/version", 1, 41),
        ("UNKNOWN_NODE", "/definition/workflow/0", 1, 70),
        ("UNKNOWN_KEY", "/initialStat", 2, 1),
        ("SCHEMA", "/priority", 3, 1),
        ("SCHEMA", "/executionId", 4, 1),
        ("SCHEMA", "/onConflict", 5, 1),
        ("DUPLICATE_KEY", "/labels", 6, 21),
        ("SCHEMA", "/labels/b", 6, 32),
    }


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "{}", '{"workflow": 3}', '{"definition": [1]}'])
def test_json_of_the_wrong_shape(http: httpx2.Client, text: str) -> None:
    """Is 422, with places."""
    assert all(line == 1 and column >= 1 for _, _, line, column in problems(post(http, text)))


def test_a_definition_that_is_deeper_than_the_language_allows(http: httpx2.Client) -> None:
    """Is 422 with the place, where it is still JSON that Clew could read; the depth of 64 itself is taken."""

    def nested(depth: int) -> dict[str, Any]:
        value: Any = 1
        for _ in range(depth - 2):  # the definition and its initial state are two
            value = [value]
        return definition("empty", initialState={"deep": value})

    assert http.post("/workflows", json=nested(64)).status_code == 202
    error = refused(http.post("/workflows", json=nested(65)), 422, "VALIDATION_ERROR")
    assert [each["code"] for each in error["details"]] == ["TOO_DEEP"]
    assert error["details"][0]["path"] == "/initialState/deep" + "/0" * 62


def test_unknown_things(http: httpx2.Client) -> None:
    """Unknown executions, nodes and paths are 404; a method that a path does not take is 405 with those it does."""
    for path in ("/executions/no", "/executions/no/state", "/executions/no/events", "/nodes/no"):
        refused(http.get(path), 404, "NOT_FOUND")
    for command in ("resume", "pause", "retry", "cancel", "signals/x"):
        error = refused(http.post(f"/executions/no/{command}"), 404, "NOT_FOUND")
        assert error["executionId"] == "no"
    refused(http.get("/nowhere"), 404, "NO_SUCH_PATH")
    refused(http.get("/nodes/"), 404, "NO_SUCH_PATH")
    answer = http.put("/workflows", content=b"")
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_version_that_there_is_not(http: httpx2.Client) -> None:
    """Beyond the head, before the first, or none at all: 422 with the head."""
    execution = submit(http, "empty", status="completed")
    path, head = f"/executions/{execution['executionId']}/state", execution["version"]
    for at in (str(head + 1), "0", "head~999", "soon", "-1", "1.5", "2001-01-01T00:00:00Z", "9" * 40):
        error = refused(http.get(path, params={"at": at}), 422, "INVALID_VERSION")
        assert error["head"] == head
        assert [(each["path"], each["head"]) for each in error["details"]] == [("?at", head)]


def test_a_signal_to_an_execution_that_has_ended(http: httpx2.Client) -> None:
    """Is 409."""
    execution = submit(http, "empty", status="completed")
    error = refused(http.post(f"/executions/{execution['executionId']}/signals/x"), 409, "EXECUTION_ENDED")
    assert error["executionId"] == execution["executionId"]


@pytest.mark.parametrize(
    ("query", "code", "nearest"),
    [
        ("limt=3", "UNKNOWN_PARAMETER", "limit"),
        ("limit=0", "INVALID_PARAMETER", None),
        ("limit=1001", "INVALID_PARAMETER", None),
        ("limit=x", "INVALID_PARAMETER", None),
        ("limit=1&limit=2", "INVALID_PARAMETER", None),
        ("status=runing", "INVALID_PARAMETER", None),
        ("cursor=made-up", "INVALID_CURSOR", None),
    ],
)
def test_parameters_of_the_list(http: httpx2.Client, query: str, code: str, nearest: str | None) -> None:
    """Each that is unknown or out of its range is 422."""
    error = refused(http.get(f"/executions?{query}"), 422, code)
    assert error["details"][0].get("nearest") == nearest


@pytest.mark.parametrize("name", ["Idempotency-Key", "Clew-Actor"])
@pytest.mark.parametrize("value", ["", "x" * 256, "a\tb"])
def test_headers_that_can_not_be(http: httpx2.Client, name: str, value: str) -> None:
    """Are 400 on every POST."""
    for path in ("/workflows", "/executions/x/pause", "/executions/x/signals/y"):
        headers = {**JSON, name: value}
        refused(http.post(path, content=b"{}", headers=headers), 400, "INVALID_HEADER")


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ('{"reson": "x"}', 422, "UNKNOWN_KEY"),
        ('{"reason": 3}', 422, "SCHEMA"),
        ("[]", 422, "SCHEMA"),
        ("{", 400, "NOT_JSON"),
        ('{"reason": "a", "reason": "b"}', 422, "DUPLICATE_KEY"),
    ],
)
def test_bodies_of_commands(http: httpx2.Client, text: str, status: int, code: str) -> None:
    """Have a reason and nothing else."""
    refused(post(http, text, "/executions/x/cancel"), status, code)


def test_the_server_goes_on_after_all_this(http: httpx2.Client) -> None:
    """It is ready, and runs workflows."""
    assert http.get("/readyz").status_code == 200
    submit(http, "empty", status="completed")
