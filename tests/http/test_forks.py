"""POST /executions/{id}/forks, and reading on into what an execution was forked off."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from interfaces.http import wire_explaining, wire_measuring
from tests.support.http import client, definition, refused, submit

STEPS = ({"$.n": 1}, {"each...": {"items": "$.people", "loop?": [{"$.n": "$.n + 1"}]}}, {"$.n": "$.n * 10"})
STATE = {"people": ["a", "b"]}


@pytest.fixture
def http() -> Any:
    """A service in this process."""
    with client() as found:
        yield found


def source_of(http: TestClient, *steps: Any, **more: Any) -> dict[str, Any]:
    """An execution of these steps (or of STEPS), at rest."""
    if not steps:
        return submit(http, *STEPS, initialState=STATE, **more)
    return submit(http, *steps, **more)


def fork(http: TestClient, source: dict[str, Any], **body: Any) -> Any:
    """Ask for a fork; the answer."""
    return http.post(f"/executions/{source['executionId']}/forks", json=body)


def settled(http: TestClient, source: dict[str, Any], **body: Any) -> dict[str, Any]:
    """A fork that has settled."""
    path = f"/executions/{source['executionId']}/forks"
    answer = http.post(path, json=body, headers={"Prefer": "wait=10"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def recorded(http: TestClient) -> int:
    """How many events the log has."""
    app: Any = http.app
    return int(app.state.api.service.queries._log.position())


def test_a_fork_is_an_execution_of_its_own(http: TestClient) -> None:
    """It is begun, found and ends like any other, and says what it was forked off."""
    source = source_of(http)
    answer = fork(http, source, at=3, patch=[{"op": "add", "path": "/n", "value": 5}], reason="what if")
    assert answer.status_code == 201, answer.text
    begun = answer.json()
    assert set(begun) == {"executionId", "status", "links"}
    assert answer.headers["location"] == begun["links"]["self"]
    http.post(f"{begun['links']['self']}/forks", json={}, headers={"Prefer": "wait=10"})
    found = http.get(begun["links"]["self"]).json()
    assert found["status"] == "completed"
    assert found["source"] == {"executionId": source["executionId"], "version": 4}
    assert found["finalState"]["n"] == 70
    rows = http.get("/executions", headers={"Clew-Position": answer.headers["clew-position"]}).json()["items"]
    assert [row["source"] for row in rows if row["executionId"] == begun["executionId"]] == [source["executionId"]]
    [first] = http.get(begun["links"]["events"], params={"limit": 1}).json()["items"]
    assert (first["type"], first["data"]["reason"]) == ("ExecutionForked", "what if")


def test_the_source_is_byte_for_byte_untouched(http: TestClient) -> None:
    """Its events, with their hashes, are what they were."""
    source = source_of(http)
    before = http.get(source["links"]["events"]).content
    assert settled(http, source, at=5, patch=[{"op": "add", "path": "/x", "value": 1}])["status"] == "completed"
    assert http.get(source["links"]["events"]).content == before


def test_its_history_reads_on_into_its_source(http: TestClient) -> None:
    """`lineage=true` has all events, each of its execution; pages go across, in both directions."""
    source = source_of(http)
    first = settled(http, source, at=6)
    second = settled(http, first, at=4)
    path = f"/executions/{second['executionId']}/events"
    whole = http.get(path, params={"lineage": "true", "limit": 1000}).json()
    names = [event["executionId"] for event in whole["items"]]
    assert list(dict.fromkeys(names)) == [source["executionId"], first["executionId"], second["executionId"]]
    cuts = [http.get(f"/executions/{name}").json()["source"] for name in dict.fromkeys(names)]
    assert [cut and names.count(cut["executionId"]) == cut["version"] for cut in cuts] == [None, True, True]
    assert whole["next"] is None
    paged: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = http.get(path, params={"lineage": "true", "limit": 3, "after": after}).json()
        paged, after = paged + page["items"], page["next"]
    assert paged == whole["items"]
    back = http.get(path, params={"lineage": "true", "limit": 1000, "order": "desc"}).json()["items"]
    assert back == whole["items"][::-1]
    own = http.get(path).json()["items"]
    assert [{"executionId": second["executionId"], **event} for event in own] == whole["items"][-len(own) :]
    assert "executionId" not in own[0]


def two_forks(http: TestClient) -> list[str]:
    """The ids of a source, a fork of it, and a fork of that."""
    source = source_of(http)
    first = settled(http, source, at=6)
    return [each["executionId"] for each in (source, first, settled(http, first, at=4))]


def test_a_blame_reads_on_into_its_source(http: TestClient) -> None:
    """`lineage=true` names the execution of each write; pages go across by asking at `next`; it is cached as others are."""
    names = two_forks(http)
    path = f"/executions/{names[-1]}/blame"
    asked = {"pointer": "/n", "lineage": "true"}
    answer = http.get(path, params=asked)
    whole = msgspec.convert(answer.json(), wire_explaining.BlameBody)
    assert whole.written is not None and whole.execution_id == names[-1]
    writes = [whole.written, *whole.earlier]
    assert list(dict.fromkeys(each.execution_id for each in writes)) == names[::-1]
    assert writes[-1].version > 1 and writes[-1].old is msgspec.UNSET
    assert all(later.old == earlier.value for later, earlier in pairwise(writes))
    paged: list[Any] = []
    page: dict[str, Any] = {"next": "head"}
    while page["next"] is not None:
        page = http.get(path, params={**asked, "limit": 0, "at": page["next"]}).json()
        paged.append(page["written"])
    assert paged == [answer.json()["written"], *answer.json()["earlier"]]
    again = http.get(path, params=asked, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    cut = http.get(f"/executions/{names[1]}").json()["source"]["version"]
    of_source = http.get(path, params={**asked, "at": f"{names[0]}@head"}).json()
    assert (of_source["executionId"], of_source["at"]) == (names[0], cut)
    assert "executionId" not in http.get(path, params={"pointer": "/n"}).json()
    refused(http.get(path, params={**asked, "at": "nobody@1"}), 422, "INVALID_VERSION")


def test_steps_read_on_into_its_source(http: TestClient) -> None:
    """Back from the head to the start of the source and forward again, by the execution and version of each answer."""
    names = two_forks(http)
    path = f"/executions/{names[-1]}"
    events = http.get(f"{path}/events", params={"lineage": "true", "limit": 1000}).json()["items"]
    for dir, begin, expected in (("back", "head", events[-2::-1]), ("forward", f"{names[0]}@1", events[1:])):
        seen: list[Any] = []
        found: dict[str, Any] = {"executionId": "", "version": None}
        at = begin
        while True:
            answer = http.get(f"{path}/step", params={"at": at, "dir": dir, "lineage": "true"})
            found = answer.json()
            assert msgspec.convert(found, wire_explaining.StepBody).version == found["version"]
            if found["event"] is None:
                break
            seen.append(found["event"])
            at = f"{found['executionId']}@{found['version']}"
        assert seen == expected
        assert found == {"executionId": None, "version": None, "event": None}


def test_a_timeline_begins_in_its_source(http: TestClient) -> None:
    """With a column that says whose each visit is; pages count the events of all."""
    names = two_forks(http)
    path = f"/executions/{names[-1]}/timeline"
    whole = http.get(path, params={"lineage": "true"}).json()
    msgspec.convert(whole, wire_measuring.TimelineBody)
    assert list(dict.fromkeys(whole["columns"]["execution"])) == names
    seen: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = http.get(path, params={"lineage": "true", "limit": 2, "after": after}).json()
        seen += zip(page["columns"]["execution"], page["columns"]["version"], strict=True)
        after = page["next"]
    assert seen == list(zip(whole["columns"]["execution"], whole["columns"]["version"], strict=True))
    assert "execution" not in http.get(path).json()["columns"]
    assert http.get(path, params={"lineage": "perhaps"}).status_code == 422


def test_a_dry_run_says_what_would_run_again(http: TestClient) -> None:
    """And begins nothing."""
    source = source_of(http, {"log": {"message": "x"}}, {"each...": {"items": [1, 2], "loop?": [{"$.n": 1}]}})
    before = recorded(http)
    answer = fork(http, source, at=1, dryRun=True, patch=[{"op": "add", "path": "/k", "value": 1}])
    assert answer.status_code == 200
    told = answer.json()
    assert (told["executionId"], told["at"], told["complete"]) == (source["executionId"], 1, True)
    assert told["patch"] == [{"op": "add", "path": "/k", "value": 1}]
    assert told["position"] == [
        {"branch": "", "address": "/workflow/0/log", "step": "log", "waiting": None, "due": None}
    ]  # fmt: skip
    assert [(visit["step"], visit["underWay"]) for visit in told["rerun"]][:2] == [("log", False), ("each", False)]
    assert len(told["rerun"]) == 6
    assert recorded(http) == before


def test_the_same_key_is_the_same_fork(http: TestClient) -> None:
    """Sent again it is answered as before, whatever has become of the source; another body is refused."""
    source = source_of(http, {"signal": {"name": "go"}})
    path, key = f"/executions/{source['executionId']}/forks", {"Idempotency-Key": "k"}
    first = http.post(path, json={}, headers=key)
    http.post(f"/executions/{source['executionId']}/cancel")
    again = http.post(path, json={}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    refused(http.post(path, json={"timers": "keep"}, headers=key), 422, "IDEMPOTENCY_KEY_REUSED")


def test_its_id_may_be_chosen(http: TestClient) -> None:
    """Once."""
    source = source_of(http)
    assert fork(http, source, executionId="mine", labels={"a": "b"}, priority=2).json()["executionId"] == "mine"
    assert http.get("/executions/mine").json()["labels"] == {"a": "b"}
    refused(fork(http, source, executionId="mine"), 409, "EXECUTION_EXISTS")


def test_it_goes_on_by_another_definition(http: TestClient) -> None:
    """Given in the body, or the latest that is published."""
    source = source_of(http)
    other = definition(*STEPS, {"$.more": True}, version="1.1.0")
    by_body = settled(http, source, at=3, definition=other)
    assert (by_body["finalState"]["more"], by_body["workflowVersion"]) == (True, "1.1.0")
    refused(fork(http, source, definition="latest"), 404, "NO_SUCH_WORKFLOW")
    assert http.put("/workflows/test/versions/1.1.0", json=other).status_code == 201
    latest = settled(http, source, at=3, definition="latest")
    assert latest["definitionHash"] == by_body["definitionHash"]
    assert http.get(f"/executions/{latest['executionId']}/definition").json() == other


def test_a_place_that_is_not_there_is_refused_with_the_nearest(http: TestClient) -> None:
    """422, also when it is only tried."""
    source = source_of(http, "empty", {"signal": {"name": "go"}})
    other = definition("empty", "empty", {"signal": {"name": "go"}})
    for dry in (False, True):
        error = refused(fork(http, source, definition=other, dryRun=dry), 422, "NO_SUCH_POSITION")
        assert error["details"][0]["nearest"] == "/workflow/2/signal"
        assert error["details"][0]["path"] == "/definition"


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"at": 99}, "INVALID_VERSION", None),
        ({"at": ""}, "SCHEMA", "/at"),
        ({"at": True}, "SCHEMA", "/at"),
        ({"efects": "rerun"}, "UNKNOWN_KEY", "/efects"),
        ({"effects": "twice"}, "SCHEMA", "/effects"),
        ({"definition": "newest"}, "SCHEMA", "/definition"),
        ({"definition": {"id": "x"}}, "VALIDATION_ERROR", None),
        ({"patch": {"op": "add"}}, "INVALID_PATCH", "/patch"),
        ({"patch": [{"op": "add", "path": "n", "value": 1}]}, "INVALID_PATCH", "/patch/0/path"),
        ({"patch": [{"op": "remove", "path": "/nothing"}]}, "PATCH_FAILED", "/patch/0/path"),
        ({"dryRun": "yes"}, "SCHEMA", "/dryRun"),
        ({"reason": 1}, "SCHEMA", "/reason"),
        ({"executionId": "a b"}, "SCHEMA", "/executionId"),
    ],
)
def test_what_can_not_be_is_refused_with_its_place(http: TestClient, body: Any, code: str, path: str | None) -> None:
    """Nothing is begun then."""
    source = source_of(http)
    before = recorded(http)
    error = refused(fork(http, source, **body), 422, code)
    assert path is None or error["details"][0]["path"] == path
    assert recorded(http) == before


def test_everything_that_is_wrong_is_told_at_once(http: TestClient) -> None:
    """With the problems of a definition in it."""
    source = source_of(http)
    body = {"timers": "stop", "patch": 3, "definition": {"id": "x", "name": "x", "version": "1", "workflow": []}}
    error = refused(fork(http, source, **body), 422, "VALIDATION_ERROR")
    assert {"/timers", "/patch", "/definition/version", "/definition/workflow"} <= {
        each["path"] for each in error["details"]
    }  # fmt: skip


def test_there_must_be_such_an_execution(http: TestClient) -> None:
    """404 otherwise."""
    refused(http.post("/executions/nobody/forks", json={}), 404, "NOT_FOUND")


FAILS = {"id": "fails", "name": "Fails", "version": "1.0.0", "workflow": ["empty", {"fail": {"message": "no"}}]}
MENDED = {**FAILS, "version": "1.1.0", "workflow": ["empty", {"fail": {"$node": "empty"}}, {"$.mended": True}]}


def failed(http: TestClient) -> str:
    """An execution that has failed."""
    answer = http.post("/workflows", json=FAILS, headers={"Prefer": "wait=10"})
    assert answer.json()["status"] == "failed"
    return str(answer.json()["executionId"])


def test_a_retry_goes_on_by_another_definition(http: TestClient) -> None:
    """Given in the body, or the latest that is published; the log says by which, and the lists have it."""
    path = f"/executions/{failed(http)}"
    answer = http.post(f"{path}/retry", json={"definition": MENDED, "reason": "mended"}, headers={"Prefer": "wait=10"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["workflowVersion"], body["finalState"]["mended"]) == ("completed", "1.1.0", True)
    [resumed] = [each for each in http.get(f"{path}/events").json()["items"] if each["type"] == "Resumed"]
    assert (resumed["data"]["workflowVersion"], resumed["data"]["definitionHash"]) == ("1.1.0", body["definitionHash"])
    rows = http.get("/executions", headers={"Clew-Position": answer.headers["clew-position"]}).json()["items"]
    assert rows[0]["workflowVersion"] == "1.1.0"
    other = f"/executions/{failed(http)}"
    refused(http.post(f"{other}/retry", json={"definition": "latest"}), 404, "NO_SUCH_WORKFLOW")
    assert http.put("/workflows/fails/versions/1.1.0", json=MENDED).status_code == 201
    key = {"Idempotency-Key": "again", "Prefer": "wait=10"}
    assert http.post(f"{other}/retry", json={"definition": "latest"}, headers=key).json()["status"] == "completed"
    replay = http.post(f"{other}/retry", json={"definition": "latest"}, headers={"Idempotency-Key": "again"})
    assert (replay.status_code, replay.headers["idempotency-replayed"]) == (202, "true")


def test_a_retry_by_a_definition_without_its_place_is_refused(http: TestClient) -> None:
    """With the nearest addresses; what is no definition, or no retry, likewise. Nothing changes."""
    name = failed(http)
    before = http.get(f"/executions/{name}").json()
    other = {**FAILS, "workflow": ["empty", "empty", {"fail": {"$node": "empty"}}]}
    error = refused(http.post(f"/executions/{name}/retry", json={"definition": other}), 422, "NO_SUCH_POSITION")
    assert error["details"][0]["nearest"] == "/workflow/2/fail"
    refused(http.post(f"/executions/{name}/retry", json={"definition": {"id": "x"}}), 422, "VALIDATION_ERROR")
    refused(http.post(f"/executions/{name}/retry", json={"definition": 7}), 422, "SCHEMA")
    refused(http.post(f"/executions/{name}/retry", json={"by": "latest"}), 422, "UNKNOWN_KEY")
    assert http.get(f"/executions/{name}").json() == before
    assert http.post(f"/executions/{name}/retry", json={"definition": "same"}).status_code == 202


def test_only_what_has_failed_goes_on_by_another_definition(http: TestClient) -> None:
    """What runs, waits or has completed does not."""
    source = source_of(http, {"signal": {"name": "go"}})
    answer = http.post(f"/executions/{source['executionId']}/retry", json={"definition": MENDED})
    refused(answer, 409, "NOT_FAILED")


def test_a_fork_of_a_version_that_is_past(http: TestClient) -> None:
    """With `If-Match` it is 412 and nothing begins, also when it is only asked what would happen."""
    source = source_of(http)
    path, version = f"/executions/{source['executionId']}/forks", source["version"]
    for body in ({}, {"dryRun": True}):
        answer = http.post(path, json=body, headers={"If-Match": f'"v{version - 1}"'})
        assert refused(answer, 412, "VERSION_MISMATCH")["version"] == version
    assert http.post(path, json={}, headers={"If-Match": f'"v{version}"'}).status_code == 201


def test_a_dry_run_has_each_visit_once_however_often_its_source_went_back(http: TestClient) -> None:
    """Nor has it what was over at the cut and made again in another walk."""
    source = source_of(http)
    path = f"/executions/{source['executionId']}"
    cuts = ("1", "5", "10", str(source["version"]))

    def again(at: str) -> list[tuple[str, int, int]]:
        rerun = http.post(f"{path}/forks", json={"at": at, "dryRun": True}).json()["rerun"]
        return [(each["address"], each["visit"], each["version"]) for each in rerun]

    before = [again(at) for at in cuts]
    for _ in range(2):
        http.post(f"{path}/rollback", json={"to": 1}, headers={"Prefer": "wait=10"})
    assert [again(at) for at in cuts] == before
    assert before[0]
    assert before[-1] == []
