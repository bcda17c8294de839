"""LANGUAGE, section 9: what is told of a definition before anything runs, and the limits of a run."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from domain.commands import Retry
from domain.compiler import compile_definition
from domain.document import JsonLimits, parse_definition
from domain.errors import InvalidDefinition, NotJson
from domain.limits import Limits
from domain.node import Answer, NodeMetadata, Parameter, WorkflowNode
from domain.problems import Problem
from infrastructure.sources import locate
from tests.support.http import client, refused
from tests.support.workflows import NOON, Script, Walk, engined, nodes_of, problems_of, scripted, walked, workflow

NEVER = NodeMetadata(
    id="never",
    name="Never",
    version="1.0.0",
    edges=("yes", "no"),
    outputs=(),
    effect="none",
    parameters={
        "n": Parameter(types=("integer",), required=True),
        "mode": Parameter(types=("string",), enum=("fast", "slow")),
    },
)


class Never(WorkflowNode):
    """Must not run, nor be asked anything that a run would ask."""

    metadata = NEVER

    def execute(self, context: Any, config: Any) -> Answer:
        """Fail the test."""
        raise AssertionError("validation ran a node")

    def effect(self, config: Any) -> Any:
        """The same."""
        raise AssertionError("validation prepared a visit")

    def overlay(self, config: Any, index: int) -> Any:
        """The same."""
        raise AssertionError("validation prepared a visit")


NODES = nodes_of(Script(), Never)


def told(text: str) -> list[Problem]:
    """Everything about a definition, with its place in the text."""
    source = text.encode()
    definition, known = parse_definition(source)
    try:
        found = compile_definition(definition, NODES, known=known).warnings
    except InvalidDefinition as error:
        found = error.problems
    return list(locate(source, list(found)))


WRONG = """{
  "id": "w", "name": "W", "version": "1.0.0", "nmae": 1,
  "workflow": [
    {"never": {"n": "1", "mode": "fats", "modus": 1, "maybe?": [], "$timeot": 5}},
    {"a": {"x?": "hanlder", "text": "costs $.price", "y?": {"z?": "b"}}},
    {"x?": "a"},
    {"$.n": "$.n +"},
    "missing",
    {"a": {}, "a": {}},
    {"b": {}, "c": {}},
    "end",
    "d"
  ]
}
"""
EXPECTED = [
    ("DUPLICATE_KEY", "error", 9, 15),
    ("UNKNOWN_OPTION", "error", 4, 68),
    ("PARAMETER_TYPE", "error", 4, 16),
    ("UNKNOWN_PARAMETER", "error", 4, 42),
    ("UNKNOWN_EDGE", "error", 4, 54),
    ("UNKNOWN_TARGET", "error", 5, 12),
    ("ROUTE_OUTSIDE_NODE", "error", 5, 61),
    ("ROUTE_OUTSIDE_NODE", "error", 6, 6),
    ("INVALID_EXPRESSION", "error", 7, 19),
    ("UNKNOWN_NODE", "error", 8, 5),
    ("UNREACHABLE_STEP", "error", 12, 5),
    ("UNKNOWN_KEY", "warning", 2, 47),
    ("UNKNOWN_VALUE", "warning", 4, 26),
    ("DOLLAR_IN_TEXT", "warning", 5, 29),
    ("SEVERAL_STEPS", "warning", 10, 5),
]


def test_every_problem_is_reported_at_once_with_its_place() -> None:
    """Each with code, pointer, line, column and a sentence; and nothing is run for it."""
    found = told(WRONG)
    assert sorted((each.code, each.severity, each.line, each.column) for each in found) == sorted(EXPECTED)
    assert all(each.path.startswith("/") and each.message[-1] in ".?" for each in found)
    close = {each.code: each.nearest for each in found if each.nearest}
    assert close == {
        "UNKNOWN_OPTION": "$timeout",
        "UNKNOWN_PARAMETER": "mode",
        "UNKNOWN_TARGET": "handler",
        "UNKNOWN_KEY": "name",
        "UNKNOWN_VALUE": "fast",
    }


def test_errors_come_before_warnings() -> None:
    """What keeps a definition from running is read first."""
    severities = [each.severity for each in told(WRONG)]
    assert severities == sorted(severities)


@pytest.mark.parametrize("value", ["$.n", "{{ 1 + 1 }}", "{{input}} and more", "$.n | default(1)"], ids=str)
def test_values_that_are_known_only_when_they_are_resolved_are_not_checked(value: str) -> None:
    """Then, just before the node runs, they are."""
    script = Script()
    typed = scripted("typed", script, parameters={"n": Parameter(types=("integer",), required=True)})
    definition = workflow({"typed": {"n": value}}, state={"n": "no number"})
    assert problems_of(definition, nodes_of(script, typed)) == ()
    ran = engined(definition, nodes_of(script, typed))
    assert ran.execution.failure is None or ran.error.code == "INVALID_PARAMETER"
    assert ran.execution.status == ("completed" if value == "{{ 1 + 1 }}" else "failed")


# The limits

DEEP = {"a": {"p": [[[[1]]]]}}


def lowered(name: str, value: int) -> Limits:
    """The server's limits with one of them set."""
    return msgspec.structs.replace(Limits(), **{name: value})


@pytest.mark.parametrize(
    ("limit", "code", "steps", "at"),
    [
        ("definition_steps", "TOO_MANY_STEPS", ["a", {"b": {"x?": ["c"]}}], 3),
        ("definition_depth", "TOO_DEEP", [DEEP], 8),
        ("definition_bytes", "TOO_LARGE", ["a"], len(json.dumps(workflow("a"), separators=(",", ":")))),
    ],
)
def test_limits_of_a_definition_are_inclusive(limit: str, code: str, steps: list[Any], at: int) -> None:
    """Just at the limit it compiles, past it the code says which limit it is."""
    nodes = nodes_of(Script())
    assert problems_of(workflow(*steps), nodes, limits=lowered(limit, at)) == ()
    (problem,) = problems_of(workflow(*steps), nodes, limits=lowered(limit, at - 1))
    assert (problem.code, problem.severity) == (code, "error")


@pytest.mark.parametrize(
    ("limit", "setting", "code"),
    [
        ("steps", "maxSteps", "STEP_LIMIT"),
        ("iterations", "maxIterations", "LOOP_LIMIT"),
        ("state_bytes", "", "STATE_LIMIT"),
    ],
)
def test_limits_of_a_run_are_inclusive(limit: str, setting: str, code: str) -> None:
    """By the server's setting, and where a workflow has lowered it itself."""
    steps: list[Any] = [{"$.n": "xx"}] if limit == "state_bytes" else [{"a...": {"go?": {}, "$output": False}}, "b"]
    exact = {"steps": 5, "iterations": 3, "state_bytes": len('[{"n":"xx"},{},[[]]]')}[limit]
    for value, status in ((exact, "completed"), (exact - 1, "failed")):
        by_server = lowered(limit, value)
        runs = [walked(workflow(*steps), nodes_of(Script({"a": ["go"] * 3})), limits=by_server)]
        if setting:
            runs.append(walked(workflow(*steps, state={}, **{setting: value}), nodes_of(Script({"a": ["go"] * 3}))))
        for ran in runs:
            assert ran.execution.status == status
            assert ran.execution.failure is None or ran.execution.failure.error.code == code


def test_a_workflow_may_lower_a_limit_and_not_raise_it() -> None:
    """But for `$maxIterations`, up to the server's cap."""
    limits = Limits(steps=10, iterations=5, iterations_cap=20, node_timeout_ms=1_000)
    nodes = nodes_of(Script())
    for setting, most in (("maxSteps", 10), ("maxIterations", 20), ("timeout", 1_000)):
        assert problems_of(workflow("a", state={}, **{setting: most}), nodes, limits=limits) == ()
        (problem,) = problems_of(workflow("a", state={}, **{setting: most + 1}), nodes, limits=limits)
        assert (problem.code, problem.path, problem.severity) == ("INVALID_OPTION", f"/settings/{setting}", "error")
    assert problems_of(workflow({"a...": {"$maxIterations": 20}}), nodes, limits=limits) == ()
    (problem,) = problems_of(workflow({"a...": {"$maxIterations": 21}}), nodes, limits=limits)
    assert problem.path == "/workflow/0/a.../$maxIterations"


def test_the_defaults_of_the_limits() -> None:
    """As the table of the section has them."""
    limits = Limits()
    assert (limits.definition_bytes, limits.definition_depth, limits.definition_steps) == (1_048_576, 64, 1_000)
    assert (limits.state_bytes, limits.steps, limits.iterations, limits.iterations_cap) == (
        4_194_304,
        100_000,
        1_000,
        100_000,
    )
    assert (limits.node_timeout_ms, limits.kept_signals) == (30_000, 100)
    assert (JsonLimits().depth, JsonLimits().size) == (limits.definition_depth, limits.definition_bytes)


@pytest.mark.parametrize(
    ("limits", "steps", "status", "code"),
    [
        (Limits(definition_steps=1), ["a", "b"], 422, "TOO_MANY_STEPS"),
        (Limits(definition_depth=5), [DEEP], 422, "TOO_DEEP"),
        (Limits(definition_bytes=90), ["a"], 413, "TOO_LARGE"),
    ],
    ids=["steps", "depth", "bytes"],
)
def test_past_a_limit_of_the_definition_is_a_refusal_with_its_code(
    limits: Limits, steps: list[Any], status: int, code: str
) -> None:
    """Over HTTP; a body that is too large is 413 before it is read."""
    letters = [scripted(letter, Script()) for letter in "ab"]
    with client(*letters, limits=limits) as http:
        error = refused(
            http.post("/workflows", json=workflow(*steps)), status, "TOO_LARGE" if status == 413 else "VALIDATION_ERROR"
        )
        if status == 422:
            assert [detail["code"] for detail in error["details"]] == [code]


def test_not_json_is_not_a_definition() -> None:
    """With the place at which it stops to be one."""
    with pytest.raises(NotJson) as refusal:
        told('{"id": "w",}')
    assert (refusal.value.line, refusal.value.column) == (1, 12)


def test_a_limit_that_was_reached_can_be_met_again_after_a_retry() -> None:
    """A retry is a new walk with all its steps; what fills the state is still there."""
    walk = Walk(workflow({"a": {"again?": "a"}}, maxSteps=3), nodes_of(Script({"a": ["again"] * 4}))).run()
    assert walk.execution.failure is not None and walk.execution.failure.error.code == "STEP_LIMIT"
    walk.decide(Retry(now=NOON + 9_000_000))
    assert walk.run().execution.status == "completed"
