"""`mathOperations`."""

from __future__ import annotations

from typing import Any

import pytest

from domain.rounding import rounded
from infrastructure.nodes.math_operations import MathOperations
from tests.support.nodes import run

STATE = {
    "a": 10,
    "b": "4",
    "c": {"d": [2.5, -2.5]},
    "nothing": None,
    "word": "ten",
    "list": [1, None, "2"],
    "huge": 2**64,
}


@pytest.mark.parametrize(
    ("config", "result"),
    [
        ({"mode": "single_field", "operation": "sqrt", "field1": "b"}, 2),
        ({"mode": "single_field", "operation": "sqrt", "field1": "a", "precision": 3}, 3.162),
        ({"mode": "single_field", "operation": "round", "field1": "c.d[0]"}, 3),
        ({"mode": "single_field", "operation": "round", "field1": "c.d[1]"}, -3),
        ({"mode": "single_field", "operation": "round", "field1": "c.d[0]", "precision": 1}, 2.5),
        ({"mode": "single_field", "operation": "ceil", "field1": "c.d[0]"}, 3),
        ({"mode": "single_field", "operation": "ceil", "field1": "c.d[1]"}, -2),
        ({"mode": "single_field", "operation": "floor", "field1": "c.d[0]"}, 2),
        ({"mode": "single_field", "operation": "floor", "field1": "c.d[1]"}, -3),
        ({"mode": "single_field", "operation": "abs", "field1": "c.d[1]"}, 2.5),
        ({"operation": "add", "field1": "a", "field2": "b"}, 14),
        ({"operation": "subtract", "field1": "a", "value": 3}, 7),
        ({"operation": "multiply", "field1": "a", "value": "2"}, 20),
        ({"operation": "divide", "field1": "a", "field2": "b"}, 2.5),
        ({"operation": "divide", "field1": "a", "value": 3, "precision": 2}, 3.33),
        ({"operation": "power", "field1": "a", "value": 2}, 100),
        ({"operation": "modulo", "field1": "a", "field2": "b"}, 2),
        ({"operation": "min", "field1": "a", "field2": "b"}, 4),
        ({"operation": "max", "fields": ["a", "b", "c.d[0]"]}, 10),
        ({"operation": "subtract", "field1": "a", "fields": ["b", "c.d[0]"]}, 3.5),
        ({"mode": "aggregate", "operation": "sum", "fields": ["a", "b", "nothing", "missing"]}, 14),
        ({"mode": "aggregate", "operation": "add", "fields": ["list", "a"]}, 13),
        ({"mode": "aggregate", "operation": "average", "fields": ["a", "b"]}, 7),
        ({"mode": "aggregate", "operation": "min", "fields": ["a", "b"]}, 4),
        ({"mode": "aggregate", "operation": "max", "fields": ["a", "b"]}, 10),
        ({"mode": "aggregate", "operation": "multiply", "fields": ["a", "b"]}, 40),
        ({"mode": "aggregate", "operation": "sum", "fields": ["nothing"]}, 0),
        ({"mode": "aggregate", "operation": "average", "fields": ["nothing"], "precision": 2}, None),
        ({"mode": "aggregate", "operation": "max", "fields": []}, None),
    ],
)
def test_operations(config: dict[str, Any], result: float | None) -> None:
    """Whole results are integers; numeric texts are numbers; aggregates skip what is null or missing."""
    visit = run(MathOperations(), config, state=STATE)
    assert visit.edge == "success"
    assert visit.data == {
        "result": result,
        "outputField": "result",
        "operation": config["operation"],
        "mode": config.get("mode", "multiple_fields"),
    }
    assert visit.state == {**STATE, "result": result, "mathOperationsResult": result}
    assert type(visit.data["result"]) is type(result)


@pytest.mark.parametrize(
    ("value", "places", "result"),
    [
        (2.5, 0, 3), (-2.5, 0, -3), (1.005, 2, 1.01), (-1.005, 2, -1.01), (0.1 + 0.2, 15, 0.3), (7, 2, 7),
        (1e308, 20, 1e308), (5e-324, 20, 0), (1.0, 0, 1), (12345.678, 1, 12345.7),
    ],
)  # fmt: skip
def test_rounding_is_half_away_from_zero(value: float, places: int, result: float) -> None:
    """By the digits that are written, not by those of the binary fraction."""
    assert rounded(value, places) == result


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({}, "INVALID_PARAMETER"),
        ({"operation": "log", "field1": "a"}, "INVALID_PARAMETER"),
        ({"operation": "add", "mode": "all"}, "INVALID_PARAMETER"),
        ({"operation": "sqrt", "field1": "a", "field2": "b"}, "INVALID_PARAMETER"),
        ({"operation": "divide", "mode": "aggregate", "fields": ["a"]}, "INVALID_PARAMETER"),
        ({"operation": "add", "mode": "single_field", "field1": "a"}, "INVALID_PARAMETER"),
        ({"operation": "abs", "mode": "single_field"}, "INVALID_PARAMETER"),
        ({"operation": "sum", "mode": "aggregate"}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a"}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "field2": "b", "value": 1}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "value": "x"}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "field2": "missing"}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "field2": "nothing"}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "field2": "word"}, "INVALID_PARAMETER"),
        ({"operation": "add", "fields": ["a", 5]}, "INVALID_PARAMETER"),
        ({"operation": "add", "fields": ["a", "list"]}, "INVALID_PARAMETER"),
        ({"operation": "sum", "mode": "aggregate", "fields": ["a", "word"]}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "value": 1, "precision": -1}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "value": 1, "precision": 21}, "INVALID_PARAMETER"),
        ({"operation": "add", "field1": "a", "value": 1, "precision": 1.5}, "INVALID_PARAMETER"),
        ({"operation": "divide", "field1": "a", "value": 0}, "EXPRESSION_ERROR"),
        ({"operation": "power", "field1": "a", "value": 400}, "EXPRESSION_ERROR"),
        ({"operation": "sqrt", "mode": "single_field", "field1": "c.d[1]"}, "EXPRESSION_ERROR"),
        ({"operation": "sqrt", "mode": "single_field", "field1": "huge"}, "EXPRESSION_ERROR"),
        ({"operation": "add", "field1": "a", "value": 1, "outputField": "a.b"}, "STATE_PATH"),
        ({"operation": "add", "field1": "a", "value": 1, "outputField": "x["}, "INVALID_PARAMETER"),
    ],
)
def test_misuse_is_an_error_with_null_results(config: dict[str, Any], code: str) -> None:
    """The output is null, the sources are not touched."""
    state = {**STATE, "result": "old", "mathOperationsResult": "old"}
    visit = run(MathOperations(), config, state=state)
    assert visit.code == code
    output = {} if "outputField" in config else {"result": None}
    assert visit.state == {**state, **output, "mathOperationsResult": None}


def test_the_allowed_operations_are_those_of_the_mode() -> None:
    """An operation of another mode is told from an unknown one."""
    details = run(MathOperations(), {"operation": "sqrt", "field1": "a", "value": 1}, state=STATE).data["details"]
    assert details["allowed"] == ["add", "subtract", "multiply", "divide", "power", "modulo", "min", "max"]


@pytest.mark.parametrize("output", ["a", "a.b"])
def test_an_error_leaves_a_field_that_was_to_be_changed_in_its_place(output: str) -> None:
    """A number that can't be divided by 0 is still there."""
    state = {"a": {"b": 5}}
    config = {"operation": "divide", "field1": "a.b", "value": 0, "outputField": output}
    assert run(MathOperations(), config, state=state).state["a"] == {"b": 5}


def test_the_output_is_a_path() -> None:
    """And part of the state keys."""
    config = {"operation": "add", "field1": "a", "value": 1, "outputField": "sums.first"}
    assert run(MathOperations(), config, state={"a": 1}).state["sums"] == {"first": 2}
    assert MathOperations().state_keys(config) == frozenset({"sums", "mathOperationsResult"})
