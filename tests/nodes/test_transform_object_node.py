"""`transformObject`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.transform_object import TransformObject
from tests.support.nodes import run

NESTED = {"a": {"b": {"c": 1}, "l": [{"x": {"y": 1}}, 2]}, "d": {}, "e": None}


@pytest.mark.parametrize(
    ("config", "data", "result"),
    [
        ({"operation": "flatten"}, NESTED, {"a.b.c": 1, "a.l": NESTED["a"]["l"], "d": {}, "e": None}),  # type: ignore[index]
        ({"operation": "flatten", "separator": "__"}, {"a": {"b": 1}}, {"a__b": 1}),
        ({"operation": "flatten", "depth": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"operation": "flatten", "depth": 2.0}, {"a": {"b": {"c": 1}}}, {"a.b": {"c": 1}}),
        ({"operation": "flatten", "depth": 9}, {"a": {"b": {"c": 1}}}, {"a.b.c": 1}),
        (
            {"operation": "flatten", "recursive": True},
            {"a": {"l": [{"x": {"y": 1}}, [{"z": {"w": 2}}], 3]}},
            {"a.l": [{"x.y": 1}, [{"z.w": 2}], 3]},
        ),
        ({"operation": "flatten"}, {}, {}),
        ({"operation": "flatten"}, {"": {"": 1}}, {".": 1}),
        ({"operation": "unflatten"}, {"a.b.c": 1, "a.b.d": 2, "e": [1]}, {"a": {"b": {"c": 1, "d": 2}}, "e": [1]}),
        ({"operation": "unflatten"}, {"a.x": 1, "a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"operation": "unflatten"}, {"a": {"y": 2}, "a.x": 1}, {"a": {"y": 2, "x": 1}}),
        ({"operation": "unflatten"}, {"a.0": 1, "b..c": 2}, {"a": {"0": 1}, "b": {"": {"c": 2}}}),
        ({"operation": "unflatten", "separator": "_"}, {"a_b": 1, "c.d": 2}, {"a": {"b": 1}, "c.d": 2}),
        ({"operation": "unflatten", "depth": 2}, {"a.b.c": 1}, {"a": {"b.c": 1}}),
        ({"operation": "unflatten", "depth": 1}, {"a.b": 1}, {"a.b": 1}),
        ({"operation": "unflatten"}, {"a": [{"b.c": 1}]}, {"a": [{"b.c": 1}]}),
        ({"operation": "unflatten", "recursive": True}, {"a.l": [{"b.c": 1}]}, {"a": {"l": [{"b": {"c": 1}}]}}),
        ({"operation": "unflatten", "recursive": True, "depth": 2}, {"a.b.c": 1}, {"a": {"b.c": 1}}),
        ({"operation": "pick", "keys": ["e", "no", "a"]}, {"a": 1, "b": 2, "e": None}, {"e": None, "a": 1}),
        ({"operation": "pick", "keys": ["a.b"]}, {"a": {"b": 1}, "a.b": 2}, {"a.b": 2}),
        ({"operation": "pick", "keys": []}, {"a": 1}, {}),
        (
            {"operation": "pick", "keys": ["u", "n"], "recursive": True},
            {"u": [{"n": 1, "p": 2}, 3], "n": {"p": 1}, "x": {"n": 1}},
            {"u": [{"n": 1}, 3], "n": {}},
        ),
        ({"operation": "omit", "keys": ["b", "no"]}, {"a": {"b": 1}, "b": 2}, {"a": {"b": 1}}),
        ({"operation": "omit", "keys": ["b"], "recursive": True}, {"a": [{"b": 1, "c": 2}], "b": 2}, {"a": [{"c": 2}]}),
        ({"operation": "renameKeys", "renameMap": {"a": "b", "b": "a", "no": "x"}}, {"a": 1, "b": 2}, {"b": 1, "a": 2}),
        ({"operation": "renameKeys", "renameMap": {"a": "z"}}, {"a": {"a": 1}}, {"z": {"a": 1}}),
        (
            {"operation": "renameKeys", "renameMap": {"a": "z"}, "recursive": True},
            {"a": [{"a": 1}, "a"]},
            {"z": [{"z": 1}, "a"]},
        ),
    ],
)
def test_operations(config: dict[str, Any], data: dict[str, Any], result: dict[str, Any]) -> None:
    """The result is a new object; the source stays as it was."""
    before = repr(data)
    visit = run(TransformObject(), {**config, "data": data})
    assert visit.edge == "success"
    assert visit.data == {"result": result, "operation": config["operation"]}
    assert list(visit.data["result"]) == list(result)
    assert visit.state == {"transformedObject": result}
    assert repr(data) == before


def test_flatten_and_unflatten_undo_each_other() -> None:
    """But for what has no leaves of its own."""
    flat = run(TransformObject(), {"operation": "flatten", "data": NESTED}).data["result"]
    assert run(TransformObject(), {"operation": "unflatten", "data": flat}).data["result"] == NESTED


@pytest.mark.parametrize(
    ("previous", "result"),
    [({"data": {"k": 1}}, {"k": 1}), ({"other": 1}, {"k": 3}), (None, {"k": 3}), ([1], {"k": 3})],
)
def test_data_comes_from_the_edge_before_or_is_the_state(previous: Any, result: dict[str, Any]) -> None:
    """`data` of the previous edge data, else the whole state, never the state's own key `data`."""
    config = {"operation": "pick", "keys": ["k"]}
    assert run(TransformObject(), config, previous=previous, state={"k": 3, "data": {"k": 2}}).data["result"] == result


@pytest.mark.parametrize(
    "config",
    [
        {"operation": "flatten"},
        {"operation": "unflatten"},
        {"operation": "omit", "keys": ["a"]},
        {"operation": "renameKeys", "renameMap": {}},
    ],
)
def test_the_whole_state_is_not_copied_into_itself(config: dict[str, Any]) -> None:
    """A reshaped copy of the state in the state would grow with every visit: null stands in its place."""
    visit = run(TransformObject(), config, state={"a": {"b": 1}})
    assert visit.data == {"result": None, "operation": config["operation"]}
    assert visit.state == {"a": {"b": 1}, "transformedObject": None}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "needs the parameter operation"),
        ({"operation": "invert"}, "flatten, unflatten, pick, omit, renameKeys"),
        ({"operation": "flatten", "data": [1]}, "data is an object"),
        ({"operation": "flatten", "separator": ""}, "separator can't be empty"),
        ({"operation": "flatten", "depth": 0}, "depth is at least 1"),
        ({"operation": "flatten", "depth": 1.5}, "depth is an integer"),
        ({"operation": "flatten", "data": {"a.b": 1, "a": {"b": 2}}}, "'a.b'"),
        ({"operation": "unflatten", "data": {"a": 1, "a.b": 2}}, "'a'"),
        ({"operation": "unflatten", "data": {"a.b": 1, "a": 2}}, "'a'"),
        ({"operation": "unflatten", "data": {"a.b": 1, "a": {"b": 2}}}, "'b'"),
        ({"operation": "unflatten", "data": {"a" + ".a" * 127: 1}}, "nest at most"),
        ({"operation": "pick"}, "operation pick needs the parameter keys"),
        ({"operation": "omit", "keys": [1]}, "keys[0]"),
        ({"operation": "pick", "keys": "a"}, "keys is an array"),
        ({"operation": "renameKeys"}, "needs the parameter renameMap"),
        ({"operation": "renameKeys", "renameMap": {"a": 1}}, "not a text"),
        ({"operation": "renameKeys", "renameMap": {"a": "b"}, "data": {"a": 1, "b": 2}}, "'b'"),
        ({"operation": "pick", "keys": [], "recursive": "yes"}, "recursive is a boolean"),
    ],
)
def test_bad_input_is_an_error_with_a_null_result(config: dict[str, Any], says: str) -> None:
    """Two values that would get one name are refused: one would be lost."""
    visit = run(TransformObject(), {"data": {}, **config}, state={"transformedObject": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == {"transformedObject": None}


def test_previous_data_that_is_no_object_is_an_error() -> None:
    """It is not passed over for the state."""
    assert run(TransformObject(), {"operation": "flatten"}, previous={"data": [1]}).code == "INVALID_PARAMETER"


def test_results_are_bounded() -> None:
    """A long outer key is not repeated before every leaf."""
    data = {"k" * 50_000: {str(leaf): 0 for leaf in range(1_000)}}
    assert run(TransformObject(), {"operation": "flatten", "data": data}).code == "RESULT_LIMIT"
    renaming = {"operation": "renameKeys", "renameMap": {"a": "k" * 50_000}, "recursive": True}
    assert run(TransformObject(), {**renaming, "data": {"l": [{"a": 0}] * 1_000}}).code == "RESULT_LIMIT"


def test_many_keys_are_picked_from_many_objects_in_linear_time() -> None:
    """Looking for every key in every object would be 10^10 look-ups."""
    keys = [str(key) for key in range(100_000)]
    data: dict[str, Any] = {"0": [{}] * 100_000}
    visit = run(TransformObject(), {"operation": "pick", "keys": keys, "recursive": True, "data": data})
    assert visit.data["result"] == data
