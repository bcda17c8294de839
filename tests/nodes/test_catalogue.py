"""Every node is what the catalogue says: its parameters, edges, exits and state keys, and what becomes of bad input."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from domain.compiler import compile_definition
from domain.errors import InvalidDefinition
from domain.node import Parameter, WorkflowNode
from domain.problems import Problem
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.needs import Need
from tests.nodes.catalogue import CATALOGUE, Entry
from tests.support.workflows import problems_of, walked, workflow

REGISTRY = standard_registry(files_root=None, entry_points=False)
SAMPLES: dict[str, Any] = {
    "string": "x",
    "number": 1.5,
    "integer": 1,
    "boolean": True,
    "object": {"a": 1},
    "array": [1],
    "null": None,
}
PARAMETERS = [(name, key) for name, entry in CATALOGUE.items() for key in entry.parameters]
TYPED = [(name, key) for name, key in PARAMETERS if CATALOGUE[name].parameters[key].types]
CHOICES = [(name, key) for name, key in PARAMETERS if CATALOGUE[name].parameters[key].enum]


def node_of(name: str) -> WorkflowNode:
    """A specimen."""
    node = REGISTRY.find(name)
    assert node is not None
    return node


def sound(entry: Entry, *, but: str = "") -> dict[str, Any]:
    """Literals for all that is required, of the right type, without one of them."""
    return {key: _sample(spec) for key, spec in entry.parameters.items() if spec.required and key != but}


def _sample(spec: Parameter) -> Any:
    return spec.enum[0] if spec.enum else SAMPLES[spec.types[0]] if spec.types else "x"


def wrong(spec: Parameter) -> list[Any]:
    """A value of each JSON type that the parameter can't have."""
    taken = {*spec.types, *(("integer",) if "number" in spec.types else ())}
    return [value for kind, value in SAMPLES.items() if kind not in taken]


def problems(name: str, config: dict[str, Any]) -> list[Problem]:
    """What validation says to one step of that node."""
    step = name + "..." if node_of(name).metadata.iterates else name
    return list(problems_of(workflow({step: config}), REGISTRY))


def errors(name: str, config: dict[str, Any]) -> list[tuple[str, str]]:
    """(code, path inside the step) of the errors among them."""
    step = name + "..." if node_of(name).metadata.iterates else name
    found = [problem for problem in problems(name, config) if problem.severity == "error"]
    return [(problem.code, problem.path.removeprefix(f"/workflow/0/{step}")) for problem in found]


def test_the_catalogue_has_every_node() -> None:
    """And nothing else is in the library."""
    assert set(CATALOGUE) == set(REGISTRY.names())


@pytest.mark.parametrize("name", CATALOGUE)
def test_its_parameters_are_those_of_the_catalogue(name: str) -> None:
    """Names, aliases, types, defaults, known values."""
    written, found = CATALOGUE[name].parameters, node_of(name).metadata.parameters or {}
    assert set(found) == set(written)
    for key, spec in written.items():
        for part in ("required", "default", "aliases"):
            assert getattr(found[key], part) == getattr(spec, part), (key, part)
        assert set(found[key].types) == set(spec.types), key
        assert set(found[key].enum) == set(spec.enum), key


@pytest.mark.parametrize("name", CATALOGUE)
def test_its_edges_and_keys_are_those_of_the_catalogue(name: str) -> None:
    """Edges, the exits among them, the state keys, and what a visit can do to the world."""
    entry, metadata = CATALOGUE[name], node_of(name).metadata
    assert (metadata.edges is None) == (entry.edges is None)
    assert set(metadata.edges or ()) == set(entry.edges or ())
    assert set(metadata.exit_edges) == set(entry.exits)
    assert (metadata.outputs is None) == (entry.state is None)
    assert set(metadata.outputs or ()) == set(entry.state or ())
    if entry.effect != "by operation":
        assert metadata.effect == entry.effect


@pytest.mark.parametrize("name", CATALOGUE)
def test_what_is_required_has_to_be_there(name: str) -> None:
    """An error at validation for each one that is left out, and none when all are there."""
    entry = CATALOGUE[name]
    assert errors(name, sound(entry)) == []
    for key, spec in entry.parameters.items():
        if spec.required:
            assert ("MISSING_PARAMETER", "") in errors(name, sound(entry, but=key))


@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - {"log"}))
def test_an_unknown_parameter_is_an_error_with_the_nearest_name(name: str) -> None:
    """A comment is none; `log` takes any as a field."""
    entry = CATALOGUE[name]
    known = next((key for key in entry.parameters if len(key) > 3), "")
    config = {**sound(entry), f"{known}X": 1, "_why": "a comment"}
    [problem] = [one for one in problems(name, config) if one.severity == "error"]
    assert problem.code == "UNKNOWN_PARAMETER"
    assert problem.nearest is not None if known else problem.nearest is None


@pytest.mark.parametrize(("name", "key"), TYPED)
def test_a_literal_of_the_wrong_type_is_an_error(name: str, key: str) -> None:
    """`null` included; what a reference will bring is not known yet."""
    entry = CATALOGUE[name]
    for value in wrong(entry.parameters[key]):
        assert ("PARAMETER_TYPE", f"/{key}") in errors(name, {**sound(entry), key: value}), value
    for value in ("$.later", "{{$.later}}", "$.later + 1"):
        assert errors(name, {**sound(entry), key: value}) == [], value


@pytest.mark.parametrize(("name", "key"), CHOICES)
def test_an_unknown_choice_is_a_warning(name: str, key: str) -> None:
    """The step may have a route for its error; the message names what is known."""
    entry = CATALOGUE[name]
    config = {**sound(entry), key: "no-such-choice"}
    assert errors(name, config) == []
    found = [problem for problem in problems(name, config) if problem.code == "UNKNOWN_VALUE"]
    assert len(found) == 1
    assert str(entry.parameters[key].enum[0]) in found[0].message


@pytest.mark.parametrize(
    ("name", "key"), [pair for pair in PARAMETERS if CATALOGUE[pair[0]].parameters[pair[1]].aliases]
)
def test_aliases_are_other_names_of_the_same(name: str, key: str) -> None:
    """Taken like the name; both at once are an error."""
    entry = CATALOGUE[name]
    value = _sample(entry.parameters[key])
    for alias in entry.parameters[key].aliases:
        assert errors(name, {**sound(entry, but=key), alias: value}) == []
        both = {**sound(entry, but=key), key: value, alias: value}
        assert errors(name, both) == [("DUPLICATE_PARAMETER", f"/{alias}")]


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.edges is not None])
def test_edges_that_it_never_takes_can_not_be_routed(name: str) -> None:
    """Each of its own can, and `error` always."""
    entry = CATALOGUE[name]
    own: dict[str, Any] = {f"{edge}?": {} for edge in (*(entry.edges or ()), "error")}
    assert errors(name, {**sound(entry), **own}) == []
    refused = [] if name == "parallel" else ["UNKNOWN_EDGE"]  # any other edge of that is a branch
    assert [code for code, _ in errors(name, {**sound(entry), "sucess?": {}})] == refused


GONE = [
    *((name, "stateKey") for name in ("each", "every-array-item", "range", "while", "batch")),
    *((name, key) for name in ("aggregate", "splitOut", "editFields") for key in ("includeBinaries", "includeBinaryData")),
    *((name, "baseUrl") for name in ("resource-read", "resource-write", "resource-list", "resource-interpolate", "runWorkflow")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key"), GONE)
def test_parameters_of_the_original_that_are_gone_are_warnings(name: str, key: str) -> None:
    """Old definitions run on."""
    config = {**sound(CATALOGUE[name]), key: "x"}
    assert errors(name, config) == []
    assert [problem.code for problem in problems(name, config) if problem.path.endswith(key)] == ["PARAMETER_GONE"]


NEEDS: list[tuple[str, Need, dict[str, str]]] = [
    (name, need, dict(zip(need.when, values, strict=True)))
    for name in CATALOGUE
    for need in getattr(node_of(name), "needs", ())
    for values in product(*need.when.values())
]


@pytest.mark.parametrize(
    ("name", "need", "when"), NEEDS, ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_a_companion_that_is_missing_is_a_warning_and_an_error_of_the_visit(
    name: str, need: Need, when: dict[str, str]
) -> None:
    """What validation warns of is what then happens: `INVALID_PARAMETER`."""
    entry = CATALOGUE[name]
    config = {**sound(entry), **when}
    for key in need.any_of:
        config.pop(key, None)
    told = [problem.message for problem in problems(name, config) if problem.code == "WILL_FAIL"]
    wanted = f"needs the parameter {' or '.join(need.any_of)}."
    assert any(message.endswith(wanted) for message in told), told
    ran = walked(workflow({name: {**config, "error?": {}}}), REGISTRY)
    assert ran.state[f"{name.replace('-', '_')}_output"]["code"] == "INVALID_PARAMETER"
    for key in need.any_of:
        given = {**config, key: "$.later"}
        assert not any(one.message.endswith(wanted) for one in problems(name, given)), key


def test_a_companion_that_will_be_computed_is_not_looked_for() -> None:
    """Neither where the operation is a reference, nor for an unknown one."""
    for operation in ("$.later", "no-such-operation"):
        found = problems_of(workflow({"stringOperations": {"operation": operation, "value": "a"}}), REGISTRY)
        assert [problem.code for problem in found if problem.code == "WILL_FAIL"] == []


def outcome(name: str, config: dict[str, Any], **state: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the error that its visit took, the state after it)."""
    step = name + "..." if node_of(name).metadata.iterates else name
    ran = walked(workflow({step: {**config, "error?": {}}}, state=state), REGISTRY)
    assert ran.execution.status == "completed"
    error: dict[str, Any] = ran.execution.outputs[name]
    return error, ran.state


@pytest.mark.parametrize(("name", "key"), [pair for pair in TYPED if pair[1] not in ("level", "values")])
def test_a_value_of_the_wrong_type_is_the_error_edge(name: str, key: str) -> None:
    """Found just before the node runs; its result keys are null. (`log` and `logic` take null for what is missing.)"""
    entry = CATALOGUE[name]
    for value in wrong(entry.parameters[key]):
        stale = dict.fromkeys(entry.state or (), "stale")
        error, state = outcome(name, {**sound(entry), key: "$.bad"}, **stale, bad=value)
        assert error["code"] == "INVALID_PARAMETER", value
        assert error["type"] == "validation"
        assert key in error["message"]
        assert "stale" not in _results(name, sound(entry), state)


def _results(name: str, config: dict[str, Any], state: dict[str, Any]) -> list[Any]:
    node = node_of(name)
    keys = node.result_keys(config) if hasattr(node, "result_keys") else node.metadata.outputs or ()
    return [state.get(key) for key in keys]


@pytest.mark.parametrize(("name", "key"), CHOICES)
def test_an_unknown_choice_is_the_error_edge_naming_what_is_known(name: str, key: str) -> None:
    """As `allowed` too, for programs."""
    entry = CATALOGUE[name]
    error, _ = outcome(name, {**sound(entry), key: "$.bad"}, bad="no-such-choice")
    assert error["code"] == "INVALID_PARAMETER"
    assert all(str(choice) in error["message"] for choice in list(entry.parameters[key].enum)[:3])
    assert error["details"]["parameter"] == key


@pytest.mark.parametrize(("name", "key"), [pair for pair in PARAMETERS if pair[0] != "log" and pair[1] != "values"])
def test_a_reference_to_missing_state_is_an_error_never_null(name: str, key: str) -> None:
    """`log`, and the `values` of `logic`, are the two that are lenient."""
    entry = CATALOGUE[name]
    error, _ = outcome(name, {**sound(entry), key: "$.nowhere.at.all"})
    assert error["code"] == "UNDEFINED_REFERENCE"


def test_the_two_lenient_nodes_get_null_and_a_warning() -> None:
    """A log line must not fail a run, and a guard can ask for what was never set."""
    ran = walked(workflow({"log": {"message": "$.nowhere", "level": "$.nowhere", "more": "$.nowhere"}}), REGISTRY)
    assert ran.execution.outputs["log"] == {"message": None, "fields": {"more": None}}
    ran = walked(workflow({"logic": {"operation": "equal", "values": ["$.nowhere", None]}}), REGISTRY)
    assert ran.execution.outputs["logic"] == {"result": True}
    assert any("$.nowhere" in warning for event in ran.events for warning in getattr(event, "warnings", ()))


def test_a_null_literal_is_refused_before_anything_runs() -> None:
    """With its place."""
    with pytest.raises(InvalidDefinition) as refused:
        compile_definition(workflow({"limit": {"maxItems": None}}), REGISTRY)
    [problem] = [one for one in refused.value.problems if one.severity == "error"]
    assert (problem.code, problem.path) == ("PARAMETER_TYPE", "/workflow/0/limit/maxItems")


@pytest.mark.parametrize(
    ("step", "warned"),
    [
        ({"filesystem": {"operation": "read", "path": "a"}}, False),
        ({"filesystem": {"operation": "write", "path": "a", "content": "b"}}, True),
        ({"filesystem": {"operation": "$.later", "path": "a"}}, True),
        ({"database": {"operation": "find", "table": "t"}}, False),
        ({"database": {"operation": "delete", "table": "t", "query": {"a": 1}}}, True),
        ({"removeDuplicates": {}}, False),
        ({"removeDuplicates": {"operation": "clear_history"}}, True),
        ({"auth": {"operation": "hash", "data": "x"}}, False),
        ({"fetchApi": {"url": "http://a.example"}}, True),
        ({"fetchApi": {"url": "http://a.example", "error?": {}}}, False),
    ],
)
def test_a_node_that_writes_is_better_given_a_route_for_its_error(*, step: dict[str, Any], warned: bool) -> None:
    """One whose operation only reads is not."""
    found = [problem.code for problem in problems_of(workflow(step), REGISTRY)]
    assert ("NO_ERROR_ROUTE" in found) is warned


OUT_OF_RANGE: list[tuple[str, dict[str, Any]]] = [
    ("logic", {"operation": "not", "values": [1, 2]}),
    ("logic", {"operation": "equal", "values": [1]}),
    ("logic", {"operation": "and", "values": []}),
    ("math", {"operation": "add", "values": []}),
    ("math", {"operation": "add", "values": ["1a"]}),
    ("math", {"operation": "add", "values": [None]}),
    ("switch", {"rules": [], "fallbackOutput": ""}),
    ("switch", {"rules": [{"outputKey": "", "conditions": [{"field": "a", "operation": "exists"}]}]}),
    ("filter", {"items": [], "conditions": []}),
    ("filter", {"items": [], "conditions": [{"field": "a", "operation": "like", "value": 1}]}),
    ("filter", {"items": [], "conditions": [{"field": "a", "operation": "between", "value": 1}]}),
    ("filter", {"items": [], "conditions": [{"operation": "exists"}]}),
    ("filter", {"items": [], "conditions": [{"field": "a", "operation": "exists", "combineWith": "XOR"}]}),
    ("sort", {"items": [], "fieldsToSortBy": []}),
    ("sort", {"items": [], "fieldsToSortBy": [{"fieldName": "a", "order": "up"}]}),
    ("limit", {"items": [], "maxItems": 0}),
    ("limit", {"items": [], "maxItems": -1}),
    ("removeDuplicates", {"items": [], "historySize": 0}),
    ("summarize", {"items": [], "fieldsToSummarize": []}),
    ("aggregate", {"items": [], "mode": "individual_fields", "fields": []}),
    ("splitOut", {"items": [1], "as": ""}),
    ("editFields", {"fieldsToSet": [{"name": "", "value": 1}]}),
    ("editFields", {"fieldsToSet": [{"name": "a", "value": 1, "type": "date"}]}),
    ("editFields", {"fieldsToSet": [{"name": "a"}]}),
    ("validateData", {"data": {}, "requiredFields": []}),
    ("validateData", {"data": {}, "validationType": "range", "rangeValidations": [{"field": "a"}]}),
    ("transform", {"operation": "length", "data": None}),
    ("transform", {"operation": "parse", "data": "{"}),
    ("jsonExtract", {"path": "", "data": {}}),
    ("jsonExtract", {"path": "a[*]", "data": {}}),
    ("stringOperations", {"operation": "pad", "value": "x", "length": -1}),
    ("stringOperations", {"operation": "pad", "value": "x", "length": 1, "padChar": ""}),
    ("stringOperations", {"operation": "trim", "value": None}),
    ("stringOperations", {"operation": "trim", "value": "a", "field": "b"}),
    ("extractText", {"method": "extractSpecific", "text": "a", "extractType": "email", "occurrence": -1}),
    ("extractText", {"method": "between", "text": "a", "startDelimiter": "", "endDelimiter": "b"}),
    ("dateTime", {"operation": "add", "value": "2026-01-01", "amount": 1.5, "unit": "days"}),
    ("dateTime", {"operation": "now", "timezone": "Mars/Olympus"}),
    ("dateTime", {"operation": "parse", "value": "32.1.2026", "inputFormat": "DD.M"}),
    ("transformObject", {"operation": "flatten", "data": {}, "depth": 0}),
    ("transformObject", {"operation": "flatten", "data": {}, "separator": ""}),
    ("arrayUtilities", {"items": [1], "operation": "chunk", "chunkSize": 0}),
    ("arrayUtilities", {"items": [1], "operation": "flatten", "depth": -1}),
    ("arrayUtilities", {"items": [1], "operation": "first", "count": -1}),
    ("arrayUtilities", {"items": [1], "operation": "sample", "sampleSize": -1}),
    ("mathOperations", {"operation": "sqrt", "field1": "n"}),
    ("mathOperations", {"operation": "add", "field1": "n", "value": 1, "precision": -1}),
    ("mathOperations", {"operation": "add", "field1": "n", "value": 1, "precision": 21}),
    ("calculateField", {"calculations": [{"outputField": "a"}]}),
    ("compareDatasets", {"mode": "keep_matches", "input1": [], "input2": [], "matchFields": []}),
    ("each", {"items": [1], "as": ""}),
    ("each", {"items": [1], "as": "x", "indexAs": "x"}),
    ("range", {"stop": 3, "step": 0}),
    ("while", {"condition": "go on"}),
    ("while", {"condition": {"left": 1, "operator": "="}}),
    ("batch", {"items": [1], "size": 0}),
    ("fetchApi", {"url": "ftp://a.example"}),
    ("fetchApi", {"url": "http://u:p@a.example"}),
    ("fetchApi", {"url": "http://a.example", "timeout": 0}),
    ("fetchApi", {"url": "http://a.example", "timeout": "soon"}),
    ("fetchApi", {"url": "http://a.example", "headers": {"A b": "c"}}),
    ("fetchApi", {"url": "http://a.example", "headers": {"A": "b\r\nC: d"}}),
    ("filesystem", {"operation": "read", "path": ""}),
    ("filesystem", {"operation": "write", "path": "a", "content": "%", "encoding": "base64"}),
    ("database", {"operation": "find", "table": "no table"}),
    ("database", {"operation": "find", "table": "t", "limit": -1}),
    ("database", {"operation": "insert", "table": "t", "data": [1]}),
    ("auth", {"operation": "hash", "data": ""}),
    ("auth", {"operation": "sign", "data": "m"}),
    ("auth", {"operation": "verify", "data": {"password": "p", "hash": "h"}}),
    ("resource-read", {"path": "../a"}),
    ("resource-write", {"path": "a", "content": "x", "tags": [1]}),
    ("resource-list", {"limit": 0}),
    ("resource-list", {"limit": 101}),
    ("resource-list", {"offset": -1}),
    ("ask-ai", {"userPrompt": " "}),
    ("ask-ai", {"userPrompt": "x", "temperature": 2.1}),
    ("ask-ai", {"userPrompt": "x", "maxTokens": 0}),
    ("sendEmail", {"to": "nobody", "subject": "x"}),
    ("sendEmail", {"to": "a@b.cc", "subject": "x\r\ny"}),
    ("wait", {}),
    ("wait", {"for": 1, "until": 2}),
    ("wait", {"for": -1}),
    ("wait", {"until": "someday"}),
    ("signal", {"name": ""}),
    ("signal", {"name": "go", "timeout": "soon"}),
    ("signal", {"name": "go", "schema": {"type": "nothing"}}),
    ("approval", {"title": ""}),
    ("approval", {"title": "?", "choices": []}),
    ("approval", {"title": "?", "choices": ["a", "a"]}),
    ("approval", {"title": "?", "choices": ["timeout"]}),
    ("approval", {"title": "?", "assignees": [5]}),
]


@pytest.mark.parametrize(("name", "config"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_the_error_edge(name: str, config: dict[str, Any]) -> None:
    """Whatever its type; the message names the parameter."""
    error, _ = outcome(name, {key: f"{{{{ $.given.{key} }}}}" for key in config}, given=config, n=4)
    assert error["code"] == "INVALID_PARAMETER", error
    assert error["details"]["parameter"]
