"""`clew debug` by one command a line: over a real server, and on a store that a server holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clew import Client
from tests.cli.running import Ran, clew, written
from tests.support.process import ServerProcess

ORDER: dict[str, Any] = {
    "id": "order",
    "name": "Order",
    "version": "1.0.0",
    "initialState": {"lines": [2, 3], "total": 0},
    "workflow": [
        {"each...": {"items": "$.lines", "as": "line", "loop?": [{"$.total": "$.total + $.line * 10"}]}},
        {"check": {"$node": "fail", "message": "no", "error?": {"$.checked": True}}},
        {"sure": {"$node": "approval", "title": "Sure?"}},
        {"end": {"result": "$.total"}},
    ],
}


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


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of it."""
    with Client(str(server.http.base_url)) as connected:
        yield connected


@pytest.fixture
def name(client: Client) -> str:
    """The id of an execution that waits for an approval."""
    return str(client.run(ORDER)["executionId"])


@pytest.fixture(params=["server", "store"])
def where(request: pytest.FixtureRequest, server: ServerProcess) -> list[str]:
    """The server, or the store that it holds: reading is the same."""
    return (
        ["--url", str(server.http.base_url)] if request.param == "server" else ["--store", f"sqlite:///{server.store}"]
    )


def debug(name: str, where: list[str], *lines: str, at: str = "head") -> Ran:
    """What the debugger says to these lines."""
    return clew("debug", name, *where, "--at", at, stdin="".join(f"{line}\n" for line in lines))


def places(ran: Ran) -> list[int]:
    """The versions that it stood at."""
    return [int(version) for version in re.findall(r"^(\d+) of \d+  ", ran.out, re.MULTILINE)]


def test_walking(name: str, where: list[str], client: Client) -> None:
    """From the newest version back and forth; what an event changed stands below it."""
    head = client.execution(name)["version"]
    ran = debug(name, where, "back", "p 2", "first", "n", "4", "last", "quit", "back")
    assert (ran.code, ran.err) == (0, "")
    assert places(ran) == [head, head - 1, head - 3, 1, 2, 4, head]
    changed = next(event["version"] for event in client.all_events(name) if event["type"] == "StateUpdated")
    assert "    /line: (nothing) → 2" in debug(name, where, at=str(changed)).out.splitlines()


def test_finding(name: str, where: list[str], client: Client) -> None:
    """Errors, visits and writes, forward and back; where there is none, that is said, and the cursor stays."""
    events = list(client.all_events(name))
    writes = [
        event["version"] for event in events if any(op["path"] == "/total" for op in event["data"].get("patch", ()))
    ]
    errors = [event["version"] for event in events if event["data"].get("edge") == "error"]
    visits = [event["version"] for event in events if event["type"] == "NodeStarted"]
    assert (len(writes), len(errors)) == (2, 1)
    assert places(debug(name, where, "write /total", "w /total", at="1")) == [1, *writes]
    assert places(debug(name, where, "write-back /total", "W /total")) == [len(events), *writes[::-1]]
    assert places(debug(name, where, "e", at="1")) == [1, *errors]
    assert places(debug(name, where, "error-back")) == [len(events), *errors]
    assert places(debug(name, where, ".", ".", ",", at="1")) == [1, *visits[:2], visits[0]]
    none = debug(name, where, "error", "back")
    assert none.code == 1
    assert f"! There is no error behind version {len(events)}." in none.out
    assert places(none) == [len(events), len(events) - 1]


def test_blame_and_diff(name: str, where: list[str], client: Client) -> None:
    """Who wrote a value, and what it was before; what changed between two versions. `jump` goes to what was told."""
    last = client.blame(name, "/total")["written"]["version"]
    ran = debug(name, where, "blame /total", "jump", "")
    assert f"/total is 50 at version {places(ran)[0]}" in ran.out
    assert f"written at version {last} by $.total, visit 2, instead of 20" in ran.out
    assert "before that 20, at version " in ran.out
    assert f"Version [{last}]" in ran.out
    assert places(ran)[1:] == [last]
    assert "Nobody has written /nowhere" in debug(name, where, "blame /nowhere").out
    diff = debug(name, where, "diff 1").out
    assert re.search(rf"^/total: 0 → 50  \(version {last} by \$\.total, visit 2\)$", diff, re.MULTILINE)
    assert "From version 1 to" in diff


def test_refusals_are_told_and_it_goes_on(name: str, where: list[str]) -> None:
    """By whoever answers; the command ends with 1."""
    ran = debug(name, where, "jump 9999", "blame total", "nonsense", "first")
    assert ran.code == 1
    assert places(ran)[-1] == 1
    assert len([line for line in ran.out.splitlines() if line.startswith("! ")]) >= 3


def test_a_fork_is_made_after_a_yes(name: str, server: ServerProcess, client: Client) -> None:
    """From the version of the cursor, with the value changed; the source is as it was."""
    at = client.blame(name, "/total")["written"]["version"]
    where = ["--url", str(server.http.base_url)]
    before = client.execution(name)
    assert "Nothing was done." in debug(name, where, str(at), "fork /total=7", "n").out
    ran = debug(name, where, str(at), "fork", "/total=7", "y")
    assert ran.code == 0, ran.out
    forked = re.search(r"^Forked: (\S+) is ", ran.out, re.MULTILINE)
    assert forked is not None
    assert client.wait(forked[1])
    assert client.state(forked[1])["state"]["total"] == 7
    assert client.execution(name) == before


def test_an_edit_and_a_rollback_of_a_parked_execution(name: str, server: ServerProcess, client: Client) -> None:
    """Both are events of it; the cursor goes to the newest version."""
    where = ["--url", str(server.http.base_url)]
    head = client.execution(name)["version"]
    ran = debug(name, where, "edit /total=70", "y")
    assert places(ran) == [head, head + 1]
    assert "    /total: 50 → 70" in ran.out
    assert client.state(name)["state"]["total"] == 70
    back = debug(name, where, str(head), "rollback", "y")
    assert back.code == 0, back.out
    assert client.wait(name)
    assert client.state(name)["state"]["total"] == 50


def test_a_change_that_does_not_fit_is_refused(name: str, server: ServerProcess, client: Client) -> None:
    """The execution has moved on since it was looked at, or its state can't be changed so."""
    where = ["--url", str(server.http.base_url)]
    assert client.cancel(name).changed
    ran = debug(name, where, "edit /total=1", "y")
    assert ran.code == 1
    assert "! " in ran.out


def test_a_store_that_a_server_holds_is_only_read(name: str, server: ServerProcess) -> None:
    """A change is refused, and says where it is possible."""
    ran = debug(name, ["--store", f"sqlite:///{server.store}"], "edit /total=1", "y")
    assert ran.code == 1
    assert "held" in ran.out or "server" in ran.out


def test_a_store_of_one_s_own_is_changed(tmp_path: Path) -> None:
    """An engine is started for it, and goes on until the execution rests."""
    store = f"sqlite:///{tmp_path / 'log.db'}"
    ran = clew("run", written(tmp_path, ORDER), "--id", "mine", "--store", store)
    assert ran.code == 6
    changed = debug("mine", ["--store", store], "edit /total=1", "y", "fork /total=2", "y")
    assert changed.code == 0, changed.out
    assert "    /total: 50 → 1" in changed.out
    forked = re.search(r"^Forked: (\S+) is suspended", changed.out, re.MULTILINE)
    assert forked is not None
    assert clew("state", forked[1], "--store", store).out.count('"total": 2')
