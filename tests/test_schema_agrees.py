"""The published workflow schema and the compiler agree, on whatever is written or drawn by chance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.schemas import workflow_schema
from domain.node import NodeCatalog, Parameter
from domain.patches import find
from domain.problems import Problem
from infrastructure.nodes.library import LIBRARY
from interfaces.bootstrap import library_nodes
from tests.reference.strategies import Case, cases
from tests.support.workflows import Script, nodes_of, problems_of, workflow
from tests.support.written import literals, whole_definitions

PUBLISHED = Path(__file__).resolve().parent.parent / "schemas" / "workflow.schema.json"
VALIDATOR: Any = jsonschema_rs.Draft7Validator(json.loads(PUBLISHED.read_text()))
NODES = library_nodes()
LETTERS = nodes_of(Script())
OF_SHAPE = frozenset(
    {"SCHEMA", "ROUTE_OUTSIDE_NODE", "UNKNOWN_OPTION", "PARAMETER_TYPE", "MISSING_PARAMETER", "UNKNOWN_PARAMETER"}
)
"""What the compiler finds wrong with a definition, and the schema can see as well."""


def refused_shapes(definition: Any, nodes: NodeCatalog) -> list[Problem]:
    """The problems that a schema can see. What a node needs that only its id is given of, it leaves to the compiler."""
    errors = [problem for problem in problems_of(definition, nodes) if problem.severity == "error"]
    if any(problem.code in ("MORE", "INVALID_EXPRESSION") for problem in errors):
        return []  # some are not listed, or have another as their cause
    named = [problem for problem in errors if problem.code in OF_SHAPE]
    return [
        problem
        for problem in named
        if problem.code != "MISSING_PARAMETER" or isinstance(find(definition, problem.path), dict)
    ]


def agree(definition: Any, nodes: NodeCatalog, validator: Any) -> None:
    """The schema accepts what the compiler accepts, and refuses what is wrong with its shape."""
    accepted = all(problem.severity != "error" for problem in problems_of(definition, nodes))
    if accepted:
        assert [str(error) for error in validator.iter_errors(definition)] == []
    elif shapes := refused_shapes(definition, nodes):
        assert not validator.is_valid(definition), shapes


REAL = dict(whole_definitions())


@pytest.mark.parametrize("name", REAL)
def test_real_definitions_are_valid(name: str) -> None:
    """The examples, the README's, and those that other people wrote for the language, whatever nodes they name."""
    assert [str(error) for error in VALIDATOR.iter_errors(REAL[name])] == []


def test_whatever_the_tests_write_is_judged_alike() -> None:
    """Each object and each list in any test, taken as steps: what compiles is valid, what has a bad shape is not."""
    by_schema = jsonschema_rs.Draft7Validator(workflow_schema(LETTERS))
    compiled = 0
    for where, value in literals():
        steps = value if isinstance(value, list) else [value]
        whole = isinstance(value, dict) and "workflow" in value
        definition = value if whole else workflow(*steps)
        compiled += all(problem.severity != "error" for problem in problems_of(definition, LETTERS))
        try:
            agree(definition, LETTERS, by_schema)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error
    assert compiled > 500


@settings(deadline=None, max_examples=150)
@given(cases)
def test_random_workflows_are_valid(case: Case) -> None:
    """The workflows that the engine is compared with the reference on are valid, though the schema knows few of their nodes."""
    assert [str(error) for error in VALIDATOR.iter_errors(case.definition)] == []


SOME: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 1, 2.0, 2.5, -1, "", "text", "$.n", "$.n + 1", "{{ $.n }}", "at {{ $.n }}", "$$.n", "$.", "see $.n"]
)
VALUES = st.recursive(
    SOME, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abn"), inner, max_size=2)
)


def _parameters(node_id: str) -> Mapping[str, Parameter]:
    node = NODES.find(node_id)
    assert node is not None, node_id
    return node.metadata.parameters or {}


NAMES = [(name, *each.aliases) for node_id in LIBRARY for name, each in _parameters(node_id).items()]
KEYS = sorted({"$node", "$timeout", "$nod", "_why", "loop?", "x?", "done?", "nothing-such"}.union(*NAMES))


def sound(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values that a parameter takes, mostly."""
    samples = {"string": "x", "number": 1.5, "integer": 2, "boolean": False, "object": {}, "array": [], "null": None}
    return st.sampled_from([*parameter.enum, *(samples[kind] for kind in parameter.types if kind != "any"), "$.n"])


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    """A step of a library node, most of whose parameters are as they should be, under any of their names."""
    node_id = draw(st.sampled_from(sorted(LIBRARY)))
    config: dict[str, Any] = {}
    for name, parameter in _parameters(node_id).items():
        if draw(st.integers(0, 9)) > (1 if parameter.required else 7):
            key = draw(st.sampled_from([name, *parameter.aliases]))
            config[key] = draw(sound(parameter) if draw(st.integers(0, 9)) else VALUES)
    for key in draw(st.lists(st.sampled_from(KEYS), max_size=1)):
        config[key] = draw(VALUES)
    named = draw(st.sampled_from(["plain", "plain", "loop", "named"]))
    if named == "named":
        return {"first": {"$node": node_id, **config}}
    return {node_id + ("..." if named == "loop" else ""): config}


@settings(deadline=None, max_examples=500)
@given(steps())
def test_random_parameters_are_judged_alike(step: dict[str, Any]) -> None:
    """Types, aliases, required and unknown parameters, references inside values: schema and compiler agree on each."""
    agree(workflow(step, state={"n": 1}), NODES, VALIDATOR)
