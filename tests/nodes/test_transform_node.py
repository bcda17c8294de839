"""`transform`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.transform import Transform
from tests.support.nodes import run


@pytest.mark.parametrize(
    ("operation", "data", "result"),
    [
        ("stringify", {"a": [1, None]}, '{"a":[1,null]}'),
        ("stringify", "x", '"x"'),
        ("stringify", None, "null"),
        ("parse", '{"a": [1, 2.5, "x"]}', {"a": [1, 2.5, "x"]}),
        ("parse", " 5 ", 5),
        ("parse", {"a": 1}, {"a": 1}),
        ("parse", None, None),
        ("uppercase", "grün", "GRÜN"),
        ("uppercase", {"a": "b"}, '{"A":"B"}'),
        ("lowercase", "ABC", "abc"),
        ("lowercase", True, "true"),
        ("trim", "\t a b \n", "a b"),
        ("trim", 5, "5"),
        ("length", "äöü", 3),
        ("length", [1, 2], 2),
        ("length", {"a": 1, "b": 2, "c": 3}, 3),
        ("length", 12.5, 4),
        ("length", "", 0),
        ("reverse", "abc", "cba"),
        ("reverse", [1, 2, 3], [3, 2, 1]),
        ("reverse", 123, "321"),
        ("reverse", [], []),
    ],
)
def test_operations(operation: str, data: Any, result: Any) -> None:
    """Each converts one value; texts are made of what is no text where an operation works on texts."""
    visit = run(Transform(), {"operation": operation, "data": data})
    assert visit.edge == "success"
    assert visit.data == {"result": result}
    assert visit.state == {"transformResult": result}


@pytest.mark.parametrize("value", [{"b": 1, "a": [None, True, "ä", 1.5]}, "text", 5, [], None])
def test_parse_undoes_stringify(value: Any) -> None:
    """Any JSON value survives the way into a text and back."""
    text = run(Transform(), {"operation": "stringify", "data": value}).data["result"]
    assert run(Transform(), {"operation": "parse", "data": text}).data["result"] == value


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"operation": "trim"},
        {"data": "x"},
        {"operation": "shout", "data": "x"},
        {"operation": 5, "data": "x"},
        {"operation": "parse", "data": "{"},
        {"operation": "parse", "data": ""},
        {"operation": "parse", "data": '{"a": 1, "a": 2}'},
        {"operation": "parse", "data": "NaN"},
        {"operation": "length", "data": None},
        {"operation": "reverse", "data": None},
        {"operation": "reverse", "data": {"a": 1}},
    ],
)
def test_misuse_is_an_error_with_a_null_result(config: dict[str, Any]) -> None:
    """Missing and unknown parameters, and texts that are not JSON."""
    visit = run(Transform(), config, state={"transformResult": "old"})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state == {"transformResult": None}


def test_a_parse_error_names_the_place() -> None:
    """Line and column of the text."""
    message = run(Transform(), {"operation": "parse", "data": '{\n  "a": }'}).data["message"]
    assert "line 2" in message


def test_the_source_is_not_changed() -> None:
    """A list of the state is reversed in the result only."""
    rows = [1, 2]
    visit = run(Transform(), {"operation": "reverse", "data": rows}, state={"rows": rows})
    assert visit.state["rows"] == [1, 2]
    assert rows == [1, 2]
