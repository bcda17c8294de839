"""`clew fork`, and what reads on into a source (`--lineage`), on a store of this machine and at a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Ran, clew, written
from tests.support.process import ServerProcess

STEPS = [{"$.n": 1}, {"log": {"message": "n is {{$.n}}"}}, {"$.n": "$.n * 10"}]
DEFINITION: dict[str, Any] = {"id": "forked", "name": "Forked", "version": "1.0.0", "workflow": STEPS}


@pytest.fixture(params=["store", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The options that name a store, and those that name a server."""
    monkeypatch.chdir(tmp_path)
    if request.param == "store":
        yield ["--store", f"sqlite:///{tmp_path}/log.db"]
        return
    (tmp_path / "nodes").mkdir()
    process = ServerProcess(tmp_path, nodes=tmp_path / "nodes")
    try:
        process.start()
        yield ["--url", str(process.http.base_url)]
    finally:
        process.close()


def ran(place: list[str], folder: Path) -> str:
    """The id of an execution that has completed."""
    done = clew("run", "--json", *place, written(folder, DEFINITION))
    assert done.code == 0, done.err
    return str(done.json["executionId"])


def forked(place: list[str], *arguments: str) -> dict[str, Any]:
    """A fork, when it has ended."""
    told = clew("fork", *arguments, "--json", *place)
    assert told.code == 0, told.err
    name = told.json["executionId"]
    for _ in range(1_000):
        shown = dict(clew("show", name, "--json", *place).json)
        if shown["status"] != "running":
            return shown
    raise AssertionError(f"{name} does not end")


def test_a_fork_goes_on_from_there(place: list[str], tmp_path: Path) -> None:
    """With values of its own, and by another definition."""
    source = ran(place, tmp_path)
    fork = forked(place, source, "--at", "node:/workflow/1/log:before", "--set", "/n=7", "--set", '/who={"a": [1]}')
    assert (fork["status"], fork["finalState"]["n"], fork["finalState"]["who"]) == ("completed", 70, {"a": [1]})
    patch, other = tmp_path / "patch.json", tmp_path / "other.json"
    patch.write_text(json.dumps([{"op": "replace", "path": "/n", "value": 3}]))
    other.write_text(json.dumps({**DEFINITION, "version": "1.1.0", "workflow": [*STEPS, {"$.more": True}]}))
    fork = forked(place, source, "--at", "3", "--patch", str(patch), "--definition", str(other), "--id", "mine")
    assert (fork["executionId"], fork["workflowVersion"]) == ("mine", "1.1.0")
    assert (fork["finalState"]["n"], fork["finalState"]["more"]) == (30, True)
    shown = clew("show", "mine", *place).out
    assert "forked off" in shown and source in shown
    events = clew("events", "mine", "--lineage", "--json", *place).json["items"]
    assert {event["executionId"] for event in events} == {source, "mine"}
    assert "ExecutionForked" in clew("events", "mine", *place).out
    assert source in clew("events", "mine", "--lineage", *place).out


def test_questions_go_on_into_its_source(place: list[str], tmp_path: Path) -> None:
    """`blame`, `step` and `timeline` with `--lineage`, as JSON and for people; and on from where a page ends."""
    source = ran(place, tmp_path)
    forked(place, source, "--at", "node:/workflow/1/log:before", "--id", "mine")
    blamed = clew("blame", "mine", "/n", "--lineage", "--limit", "0", *place)
    assert (blamed.code, blamed.out.split()[0]) == (0, "EXECUTION")
    following = blamed.err.split()[-1]
    assert following.startswith(f"{source}@")
    earlier = clew("blame", "mine", "/n", "--lineage", "--at", following, "--json", *place).json
    assert (earlier["written"]["executionId"], earlier["value"]) == (source, 1)
    before = clew("step", "mine", "--at", "1", "--lineage", "--json", *place).json
    assert (before["executionId"], clew("step", "mine", "--at", "1", *place).code) == (source, 4)
    assert source in clew("step", "mine", "--at", "1", "--lineage", *place).out
    drawn = clew("timeline", "mine", "--lineage", *place)
    assert (drawn.code, drawn.out.split()[0]) == (0, "EXECUTION")
    assert {line.split()[0] for line in drawn.out.splitlines()[1:-1]} == {source, "mine"}
    few = clew("timeline", "mine", "--lineage", "--limit", "1", *place)
    rest = clew("timeline", "mine", "--lineage", "--after", few.err.split()[-1], "--json", *place).json["columns"]
    assert set(rest["execution"]) == {"mine"}


def test_what_would_run_again_is_told_first(place: list[str], tmp_path: Path) -> None:
    """And nothing is begun."""
    source = ran(place, tmp_path)
    told = clew("fork", source, "--at", "1", "--set", "/k=1", "--dry-run", *place)
    assert told.code == 0
    for words in (f"A fork of {source} at version 1, by forked 1.0.0", "add /k 1", "begins", "EFFECT"):
        assert words in told.out
    again = [line.split() for line in told.out.splitlines() if "runs again" in line]
    assert ["log", "1", "none"] in [line[2:5] for line in again], told.out
    assert clew("fork", source, "--at", "1", "--dry-run", "--json", *place).json["at"] == 1
    assert len(clew("ls", "--json", *place).json["items"]) == 1


def exits(place: list[str], *arguments: str) -> Ran:
    """A fork that does not begin."""
    return clew("fork", *arguments, *place)


def test_what_can_not_be_ends_with_its_code(place: list[str], tmp_path: Path) -> None:
    """4: no such execution; 5: no such place in a definition; 3: no valid definition; 2: usage, or no such version."""
    source = ran(place, tmp_path)
    assert exits(place, "nobody").code == 4
    assert exits(place, source, "--at", "99").code == 2
    assert exits(place, source, "--set", "n=1").code == 2
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({**DEFINITION, "workflow": ["nowhere"]}))
    assert exits(place, source, "--definition", str(bad)).code == 3
    other = tmp_path / "short.json"
    other.write_text(json.dumps({**DEFINITION, "workflow": ["empty"]}))
    told = exits(place, source, "--at", "4", "--definition", str(other))
    assert (told.code, "not in this definition" in told.err) == (5, True)
