"""Publishing, listing and starting workflows from the command line, on a store and against a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.cli.running import ASKING, COUNTING, FAILING, Ran, clew, written
from tests.support.process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that all tests of this module share."""
    home: Path = tmp_path_factory.mktemp("server")
    (home / "nodes").mkdir()
    process = ServerProcess(home, nodes=home / "nodes")
    try:
        process.start()
        yield str(process.http.base_url)
    finally:
        process.close()


@pytest.fixture(params=["store", "server"])
def where(request: pytest.FixtureRequest, server: str, tmp_path: Path) -> list[str]:
    """A new store, or the server: the commands are the same."""
    return ["--store", f"sqlite:///{tmp_path / 'log.db'}"] if request.param == "store" else ["--url", server]


def versioned(request: pytest.FixtureRequest, definition: dict[str, Any], version: str) -> dict[str, Any]:
    """The definition under a version, and under an id of this test's own."""
    return {
        **definition,
        "id": "".join(char if char.isalnum() else "-" for char in request.node.name),
        "version": version,
    }


def listed(name: str, where: list[str]) -> dict[str, Any]:
    """The row of a workflow, once the list has it: another process's list follows the log a moment later."""
    deadline = monotonic() + 20
    while monotonic() < deadline:
        for row in clew("workflows", "--json", *where).json:
            if row["workflowId"] == name:
                return dict(row)
    raise AssertionError(f"{name} is not listed")


def test_an_execution_begins_under_an_id_of_one_s_own(tmp_path: Path) -> None:
    """With `run` and `start`; a taken id is a conflict."""
    store = f"sqlite:///{tmp_path / 'log.db'}"
    file = written(tmp_path, COUNTING)
    assert clew("run", file, "--id", "mine", "--store", store, "--json").json["executionId"] == "mine"
    assert clew("publish", file, "--store", store).code == 0
    assert clew("start", "counting", "--id", "mine-too", "--store", store, "--json").json["executionId"] == "mine-too"
    assert clew("start", "counting", "--id", "mine", "--store", store).code == 5


def test_from_a_file_to_a_result(request: pytest.FixtureRequest, where: list[str], tmp_path: Path) -> None:
    """Published, listed, started by its id: the latest, or a version, on another state."""
    for version, upto in (("1.10.0", 4), ("1.9.0", 3)):
        definition = versioned(request, {**COUNTING, "initialState": {"n": 0, "upto": upto}}, version)
        ran = clew("publish", written(tmp_path, definition), *where)
        assert (ran.code, ran.out) == (0, f"{definition['id']} {version} is published.\n")
    name = definition["id"]
    row = listed(name, where)
    assert (row["publishedVersion"], row["executions"]) == ("1.10.0", 0)
    versions = clew("versions", name, "--json", *where).json
    assert [each["workflowVersion"] for each in versions["items"]] == ["1.10.0", "1.9.0"]
    assert clew("start", name, *where).json == 4
    assert clew("start", name, "--version", "1.9.0", *where).json == 3
    ran = clew("start", name, "--state", "upto=2", "--json", *where)
    assert (ran.json["finalState"]["result"], ran.json["workflowVersion"]) == (2, "1.10.0")
    assert ran.json["finalState"]["n"] == 2
    given = tmp_path / "state.json"
    given.write_text(json.dumps({"n": 5, "upto": 6}))
    assert clew("start", name, "--input", str(given), *where).json == 6


def test_tables_are_for_people(request: pytest.FixtureRequest, where: list[str], tmp_path: Path) -> None:
    """Ids, versions and names stand in them."""
    definition = versioned(request, COUNTING, "1.2.3")
    clew("publish", written(tmp_path, definition), *where)
    listed(definition["id"], where)
    table = clew("workflows", *where).out
    assert "WORKFLOW" in table
    assert any(line.split()[:3] == [definition["id"], "1.2.3", "1.2.3"] for line in table.splitlines())
    table = clew("versions", definition["id"], *where).out
    assert "Counting" in table
    assert "1.2.3" in table


def test_publishing_again(request: pytest.FixtureRequest, where: list[str], tmp_path: Path) -> None:
    """The same is fine; another definition of that version is a conflict; an invalid one is shown with its places."""
    definition = versioned(request, COUNTING, "1.0.0")
    path = written(tmp_path, definition)
    first = clew("publish", path, "--json", *where).json
    assert first["new"] is True
    again = clew("publish", path, "--json", *where).json
    assert again == {**first, "new": False}
    assert clew("publish", path, *where).out == f"{definition['id']} 1.0.0 is published (as it was already).\n"
    written(tmp_path, {**definition, "name": "Other"})
    ran = clew("publish", path, *where)
    assert (ran.code, ran.out) == (5, "")
    assert "never changes" in ran.err
    Path(path).write_text('{"id": "x", "name": "X", "version": "1.0.0",\n "workflow": ["emty"]}')
    ran = clew("publish", path, *where)
    assert (ran.code, ran.out) == (3, "")
    assert f"{path}:2:15: error[UNKNOWN_NODE]: " in ran.err
    Path(path).write_text('{"id": "x", "name": "X", "version": "1.0.0",\n "workflow": ["empty"], "id": "y"}')
    ran = clew("publish", path, *where)
    assert (ran.code, ran.out) == (3, "")
    assert f"{path}:2:25: error[DUPLICATE_KEY]: " in ran.err


@pytest.mark.parametrize(("definition", "code"), [(FAILING, 1), (ASKING, 6)], ids=["failing", "asking"])
def test_start_ends_as_the_execution_does(
    request: pytest.FixtureRequest, where: list[str], tmp_path: Path, definition: dict[str, Any], code: int
) -> None:
    """With the codes of `run`."""
    published = versioned(request, definition, "1.0.0")
    clew("publish", written(tmp_path, published), *where)
    assert clew("start", published["id"], *where).code == code


def test_warnings_are_told(request: pytest.FixtureRequest, where: list[str], tmp_path: Path) -> None:
    """And where they can be seen."""
    definition = versioned(request, {**COUNTING, "workflow": [{"each": {"items": []}}]}, "1.0.0")
    ran = clew("publish", written(tmp_path, definition), *where)
    assert (ran.code, "1 warning: `clew validate" in ran.err) == (0, True)


def refusals(where: list[str], name: str) -> list[tuple[int, Ran]]:
    """What is refused, with the codes that are expected."""
    return [
        (4, clew("versions", "nothing-such", *where)),
        (4, clew("start", "nothing-such", *where)),
        (4, clew("start", name, "--version", "9.9.9", *where)),
        (2, clew("start", name, "--state", "x", *where)),
        (2, clew("start", *where)),
        (2, clew("publish", "no-such-file.json", *where)),
    ]


def test_refusals_have_their_exit_codes(request: pytest.FixtureRequest, where: list[str], tmp_path: Path) -> None:
    """A line or few on stderr, nothing on stdout."""
    definition = versioned(request, COUNTING, "1.0.0")
    clew("publish", written(tmp_path, definition), *where)
    for code, ran in refusals(where, definition["id"]):
        assert (ran.code, ran.out) == (code, "")
        assert "Traceback" not in ran.err


def test_a_store_that_is_not_there_is_only_made_to_publish(tmp_path: Path) -> None:
    """Questions and starts leave nothing behind; publishing is what makes a store."""
    where = ["--store", f"sqlite:///{tmp_path / 'new' / 'log.db'}"]
    for words in (["workflows"], ["versions", "x"], ["start", "x"]):
        assert clew(*words, *where).code == 7, words
    assert not (tmp_path / "new").exists()
    assert clew("publish", written(tmp_path, COUNTING), *where).code == 0
    assert clew("start", "counting", *where).json == 3


def test_without_a_place_the_server_is_asked(tmp_path: Path) -> None:
    """What is published must last: never an engine in memory."""
    env = {"CLEW_URL": "http://127.0.0.1:9"}
    path = written(tmp_path, COUNTING)
    for words in (["publish", path], ["workflows"], ["versions", "counting"], ["start", "counting"]):
        ran = clew(*words, env=env)
        assert (ran.code, "No server answers" in ran.err) == (7, True), words


def test_a_workflow_that_runs_another(request: pytest.FixtureRequest, where: list[str], tmp_path: Path) -> None:
    """`run` waits for both; where the child asks somebody, that is what it says."""
    kid = versioned(request, COUNTING, "1.0.0")
    clew("publish", written(tmp_path, kid), *where)
    parent = {
        "id": kid["id"] + "p",
        "name": "P",
        "version": "1.0.0",
        "workflow": [
            {"run": {"$node": "runWorkflow", "workflowId": kid["id"]}},
            {"end": {"result": "$.runWorkflowResult"}},
        ],
    }
    assert clew("run", written(tmp_path, parent), *where).json == 3
    asking = {**ASKING, "id": kid["id"] + "a"}
    clew("publish", written(tmp_path, asking), *where)
    parent["workflow"][0]["run"]["workflowId"] = asking["id"]
    ran = clew("run", written(tmp_path, parent), "--json", *where)
    child = ran.json["waiting"][0]["executionId"]
    assert ran.code == 6
    assert f"it waits for its child {child} ({asking['id']} 1.0.0)" in ran.err
    assert f"Look at the child with: clew show {child} {where[0]}" in ran.err
    assert f"{ran.json['executionId']}  /workflow/0/run" in clew("show", child, *where).out
    assert clew("signal", child, "sure", "--data", '{"choice": "approve"}', *where).code == 0
    table = clew("events", ran.json["executionId"], *where).out
    assert f"{asking['id']} 1.0.0: {child}" in table


def test_a_circle_is_warned_of(tmp_path: Path) -> None:
    """Of a workflow that runs itself, without any store."""
    circle = {**COUNTING, "id": "self", "workflow": [{"runWorkflow": {"workflowId": "self"}}]}
    ran = clew("validate", written(tmp_path, circle))
    assert (ran.code, "WORKFLOW_CIRCLE" in ran.err) == (0, True)
