"""`rollback`, `edit`, `snapshot` and `snapshots` on a local store, of each kind, and against a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import ASKING, FAILING, clew, written
from tests.support import stores
from tests.support.process import ServerProcess
from tests.support.stores import DURABLE

TALKING: dict[str, Any] = {
    **ASKING,
    "workflow": [
        {"$.n": 1},
        {"snapshot": {"name": "start"}},
        {"look": {"$node": "filesystem", "operation": "exists", "path": "no"}},
        *ASKING["workflow"],
    ],
}


@pytest.fixture(params=DURABLE)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new store's address, of each kind in turn."""
    monkeypatch.chdir(tmp_path)
    with stores.stores(request.param, tmp_path) as kind:
        yield kind.url()


def parked(folder: Path, store: str) -> str:
    """The id of an execution that waits for an approval."""
    ran = clew("run", "--json", "--store", store, "--files", str(folder), written(folder, TALKING))
    assert ran.code == 6, ran
    return str(ran.json["executionId"])


def test_there_and_back(tmp_path: Path, store: str) -> None:
    """Name, edit, look what a rollback would do, roll back: each is recorded with its reason."""
    name = parked(tmp_path, store)
    at = ("--store", store, "--files", str(tmp_path), "--json")
    version = clew("show", name, *at).json["version"]
    named = clew("snapshot", name, "mine", "--reason", "look", *at)
    assert (named.code, named.json["version"]) == (0, version + 1)
    edited = clew("edit", name, "--set", "/n=5", "--set", '/list=["a"]', "--remove", "/snapshot_output", *at)
    assert (edited.code, edited.json["changed"], edited.json["status"]) == (0, True, "suspended")
    assert clew("edit", name, "--set", "/n=5", *at).json["changed"] is False
    state = clew("state", name, *at).json["state"]
    assert (state["n"], state["list"], "snapshot_output" in state) == (5, ["a"], False)
    listed = clew("snapshots", name, *at).json["items"]
    assert [(item["name"], item["reason"]) for item in listed] == [("start", None), ("mine", "look")]
    preview = clew("rollback", name, "mark:start", "--dry-run", *at).json
    assert [(each["step"], each["effect"]) for each in preview["repeats"]] == [("look", "reads")]
    assert clew("show", name, *at).json["version"] == edited.json["version"]
    back = clew("rollback", name, "mark:start", "--reason", "again", *at)
    assert (back.code, back.json["status"]) == (0, "suspended")
    events = clew("events", name, *at).json["items"]
    rolled = next(event for event in events if event["type"] == "RolledBack")
    assert (rolled["data"]["name"], rolled["data"]["reason"]) == ("start", "again")
    assert clew("state", name, *at).json["state"]["n"] == 1


def test_what_is_refused(tmp_path: Path, store: str) -> None:
    """With the exit codes of their kinds: 5 for what does not fit, 2 for usage, 4 for nothing there."""
    name = parked(tmp_path, store)
    at = ("--store", store, "--files", str(tmp_path))
    for arguments, code, words in (
        (("rollback", name, "mark:stat"), 2, "Did you mean mark:start?"),
        (("rollback", name, "999"), 2, "those are 1 to"),
        (("rollback", name, "1", "--if-version", "3"), 5, "by now"),
        (("edit", name, "--set", "/a/b=1"), 5, "Operation 0"),
        (("edit", name, "--set", "/n=1", "--if-version", "1"), 5, "by now"),
        (("edit", name), 2, "Say what to change"),
        (("edit", name, "--set", "n=1"), 2, "/pointer=JSON"),
        (("edit", name, "--set", "/n=no"), 2, "--set"),
        (("snapshot", name, ""), 5, "1 to 255"),
        (("snapshots", "nobody"), 4, "nobody"),
        (("rollback", "nobody", "1", "--dry-run"), 4, "nobody"),
    ):
        ran = clew(*arguments, *at)
        assert (ran.code, words in ran.err) == (code, True), (arguments, ran)
    failed = clew("run", "--json", "--store", store, written(tmp_path, FAILING)).json["executionId"]
    clew("edit", failed, "--set", '/why="a reason"', *at)
    assert clew("retry", failed, *at).code == 0
    assert "a reason" in clew("show", failed, *at).out


def test_against_a_server(tmp_path: Path) -> None:
    """In words for people, and a patch from stdin."""
    (tmp_path / "nodes").mkdir()
    process = ServerProcess(tmp_path, nodes=tmp_path / "nodes")
    try:
        process.start()
        at = ("--url", str(process.http.base_url))
        told = clew("run", "--json", *at, written(tmp_path, TALKING))
        name = told.json["executionId"]
        patch = '[{"op": "copy", "from": "/n", "path": "/m"}]'
        edited = clew("edit", name, "--patch", "-", "--set", "/n=7", "--reason", "seen", *at, stdin=patch)
        assert (edited.code, "is suspended, at version" in edited.out) == (0, True), edited
        assert "as it was already" in clew("edit", name, "--set", "/n=7", *at).out
        assert clew("edit", name, "--patch", "-", *at, stdin="{}").code == 2
        preview = clew("rollback", name, "mark:start", "--dry-run", *at).out
        assert "would be as it was at version" in preview
        assert "replace /n 1" in preview and "EFFECT" in preview
        (again,) = [line.split() for line in preview.splitlines() if "runs again" in line]
        assert again[2:5] == ["look", "1", "reads"]
        version = told.json["version"]
        waits = clew("rollback", name, str(version), "--dry-run", *at).out
        assert "waits again" in waits and "asks for approval" in waits
        assert clew("snapshot", name, "mine", "--reason", "here", *at).code == 0
        assert "mine" in clew("snapshots", name, *at).out
        assert clew("rollback", name, str(version), *at).code == 0
        assert clew("cancel", name, *at).code == 0
        assert "Not as it stands" in clew("rollback", name, "1", "--dry-run", *at).out
        ran = clew("rollback", name, "1", *at)
        assert (ran.code, "cancelled" in ran.err) == (5, True)
    finally:
        process.close()
