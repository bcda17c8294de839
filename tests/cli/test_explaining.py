"""`state`, `diff`, `blame` and `step`, on local stores and of a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import COUNTING, Ran, clew, written
from tests.support import stores
from tests.support.http import running_server
from tests.support.stores import DURABLE

SETTER = "/workflow/0/while.../do?/$.n"


@pytest.fixture(params=[*DURABLE, "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """The options that name a store of each kind in turn, or a server."""
    monkeypatch.chdir(tmp_path)
    if request.param == "server":
        with running_server(tmp_path) as server:
            yield "--url", server.url
        return
    with stores.stores(request.param, tmp_path) as kind:
        yield "--store", kind.url()


def test_an_execution_is_explained(tmp_path: Path, place: tuple[str, str]) -> None:
    """For people as tables, for programs as JSON."""

    def asked(*arguments: str) -> Ran:
        return clew(*arguments, *place)

    name = asked("run", "--json", written(tmp_path, COUNTING)).json["executionId"]

    assert asked("state", name, "--at", f"node:{SETTER}@2", "--json").json["state"]["n"] == 2
    some = asked("state", name, "--at", "start", "--fields", "/n,/nowhere", "--fields", "/upto")
    assert some.json == {"/n": 0, "/upto": 3}
    assert some.err == f"{name} at version 1\n"

    told = asked("blame", name, "/n").out.splitlines()
    assert told[0].split() == ["VERSION", "TIME", "OLD", "VALUE", "EVENT", "STEP", "VISIT", "BY"]
    assert [line.split()[3:5] for line in told[1:]] == [["2", "3"], ["1", "2"], ["0", "1"], ["-", "0"]]
    few = asked("blame", name, "/n", "--limit", "0", "--json").json
    assert few["written"]["value"] == 3
    assert f"--at {few['next']}" in asked("blame", name, "/n", "--limit", "0").err
    assert "Nothing has been written at /nowhere" in asked("blame", name, "/nowhere").out

    changed = asked("diff", name).out
    assert changed.splitlines()[0].split() == ["POINTER", "OLD", "NEW", "VERSION", "STEP", "VISIT", "BY"]
    assert next(line for line in changed.splitlines() if line.startswith("/n ")).split()[:3] == ["/n", "0", "3"]
    assert [op["path"] for op in asked("diff", name, "--from", "1", "--to", f"node:{SETTER}@1", "--json").json["patch"]]
    assert "have the same state" in asked("diff", name, "--from", "head").out

    last = asked("step", name, "--by", "write:/n")
    assert "StateUpdated" in last.out
    assert asked("step", name, "--by", "write:/n", "--json").json["version"] == few["written"]["version"]
    assert asked("step", name, "--at", "start", "--forward", "--by", "node", "--json").json["version"] == 2
    nothing = asked("step", name, "--back", "--by", "error")
    assert (nothing.code, nothing.out, nothing.err) == (4, "", "There is none.\n")
    assert asked("step", name, "--by", "error", "--json").json == {"version": None, "event": None}


@pytest.mark.parametrize(
    "arguments",
    [
        ("state", "--at", "zz"),
        ("state", "--at", "9999"),
        ("state", "--fields", "n"),
        ("diff", "--from", "mark:x"),
        ("diff", "other", "--from", "1"),
        ("blame", "n"),
        ("blame", "/n", "--at", "node:/nowhere"),
        ("step", "--by", "nod"),
        ("step", "--by", "write:n"),
    ],
    ids=" ".join,
)
def test_what_can_not_be_is_bad_usage(tmp_path: Path, place: tuple[str, str], arguments: tuple[str, ...]) -> None:
    """2, as for any other option or argument; with what is wrong in a line."""
    name = clew("run", "--json", written(tmp_path, COUNTING), *place).json["executionId"]
    command, *more = arguments
    ran = clew(command, name, *more, *place)
    assert (ran.code, ran.out) == (2, "")
    assert "Error: " in ran.err


def test_nobody_is_explained(tmp_path: Path, place: tuple[str, str]) -> None:
    """4 for an execution that there is not."""
    assert clew("run", written(tmp_path, COUNTING), *place).code == 0
    for arguments in (("state",), ("diff",), ("blame", "/n"), ("step",)):
        command, *more = arguments
        assert clew(command, "nobody", *more, *place).code == 4
