"""What is measured from a log, over HTTP: statuses, bodies of their published types, and streams of lines."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from interfaces.http import wire_measuring
from interfaces.http.measuring import BrokenOff
from tests.http.test_children import publish, run_step
from tests.support.http import RunningServer, definition, refused, submit

ASK = {"ask": {"$node": "signal", "name": "go"}}
COUNTING = {"each...": {"items": "$.list", "loop?": [{"$.n": "$.n + $.currentItem"}]}}


def counted(http: Any, *steps: Any, **more: Any) -> dict[str, Any]:
    """An execution that has counted."""
    state = {"n": 0, "list": [1, 2, 3], **more}
    return submit(http, COUNTING, *steps, initialState=state)


def lines(answer: Any) -> list[dict[str, Any]]:
    """The lines of a stream."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.content.endswith(b"\n")
    return [json.loads(line) for line in answer.content.split(b"\n")[:-1]]


def test_bodies_are_of_their_published_types(http: TestClient) -> None:
    """Running, parked and finished alike: nothing is missing, and nothing is there that the document does not name."""
    publish(http, "measured-child", ASK)
    parent = submit(http, run_step("measured-child"), status="suspended")
    branched = submit(http, {"parallel": {"x?": [ASK], "y?": ["empty"]}}, status="suspended")
    failed = submit(http, "empty", {"fail": {"message": "no"}}, status="failed")
    done = counted(http)
    for execution in (parent, branched, failed, done):
        path = f"/executions/{execution['executionId']}"
        timeline = msgspec.convert(http.get(f"{path}/timeline").json(), wire_measuring.TimelineBody)
        assert timeline.version == execution["version"]
        metrics = msgspec.convert(http.get(f"{path}/metrics").json(), wire_measuring.MetricsBody)
        assert metrics.visits == len(timeline.columns.version)
        msgspec.convert(http.get(f"{path}/lineage").json(), wire_measuring.LineageBody)
        looked = msgspec.convert(http.get(f"{path}?include=path").json(), wire_measuring.ExecutionWithPathBody)
        assert isinstance(looked.path, wire_measuring.PathBody)
        assert [item.version for item in looked.path.items] == timeline.columns.version
        for line in lines(http.get(f"{path}/probe", params={"expr": "$.n"})):
            msgspec.convert(line, wire_measuring.ProbeLine)
        for other in (parent, failed, done):
            pair = {"left": execution["executionId"], "right": f"{other['executionId']}@head~1"}
            msgspec.convert(http.get("/diff", params=pair).json(), wire_measuring.ComparisonBody)
    assert http.get(f"/executions/{parent['executionId']}/lineage").json()["descendants"][0]["status"] == "suspended"


def test_a_path_is_asked_for(http: TestClient) -> None:
    """Without it an execution is as ever; what is about it alone is refused without it; a page leads to the next."""
    execution = counted(http)
    place = f"/executions/{execution['executionId']}"
    assert "path" not in http.get(place).json()
    for name in ("after", "limit"):
        error = refused(http.get(place, params={name: 1}), 422, "INVALID_PARAMETER")
        assert error["details"][0]["path"] == f"?{name}"
    refused(http.get(place, params={"include": "all"}), 422, "INVALID_PARAMETER")
    refused(http.get(place, params={"include": "path", "limit": 1_001}), 422, "INVALID_PARAMETER")
    page = http.get(place, params={"include": "path", "limit": 2}).json()["path"]
    assert [item["parameters"] for item in page["items"]] == [
        {"items": [1, 2, 3], "as": "currentItem", "indexAs": "currentIndex"}, {"$.n": 1},
    ]  # fmt: skip
    rest = http.get(place, params={"include": "path", "after": page["next"]}).json()["path"]
    assert (len(rest["items"]), rest["next"]) == (5, None)
    answer = http.get(place, params={"include": "path"})
    again = http.get(place, params={"include": "path"}, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("what", ["timeline", "metrics", "lineage", "probe?expr=1"])
def test_nobody(http: TestClient, what: str) -> None:
    """Is 404, for a stream too."""
    refused(http.get(f"/executions/nobody/{what}"), 404, "NOT_FOUND")
    refused(http.get("/diff", params={"left": "nobody", "right": "nobody"}), 404, "NOT_FOUND")


def test_what_can_not_be_asked(http: TestClient) -> None:
    """Is 422 with the parameter, before any line of a stream."""
    name = counted(http)["executionId"]
    place = f"/executions/{name}"
    error = refused(http.get(f"{place}/probe", params={"expr": "  $.n | uper"}), 422, "INVALID_EXPRESSION")
    (detail,) = error["details"]
    assert (detail["path"], detail["offset"], detail["nearest"]) == ("?expr", 8, "upper")
    for params in ({}, {"expr": ""}, {"expr": "1", "every": "x"}, {"expr": "1", "upto": "3"}):
        code = "UNKNOWN_PARAMETER" if "upto" in params else "INVALID_PARAMETER"
        refused(http.get(f"{place}/probe", params=params), 422, code)
    for params in ({"from": "x"}, {"to": "999"}, {"from": "5", "to": "4"}):
        error = refused(http.get(f"{place}/probe", params={"expr": "1", **params}), 422, "INVALID_VERSION")
        assert error["details"][0]["path"] == f"?{next(iter(params))}"
    refused(http.get("/diff", params={"left": name}), 422, "INVALID_PARAMETER")
    refused(http.get("/diff", params={"left": name, "right": f"{name}@no"}), 422, "INVALID_VERSION")
    for what in ("timeline?limit=10001", "lineage?limit=1001", "lineage?depth=0"):
        refused(http.get(f"{place}/{what}"), 422, "INVALID_PARAMETER")


def test_a_probe_is_a_stream_of_lines(http: TestClient) -> None:
    """One for each version, or where the value changes; texts of any script stay in their line."""
    execution = counted(http, text="a\u2028b\x85c\nd")
    place = f"/executions/{execution['executionId']}/probe"
    every = lines(http.get(place, params={"expr": "$.n"}))
    assert [line["version"] for line in every] == list(range(1, execution["version"] + 1))
    changes = lines(http.get(place, params={"expr": "$.n", "every": "change", "from": 1, "to": "head"}))
    assert [line["value"] for line in changes] == [0, 1, 3, 6]
    (line,) = lines(http.get(place, params={"expr": "$.text", "every": "change"}))
    assert line["value"] == "a\u2028b\x85c\nd"
    (line,) = lines(http.get(place, params={"expr": "$.missing", "every": "change"}))
    assert (line["version"], line["error"]["code"]) == (1, "UNDEFINED_REFERENCE")
    assert http.head(place, params={"expr": "$.n"}).content == b""


def test_a_client_that_goes_away_ends_its_probe(http: TestClient) -> None:
    """The versions behind are not evaluated: the iterator of batches is asked for no more."""
    execution = counted(http)
    queries = http.app.state.api.service.queries  # type: ignore[attr-defined]
    asked: list[int] = []
    gone = asyncio.Event()

    def endless(*given: Any, **named: Any) -> Any:
        def batches() -> Any:
            while True:
                asked.append(1)
                yield [{"version": len(asked), "time": "", "value": 1}]

        return batches()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if len(asked) >= 3:
            gone.set()

    scope = {
        "type": "http", "method": "GET", "path": f"/executions/{execution['executionId']}/probe", "raw_path": b"",
        "query_string": b"expr=1", "headers": [], "http_version": "1.1", "scheme": "http", "root_path": "",
    }  # fmt: skip

    async def leave() -> None:
        await asyncio.wait_for(http.app(scope, receive, send), 10)

    kept, queries.probe_batches = queries.probe_batches, endless
    try:
        asyncio.run(leave())
    finally:
        queries.probe_batches = kept
    assert 3 <= len(asked) <= 6


def test_a_long_probe_of_a_real_server(server: RunningServer) -> None:
    """Comes whole, in pieces."""
    with server.http() as http:
        body = definition(COUNTING, initialState={"n": 0, "list": [0] * 500})
        name = http.post("/workflows", json=body, headers={"Prefer": "wait=10"}).json()["executionId"]
        version = http.get(f"/executions/{name}").json()["version"]
        answer = http.get(f"/executions/{name}/probe", params={"expr": "$.n"})
        assert answer.headers["transfer-encoding"] == "chunked"
        assert [line["version"] for line in lines(answer)] == list(range(1, version + 1))


def test_a_stop_breaks_a_probe_off(http: TestClient) -> None:
    """Rather than let a part look like all: the answer does not come to its proper end."""
    place = f"/executions/{counted(http)['executionId']}/probe"
    closing = http.app.state.api.closing  # type: ignore[attr-defined]
    closing.set()
    try:
        with pytest.raises(BrokenOff):
            http.get(place, params={"expr": "$.n"})
    finally:
        closing.clear()
