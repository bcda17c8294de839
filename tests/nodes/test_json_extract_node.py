"""`jsonExtract`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.json_extract import JsonExtract
from tests.support.nodes import run

ORDER = {"id": 7, "items": [{"sku": "a", "n": 1}, {"sku": "b"}, {"n": None}], "odd key": {"x.y": 5, "[*]": 6}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", 7),
        ("items[1].sku", "b"),
        ("items[2].n", None),
        ("items.length", 3),
        ("['odd key']['x.y']", 5),
        ("['odd key']['[*]']", 6),
        ("odd key['x.y']", 5),
    ],
)
@pytest.mark.parametrize("method", ["dot_notation", "bracket_notation", "simple_path", None])
def test_one_grammar_for_all_methods(path: str, value: Any, method: str | None) -> None:
    """Whatever the method is called, the same paths work; null is a value that is found."""
    config = {"path": path, "data": ORDER, **({} if method is None else {"method": method})}
    visit = run(JsonExtract(), config)
    assert visit.edge == "success"
    assert visit.data == {"value": value, "path": path, "outputField": "extractedValue"}
    assert visit.state == {"extractedValue": value}


@pytest.mark.parametrize(
    ("path", "data", "values"),
    [
        ("items[*].sku", ORDER, ["a", "b"]),
        ("items[*].n", ORDER, [1, None]),
        ("items[*]", ORDER, ORDER["items"]),
        ("[*].a[*]", [{"a": [1, 2]}, {"a": []}, {"a": [3]}, {}], [1, 2, 3]),
        ("[*][0]", [[1, 2], [3], []], [1, 3]),
        ("[*]['a b']", [{"a b": 1}], [1]),
        ("id", ORDER, [7]),
        ("items", {"items": [1]}, [[1]]),
    ],
)
def test_multiple_gives_a_list(path: str, data: Any, values: list[Any]) -> None:
    """Every value that the path finds, in order; elements without it are left out."""
    visit = run(JsonExtract(), {"path": path, "data": data, "multiple": True})
    assert visit.data["value"] == values
    assert visit.state["extractedValue"] == values


@pytest.mark.parametrize(
    ("path", "multiple"),
    [("missing", False), ("id.x", False), ("items[9]", False), ("items[*].zip", True), ("id[*]", True)],
)
def test_nothing_found(path: str, multiple: bool) -> None:
    """`not_found` without a value; the output is null, not what an earlier step left there."""
    config = {"path": path, "data": ORDER, "multiple": multiple, "outputField": "out.here"}
    visit = run(JsonExtract(), config, state={"out": {"here": "old", "kept": 1}})
    assert visit.edge == "not_found"
    assert visit.data == {"path": path, "usedFallback": False}
    assert visit.state == {"out": {"here": None, "kept": 1}}


@pytest.mark.parametrize("fallback", [0, "", None, {"a": 1}])
def test_a_fallback_is_stored_and_the_edge_says_so(fallback: Any) -> None:
    """It does not make the value found."""
    visit = run(JsonExtract(), {"path": "x", "data": {}, "fallbackValue": fallback})
    assert visit.edge == "not_found"
    assert visit.data == {"path": "x", "value": fallback, "usedFallback": True}
    assert visit.state == {"extractedValue": fallback}


def test_text_is_parsed_first() -> None:
    """Data that is text is the JSON that it writes."""
    assert run(JsonExtract(), {"path": "a[0]", "data": '{"a": [5]}'}).data["value"] == 5


@pytest.mark.parametrize(
    ("previous", "value"),
    [
        ({"data": {"a": 1}}, 1),
        ({"data": '{"a": 2}'}, 2),
        ({"other": 1}, 3),
        (None, 3),
        ({"data": None, "isValid": True}, 3),
    ],
)
def test_data_comes_from_the_edge_before_and_else_is_the_state(previous: Any, value: int) -> None:
    """A state key named `data` has no part in it; the null of a validated state means the state."""
    visit = run(JsonExtract(), {"path": "a"}, state={"a": 3, "data": {"a": 4}}, previous=previous)
    assert visit.data["value"] == value


def test_the_output_is_a_path() -> None:
    """As a setter writes it."""
    visit = run(JsonExtract(), {"path": "id", "data": ORDER, "outputField": "found.ids[0]"})
    assert visit.state == {"found": {"ids": [7]}}


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({}, "INVALID_PARAMETER"),
        ({"path": ""}, "INVALID_PARAMETER"),
        ({"path": 5}, "INVALID_PARAMETER"),
        ({"path": "a["}, "INVALID_PARAMETER"),
        ({"path": "a..b"}, "INVALID_PARAMETER"),
        ({"path": "a[*].b"}, "INVALID_PARAMETER"),
        ({"path": "a[*]b", "multiple": True}, "INVALID_PARAMETER"),
        ({"path": "a.[*]", "multiple": True}, "INVALID_PARAMETER"),
        ({"path": "a" * 9_000}, "INVALID_PARAMETER"),
        ({"path": "a", "data": "no json"}, "INVALID_PARAMETER"),
        ({"path": "a", "method": "xpath"}, "INVALID_PARAMETER"),
        ({"path": "a", "multiple": "yes"}, "INVALID_PARAMETER"),
        ({"path": "a", "data": {"a": 1}, "outputField": "b["}, "INVALID_PARAMETER"),
        ({"path": "a", "data": {"a": 1}, "outputField": "number.x"}, "STATE_PATH"),
    ],
)
def test_misuse_is_an_error_with_a_null_result(config: dict[str, Any], code: str) -> None:
    """Nothing but the output, where it has a place, is touched."""
    visit = run(JsonExtract(), config, state={"number": 1, "extractedValue": "old"})
    assert visit.code == code
    assert visit.state["number"] == 1
    if "outputField" not in config:
        assert visit.state["extractedValue"] is None


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({}, {"extractedValue"}),
        ({"outputField": "a.b"}, {"a"}),
        ({"outputField": "a["}, None),
    ],
)
def test_the_state_key_of_a_literal_output_is_known(config: dict[str, Any], keys: set[str] | None) -> None:
    """Validation can tell what the step writes."""
    assert JsonExtract().state_keys(config) == keys
