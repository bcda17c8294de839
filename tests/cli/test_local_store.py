"""Commands on a store of this machine, without a server."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from interfaces.embedded import Engine
from tests.cli.running import ASKING, COUNTING, FAILING, clew, written
from tests.support import stores
from tests.support.stores import DURABLE


@pytest.fixture(params=DURABLE)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new store's address, of each kind in turn; whatever stands beside it is in the test's own directory."""
    monkeypatch.chdir(tmp_path)
    with stores.stores(request.param, tmp_path) as kind:
        yield kind.url()


def parked(folder: Path, store: str) -> str:
    """The id of an execution in the store that waits for an approval."""
    ran = clew("run", "--json", "--store", store, written(folder, ASKING))
    assert ran.code == 6
    assert f"--store {shlex.quote(store)}" in ran.err
    return str(ran.json["executionId"])


def test_what_was_run_is_listed_shown_and_its_history_kept(tmp_path: Path, store: str) -> None:
    """A run in a store can be read by the next command."""
    execution = clew("run", "--json", "--store", store, written(tmp_path, COUNTING)).json
    name, version = execution["executionId"], execution["version"]
    assert [item["executionId"] for item in clew("ls", "--store", store, "--json").json["items"]] == [name]
    assert clew("show", name, "--store", store, "--json").json == execution
    events = clew("events", name, "--store", store, "--json").json["items"]
    assert [event["version"] for event in events] == list(range(1, version + 1))
    assert clew("state", name, "--store", store, "--json").json["state"]["result"] == 3


def test_a_parked_execution_is_answered_and_goes_on(tmp_path: Path, store: str) -> None:
    """`signal` starts an engine on the store, and runs the execution to its end."""
    name = parked(tmp_path, store)
    ran = clew(
        "signal", name, "sure", "--data", '{"choice": "approve"}', "--reason", "seen", "--store", store, "--json"
    )
    assert ran.code == 0
    assert (ran.json["status"], ran.json["changed"]) == ("completed", True)
    assert clew("show", name, "--store", store, "--json").json["finalState"]["ok"] is True
    received = [
        event
        for event in clew("events", name, "--store", store, "--json").json["items"]
        if event["type"] == "SignalReceived"
    ]
    assert received[0]["data"]["reason"] == "seen"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["signal", "ID", "sure", "--data", '{"choice": "perhaps"}'], 5),
        (["resume", "ID"], 5),
        (["retry", "ID"], 5),
        (["state", "ID", "--at", "99"], 2),
        (["show", "ex_none"], 4),
        (["cancel", "ex_none"], 4),
        (["signal", "ID", "sure", "--data", "{"], 2),
        (["events", "ID", "--limit", "0"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_refusals_have_their_exit_codes(tmp_path: Path, store: str, arguments: list[str], code: int) -> None:
    """One or few lines on stderr, nothing on stdout, and the documented code."""
    name = parked(tmp_path, store)
    ran = clew(*[name if word == "ID" else word for word in arguments], "--store", store)
    assert (ran.code, ran.out) == (code, "")
    assert 1 <= len(ran.err.splitlines()) <= 4
    assert "Traceback" not in ran.err


def test_pause_resume_and_cancel_say_what_the_execution_is_then(tmp_path: Path, store: str) -> None:
    """Each command prints the status it led to; asking again says that it was so already."""
    name = parked(tmp_path, store)
    assert f"{name} is paused" in clew("pause", name, "--store", store).out
    assert "(as it was already)" in clew("pause", name, "--store", store).out
    assert f"{name} is suspended" in clew("resume", name, "--store", store).out
    assert f"{name} is cancelled" in clew("cancel", name, "--reason", "enough", "--store", store).out
    assert clew("cancel", name, "--store", store).code == 5


def test_retry_runs_the_failed_step_again(tmp_path: Path, store: str) -> None:
    """A failed execution is driven again, and fails again for the same reason."""
    name = clew("run", "--json", "--store", store, written(tmp_path, FAILING)).json["executionId"]
    ran = clew("retry", name, "--store", store, "--json")
    assert (ran.code, ran.json["status"]) == (0, "failed")
    events = clew("events", name, "--store", store, "--json").json["items"]
    assert [event["data"]["cause"] for event in events if event["type"] == "Resumed"] == ["retry"]


def test_a_store_that_is_held_can_be_read_but_not_changed(tmp_path: Path, store: str) -> None:
    """While another engine has the store, reading works, and a change is sent to its server."""
    name = parked(tmp_path, store)
    with Engine(store):
        assert clew("show", name, "--store", store, "--json").json["status"] == "suspended"
        assert [item["executionId"] for item in clew("ls", "--store", store, "--json").json["items"]] == [name]
        ran = clew("cancel", name, "--store", store)
        assert ran.code == 7
        assert "--url" in ran.err
    assert clew("show", name, "--store", store, "--json").json["status"] == "suspended"


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Neither a question nor a command leaves a new store behind."""
    store = f"sqlite:///{tmp_path / 'none' / 'log.db'}"
    for words in (["ls"], ["show", "ex_1"], ["cancel", "ex_1"]):
        ran = clew(*words, "--store", store)
        assert ran.code == 7, words
        assert "There is no log in" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_tables_show_what_a_person_looks_for(tmp_path: Path, store: str) -> None:
    """Without --json: ids, statuses and waits in tables."""
    name = parked(tmp_path, store)
    assert name in clew("ls", "--store", store).out
    shown = clew("show", name, "--store", store).out
    assert "asks for approval 'sure': Sure? (approve, reject)" in shown
    events = clew("events", name, "--store", store).out.splitlines()
    assert [line.split()[3] for line in events[1:]] == ["ExecutionStarted", "NodeStarted", "Suspended"]
    newest = clew("events", name, "--store", store, "--order", "desc", "--limit", "1")
    assert "Suspended" in newest.out
    assert "--after 3" in newest.err


def test_lists_are_filtered_and_paged(tmp_path: Path, store: str) -> None:
    """--status, --workflow, --limit and --cursor do what they say."""
    for definition in (COUNTING, FAILING, COUNTING):
        clew("run", "--store", store, written(tmp_path, definition))
    failed = clew("ls", "--store", store, "--status", "failed", "--json").json["items"]
    assert [item["workflowId"] for item in failed] == ["failing"]
    first = clew("ls", "--store", store, "--workflow", "counting", "--limit", "1", "--json").json
    second = clew(
        "ls", "--store", store, "--workflow", "counting", "--limit", "1", "--cursor", first["next"], "--json"
    ).json
    assert len({first["items"][0]["executionId"], second["items"][0]["executionId"]}) == 2


def test_a_bad_store_is_a_mistake_of_usage() -> None:
    """A store of an unknown kind names those that are known."""
    ran = clew("ls", "--store", "redis://somewhere")
    assert ran.code == 2
    assert "sqlite:///PATH, postgresql://… or memory:" in ran.err


def test_the_store_of_the_environment_is_used(tmp_path: Path, store: str) -> None:
    """CLEW_STORE stands in for --store, and --url before the command counts more."""
    name = parked(tmp_path, store)
    assert clew("show", name, "--json", env={"CLEW_STORE": store}).json["status"] == "suspended"
    assert clew("--url", "http://127.0.0.1:9", "show", name, env={"CLEW_STORE": store}).code == 7


def test_nodes_of_this_machine_need_no_store(tmp_path: Path) -> None:
    """The library is listed from a store that does not exist, and one node is shown with its parameters."""
    listed = clew("nodes", "--store", f"sqlite:///{tmp_path / 'log.db'}", "--json").json
    assert {"each", "approval", "filesystem"} <= {node["id"] for node in listed}
    assert "operation" in clew("nodes", "filesystem", "--store", "memory:").out
    assert "operation" in clew("nodes", "filesystem").out  # and without a word of where: those of this machine
    assert clew("nodes", "nothing-such", "--store", "memory:").code == 4
    assert list(tmp_path.iterdir()) == []
