"""The Python client against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clew import Client
from domain.errors import InvalidDefinition, NotFound, NotJson, Outdated, Refused, Unacceptable
from tests.cli.running import ASKING, COUNTING, FAILING
from tests.client.both import Awaited
from tests.support.process import ServerProcess


@pytest.fixture(scope="module", params=[Client, Awaited], ids=["sync", "async"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of either kind, of a server that all tests of this module share with it."""
    home: Path = tmp_path_factory.mktemp("server")
    (home / "nodes").mkdir()
    process = ServerProcess(home, nodes=home / "nodes")
    try:
        process.start()
        with request.param(str(process.http.base_url)) as connected:
            yield connected
    finally:
        process.close()


def test_run_gives_the_execution_at_its_end(client: Client) -> None:
    """Submit, wait and read in one call."""
    execution = client.run(COUNTING, initial_state={"n": 0, "upto": 5})
    assert execution["status"] == "completed"
    assert execution["finalState"]["result"] == 5


def test_the_whole_history_is_read_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """`all_events` goes on until there is no more, without a gap."""
    monkeypatch.setattr("interfaces.client.operations.ALL_PAGE", 7)
    execution = client.run(COUNTING)
    versions = [event["version"] for event in client.all_events(execution["executionId"])]
    assert versions == list(range(1, execution["version"] + 1))
    assert [event["version"] for event in client.all_events(execution["executionId"], after=versions[-2])] == versions[
        -1:
    ]


def test_the_state_at_a_version(client: Client) -> None:
    """By number, from the head, and as it is."""
    execution = client.run(COUNTING)
    name = execution["executionId"]
    assert client.state(name, 1)["state"] == {"n": 0, "upto": 3}
    assert client.state(name)["state"] == execution["finalState"]
    assert client.state(name, "head~1")["version"] == execution["version"] - 1
    assert client.definition_of(name) == COUNTING
    with pytest.raises(Unacceptable, match="those are 1 to"):
        client.state(name, 10_000)


def test_an_approval_is_answered(client: Client) -> None:
    """A parked execution settles `wait`; a signal lets it go on; an ended one refuses."""
    accepted = client.submit(ASKING, labels={"team": "blue"})
    assert client.wait(accepted.execution_id)
    parked = client.execution(accepted.execution_id)
    assert (parked["status"], parked["labels"]) == ("suspended", {"team": "blue"})
    with pytest.raises(Unacceptable):
        client.signal(accepted.execution_id, "sure", {"choice": "perhaps"})
    done = client.signal(accepted.execution_id, "sure", {"choice": "approve"}, reason="seen")
    assert (done.execution_id, done.changed) == (accepted.execution_id, True)
    assert client.wait(accepted.execution_id)
    assert client.execution(accepted.execution_id)["status"] == "completed"
    with pytest.raises(Refused):
        client.signal(accepted.execution_id, "sure", {"choice": "approve"})


def test_pause_resume_retry_and_cancel(client: Client) -> None:
    """Each gives the status it led to; what was so already has changed nothing."""
    name = client.submit(ASKING).execution_id
    assert client.wait(name)
    assert client.pause(name, reason="lunch").status == "paused"
    assert client.pause(name).changed is False
    assert client.resume(name).status == "suspended"
    assert client.cancel(name, reason="enough").status == "cancelled"
    with pytest.raises(Refused):
        client.cancel(name)
    failed = client.run(FAILING)
    assert failed["status"] == "failed"
    assert client.retry(failed["executionId"]).changed is True


def test_an_actor_is_recorded_whatever_the_name_is_written_in(client: Client) -> None:
    """Headers are made for ASCII; people are not."""
    for actor in ("ada", "Zoë", "李雷 😀"):
        with type(client)(client.url, actor=actor) as other:
            name = other.submit(ASKING).execution_id
            assert other.wait(name)
            other.cancel(name)
        newest = client.events(name, order="desc", limit=1)["items"][0]
        assert (newest["type"], newest["actor"]) == ("Cancelled", actor)


def test_one_key_begins_one_execution(client: Client) -> None:
    """The same request again is answered with the same execution; another one is refused."""
    first = client.submit(COUNTING, key="once")
    again = client.submit(COUNTING, key="once")
    assert (again.execution_id, again.replayed, first.replayed) == (first.execution_id, True, False)
    with pytest.raises(Unacceptable):
        client.submit(FAILING, key="once")


def test_an_id_of_one_s_own(client: Client) -> None:
    """A taken id is refused, or used if the caller says so."""
    assert client.submit(COUNTING, execution_id="mine").execution_id == "mine"
    with pytest.raises(Refused):
        client.submit(COUNTING, execution_id="mine")
    assert client.submit(FAILING, execution_id="mine", on_conflict="use").execution_id == "mine"
    assert client.execution("mine")["workflowId"] == "counting"


def test_lists(client: Client) -> None:
    """By status and workflow, page by page; what this client began is in them at once."""
    definition = {**ASKING, "id": "listed"}
    names = [client.submit(definition).execution_id for _ in range(3)]
    first = client.executions(workflow="listed", limit=2)
    second = client.executions(workflow="listed", limit=2, cursor=first["next"])
    assert [item["executionId"] for item in (*first["items"], *second["items"])] == names[::-1]
    assert second["next"] is None
    client.cancel(names[1])
    cancelled = client.executions(status=["failed", "cancelled"], workflow="listed")["items"]
    assert [item["executionId"] for item in cancelled] == [names[1]]
    assert {"listed"} <= {workflow["workflowId"] for workflow in client.workflows()}


def test_publishing_and_starting(client: Client) -> None:
    """A version is published once, listed at once, and started by its id."""
    first = client.publish({**COUNTING, "id": "published"})
    again = client.publish({**COUNTING, "id": "published"})
    assert (first.new, again.new, first.event) == (True, False, again.event)
    assert first.position == again.position > 0
    assert [row["publishedVersion"] for row in client.workflows() if row["workflowId"] == "published"] == ["1.0.0"]
    with pytest.raises(Refused, match="They differ at /name first"):
        client.publish({**COUNTING, "id": "published", "name": "Other"})
    newer = client.publish({**COUNTING, "id": "published", "version": "1.0.1", "name": "Newer"})
    assert client.versions("published")["latest"] == "1.0.1"
    assert client.definition("published")["name"] == newer.event.name == "Newer"
    assert client.definition("published", "1.0.0") == {**COUNTING, "id": "published"}
    accepted = client.start("published", "1.0.0", initial_state={"n": 0, "upto": 5}, labels={"a": "b"}, key="k")
    assert client.wait(accepted.execution_id)
    execution = client.execution(accepted.execution_id)
    assert (execution["workflowVersion"], execution["finalState"]["result"]) == ("1.0.0", 5)
    assert execution["labels"] == {"a": "b"}
    again_id = client.start("published", "1.0.0", initial_state={"n": 0, "upto": 5}, labels={"a": "b"}, key="k")
    assert (again_id.execution_id, again_id.replayed) == (accepted.execution_id, True)
    for missing in (lambda: client.start("publishd"), lambda: client.versions("publishd")):
        with pytest.raises(NotFound, match="Did you mean 'published'"):
            missing()


def test_publishing_what_is_not_valid(client: Client) -> None:
    """All problems are raised, and an id that is none is one of them."""
    with pytest.raises(InvalidDefinition) as caught:
        client.publish({"id": "a b", "name": "A", "version": "1.0.0", "workflow": ["emty"]})
    assert {problem.path for problem in caught.value.problems} == {"/id", "/workflow/0"}
    with pytest.raises(InvalidDefinition):
        client.publish({})


def test_waiting_for_a_parent_waits_for_its_child(client: Client) -> None:
    """`run` gives the parent at its end, and one whose child asks somebody while it waits for that."""
    client.publish({**COUNTING, "id": "kid"})
    parent = {"id": "parent", "name": "P", "version": "1.0.0", "workflow": [{"runWorkflow": {"workflowId": "kid"}}]}
    assert client.run(parent)["finalState"]["runWorkflowResult"] == 3
    client.publish({**ASKING, "id": "asking-kid"})
    asks = {**parent, "workflow": [{"runWorkflow": {"workflowId": "asking-kid"}}]}
    parked = client.run(asks)
    assert parked["status"] == "suspended"
    child = parked["waiting"][0]["executionId"]
    client.signal(child, "sure", {"choice": "approve"})
    assert client.wait(parked["executionId"])
    assert client.execution(parked["executionId"])["status"] == "completed"


def test_validation_says_everything(client: Client) -> None:
    """Errors and warnings, with places when the text itself is sent; nothing is run."""
    assert client.validate(COUNTING) == ()
    text = b'{"id": "a", "name": "A",\n "version": "1", "workflow": ["emty", {"each": {"items": []}}]}'
    problems = client.validate(text)
    assert {problem.severity for problem in problems} == {"error", "warning"}
    nearest = next(problem for problem in problems if problem.code == "UNKNOWN_NODE")
    assert (nearest.line, nearest.column, nearest.nearest) == (2, 31, "empty")
    with pytest.raises(NotJson) as caught:
        client.validate(b'{"id": }')
    assert (caught.value.line, caught.value.column) == (1, 8)


def test_an_invalid_definition_is_refused_with_its_problems(client: Client) -> None:
    """As `validate`, but raised."""
    with pytest.raises(InvalidDefinition) as caught:
        client.submit({**COUNTING, "workflow": ["nothing-such"]}, initial_state={"n": 1})
    assert [problem.path for problem in caught.value.problems if problem.severity == "error"] == ["/workflow/0"]


def test_nodes_and_the_service(client: Client) -> None:
    """The library, one node of it, the version, and readiness."""
    assert {"each", "filesystem"} <= {node["id"] for node in client.nodes()}
    assert client.node("each")["id"] == "each"
    with pytest.raises(NotFound):
        client.node("nothing-such")
    with pytest.raises(NotFound):
        client.execution("ex_none")
    assert client.version()["version"]
    assert client.ready() is True


def test_going_back_editing_and_naming(client: Client) -> None:
    """The words of the HTTP interface; what is expected is what there must be."""
    name = client.submit(ASKING, initial_state={"n": 1}).execution_id
    assert client.wait(name)
    version = client.execution(name)["version"]
    done = client.edit(name, [{"op": "replace", "path": "/n", "value": 2}], reason="a slip", if_version=version)
    assert (done.changed, done.version) == (True, version + 1)
    assert client.edit(name, [{"op": "test", "path": "/n", "value": 2}]).changed is False
    with pytest.raises(Outdated, match=f"at version {version + 1} by now"):
        client.edit(name, [], if_version=version)
    with pytest.raises(Unacceptable, match="Operation 0"):
        client.edit(name, [{"op": "remove", "path": "/no"}])
    named = client.snapshot(name, "two", if_version=version + 1)
    assert [item["version"] for item in client.snapshots(name)["items"]] == [named.version]
    preview = client.rollback(name, version, dry_run=True)
    assert preview["patch"] == [{"op": "replace", "path": "/n", "value": 1}]
    back = client.rollback(name, version, reason="as it was", if_version=named.version)
    assert (back.status, back.changed) == ("suspended", True)
    assert client.state(name)["state"] == {"n": 1}
    client.rollback(name, "mark:two", key="once")
    assert client.rollback(name, "mark:two", key="once").replayed
    assert client.state(name)["state"] == {"n": 2}


def test_an_execution_is_explained(client: Client) -> None:
    """Parts of a state at a visit, what has changed, who wrote it, and where to look next."""
    execution = client.run(COUNTING, initial_state={"n": 0, "upto": 2, "a,": {"b": None}})
    name = execution["executionId"]
    setter = "/workflow/0/while.../do?/$.n"
    assert client.state(name, f"node:{setter}@1", fields=["/n", "/a,/b", "/nowhere"])["fields"] == {
        "/n": 1,
        "/a,/b": None,
    }
    assert client.state(name, fields=[])["fields"] == {}
    assert client.state(name, fields=[""])["fields"][""] == execution["finalState"]
    written = client.blame(name, "/n")["written"]
    assert (written["address"], written["old"], written["value"]) == (setter, 1, 2)
    assert client.blame(name, "/n", written["version"] - 1, limit=0)["value"] == 1
    changes = {each["pointer"]: each["version"] for each in client.diff(name, 1, "head")["changes"]}
    assert changes["/n"] == written["version"] == client.step(name, by="write:/n")["version"]
    assert client.step(name, 1, dir="forward")["version"] == 2
    with pytest.raises(Unacceptable, match="is no JSON Pointer") as caught:
        client.blame(name, "n")
    assert caught.value.code == "INVALID_POINTER"


def test_what_if(client: Client) -> None:
    """Of one execution and of many, in the words of the HTTP interface; asked again it is answered again."""
    name = client.run(COUNTING)["executionId"]
    assert client.what_if(name)["divergence"] is None
    patch = [{"op": "replace", "path": "/upto", "value": 5}]
    answer = client.what_if(name, patch=patch)
    assert (answer["status"], answer["finalState"]["result"]) == ("completed", 5)
    assert client.what_if(name, at="head~2", patch=patch)["from"] > 1
    found = client.what_if_many("counting", last=1, status=["completed"], patch=patch)
    assert (found["walked"], found["otherwise"]) == (1, 1)
    with pytest.raises(Unacceptable):
        client.what_if(name, assume={"/nowhere": {"edge": "x"}})
