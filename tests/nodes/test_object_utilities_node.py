"""`objectUtilities`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.object_utilities import ObjectUtilities
from tests.support.nodes import run

USER = {"name": "Ann", "to": {"city": "Bonn", "tags": ["x", "y"]}, "note": None}


@pytest.mark.parametrize(
    ("operation", "more", "source", "result"),
    [
        ("keys", {}, USER, ["name", "to", "note"]),
        ("values", {}, {"a": 1, "b": None}, [1, None]),
        ("entries", {}, {"a": 1, "b": [2]}, [["a", 1], ["b", [2]]]),
        ("keys", {}, {}, []),
        ("has_field", {"path": "to.tags[1]"}, USER, True),
        ("has_field", {"path": "note"}, USER, True),
        ("is_empty", {}, {}, True),
        ("is_empty", {}, None, True),
        ("is_empty", {}, "", True),
        ("is_empty", {}, [0], False),
        ("is_empty", {}, 0, False),
        ("merge", {"mergeWith": {"b": 3, "c": 4}}, {"a": 1, "b": {"x": 2}}, {"a": 1, "b": 3, "c": 4}),
        (
            "merge",
            {"mergeWith": {"b": 3, "c": 4}, "overwrite": False},
            {"a": 1, "b": None},
            {"a": 1, "b": None, "c": 4},
        ),
        ("merge", {"mergeWith": "extra.more"}, {"a": 1}, {"a": 1, "z": 9}),
        (
            "deep_merge",
            {"mergeWith": {"a": {"y": 2, "l": [3]}, "b": 5}},
            {"a": {"x": 1, "y": 1, "l": [1, 2]}, "b": {"q": 1}},
            {"a": {"x": 1, "y": 2, "l": [3]}, "b": 5},
        ),
        (
            "deep_merge",
            {"mergeWith": {"a": {"y": 2, "l": [3], "z": 3}, "b": 5}, "overwrite": False},
            {"a": {"x": 1, "y": None, "l": []}, "b": {"q": 1}},
            {"a": {"x": 1, "y": None, "l": [], "z": 3}, "b": {"q": 1}},
        ),
        ("clone", {}, USER, USER),
        ("deep_clone", {}, USER, USER),
        ("clone", {}, [1], [1]),
        ("get_nested", {"path": "to.tags[0]"}, USER, "x"),
        ("get_nested", {"path": "note"}, USER, None),
        ("get_nested", {"path": "['a.b']"}, {"a.b": 1}, 1),
        ("set_nested", {"path": "to.zip", "value": 5}, {"to": {"a": 1}}, {"to": {"a": 1, "zip": 5}}),
        ("set_nested", {"path": "a.b[0].c", "value": None}, {}, {"a": {"b": [{"c": None}]}}),
        ("set_nested", {"path": "l[1]", "value": 2}, {"l": [1]}, {"l": [1, 2]}),
        ("delete_nested", {"path": "to.city"}, {"to": {"city": 1, "b": 2}}, {"to": {"b": 2}}),
        ("delete_nested", {"path": "l[0]"}, {"l": [1, 2]}, {"l": [2]}),
        ("delete_nested", {"path": "l.length"}, {"l": [1, 2]}, {"l": [1, 2]}),
        ("delete_nested", {"path": "no.thing"}, {"a": 1}, {"a": 1}),
    ],
)
def test_operations(operation: str, more: dict[str, Any], source: Any, result: Any) -> None:
    """The result goes beside the source, which is never changed."""
    state = {"user": source, "extra": {"more": {"z": 9}}}
    before = repr(source)
    visit = run(ObjectUtilities(), {"operation": operation, "field": "user", **more}, state=state)
    assert visit.edge == "success"
    target = f"user_{operation}"
    assert visit.data == {"result": result, "operation": operation, "field": "user", "outputField": target}
    assert visit.state == {**state, target: result, "objectUtilResult": result}
    assert repr(source) == before


@pytest.mark.parametrize(
    ("operation", "path", "result"),
    [("has_field", "to.zip", False), ("get_nested", "to.zip", None), ("get_nested", "to.tags[2]", None)],
)
def test_what_is_not_there_has_its_own_edge(operation: str, path: str, result: Any) -> None:
    """The answer of has_field is false; get_nested finds nothing."""
    visit = run(ObjectUtilities(), {"operation": operation, "field": "user", "path": path}, state={"user": USER})
    assert visit.edge == "not_found"
    assert visit.data["result"] is result
    assert visit.state == {"user": USER, f"user_{operation}": result, "objectUtilResult": result}


@pytest.mark.parametrize(
    ("field", "output", "name", "path"),
    [
        ("a.b", None, "a.b_keys", ("a", "b_keys")),
        ("$.a.b", None, "$.a.b_keys", ("a", "b_keys")),
        ("rows[0]", None, "rows_0_keys", ("rows_0_keys",)),
        ("a.rows[0][1]", None, "a.rows_0_1_keys", ("a", "rows_0_1_keys")),
        ("rows[0].x", None, "rows[0].x_keys", ("rows", 0, "x_keys")),
        ("['a b']", None, "['a b_keys']", ("a b_keys",)),
        ("a.b", "found.keys[0]", "found.keys[0]", ("found", "keys", 0)),
        ("a.b", "a", "a", ("a",)),
    ],
)
def test_where_the_result_goes(field: str, output: str | None, name: str, path: tuple[Any, ...]) -> None:
    """A path like any other; an index at the end of the field becomes part of the default name."""
    inner = {"k": 1}
    rows = [{"k": 1, "x": inner}, {"k": 1}]
    state = {"a": {"b": inner, "rows": [[1, inner]]}, "rows": rows, "a b": inner}
    config = {"operation": "keys", "field": field} | ({} if output is None else {"outputField": output})
    visit = run(ObjectUtilities(), config, state=state)
    assert visit.data["outputField"] == name
    found: Any = visit.state
    for key in path:
        found = found[key]
    assert found == visit.data["result"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "needs the parameter operation"),
        ({"operation": "keys"}, "needs the parameter field"),
        ({"operation": "sort", "field": "user"}, "keys, values, entries"),
        ({"operation": "keys", "field": "no"}, "there is nothing at no"),
        ({"operation": "values", "field": "list"}, "there is a list at list"),
        ({"operation": "clone", "field": "no"}, "there is nothing at no"),
        ({"operation": "get_nested", "field": "no", "path": "a"}, "there is nothing at no"),
        ({"operation": "keys", "field": ""}, "field"),
        ({"operation": "keys", "field": "a["}, "field"),
        ({"operation": "has_field", "field": "user"}, "operation has_field needs the parameter path"),
        ({"operation": "get_nested", "field": "user"}, "needs the parameter path"),
        ({"operation": "set_nested", "field": "user", "path": "a"}, "needs the parameter value"),
        ({"operation": "set_nested", "field": "user", "value": 1}, "needs the parameter path"),
        ({"operation": "set_nested", "field": "user", "path": "a" + ".a" * 200, "value": 1}, "nest at most"),
        ({"operation": "merge", "field": "user"}, "needs the parameter mergeWith"),
        ({"operation": "merge", "field": "user", "mergeWith": "no"}, "not to nothing"),
        ({"operation": "deep_merge", "field": "user", "mergeWith": "list"}, "not to a list"),
        ({"operation": "deep_merge", "field": "user", "mergeWith": 5}, "mergeWith is a string or an object"),
        ({"operation": "keys", "field": "user", "outputField": "a["}, "outputField"),
        ({"operation": "keys", "field": "user", "outputField": 5}, "outputField is a string"),
    ],
)
def test_bad_input_is_an_error_with_null_results(config: dict[str, Any], says: str) -> None:
    """The place of the result is null too, where it can be told."""
    state = {"user": USER, "list": [1], "user_keys": ["old"], "objectUtilResult": 1}
    visit = run(ObjectUtilities(), config, state=state)
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state["objectUtilResult"] is None
    assert visit.state["user"] == USER


def test_the_place_of_the_result_is_null_after_an_error() -> None:
    """A stale result would be taken for a new one."""
    config = {"operation": "keys", "field": "list", "outputField": "found.keys"}
    visit = run(ObjectUtilities(), config, state={"list": [1], "found": {"keys": ["old"], "other": 1}})
    assert visit.state == {"list": [1], "found": {"keys": None, "other": 1}, "objectUtilResult": None}


@pytest.mark.parametrize("output", ["user", "user.to"])
def test_an_error_does_not_lose_the_source(output: str) -> None:
    """Where the result was to replace it, or what holds it."""
    config = {"operation": "keys", "field": "user.to.city", "outputField": output}
    assert run(ObjectUtilities(), config, state={"user": USER}).state == {"user": USER, "objectUtilResult": None}


@pytest.mark.parametrize(("path", "output"), [("name.first", "x"), ("l[5]", "x"), ("[0]", "x"), ("a", "user.name.x")])
def test_a_place_that_is_not_there_is_a_state_error(path: str, output: str) -> None:
    """Inside the object as in the state."""
    config = {"operation": "set_nested", "field": "user", "path": path, "value": 1, "outputField": output}
    visit = run(ObjectUtilities(), config, state={"user": {"name": "Ann", "l": []}})
    assert visit.code == "STATE_PATH"
    assert visit.data["type"] == "state"


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"operation": "keys", "field": "a", "outputField": "x.y"}, {"x", "objectUtilResult"}),
        ({"operation": "keys", "field": "a"}, None),
        ({"operation": "keys", "outputField": "a["}, None),
    ],
)
def test_state_keys_are_known_from_a_literal_name(config: dict[str, Any], keys: set[str] | None) -> None:
    """A name that is not there may be computed."""
    assert ObjectUtilities().state_keys(config) == keys


def test_not_found_leaves_a_loop() -> None:
    """It is an exit."""
    assert ObjectUtilities.metadata.exit_edges == ("not_found",)
