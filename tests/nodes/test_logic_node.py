"""`logic`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.logic import Logic
from tests.support.nodes import run

HOLDS = [
    ("and", [1, "a", True]),
    ("or", [0, "", "x"]),
    ("not", [0]),
    ("not", [[]]),
    ("equal", [1, 1.0]),
    ("equal", ["10", 10]),
    ("equal", [{"a": [1]}, {"a": [1.0]}]),
    ("notEqual", [True, 1]),
    ("notEqual", [None, 0]),
    ("greater", [2, 1]),
    ("greater", [" 10 ", 9]),
    ("less", ["a", "b"]),
    ("greaterOrEqual", [2, 2]),
    ("lessOrEqual", [2, "2.0"]),
    ("in", ["b", ["a", "b"]]),
    ("in", ["key", {"key": None}]),
    ("contains", ["haystack", "hay"]),
    ("contains", [[1, "2"], 2]),
    ("greater_equal", [3, 3]),
    ("less_equal", [3, 3]),
    ("not_equal", [3, 4]),
    ("==", [3, 3]),
    ("!=", [3, 4]),
    (">", [4, 3]),
    ("<", [3, 4]),
    (">=", [3, 3]),
    ("<=", [3, 3]),
]
FAILS = [
    ("and", [1, 0]),
    ("or", [0, None, ""]),
    ("not", ["x"]),
    ("equal", [True, 1]),
    ("equal", [None, True]),
    ("notEqual", ["10", 10]),
    ("greater", [1, 1]),
    ("less", ["10", 9]),
    ("in", ["c", ["a", "b"]]),
    ("contains", ["haystack", "needle"]),
]


@pytest.mark.parametrize(
    ("operation", "values", "result"), [(*case, True) for case in HOLDS] + [(*case, False) for case in FAILS]
)
def test_operations(operation: str, values: list[Any], result: bool) -> None:
    """Every operation, under every spelling, takes the edge of its truth value."""
    visit = run(Logic(), {"operation": operation, "values": values})
    assert visit.edge == ("true" if result else "false")
    assert visit.data == {"result": result}
    assert visit.state == {"logicResult": result}


def test_nested_operations_are_evaluated_first() -> None:
    """An element that is an operation counts as its result, to any depth."""
    less = {"operation": "less", "values": [2, 3]}
    deep = {
        "operation": "not",
        "values": [{"operation": "or", "values": [False, {"operation": "not", "values": [less]}]}],
    }
    assert run(Logic(), {"operation": "and", "values": [less, deep, "ok"]}).edge == "true"
    assert run(Logic(), {"operation": "equal", "values": [less, True]}).edge == "true"


def test_an_object_with_more_keys_is_a_value() -> None:
    """Only `{operation, values}` is an operation; other objects are compared as they are."""
    thing = {"operation": "less", "values": [2, 1], "name": "rule"}
    assert run(Logic(), {"operation": "equal", "values": [thing, dict(thing)]}).edge == "true"


def test_and_stops_where_it_is_decided() -> None:
    """A guard keeps what comes after it from being asked."""
    unset = [{"operation": "notEqual", "values": [None, None]}, {"operation": "greater", "values": [None, 3]}]
    assert run(Logic(), {"operation": "and", "values": unset}).edge == "false"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"operation": "xor", "values": [1, 2]}, "INVALID_PARAMETER"),
        ({"operation": None, "values": [1, 2]}, "INVALID_PARAMETER"),
        ({"values": [1, 2]}, "INVALID_PARAMETER"),
        ({"operation": "and"}, "INVALID_PARAMETER"),
        ({"operation": "and", "values": []}, "INVALID_PARAMETER"),
        ({"operation": "and", "values": "x"}, "INVALID_PARAMETER"),
        ({"operation": "and", "values": None}, "INVALID_PARAMETER"),
        ({"operation": "not", "values": [1, 2]}, "INVALID_PARAMETER"),
        ({"operation": "equal", "values": [1]}, "INVALID_PARAMETER"),
        ({"operation": "equal", "values": [1, 1, 1]}, "INVALID_PARAMETER"),
        ({"operation": "or", "values": [True, {"operation": "nope", "values": []}]}, "INVALID_PARAMETER"),
        ({"operation": "or", "values": [True, {"operation": "not", "values": 3}]}, "INVALID_PARAMETER"),
        ({"operation": "greater", "values": [None, 1]}, "EXPRESSION_ERROR"),
        ({"operation": "less", "values": ["a", 1]}, "EXPRESSION_ERROR"),
        ({"operation": "less", "values": [True, 1]}, "EXPRESSION_ERROR"),
        ({"operation": "in", "values": [1, 2]}, "EXPRESSION_ERROR"),
    ],
)
def test_bad_input_is_the_error_edge(config: dict[str, Any], code: str) -> None:
    """What can't be evaluated is returned as an error, and the result key is null."""
    visit = run(Logic(), config, state={"logicResult": True})
    assert visit.code == code
    assert visit.data["recoverable"] is False
    assert visit.state == {"logicResult": None}


def test_an_unknown_operation_names_the_known_ones() -> None:
    """The message helps to write the right one."""
    visit = run(Logic(), {"operation": "and", "values": [{"operation": "grater", "values": [1, 2]}]})
    assert '"grater"' in visit.data["message"]
    assert "greaterOrEqual" in visit.data["message"]


def test_values_are_lenient_only() -> None:
    """A guard can ask for what was never set; an operation that is missing is still an error."""
    known = Logic.metadata.parameters
    assert known is not None
    assert known["values"].lenient
    assert not known["operation"].lenient
