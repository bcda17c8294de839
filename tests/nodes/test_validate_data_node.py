"""`validateData`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.validate_data import MAX_ERRORS, ValidateData
from tests.support.nodes import run

PERSON = {"name": "Ann", "age": "41", "email": "ann@example.com", "tags": ["x"], "address": {"zip": "12345", "no": 7}}
RESULT_KEYS = ("validationResult", "validationErrors")


def rules(kind: str, *entries: Any) -> dict[str, Any]:
    parameter = {
        "required_fields": "requiredFields",
        "type_check": "typeChecks",
        "range": "rangeValidations",
        "pattern": "patternValidations",
    }[kind]
    return {"validationType": kind, parameter: list(entries)}


def typed(field: str, expected: Any) -> dict[str, Any]:
    return rules("type_check", {"field": field, "expectedType": expected})


def ranged(field: str, **bounds: Any) -> dict[str, Any]:
    return rules("range", {"field": field, **bounds})


def matched(field: str, pattern: Any, **more: Any) -> dict[str, Any]:
    return rules("pattern", {"field": field, "pattern": pattern, **more})


VALID: list[dict[str, Any]] = [
    rules("required_fields", "name", "address.zip", "tags[0]"),
    typed("name", "string"),
    typed("address.no", "number"),
    typed("address.no", "integer"),
    typed("tags", "array"),
    typed("address", "object"),
    ranged("age", min=18),
    ranged("age", min=41, max="41"),
    ranged("address.no", max=7.5, min=None),
    matched("email", r"^[^@]+@[^@]+\.[^@]+$"),
    matched("address.no", "^7$"),
    matched("name", "(?i)ANN"),
    {"validationType": "json"},
    {"validationType": "json_schema", "schema": {"type": "object", "required": ["name"]}},
    {"validationType": "json_schema", "schema": True},
    {"validationType": "custom", "customValidator": "data.age >= 18 && data.name !== ''"},
    {"validationType": "custom", "customValidator": "data.tags ? [] : ['no tags']"},
    {"validationType": "custom", "customValidator": True},
]


@pytest.mark.parametrize("config", VALID)
def test_valid_data(config: dict[str, Any]) -> None:
    """The edge, and a state without stale errors."""
    visit = run(ValidateData(), {"data": PERSON, **config}, state={"validationErrors": ["old"]})
    kind = config["validationType"]
    parsed = PERSON if kind == "json" else None
    assert visit.edge == "valid", visit.data
    assert visit.data == {"data": PERSON, "isValid": True, "validationType": kind, "parsedJson": parsed}
    assert visit.state["validationErrors"] == []
    assert visit.state["validationResult"] == {
        "isValid": True,
        "validationType": kind,
        "itemsValidated": 1,
        "timestamp": "2026-11-22T12:00:00.000000Z",
    }


INVALID: list[tuple[dict[str, Any], str, Any]] = [
    (rules("required_fields", "phone"), "phone", None),
    (rules("required_fields", "address.city"), "address.city", None),
    (typed("age", "number"), "age", "41"),
    (typed("address.no", "string"), "address.no", 7),
    (typed("phone", "null"), "phone", None),
    (typed("tags", "object"), "tags", ["x"]),
    (ranged("age", max=40), "age", "41"),
    (ranged("age", min=41.5), "age", "41"),
    (ranged("name", min=1), "name", "Ann"),
    (ranged("phone", min=1), "phone", None),
    (matched("name", "^[a-z]+$"), "name", "Ann"),
    (matched("phone", ".*"), "phone", None),
    (matched("tags", "x"), "tags", ["x"]),
    ({"validationType": "json_schema", "schema": {"properties": {"age": {"type": "integer"}}}}, "age", "41"),
    (
        {
            "validationType": "json_schema",
            "schema": {"properties": {"address": {"properties": {"zip": {"maxLength": 3}}}}},
        },
        "address.zip",
        "12345",
    ),
    ({"validationType": "custom", "customValidator": "data.age > 50"}, "__root__", None),
    ({"validationType": "custom", "customValidator": False}, "__root__", None),
]


@pytest.mark.parametrize(("config", "field", "value"), INVALID)
def test_invalid_data(config: dict[str, Any], field: str, value: Any) -> None:
    """Each error has the field, what is wrong and the value; edge data and state say the same."""
    visit = run(ValidateData(), {"data": PERSON, **config})
    assert visit.edge == "invalid"
    (error,) = visit.data["errors"]
    assert (error["field"], error["value"]) == (field, value)
    assert error["error"]
    assert "index" not in error
    assert visit.state["validationErrors"] == visit.data["errors"]
    assert visit.data["errorCount"] == 1
    assert visit.data["isValid"] is False
    assert visit.state["validationResult"]["isValid"] is False


@pytest.mark.parametrize("value", ["", None])
def test_empty_text_and_null_count_as_missing(value: Any) -> None:
    """For required fields; false, 0 and an empty list are there."""
    data = {"a": value, "b": False, "c": 0, "d": [], "e": " "}
    visit = run(ValidateData(), {"data": data, "requiredFields": ["a", "b", "c", "d", "e"]})
    assert [error["field"] for error in visit.data["errors"]] == ["a"]


def test_the_message_of_a_pattern_can_be_given() -> None:
    """Else it names the pattern."""
    given = run(ValidateData(), {"data": PERSON, **matched("age", "x", errorMessage="No x")})
    assert given.data["errors"][0]["error"] == "No x"
    own = run(ValidateData(), {"data": PERSON, **matched("age", "x+y")})
    assert "x+y" in own.data["errors"][0]["error"]


@pytest.mark.parametrize(
    ("data", "parsed"),
    [('{"a": [1]}', {"a": [1]}), ("[1]", [1]), ({"a": 1}, {"a": 1}), ([], [])],
)
def test_json_that_parses(data: Any, parsed: Any) -> None:
    """An object or list, or the text of one."""
    visit = run(ValidateData(), {"validationType": "json", "data": data})
    assert visit.edge == "valid"
    assert visit.data["parsedJson"] == parsed
    assert visit.state["parsedJson"] == parsed


@pytest.mark.parametrize("data", ["", "{", "5", '"x"', "null", "NaN", '{"a": 1, "a": 2}', None, 5, True])
def test_json_that_is_none(data: Any) -> None:
    """`invalid`, not `error`; what an earlier step parsed is gone."""
    visit = run(ValidateData(), {"validationType": "json", "data": data}, state={"parsedJson": "old"})
    assert visit.edge == "invalid"
    assert visit.data["errors"][0]["field"] == "__root__"
    assert visit.state["parsedJson"] is None


@pytest.mark.parametrize("kind", ["required_fields", "type_check", "range", "pattern"])
@pytest.mark.parametrize("data", [None, "text", 5, True])
def test_what_has_no_fields_is_invalid(kind: str, data: Any) -> None:
    """`error` is for misuse only."""
    entry: Any = "a" if kind == "required_fields" else {"field": "a", "expectedType": "null", "min": 1, "pattern": "x"}
    visit = run(ValidateData(), {"data": data, **rules(kind, entry)})
    assert visit.edge == "invalid"
    (error,) = visit.data["errors"]
    assert (error["field"], error["value"]) == ("__root__", data)


def test_other_validations_leave_the_parsed_json_alone() -> None:
    """A pipeline parses once and then validates what it parsed, several times; an error does not lose it either."""
    state = {"parsedJson": {"a": 1}}
    for config in ({"requiredFields": ["a"]}, {"requiredFields": ["b"]}, {"requiredFields": 5}):
        visit = run(ValidateData(), {"data": {"a": 1}, **config}, state=state)
        assert visit.state["parsedJson"] == {"a": 1}


def test_a_list_is_checked_item_by_item() -> None:
    """With the index in each error."""
    data = [{"a": 1}, {}, 5, {"a": ""}]
    visit = run(ValidateData(), {"data": data, "requiredFields": ["a"]})
    assert [(error["index"], error["field"]) for error in visit.data["errors"]] == [(1, "a"), (2, "__root__"), (3, "a")]
    assert visit.state["validationResult"]["itemsValidated"] == 4
    assert run(ValidateData(), {"data": [], "requiredFields": ["a"]}).edge == "valid"


@pytest.mark.parametrize(
    "config",
    [
        {"validationType": "json_schema", "schema": {"type": "array", "minItems": 2}},
        {"validationType": "custom", "customValidator": "data.length == 2"},
    ],
)
def test_a_list_as_a_whole(config: dict[str, Any]) -> None:
    """A schema and an expression see all of it."""
    assert run(ValidateData(), {"data": [1, 2], **config}).edge == "valid"
    assert run(ValidateData(), {"data": [1], **config}).edge == "invalid"


def test_stop_on_error_tells_the_first_only() -> None:
    """And counts no further."""
    config = {"data": {}, "requiredFields": ["a", "b"], "stopOnError": True}
    visit = run(ValidateData(), config)
    assert [error["field"] for error in visit.data["errors"]] == ["a"]
    assert visit.data["errorCount"] == 1


def test_errors_need_not_be_output() -> None:
    """Then only their number is told."""
    visit = run(ValidateData(), {"data": {}, "requiredFields": ["a", "b"], "outputErrors": False})
    assert visit.data["errors"] == []
    assert visit.data["errorCount"] == 2
    assert visit.state["validationErrors"] == []


@pytest.mark.parametrize(
    ("result", "errors"),
    [
        ("'too old'", [("__root__", "too old", None)]),
        ("['a', 'b']", [("__root__", "a", None), ("__root__", "b", None)]),
        ("[{'field': 'age', 'error': 'too old', 'value': data.age}]", [("age", "too old", "41")]),
        ("[{}]", [("__root__", "is not valid", None)]),
        ("$.limit > 40 ? 'over' : true", [("__root__", "over", None)]),
    ],
)
def test_a_validator_may_say_what_is_wrong(result: str, errors: list[tuple[str, str, Any]]) -> None:
    """With a text, or a list of texts or error objects; it sees the state too."""
    config = {"data": PERSON, "validationType": "custom", "customValidator": result}
    visit = run(ValidateData(), config, state={"limit": 50})
    assert [(error["field"], error["error"], error["value"]) for error in visit.data["errors"]] == errors


WHERE: list[tuple[Any, dict[str, Any], Any]] = [
    ({"data": {"a": 1}}, {"data": {}, "input": {}}, {"a": 1}),
    ({"other": 1}, {"data": {"a": 1}, "input": {}}, {"a": 1}),
    (None, {"input": {"a": 1}}, {"a": 1}),
    (None, {"input": "text", "a": 1}, None),
    (None, {"a": 1}, None),
    ({"data": None, "isValid": True, "validationType": "pattern"}, {"a": 1}, None),
    ({"data": None, "isValid": False}, {"input": {"a": 1}}, {"a": 1}),
]


@pytest.mark.parametrize(("previous", "state", "data"), WHERE)
def test_data_without_the_parameter(previous: Any, state: dict[str, Any], data: Any) -> None:
    """The edge before, `data` or `input` of the state, the state: of which edge data holds null, that next means it."""
    visit = run(ValidateData(), {"requiredFields": ["a"]}, state=state, previous=previous)
    assert visit.edge == "valid"
    assert visit.data["data"] == data


@pytest.mark.parametrize("previous", [{"data": None}, None])
def test_a_null_that_is_meant(previous: Any) -> None:
    """A null handed on by another node, or given as the parameter, is validated as null."""
    config = {"requiredFields": ["a"], **({} if previous else {"data": None})}
    assert run(ValidateData(), config, state={"a": 1}, previous=previous).edge == "invalid"


@pytest.mark.parametrize(
    "config",
    [
        {"validationType": "json"},
        {"validationType": "json_schema", "schema": {"not": {"type": "object"}}},
        {"validationType": "custom", "customValidator": "false"},
        {"requiredFields": ["a", "b"]},
    ],
)
def test_the_whole_state_is_never_copied(config: dict[str, Any]) -> None:
    """Neither edge data nor result keys hold it, whatever is found."""
    visit = run(ValidateData(), config, state={"a": "kept", "deep": {"down": 1}})
    assert "kept" not in str(visit.data)
    written = {key: value for key, value in visit.state.items() if key not in ("a", "deep")}
    assert "kept" not in str(written)
    assert visit.reads >= {"*"}


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"validationType": "xml"}, "INVALID_PARAMETER"),
        ({}, "INVALID_PARAMETER"),
        ({"requiredFields": []}, "INVALID_PARAMETER"),
        ({"requiredFields": [5]}, "INVALID_PARAMETER"),
        ({"requiredFields": ["a["]}, "INVALID_PARAMETER"),
        ({"requiredFields": ["a"], "stopOnError": "yes"}, "INVALID_PARAMETER"),
        ({"validationType": "type_check"}, "INVALID_PARAMETER"),
        (typed("a", "date"), "INVALID_PARAMETER"),
        (typed("a", ["string"]), "INVALID_PARAMETER"),
        (typed("", "string"), "INVALID_PARAMETER"),
        (rules("type_check", "a"), "INVALID_PARAMETER"),
        (ranged("a"), "INVALID_PARAMETER"),
        (ranged("a", min="low"), "INVALID_PARAMETER"),
        (matched("a", None), "INVALID_PARAMETER"),
        (matched("a", "(?=b)"), "INVALID_PATTERN"),
        (matched("a", "b", errorMessage=5), "INVALID_PARAMETER"),
        ({"validationType": "json_schema"}, "INVALID_PARAMETER"),
        ({"validationType": "json_schema", "schema": {"type": "thing"}}, "INVALID_PARAMETER"),
        ({"validationType": "json_schema", "schema": {"$ref": "https://example.com/x.json"}}, "INVALID_PARAMETER"),
        ({"validationType": "json_schema", "schema": {"description": "x" * 70_000}}, "INVALID_PARAMETER"),
        ({"validationType": "custom"}, "INVALID_PARAMETER"),
        ({"validationType": "custom", "customValidator": "data.a +"}, "INVALID_EXPRESSION"),
        ({"validationType": "custom", "customValidator": "eval('1')"}, "INVALID_EXPRESSION"),
        ({"validationType": "custom", "customValidator": "data.missing"}, "UNDEFINED_REFERENCE"),
        ({"validationType": "custom", "customValidator": "data.a + 1"}, "INVALID_PARAMETER"),
        ({"validationType": "custom", "customValidator": None}, "INVALID_PARAMETER"),
    ],
)
def test_misuse_is_an_error_with_null_results(config: dict[str, Any], code: str) -> None:
    """Whatever the data is."""
    visit = run(ValidateData(), {"data": {"a": 1}, **config}, state=dict.fromkeys(RESULT_KEYS, "old"))
    assert visit.code == code
    assert visit.state == dict.fromkeys(RESULT_KEYS)


def test_misuse_of_json_makes_the_parsed_json_null() -> None:
    """It is a result key of that validation."""
    config = {"validationType": "json", "data": "{}", "stopOnError": 5}
    assert run(ValidateData(), config, state={"parsedJson": "old"}).state["parsedJson"] is None


def test_errors_are_counted_but_not_all_told() -> None:
    """A thousand are enough for anyone."""
    visit = run(ValidateData(), {"data": [{}] * 5_000, "requiredFields": ["a"]})
    assert len(visit.data["errors"]) == MAX_ERRORS
    assert visit.data["errorCount"] == 5_000


def test_a_large_value_is_not_repeated_in_its_errors() -> None:
    """Null stands for it."""
    visit = run(ValidateData(), {"data": {"a": "x" * 5_000}, **ranged("a", min=1)})
    assert visit.data["errors"][0]["value"] is None
    deep: Any = 1
    for _ in range(110):
        deep = [deep]
    assert run(ValidateData(), {"data": {"a": deep}, **ranged("a", min=1)}).data["errors"][0]["value"] is None


@pytest.mark.parametrize(
    "config",
    [
        {"data": [{}] * 1_000, "requiredFields": ["a"] * 1_000},
        {"data": {"a": "x" * 1_000_000}, **rules("pattern", *[{"field": "a", "pattern": "y"}] * 1_000)},
    ],
)
def test_work_is_bounded(config: dict[str, Any]) -> None:
    """Rules times items, and the text that patterns look at."""
    assert run(ValidateData(), config).code == "WORK_LIMIT"


def test_of_large_data_a_schema_tells_the_first_error() -> None:
    """All of a long list would take seconds."""
    schema = {"items": {"type": "string"}}
    visit = run(ValidateData(), {"validationType": "json_schema", "schema": schema, "data": [1] * 300_000})
    assert [error["field"] for error in visit.data["errors"]] == ["[0]"]
    small = run(ValidateData(), {"validationType": "json_schema", "schema": schema, "data": [1] * 3})
    assert [error["field"] for error in small.data["errors"]] == ["[0]", "[1]", "[2]"]
