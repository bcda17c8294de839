"""JSON Schemas of definitions: what they take, and that none of them can hold anybody up."""

from __future__ import annotations

import time
from typing import Any

import pytest

from domain.errors import Unacceptable
from infrastructure.json_schemas import (
    LONGEST_MESSAGE,
    MAX_SCHEMA,
    Broken,
    UnusableSchema,
    check_schema,
    schema_of,
)
from infrastructure.schema_costs import MAX_WEIGHT

SOON_S = 0.05 * 6
"""Fifty milliseconds of the processor, on a machine on which other tests run too."""


def broken(schema: Any, value: Any, **options: Any) -> list[Broken]:
    """What breaks the schema."""
    return list(schema_of(schema).broken(value, most=20, **options))


def doubling(levels: int, **leaf: Any) -> dict[str, Any]:
    """A schema that refers twice to one that refers twice to one and so on, for the same value."""
    parts: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**parts, f"a{levels}": leaf}, "$ref": "#/$defs/a0"}


def deep(levels: int, make: Any, inside: Any) -> Any:
    """Something inside itself, so many times."""
    for _ in range(levels):
        inside = make(inside)
    return inside


TREE: dict[str, Any] = {
    "type": "object",
    "required": ["v"],
    "properties": {"v": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#"}}},
}


@pytest.mark.parametrize(
    ("schema", "value", "paths"),
    [
        (True, 1, []),
        (False, 1, [()]),
        ({"type": "integer"}, 1, []),
        ({"type": "integer"}, "1", [()]),
        (TREE, {"v": 1, "children": [{"v": 2, "children": []}]}, []),
        (TREE, {"v": 1, "children": [{"v": "x"}, {}]}, [("children", 0, "v"), ("children", 1)]),
        ({"$defs": {"x": {"$anchor": "foo", "type": "integer"}}, "items": {"$ref": "#foo"}}, [1, "a"], [(1,)]),
        ({"definitions": {"a/b": {"type": "null"}}, "$ref": "#/definitions/a~1b"}, 1, [()]),
        ({"pattern": "^(a+)+$"}, "aaab", [()]),
        (doubling(5, type="integer"), 1, []),
        ({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, [1, 2], [(1,)]),
        ({"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}, {"b": 1}, [()]),
        ({"properties": {f"k{n}": {"type": "integer"} for n in range(500)}}, {"k7": "x"}, [("k7",)]),
    ],
)
def test_a_schema_says_what_breaks_it(schema: Any, value: Any, paths: list[tuple[str | int, ...]]) -> None:
    """With the path to each part, references, anchors and schemas that contain themselves included."""
    assert [each.path for each in broken(schema, value)] == paths


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ("text", "object"),
        ({"type": "nope"}, "nope|the value"),
        ({"$ref": "#/nope"}, "nope"),
        ({"$ref": "https://example.com/schema.json"}, "not fetched"),
        ({"$ref": "other.json#/a"}, "not fetched"),
        ({"pattern": "(?=a)"}, "regex"),
        ({"pattern": "(a{1,1000}){1,1000}"}, "regex"),
        ({"pattern": "(?i)\\p{L}{200}"}, "regex"),
        ({"description": "x" * MAX_SCHEMA}, "bytes"),
        (deep(70, lambda inside: {"not": inside}, True), "deep"),
    ],
)
def test_what_is_no_schema_is_refused(schema: Any, word: str) -> None:
    """With a reason; nothing is ever fetched."""
    with pytest.raises(UnusableSchema, match=word) as refusal:
        schema_of(schema)
    assert refusal.value.code == "INVALID_SCHEMA"
    assert len(refusal.value.message) < 2 * LONGEST_MESSAGE


HOSTILE = {
    "references that double": doubling(40, type="integer"),
    "schemas that double": deep(11, lambda inside: {"anyOf": [inside] * 2}, True),
    "itself": {"$ref": "#"},
    "itself, by a way": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
    "itself, by an anchor": {"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}]},
    "itself, by itself": {"$recursiveAnchor": True, "not": {"$recursiveRef": "#"}},
    "twice below the same key": {"anyOf": [{"properties": {"a": {"$ref": "#"}}}] * 2},
    "twice below any key": {"allOf": [{"additionalProperties": {"$ref": "#"}}, {"patternProperties": {"a": {"$ref": "#"}}}]},
    "twice below elements": {"items": {"$ref": "#"}, "contains": {"$ref": "#"}},
    "twice below names": {"allOf": [{"propertyNames": {"$ref": "#"}}, {"propertyNames": {"anyOf": [{"$ref": "#"}] * 2}}]},
    "a long way of references": {
        "$defs": {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(900)}, "$ref": "#/$defs/a0"
    },
    "what is left over, again and again": deep(25, lambda inside: {"allOf": [inside], "unevaluatedProperties": False}, True),
    "a wide list of schemas": {"allOf": [{"type": "integer"}] * (MAX_WEIGHT + 1)},
    "objects to be one of": {"enum": [{"a": {"b": number}} for number in range(3_000)]},
    "many patterns": {"allOf": [{"pattern": f"^a{number}$"} for number in range(500)]},
    "many patterns for keys": {"patternProperties": {f"^a{number}$": True for number in range(500)}},
    "names by the thousand in many lists": {
        "allOf": [{"properties": {f"k{n}-{m}": {} for m in range(50)}, "additionalProperties": {}} for n in range(60)]
    },
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_schema_that_could_take_long_is_refused_at_once(name: str) -> None:
    """Before it is held against anything, and with a reason."""
    begun = time.process_time()
    with pytest.raises(UnusableSchema) as refusal:
        schema_of(HOSTILE[name])
    assert time.process_time() - begun < SOON_S
    assert refusal.value.message.startswith("The JSON Schema")


NUMBERS: list[Any] = [0] * 300_000
CHECKED = {
    "many elements": ({"items": {"type": "integer"}}, NUMBERS),
    "many elements, each wrong": ({"items": {"type": "string"}}, NUMBERS),
    "a large value of the wrong type": ({"type": "string"}, NUMBERS),
    "a long text": ({"pattern": "^(a+)+$"}, "a" * 1_000_000 + "b"),
    "a long text for many patterns": ({"allOf": [{"pattern": f"(x+x+)+y{n}"} for n in range(50)]}, "x" * 1_000_000),
    "as much as may be": (doubling(8, type="integer"), [0] * 5_000),
    "too much": (doubling(8, type="integer"), NUMBERS),
    "different elements": ({"uniqueItems": True}, [{"a": number} for number in range(20_000)]),
    "tiny divisors": ({"items": {"multipleOf": 1e-300}}, [1e300] * 5_000),
    "keys": ({"propertyNames": {"pattern": "^k"}}, {f"k{number}": 0 for number in range(60_000)}),
    "a tree": (TREE, deep(60, lambda inside: {"v": 1, "children": [inside] * 1}, {"v": 0})),
    "one of few": ({"items": {"enum": [f"v{n}" for n in range(3_000)]}}, ["v2999"] * 100_000),
}


@pytest.mark.parametrize("name", CHECKED)
def test_no_value_is_checked_for_long(name: str) -> None:
    """Either it is held against the schema soon, or it is too large for that; what is told of it is short."""
    schema, value = CHECKED[name]
    usable = schema_of(schema)
    begun = time.process_time()
    found = list(usable.broken(value, most=20, quoting=True))
    assert time.process_time() - begun < SOON_S
    assert all(len(each.message) <= LONGEST_MESSAGE for each in found)


def test_a_value_too_large_for_its_schema_is_said_to_be() -> None:
    """It is not taken unchecked."""
    schema, value = CHECKED["too much"]
    (only,) = broken(schema, value)
    assert (only.path, "too large" in only.message) == ((), True)


def test_problems_quote_small_values_only_where_that_is_asked_for() -> None:
    """A state that is checked as a whole is not to be told to everybody."""
    assert "kept" not in broken({"type": "integer"}, {"a": "kept"})[0].message
    assert "kept" in broken({"type": "integer"}, {"a": "kept"}, quoting=True)[0].message


def test_check_schema_gives_pointers_and_refuses_as_a_request() -> None:
    """What the engine asks of a payload."""
    assert [each.path for each in check_schema({"items": {"type": "integer"}}, [1, "a"])] == ["/1"]
    with pytest.raises(Unacceptable) as refusal:
        check_schema(HOSTILE["itself"], None)
    assert refusal.value.code == "INVALID_SCHEMA"
