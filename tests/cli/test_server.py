"""Commands against a real server, and beside one that holds the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import ASKING, COUNTING, FAILING, Ran, clew, written
from tests.support.process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that all tests of this module share."""
    home: Path = tmp_path_factory.mktemp("server")
    (home / "nodes").mkdir()
    process = ServerProcess(home, nodes=home / "nodes")
    try:
        process.start()
        yield process
    finally:
        process.close()


def asked(server: ServerProcess, *arguments: str) -> Ran:
    """Run a command against the server."""
    return clew(*arguments, "--url", str(server.http.base_url))


def test_one_execution_from_start_to_end(server: ServerProcess, tmp_path: Path) -> None:
    """Run, list, show, answer and read the history, all at the server."""
    ran = asked(server, "run", "--json", "--state", "who=ada", written(tmp_path, ASKING))
    assert ran.code == 6
    assert f"--url {server.http.base_url}" in ran.err
    name = ran.json["executionId"]
    listed = asked(server, "ls", "--status", "suspended", "--workflow", "asking", "--json").json["items"]
    assert name in [item["executionId"] for item in listed]
    assert asked(server, "show", name, "--json").json["waiting"][0]["name"] == "sure"
    done = asked(server, "signal", name, "sure", "--data", '{"choice": "approve"}', "--json")
    assert (done.code, done.json["changed"]) == (0, True)
    events = asked(server, "events", name, "--json").json["items"]
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    assert asked(server, "state", name, "--at", "1", "--json").json == {
        "executionId": name,
        "version": 1,
        "state": {"who": "ada"},
    }


@pytest.mark.parametrize(
    ("definition", "code"), [(COUNTING, 0), (FAILING, 1), (ASKING, 6)], ids=lambda value: str(value)[8:14]
)
def test_run_ends_as_the_execution_does(
    server: ServerProcess, tmp_path: Path, definition: dict[str, object], code: int
) -> None:
    """The exit code is the same as without a server."""
    assert asked(server, "run", written(tmp_path, definition)).code == code


def test_refusals_have_their_exit_codes(server: ServerProcess, tmp_path: Path) -> None:
    """What HTTP says with a status the command line says with a code."""
    name = asked(server, "run", "--json", written(tmp_path, COUNTING)).json["executionId"]
    bad = tmp_path / "bad.json"
    bad.write_text('{"id": "a", "name": "A", "version": "1.0.0",\n "workflow": ["emty"]}')
    assert asked(server, "show", "ex_none").code == 4
    assert asked(server, "cancel", name).code == 5
    assert asked(server, "signal", name, "sure").code == 5
    assert asked(server, "state", name, "--at", "999").code == 2
    assert asked(server, "nodes", "nothing-such").code == 4
    for command in ("run", "validate"):
        ran = (
            asked(server, command, "--state", "n=1", str(bad)) if command == "run" else asked(server, command, str(bad))
        )
        assert ran.code == 3
        assert f"{bad}:2:15: error[" in ran.err


def test_pause_resume_retry_and_cancel(server: ServerProcess, tmp_path: Path) -> None:
    """Each prints the status that it led to."""
    name = asked(server, "run", "--json", written(tmp_path, ASKING)).json["executionId"]
    assert "is paused" in asked(server, "pause", name, "--reason", "lunch").out
    assert "is suspended" in asked(server, "resume", name).out
    assert "is cancelled" in asked(server, "cancel", name).out
    failed = asked(server, "run", "--json", written(tmp_path, FAILING)).json["executionId"]
    assert asked(server, "retry", failed).code == 0


def test_the_service_itself(server: ServerProcess, tmp_path: Path) -> None:
    """Nodes, validation and versions of the server; the address may come from the environment."""
    url = str(server.http.base_url)
    assert "each" in asked(server, "nodes").out
    assert asked(server, "validate", written(tmp_path, COUNTING)).code == 0
    assert {"version", "server"} == asked(server, "version", "--json").json.keys()
    assert clew("nodes", "each", "--json", env={"CLEW_URL": url}).json["id"] == "each"
    assert clew("--url", url, "nodes", "each", "--json").json["id"] == "each"


def test_a_store_that_the_server_holds_is_read_but_not_changed(server: ServerProcess, tmp_path: Path) -> None:
    """Questions go past the server; commands are told to go to it."""
    name = asked(server, "run", "--json", written(tmp_path, ASKING)).json["executionId"]
    store = f"sqlite:///{server.store}"
    assert clew("show", name, "--store", store, "--json").json == asked(server, "show", name, "--json").json
    assert clew("events", name, "--store", store, "--json").json == asked(server, "events", name, "--json").json
    ran = clew("cancel", name, "--store", store)
    assert ran.code == 7
    assert "--url" in ran.err
    assert asked(server, "show", name, "--json").json["status"] == "suspended"


def test_what_was_parked_is_answered_after_a_crash_without_a_server(tmp_path: Path) -> None:
    """A store whose server was killed is nobody's: `signal --store` goes on from where it was."""
    (tmp_path / "nodes").mkdir()
    process = ServerProcess(tmp_path, nodes=tmp_path / "nodes")
    try:
        process.start()
        name = asked(process, "run", "--json", written(tmp_path, ASKING)).json["executionId"]
        process.kill()
        ran = clew(
            "signal", name, "sure", "--data", '{"choice": "approve"}', "--store", f"sqlite:///{process.store}", "--json"
        )
    finally:
        process.close()
    assert (ran.code, ran.json["status"]) == (0, "completed")
