"""Publishing: which version may be published, which one is meant, and whether its nodes are still what they were."""

from __future__ import annotations

from typing import Any

import pytest

from domain.compiler import compile_definition
from domain.errors import NotFound, Refused
from domain.events import WorkflowPublished
from domain.publishing import Publish, check_nodes, choose, first_difference, newest, nodes_of, publish
from domain.versions import order, same_major, satisfies
from tests.support.workflows import NOON, Catalog, Script, problems_of, scripted, workflow

SCRIPT = Script()
NODES = Catalog(scripted("a", SCRIPT, version="1.4.2"), scripted("b", SCRIPT, version="2.0.0"))


def asked(*steps: Any, version: str = "1.0.0", limit: int = 10, name: str = "Tested") -> Publish:
    """Ann asks for these steps to be published."""
    definition = {**workflow(*steps), "version": version, "name": name}
    program = compile_definition(definition, NODES)
    return Publish(now=NOON, actor="ann", program=program, nodes=nodes_of(program, NODES), limit=limit)


def given(*versions: str) -> dict[str, WorkflowPublished]:
    """Versions that are published already."""
    found = {}
    for version in versions:
        event = publish({}, asked("a", version=version))
        assert event is not None
        found[version] = event
    return found


def test_a_new_version_is_published() -> None:
    """The event says what it is, by whom, and which nodes it was made with."""
    command = asked("a", {"step": {"$node": "b"}}, {"$.x": 1}, "a", name="N" * 300)
    assert publish(given("0.9.0"), command) == WorkflowPublished(
        time=NOON,
        actor="ann",
        workflow="tested",
        workflow_version="1.0.0",
        name="N" * 255,
        definition_hash=command.program.hash,
        nodes={"a": "1.4.2", "b": "2.0.0"},
    )


def test_the_same_again_is_nothing_new() -> None:
    """A published version may be published again as it is, also where there may be no more."""
    assert publish(given("1.0.0"), asked("a")) is None
    assert publish(given("1.0.0"), asked("a", limit=1)) is None


def test_another_definition_is_refused() -> None:
    """A published version never changes."""
    with pytest.raises(Refused, match=r"tested 1\.0\.0 is published already") as refused:
        publish(given("1.0.0"), asked("b"))
    assert refused.value.code == "VERSION_PUBLISHED"


def test_there_is_a_limit_on_versions() -> None:
    """It is named."""
    with pytest.raises(Refused, match="2 published versions, which is the limit") as refused:
        publish(given("1.0.0", "1.0.1"), asked("a", version="1.0.2", limit=2))
    assert refused.value.code == "VERSION_LIMIT"


def test_the_first_difference_is_named() -> None:
    """By its place, or as one of order."""
    old = {"id": "a", "workflow": [{"log": {"message": "x"}}]}
    assert "/workflow/0/log/message" in first_difference(old, {"id": "a", "workflow": [{"log": {"message": "y"}}]})
    assert "order of keys" in first_difference(old, {"workflow": [{"log": {"message": "x"}}], "id": "a"})
    assert "the top" in first_difference(old, [])


def test_versions_are_ordered_by_their_numbers() -> None:
    """However long those are."""
    versions = ["1.9.0", "1.10.0", "0.0.1", "01.9.1", f"1.{'9' * 5_000}.0", "2.0.0", "10.0.0"]
    assert sorted(versions, key=order) == [
        "0.0.1", "1.9.0", "01.9.1", "1.10.0", f"1.{'9' * 5_000}.0", "2.0.0", "10.0.0",
    ]  # fmt: skip
    assert newest(versions) == "10.0.0"
    assert newest([]) is None


def test_the_latest_is_the_highest_not_the_last_published() -> None:
    """A correction of an old version does not become what everybody runs."""
    there = given("1.9.0", "1.10.0", "1.9.1")
    assert choose("tested", "latest", there).workflow_version == "1.10.0"
    assert choose("tested", "1.9.1", there).workflow_version == "1.9.1"


@pytest.mark.parametrize(
    ("workflow_id", "version", "says", "code"),
    [
        ("tested", "1.9.5", "the newest is 2.0.0, the nearest is 1.9.0", "NO_SUCH_VERSION"),
        ("tested", "2.0.1", r"the newest is 2\.0\.0\.$", "NO_SUCH_VERSION"),
        ("testd", "latest", "Did you mean 'tested'", "NO_SUCH_WORKFLOW"),
        ("quite-else", "latest", r"'quite-else'\.$", "NO_SUCH_WORKFLOW"),
    ],
)
def test_what_is_not_published_is_told_with_the_nearest(workflow_id: str, version: str, says: str, code: str) -> None:
    """Ids and versions."""
    there = given("1.9.0", "2.0.0") if workflow_id == "tested" else {}
    with pytest.raises(NotFound, match=says) as missing:
        choose(workflow_id, version, there, known=["tested", "other"])
    assert missing.value.code == code


def test_nodes_of_the_same_major_version_will_do() -> None:
    """Whatever the rest of their version."""
    event = given("1.0.0")["1.0.0"]
    for version in ("1.4.2", "1.0.0", "1.99.0"):
        check_nodes(event, Catalog(scripted("a", SCRIPT, version=version)))


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        (Catalog(scripted("a", SCRIPT, version="2.0.0")), r"with a 1\.4\.2, which is 2\.0\.0 here\."),
        (Catalog(scripted("a", SCRIPT, version="0.9.0")), r"which is 0\.9\.0 here"),
        (Catalog(), "which is not here"),
    ],
)
def test_nodes_of_another_major_version_will_not(nodes: Catalog, says: str) -> None:
    """A workflow is not run on what it was not made for."""
    with pytest.raises(Refused, match=says) as refused:
        check_nodes(given("1.0.0")["1.0.0"], nodes)
    assert refused.value.code == "NODES_CHANGED"
    assert [change["node"] for change in refused.value.details["nodes"]] == ["a"]


@pytest.mark.parametrize(
    ("here", "named", "will_do"),
    [
        ("1.4.2", "1", True), ("1.4.2", "1.4", True), ("1.4.2", "1.4.2", True), ("1.4.2", "1.3.9", True),
        ("1.4.2", "1.5", False), ("1.4.2", "1.4.3", False), ("1.4.2", "2", False), ("1.4.2", "0.9", False),
        ("1.10.0", "1.9", True), ("10.0.0", "1", False),
    ],
)  # fmt: skip
def test_a_version_that_will_do(here: str, named: str, will_do: bool) -> None:
    """Same major version, and not older than what is named."""
    assert satisfies(here, named) is will_do
    assert same_major("01.2.3", "1.0.0")


def test_a_step_may_name_its_nodes_version() -> None:
    """In whole or in part; the step then runs that node, under its own name."""
    for named in ("a@1", "a@1.4", "a@1.0.7"):
        program = compile_definition(workflow({"step": {"$node": named}}), NODES)
        assert [(step.name, step.node) for step in program.steps] == [("step", "a")]


@pytest.mark.parametrize(
    ("named", "says", "close"),
    [
        ("a@2", "a is 1.4.2 here. This step asks for 2", "a@1"),
        ("a@1.5", "asks for 1.5", "a@1"),
        ("b@1", "b is 2.0.0 here", "b@2"),
        ("a@", "'' is no version of a node: write a@1", "a@1"),
        ("a@x", "'x' is no version", "a@1"),
        ("a@1.2.3.4", "is no version", "a@1"),
        ("a@1@2", "is no version", "a@1"),
    ],
)
def test_a_version_that_is_not_here_is_an_error(named: str, says: str, close: str) -> None:
    """At validation, with what is here."""
    (problem,) = problems_of(workflow("a", {"step": {"$node": named}}), NODES)
    assert (problem.code, problem.path, problem.severity) == ("NODE_VERSION", "/workflow/1/step/$node", "error")
    assert says in problem.message
    assert problem.nearest == close


def test_a_version_of_a_node_that_is_not_here() -> None:
    """The node is what is unknown."""
    (problem,) = problems_of(workflow({"step": {"$node": "c@1"}}), NODES)
    assert (problem.code, problem.message) == ("UNKNOWN_NODE", "There is no node 'c'.")
