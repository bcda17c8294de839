"""`editFields`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.edit_fields import EditFields
from tests.support.nodes import run


def field(name: str, value: Any, kind: str | None = None) -> dict[str, Any]:
    """One entry of `fieldsToSet`."""
    return {"name": name, "value": value} | ({} if kind is None else {"type": kind})


CONVERTED: list[tuple[str | None, Any, Any]] = [
    (None, "all", "all"),
    (None, 5, "5"),
    ("string", True, "true"),
    ("string", {"a": [1]}, '{"a":[1]}'),
    ("string", [1, "b"], '[1,"b"]'),
    ("string", None, None),
    ("number", 10, 10),
    ("number", "10", 10),
    ("number", " -1.5 ", -1.5),
    ("number", None, None),
    ("boolean", True, True),
    ("boolean", "true", True),
    ("boolean", "1", True),
    ("boolean", 1, True),
    ("boolean", "FALSE", False),
    ("boolean", "0", False),
    ("boolean", 0, False),
    ("boolean", None, None),
    ("object", {"a": 1}, {"a": 1}),
    ("object", '{"a": 1}', {"a": 1}),
    ("object", None, None),
    ("array", [1], [1]),
    ("array", "[1, 2]", [1, 2]),
    ("array", "a, b", ["a", "b"]),
    ("array", "a", ["a"]),
    ("array", "", []),
    ("array", 5, [5]),
    ("array", {"a": 1}, [{"a": 1}]),
    ("array", "[1, 2", ["[1", "2"]),
    ("array", None, None),
    ("any", {"a": 1}, {"a": 1}),
    ("any", "5", "5"),
    ("expression", 5, 5),
]


@pytest.mark.parametrize(("kind", "value", "stored"), CONVERTED)
def test_types(kind: str | None, value: Any, stored: Any) -> None:
    """Each value is converted to its type (text, if none is said); null stays null."""
    visit = run(EditFields(), {"fieldsToSet": [field("x", value, kind)]})
    assert visit.edge == "success"
    assert visit.state["x"] == stored
    assert type(visit.state["x"]) is type(stored)


UNCONVERTIBLE = [
    ("number", "ten"),
    ("number", True),
    ("number", [1]),
    ("boolean", "yes"),
    ("boolean", 2),
    ("boolean", []),
    ("object", "text"),
    ("object", "[1]"),
    ("object", 5),
    ("object", '{"a": 1, "a": 2}'),
]


@pytest.mark.parametrize(("kind", "value"), UNCONVERTIBLE)
def test_a_failed_conversion_writes_nothing(kind: str, value: Any) -> None:
    """It is an error that names the field; no field is set, and the result keys stay as they were."""
    config = {"fieldsToSet": [field("first", "1"), field("x", value, kind)]}
    visit = run(EditFields(), config, state={"fieldsModified": ["old"]})
    assert visit.code == "INVALID_PARAMETER"
    assert "field x" in visit.data["message"]
    assert visit.patch == ()


@pytest.mark.parametrize(("kind", "value"), UNCONVERTIBLE)
def test_type_errors_can_be_ignored(kind: str, value: Any) -> None:
    """Then the value goes in as it is."""
    visit = run(EditFields(), {"fieldsToSet": [field("x", value, kind)], "ignoreTypeErrors": True})
    assert visit.state["x"] == value


def test_every_named_field_is_written_to_the_state() -> None:
    """The fields, the result and the names go into the state; the edge says the same."""
    config = {"mode": "manual_mapping", "fieldsToSet": [field("a", 1, "number"), field("b.c", "x")]}
    visit = run(EditFields(), config, state={"b": {"d": 1}, "other": True}, previous={"p": 1})
    result = {"p": 1, "a": 1, "b": {"c": "x"}}
    assert visit.data == {"result": result, "fieldsModified": ["a", "b.c"], "mode": "manual_mapping"}
    assert visit.state == {
        "a": 1,
        "b": {"d": 1, "c": "x"},
        "other": True,
        "editFieldsResult": result,
        "fieldsModified": ["a", "b.c"],
    }


def test_only_what_changes_is_in_the_patch() -> None:
    """A field inside an object is one operation at its own place."""
    visit = run(EditFields(), {"fieldsToSet": [field("b.c", "x")]}, state={"b": {"d": 1}, "fieldsModified": ["b.c"]})
    assert [op.path for op in visit.patch if op.path.startswith("/b")] == ["/b/c"]
    assert "/fieldsModified" not in [op.path for op in visit.patch]


@pytest.mark.parametrize(
    ("name", "state", "after"),
    [
        ("a.b.c", {}, {"a": {"b": {"c": "v"}}}),
        ("a.b", {"a": None}, {"a": {"b": "v"}}),
        ("list[0]", {}, {"list": ["v"]}),
        ("list[1].x", {"list": [0]}, {"list": [0, {"x": "v"}]}),
        ("list[0]", {"list": [1, 2]}, {"list": ["v", 2]}),
        ("['a.b']", {}, {"a.b": "v"}),
        ("first-name", {}, {"first-name": "v"}),
    ],
)
def test_names_are_paths(name: str, state: dict[str, Any], after: dict[str, Any]) -> None:
    """Objects and lists on the way are made as a setter makes them."""
    visit = run(EditFields(), {"fieldsToSet": [field(name, "v")]}, state=state)
    assert {key: visit.state[key] for key in after} == after


@pytest.mark.parametrize(
    ("name", "state"), [("a.b", {"a": 5}), ("a.b", {"a": "x"}), ("a[0]", {"a": {}}), ("a[2]", {"a": [1]}), ("a[1]", {})]
)
def test_a_place_that_is_not_there_writes_nothing(name: str, state: dict[str, Any]) -> None:
    """Going through a number or past the end of a list is a `state` error, and no field is set."""
    visit = run(EditFields(), {"fieldsToSet": [field("ok", "1"), field(name, "v")]}, state=state)
    assert visit.code == "STATE_PATH"
    assert visit.data["type"] == "state"
    assert visit.patch == ()


def test_fields_see_those_before_them() -> None:
    """A later field may go into what an earlier one made."""
    config = {
        "fieldsToSet": [field("a", {}, "object"), field("a.b", 1, "number"), field("l[0]", "x"), field("l[1]", "y")]
    }
    state = run(EditFields(), config, state={"a": 3}).state
    assert state["a"] == {"b": 1}
    assert state["l"] == ["x", "y"]


def test_dots_can_be_literal() -> None:
    """Without dot notation the whole name is one key."""
    visit = run(EditFields(), {"fieldsToSet": [field("a.b[", "v")], "supportDotNotation": False})
    assert visit.state["a.b["] == "v"
    assert visit.data["result"] == {"a.b[": "v"}


@pytest.mark.parametrize("given", [{"a": 1, "b.c": None}, '{"a": 1, "b.c": null}'])
def test_json_output_sets_top_level_keys(given: Any) -> None:
    """An object, or its JSON text; keys are taken literally, values as they are."""
    visit = run(
        EditFields(), {"mode": "json_output", "jsonOutput": given, "includeOtherFields": False}, previous={"p": 1}
    )
    assert visit.data == {"result": {"a": 1, "b.c": None}, "fieldsModified": ["a", "b.c"], "mode": "json_output"}
    assert visit.state["a"] == 1
    assert visit.state["b.c"] is None


@pytest.mark.parametrize("given", ["[1]", "{", "5"])
def test_json_output_that_is_no_object_writes_nothing(given: str) -> None:
    """It is a failed conversion."""
    visit = run(EditFields(), {"mode": "json_output", "jsonOutput": given}, state={"fieldsModified": []})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.patch == ()


@pytest.mark.parametrize(("include", "result"), [(True, {"p": {"q": 1, "r": "v"}}), (False, {"p": {"r": "v"}})])
def test_other_fields_are_those_of_the_edge_before(include: bool, result: dict[str, Any]) -> None:
    """`includeOtherFields` decides about the result only, and changes nobody's data."""
    previous = {"p": {"q": 1}}
    visit = run(EditFields(), {"fieldsToSet": [field("p.r", "v")], "includeOtherFields": include}, previous=previous)
    assert visit.data["result"] == result
    assert visit.state["p"] == {"r": "v"}
    assert previous == {"p": {"q": 1}}


def test_a_field_inside_a_list_stands_in_the_result_under_its_name() -> None:
    """The result is an object of what was set, not a copy of parts of the state."""
    visit = run(EditFields(), {"fieldsToSet": [field("rows[1].x", 1, "number")]}, state={"rows": [0, {"y": 2}]})
    assert visit.data["result"] == {"rows[1].x": 1}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"mode": "other", "fieldsToSet": []},
        {"mode": "json_output"},
        {"mode": "json_output", "jsonOutput": [1]},
        {"fieldsToSet": {}},
        {"fieldsToSet": ["a"]},
        {"fieldsToSet": [{"name": "a"}]},
        {"fieldsToSet": [{"value": 1}]},
        {"fieldsToSet": [field("", 1)]},
        {"fieldsToSet": [field("a[", 1)]},
        {"fieldsToSet": [field("a", 1, "date")]},
        {"fieldsToSet": [{"name": "a", "value": 1, "type": 5}]},
        {"fieldsToSet": [], "ignoreTypeErrors": "yes"},
    ],
)
def test_misuse_is_an_error_with_null_results(config: dict[str, Any]) -> None:
    """A bad parameter writes the result keys as null, and no field."""
    visit = run(EditFields(), config, state={"a": 7, "editFieldsResult": 1, "fieldsModified": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state == {"a": 7, "editFieldsResult": None, "fieldsModified": None}


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"fieldsToSet": [field("a.b", 1), field("c[0]", 1)]}, {"a", "c"}),
        ({"fieldsToSet": [field("a.b", "$.x")], "supportDotNotation": False}, {"a.b"}),
        ({"mode": "json_output", "jsonOutput": {"a": 1, "b": 2}}, {"a", "b"}),
        ({"fieldsToSet": [field("{{$.name}}", 1)]}, None),
        ({"fieldsToSet": [field("$.name", 1)]}, None),
        ({"fieldsToSet": "$.fields"}, None),
        ({"fieldsToSet": [1]}, None),
        ({"fieldsToSet": [field("a[", 1)]}, None),
        ({"mode": "json_output", "jsonOutput": "$.x"}, None),
        ({"mode": "$.mode", "fieldsToSet": []}, None),
        ({"fieldsToSet": [], "supportDotNotation": "$.dots"}, None),
    ],
)
def test_the_state_keys_of_literal_names_are_known(config: dict[str, Any], keys: set[str] | None) -> None:
    """Validation can tell what a step may write, unless the names are computed."""
    found = EditFields().state_keys(config)
    assert found == (None if keys is None else keys | {"editFieldsResult", "fieldsModified"})
