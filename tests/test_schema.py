"""The published workflow schema says what the compiler takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from domain.compiler import compile_definition
from domain.errors import InvalidDefinition
from interfaces.bootstrap import library_nodes
from interfaces.schema import rendered

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "schemas" / "workflow.schema.json"
NODES = library_nodes()


@pytest.fixture(scope="module")
def validator() -> Any:
    """A validator of the published file."""
    return jsonschema_rs.Draft7Validator(json.loads(PUBLISHED.read_text()))


def workflow(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"id": "a", "name": "A", "version": "1.0.0", "workflow": list(steps), **more}


def test_the_file_is_what_the_code_generates() -> None:
    """`make schemas` has been run since the code changed."""
    assert PUBLISHED.read_text() == rendered()


def test_it_is_a_draft_07_schema() -> None:
    """The schema is valid by its own meta-schema."""
    schema = json.loads(PUBLISHED.read_text())
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema_rs.meta.validate(schema)


GOOD: dict[str, dict[str, Any]] = {
    "a step that is a text": workflow("empty"),
    "a setter": workflow({"$.a.b[0]": {"any": ["value"]}}),
    "a loop": workflow({"each...": {"items": "$.list", "loop?": ["empty"]}}, initialState={"list": []}),
    "routes of every kind": workflow(
        {"logic": {"operation": "and", "values": [], "true?": {}, "false?": None, "error?": "$end"}}
    ),
    "a route of several steps": workflow({"empty": {"nothing?": ["empty", {"log": {"message": 1}}]}}),
    "a parameter that is resolved": workflow({"limit": {"$node": "log", "maxItems": "{{$.n}}"}}, initialState={"n": 1}),
    "a name with $node": workflow({"log": {"$node": "math", "operation": "add", "values": [1]}}),
    "a node of a version": workflow({"add": {"$node": "math@1.0", "operation": "add", "values": [1]}}),
    "a child": workflow({"runWorkflow": {"workflowId": "x", "version": "1.0.0", "initialState": {"a": "$.n"}}}),
    "a definition inside": workflow({"runWorkflow": {"definition": workflow({"$.x": 1}, "empty")}}),
    "options": workflow({"empty": {"$timeout": "5s", "$output": False, "$onCrash": "fail", "$maxIterations": 5}}),
    "settings": workflow("empty", settings={"maxSteps": 10, "timeout": "1s"}),
    "keys it does not know": workflow("empty", author="somebody"),
}
BAD: dict[str, Any] = {
    "no object": [],
    "no id": {"name": "A", "version": "1.0.0", "workflow": ["empty"]},
    "a bad id": {**workflow("empty"), "id": "a b"},
    "an empty name": {**workflow("empty"), "name": ""},
    "a bad version": {**workflow("empty"), "version": "1.0"},
    "no steps": workflow(),
    "an empty step": workflow({}),
    "a number as a step": workflow(1),
    "an edge outside a node": workflow({"x?": {}}),
    "a bad key": workflow({"a b": {}}),
    "no configuration": workflow({"empty": 1}),
    "a bad route": workflow({"empty": {"nothing?": 5}}),
    "an unknown directive": workflow({"empty": {"nothing?": "$stop"}}),
    "an unknown option": workflow({"empty": {"$nod": "x"}}),
    "a node of a version that is none": workflow({"add": {"$node": "math@x", "operation": "add", "values": [1]}}),
    "a bad definition inside": workflow({"runWorkflow": {"definition": workflow({"x?": {}})}}),
    "an initial state that is no object": workflow("empty", initialState=[]),
    "settings that are none": workflow("empty", settings=[]),
    "a literal of the wrong type": workflow({"logic": {"operation": 1, "values": []}}),
}


@pytest.mark.parametrize("definition", GOOD.values(), ids=GOOD)
def test_what_compiles_is_valid(definition: dict[str, Any], validator: Any) -> None:
    """The schema never refuses what the compiler takes."""
    compile_definition(definition, NODES)
    assert [str(error) for error in validator.iter_errors(definition)] == []


@pytest.mark.parametrize("definition", BAD.values(), ids=BAD)
def test_a_bad_shape_is_refused_by_both(definition: Any, validator: Any) -> None:
    """What is wrong with the shape of a definition is seen by the schema as well as by the compiler."""
    with pytest.raises(InvalidDefinition):
        compile_definition(definition, NODES)
    assert not validator.is_valid(definition)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.json")), ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Path, validator: Any) -> None:
    """Every example that comes with Clew is valid by the published schema."""
    assert [str(error) for error in validator.iter_errors(json.loads(path.read_text()))] == []
