"""Real definitions, and small ones like them, that use the nodes for texts, dates, numbers and checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from domain.compiler import compile_definition
from infrastructure.nodes.extract_text import ExtractText
from infrastructure.nodes.library import standard_registry
from tests.support.nodes import run
from tests.support.workflows import problems_of, walked, workflow
from tests.workflows.definitions import shared

REGISTRY = standard_registry(files_root=None, entry_points=False)


def test_the_extractions_of_a_real_definition() -> None:
    """Every one of its steps finds what its author was after."""
    definition = shared("extract-text-examples")
    found = {}
    for step in definition["workflow"][:-1]:
        config = {key: value for key, value in step["extractText"].items() if not key.endswith("?")}
        visit = run(ExtractText(), config, state=definition["initialState"])
        assert visit.edge == "success"
        found[config["outputField"]] = visit.state[config["outputField"]]
    assert found == {
        "allEmails": ["support@example.com", "sales@example.com", "ceo@example.com"],
        "primaryEmail": "support@example.com",
        "websiteUrls": ["https://example.com", "http://blog.example.com", "https://docs.example.com/api"],
        "phoneNumbers": ["555-1234", "(555) 678-9012", "+1-555-999-8888"],
        "names": ["John Doe", "Jane Smith"],
        "cities": ["New York"],
        "productIds": ["ABC123", "XYZ789", "DEF456"],
        "prices": ["29.99", "49.99", "19.99"],
        "errorMessages": ["Connection timeout at 10:30 AM", "Database connection failed"],
        "blogUrl": "http://blog.example.com",
    }


def test_a_real_definition_of_extractions_runs() -> None:
    """Its first `success?` jumps to the last step, so two steps run."""
    ran = walked(shared("extract-text-examples"), REGISTRY)
    assert ran.execution.status == "completed"
    assert ran.state["allEmails"] == ["support@example.com", "sales@example.com", "ceo@example.com"]
    assert "primaryEmail" not in ran.state


def test_a_real_definition_of_file_processing_runs(tmp_path: Path) -> None:
    """It parses a file, filters what is in it, and writes the rest as text again."""
    definition = shared("file-processing-flat")
    source, target = definition["initialState"]["inputPath"], definition["initialState"]["outputPath"]
    (tmp_path / source.strip("/")).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / source.strip("/")).write_text('[{"valid": true, "n": 1}, {"valid": false, "n": 2}]')
    ran = walked(definition, standard_registry(files_root=tmp_path, entry_points=False))
    assert ran.execution.status == "completed"
    assert json.loads((tmp_path / target.strip("/")).read_text()) == [{"valid": True, "n": 1}]


def test_parsed_json_is_validated_further() -> None:
    """The guard of a model's answer: parse it, ask for its fields, look at one of them."""
    steps = {
        "validateData": {
            "validationType": "json",
            "data": "$.answer",
            "valid?": {
                "validateData": {
                    "data": "$.parsedJson",
                    "requiredFields": ["name", "email"],
                    "valid?": {"validateData": _email_check()},
                }
            },
            "invalid?": {"$.verdict": "no JSON"},
        }
    }
    good = walked(workflow(steps, state={"answer": '{"name": "A", "email": "a@b.cc"}'}), REGISTRY)
    assert good.state["verdict"] == "fine"
    wrong = walked(workflow(steps, state={"answer": '{"name": "A", "email": "a"}'}), REGISTRY)
    assert wrong.state["verdict"] == "Invalid email format"
    assert wrong.state["validationErrors"][0]["value"] == "a"
    assert walked(workflow(steps, state={"answer": "Sure! Here"}), REGISTRY).state["verdict"] == "no JSON"


def _email_check() -> dict[str, Any]:
    return {
        "data": "$.parsedJson",
        "validationType": "pattern",
        "patternValidations": [
            {"field": "email", "pattern": r"^[^@]+@[^@]+\.[^@]+$", "errorMessage": "Invalid email format"}
        ],
        "valid?": {"$.verdict": "fine"},
        "invalid?": {"$.verdict": "$.validationErrors[0].error"},
    }


def test_validations_of_the_whole_state_follow_one_another() -> None:
    """The edge data of the first hides the state, and the second still looks at it."""
    steps = [
        {"validateData": {"requiredFields": ["a"], "invalid?": "$fail"}},
        {"validateData": {"requiredFields": ["b"], "invalid?": "$fail"}},
    ]
    ran = walked(workflow(*steps, state={"a": 1, "b": 2}), REGISTRY)
    assert ran.execution.status == "completed"
    assert ran.state["validationResult"]["isValid"] is True


ALL = workflow(
    {"transform": {"operation": "parse", "data": "$.raw"}},
    {"jsonExtract": {"extractionPath": "rows[*].price", "sourceField": "$.transformResult", "multiple": True,
                     "outputField": "prices"}},
    {"mathOperations": {"operation": "sum", "mode": "aggregate", "fields": ["prices"], "outputField": "total"}},
    {"calculateField": {"calculations": [{"outputField": "gross", "formula": "{total} * 1.19", "precision": 2}]}},
    {"stringOperations": {"operation": "replaceRegex", "field": "note", "pattern": "(\\w+)@(\\w+)",
                          "replacement": "$2 at $1"}},
    {"extractText": {"method": "extractSpecific", "field": "note", "pattern": "^\\w+", "outputField": "first"}},
    {"dateTime": {"operation": "compare", "field": "due", "compareWith": "2026-12-01", "is_before?": {"$.late": True},
                  "is_not_before?": {"$.late": False}}},
    {"validateData": {"validationType": "range", "rangeValidations": [{"field": "gross", "max": 100}],
                      "invalid?": "$fail"}},
    state={"raw": '{"rows": [{"price": 10}, {"price": 20.5}, {}]}', "note": "b@a", "due": "2026-11-30"},
)  # fmt: skip


def test_all_of_them_in_one_workflow() -> None:
    """With aliases, edges and paths, from a text to a verdict."""
    ran = walked(ALL, REGISTRY)
    assert ran.execution.status == "completed"
    assert ran.state["prices"] == [10, 20.5]
    assert ran.state["gross"] == 36.3
    assert ran.state["note"] == "a at b"
    assert ran.state["first"] == "a"
    assert ran.state["late"] is True


def test_a_sound_workflow_has_no_problems() -> None:
    """The nodes describe their parameters, edges and state keys well enough for validation."""
    assert problems_of(ALL, REGISTRY) == ()
    assert compile_definition(ALL, REGISTRY).steps


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"transform": {"operation": "trim"}}, "MISSING_PARAMETER"),
        ({"transform": {"operation": "shout", "data": 1}}, "UNKNOWN_VALUE"),
        ({"validateData": {"requiredField": ["a"]}}, "UNKNOWN_PARAMETER"),
        ({"validateData": {"requiredFields": "a"}}, "PARAMETER_TYPE"),
        ({"jsonExtract": {"path": None}}, "PARAMETER_TYPE"),
        ({"stringOperations": {"operation": "pad", "value": "x", "length": "3"}}, "PARAMETER_TYPE"),
        ({"extractText": {"method": "regex", "text": "x", "occurrence": 1.5}}, "PARAMETER_TYPE"),
        ({"dateTime": {"operation": "now", "timezone": None}}, "PARAMETER_TYPE"),
        ({"mathOperations": {"operation": "add", "mode": "both"}}, "UNKNOWN_VALUE"),
        ({"calculateField": {"calculations": [], "onError": "ignore"}}, "UNKNOWN_VALUE"),
    ],
)
def test_validation_finds_what_is_wrong_as_written(step: dict[str, Any], code: str) -> None:
    """Before anything runs; what the step also lacks is a warning beside it."""
    found = [problem.code for problem in problems_of(workflow(step), REGISTRY)]
    assert [each for each in found if each != "WILL_FAIL"] == [code]
