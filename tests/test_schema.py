"""The published workflow schema says what the compiler takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from application.schemas import workflow_schema
from domain.compiler import compile_definition
from domain.errors import InvalidDefinition
from domain.node import Parameter
from infrastructure.nodes.library import LIBRARY
from infrastructure.nodes.registry import NodeRegistry
from interfaces.bootstrap import library_nodes
from interfaces.schema import rendered
from tests.support.workflows import Script, problems_of, scripted

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
    "a child of a version": workflow(
        {"runWorkflow": {"workflowId": "x", "version": "1.0.0", "initialState": {"a": "$.n"}}}
    ),
    "a definition inside": workflow({"runWorkflow": {"definition": workflow({"$.x": 1}, "empty")}}),
    "options": workflow({"empty": {"$timeout": "5s", "$output": False, "$onCrash": "fail", "$maxIterations": 5}}),
    "settings": workflow("empty", settings={"maxSteps": 10, "timeout": "1s"}),
    "keys it does not know": workflow("empty", author="somebody"),
    "a value that is not known": workflow({"log": {"level": "loud"}}),
    "aliases": workflow({"each...": {"items": [], "itemKey": "a", "indexKey": "b", "loop?": {}}}),
    "a required parameter by its alias": workflow({"jsonExtract": {"extractionPath": "a", "data": {}}}),
    "an object where a list holds a reference": workflow({"logic": {"operation": "and", "values": {"a": ["$.n"]}}}),
    "a comment": workflow({"limit": {"items": [], "maxItems": 1, "_why": 5}}),
    "further parameters": workflow({"log": {"message": "x", "customer": {"id": 1}}}),
    "parameters that are gone": workflow({"aggregate": {"items": [], "includeBinaries": 5}}),
    "a retry policy": workflow(
        {
            "empty": {
                "$retry": {"maxAttempts": 3, "delay": "1s", "backoff": "fixed", "jitter": True, "exhausted": "pause"}
            }
        }
    ),
    "a breaker": workflow({"empty": {"$breaker": {"failures": 3, "cooldown": "PT5M"}}}),
    "a version of a node": workflow({"first": {"$node": "limit@1.0", "items": [], "maxItems": 1}}),
    "a child": workflow({"runWorkflow": {"workflowId": "other"}}),
    "a child as it stands": workflow({"runWorkflow": {"definition": workflow({"log": {"message": "{{ $.n }}"}})}}),
    "a child that is known later": workflow({"runWorkflow": {"definition": "$.child"}}, initialState={"child": {}}),
    "settings of the run": workflow("empty", settings={"priority": -5, "onCriticalError": "rollback", "retry": {}}),
    "branches": workflow({"parallel": {"mode": 2, "a?": ["empty"], "b?": None, "joined?": [{"$.n": 1}]}}),
    "passes beside one another": workflow(
        {"each...": {"items": [], "$concurrency": 4, "$locks": ["$.stock"], "loop?": ["empty"]}},
        initialState={"stock": 1},
    ),
    "a schema of its own": workflow("empty", **{"$schema": 5}),
    "a whole number with a point": workflow({"limit": {"items": [], "maxItems": 2.0}}),
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
    "an escape where no text fits": workflow({"logic": {"operation": "and", "values": "$$.list"}}),
    "null for a parameter with a type": workflow({"logic": {"operation": "and", "values": None}}),
    "a parameter it does not have": workflow({"limit": {"items": [], "maxItems": 1, "maxItemz": 1}}),
    "a parameter that another node has": workflow({"limit": {"$node": "sort", "items": [], "maxItems": 1}}),
    "a parameter missing": workflow({"limit": {"items": []}}),
    "a parameter missing, with aliases": workflow({"jsonExtract": {"data": {}}}),
    "a parameter missing of the node it names": workflow({"first": {"$node": "limit", "items": []}}),
    "a parameter missing in a loop": workflow({"each...": {"loop?": {}}}),
    "an edge without a name": workflow({"empty": {"?": {}}}),
    "a time that is none": workflow({"empty": {"$timeout": "soon"}}),
    "no retry policy": workflow({"empty": {"$retry": 3}}),
    "an unknown part of a retry policy": workflow({"empty": {"$retry": {"attempts": 3}}}),
    "a breaker that is none": workflow({"empty": {"$breaker": {"failures": 0}}}),
    "too much jitter": workflow({"empty": {"$retry": {"jitter": 2}}}),
    "an unknown answer to a crash": workflow({"empty": {"$onCrash": "ignore"}}),
    "an empty output": workflow({"empty": {"$output": ""}}),
    "a version that is none": workflow({"first": {"$node": "log@new"}}),
    "a parameter missing of a version": workflow({"first": {"$node": "limit@1.0", "items": []}}),
    "no child": workflow({"runWorkflow": {"version": "1.0.0"}}),
    "a child that is wrong": workflow({"runWorkflow": {"definition": workflow({"limit": {"items": "{{ $.n }}"}})}}),
    "a child that is no object": workflow({"runWorkflow": {"definition": "child"}}),
    "locks that are none": workflow({"empty": {"$locks": "$.stock"}}),
    "no passes at all": workflow({"each...": {"items": [], "$concurrency": 0, "loop?": {}}}),
    "a priority that is too high": workflow("empty", settings={"priority": 1_000}),
    "an unknown end": workflow("empty", settings={"onCriticalError": "ignore"}),
    "a retry policy of the run that is none": workflow("empty", settings={"retry": {"backoff": "wild"}}),
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


OWN: list[tuple[dict[str, Any], bool]] = [
    ({"odd": {"a/b~c%d é": 1}}, True),
    ({"odd": {"the same": 1, "_note": 2, "_other": "a comment"}}, True),
    ({"odd": {"the same": 1, "_note": "no comment: the node declares it"}}, False),
    ({"odd": {"the same": 1, "bare": 1}}, True),
    ({"odd": {"the same": 1, "bare": "of $.n"}}, True),
    ({"odd": {"the same": 1, "bare": "of n"}}, False),
    ({"odd": {"the same": "x"}}, False),
    ({"odd": {"_hidden": 1}}, False),
    ({"odd": {}}, False),
    ({"more": {"any": "x"}}, True),
    ({"more": {"any": 5}}, False),
    ({"free": {"any": [5]}}, True),
    ({"free": {"x?": 5}}, False),
]
PARAMETERS = {
    "a/b~c%d é": Parameter(types=("integer",), aliases=("the same", "_hidden"), required=True),
    "_note": Parameter(types=("integer",)),
    "bare": Parameter(types=("number",), fill_bare=True, description="Filled in."),
}


@pytest.mark.parametrize(("step", "valid"), OWN, ids=[str(step) for step, _ in OWN])
def test_nodes_of_ones_own_are_in_it(step: dict[str, Any], valid: bool) -> None:
    """Whatever their parameters are called, whatever types they have, with further ones or unchecked."""
    registry = NodeRegistry()
    registry.register(scripted("odd", Script(), parameters=PARAMETERS, edges=("x",)))
    registry.register(scripted("more", Script(), parameters={}, extra=Parameter(types=("string",))))
    registry.register(scripted("free", Script()))
    schema = workflow_schema(registry)
    jsonschema_rs.meta.validate(schema)
    definition = workflow(step, initialState={"n": 1})
    assert jsonschema_rs.Draft7Validator(schema).is_valid(definition) is valid
    assert all(problem.severity != "error" for problem in problems_of(definition, registry)) is valid


def test_an_editor_gets_what_it_completes_with() -> None:
    """Of each node: its parameters with descriptions, defaults and known values, its edges, and an example to put in."""
    schema = json.loads(PUBLISHED.read_text())
    each = schema["definitions"]["node-each"]["properties"]
    assert each["as"] == {
        "description": "The state key that shows the element during a pass.",
        "default": "currentItem",
        "anyOf": [{"type": "string"}, {"$ref": "#/definitions/resolved"}],
    }
    assert each["itemKey"] == {"$ref": "#/definitions/node-each/properties/as"}
    assert {"loop?", "current-item?", "done?", "complete?", "error?"} <= each.keys()
    assert schema["definitions"]["node-log"]["properties"]["level"]["anyOf"][0] == {
        "enum": ["debug", "info", "warn", "error"]
    }
    shown = schema["definitions"]["steps"]["properties"]
    assert shown["each..."]["examples"][0]["as"] == "order"
    assert shown["each"]["doNotSuggest"]
    assert set(LIBRARY) <= {*schema["definitions"]["node"]["anyOf"][0]["enum"]}


def test_its_size_is_reasonable() -> None:
    """An editor loads it whenever a definition is opened."""
    assert PUBLISHED.stat().st_size < 160_000
