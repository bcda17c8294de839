"""`filter`, and the conditions it shares with `switch`."""

from __future__ import annotations

import time
from typing import Any

import pytest

from domain.errors import StepFailure
from infrastructure.nodes.conditions import compile_conditions
from infrastructure.nodes.filter import Filter
from tests.support.nodes import run

ANY: Any = ...
ABSENT: Any = object()

# (operation, dataType or ABSENT, value, value2, fields that match, fields that don't)
CASES: list[tuple[str, Any, Any, Any, list[Any], list[Any]]] = [
    ("exists", ABSENT, ABSENT, ABSENT, [0, "", [], False], [None, ABSENT]),
    ("notExists", ABSENT, ABSENT, ABSENT, [None, ABSENT], [0, ""]),
    ("isEmpty", ABSENT, ABSENT, ABSENT, [ABSENT, None, "", [], {}], [0, False, " ", [None], {"a": None}]),
    ("isNotEmpty", ABSENT, ABSENT, ABSENT, [0, False, " ", [None]], [ABSENT, None, "", [], {}]),
    ("isNotEmpty", "object", ABSENT, ABSENT, [{"a": 1}], [{}, ABSENT]),
    ("equals", ABSENT, 1, ABSENT, [1, 1.0, "1", " 1.0 "], [True, "x", None, ABSENT, [1]]),
    ("equals", ABSENT, None, ABSENT, [None], [0, "", ABSENT]),
    ("equals", ABSENT, {"a": [1]}, ABSENT, [{"a": [1.0]}], [{"a": []}]),
    ("equals", "string", 5, ABSENT, ["5", 5], ["5.0", None, [5]]),
    ("equals", "number", "5", ABSENT, [5, "5.0"], ["x", True, ABSENT]),
    ("equals", "boolean", "true", ABSENT, [True, 1, "TRUE"], [False, "yes", ABSENT]),
    ("equals", "date", "2026-01-01", ABSENT, ["2026-01-01T01:00:00+01:00", 1_767_225_600_000], ["2026-01-02", "soon"]),
    ("equals", "array", [1], ABSENT, [[1.0]], [[], "1"]),
    ("equals", "string", None, ABSENT, [None], ["", ABSENT]),
    ("notEquals", ABSENT, "a", ABSENT, ["b", 1, None], ["a", ABSENT]),
    ("notEquals", "string", "a", ABSENT, ["b", 1], ["a", None, [], ABSENT]),
    ("notEquals", "number", 1, ABSENT, [2, "3"], [1, "1", "x", None, ABSENT]),
    ("contains", ABSENT, "b", ABSENT, ["abc", ["b"]], ["ac", ["abc"], None, {"b": 1}, ABSENT]),
    ("contains", ABSENT, 2, ABSENT, [[1, "2"], 123], [[3], 3]),
    ("contains", "string", "b", ABSENT, ["abc"], [["b"], None]),
    ("contains", "array", 2, ABSENT, [[1, 2.0]], ["12", {"2": 1}]),
    ("notContains", ABSENT, "b", ABSENT, ["ac", ["abc"]], ["abc", ["b"], None, ABSENT]),
    ("notContains", "string", "b", ABSENT, ["ac"], ["abc", ["x"], ABSENT]),
    ("notContains", "array", 1, ABSENT, [[2], []], [[1], "2"]),
    ("startsWith", ABSENT, "ab", ABSENT, ["abc"], ["cab", None, ["ab"]]),
    ("endsWith", ABSENT, 3, ABSENT, ["ab3", 13], ["3ab"]),
    ("regex", ABSENT, "^a+b", ABSENT, ["aab"], ["xab", None]),
    ("regex", "string", "(?i)B", ABSENT, ["abc"], ["ac"]),
    ("gt", ABSENT, 1, ABSENT, [2, "2"], [1, "x", True, None, ABSENT]),
    ("gte", ABSENT, "1", ABSENT, [1, 2], [0]),
    ("lt", "number", 1, ABSENT, [0, " -1 "], [1, ABSENT]),
    ("lte", ABSENT, 1, ABSENT, [1], [1.5]),
    ("between", ABSENT, 1, 3, [1, 2, "3"], [0, 4, "x"]),
    ("between", "number", "1", 3, [2], [0]),
    (
        "between",
        ABSENT,
        "2026-01-01",
        "2026-01-31",
        ["2026-01-01", "2026-01-31T00:00:00Z"],
        ["2026-02-01", "x", ABSENT],
    ),
    ("between", "date", "2026-01-01", "2026-01-31", ["2026-01-15"], ["2025-01-15"]),
    ("between", "date", 1_767_225_600_000, 1_767_225_700_000, ["2026-01-01"], ["2026-01-02"]),
    ("true", ABSENT, ABSENT, ABSENT, [True, 1, "true", "1"], [False, 0, "x", 2, None, ABSENT]),
    ("false", "boolean", ABSENT, ABSENT, [False, 0, "FALSE"], [True, "", None, ABSENT]),
    ("before", ABSENT, "2026-01-01", ABSENT, ["2025-12-31T23:59:59Z"], ["2026-01-01", "x", None]),
    ("after", ABSENT, "2026-01-01T00:00:00Z", ABSENT, ["2026-01-01T00:00:01"], ["2026-01-01"]),
    ("lengthEquals", ABSENT, 2, ABSENT, [[1, 2]], [[1], "ab", ABSENT]),
    ("lengthGt", "array", "1", ABSENT, [[1, 2]], [[1]]),
    ("lengthLt", ABSENT, 1, ABSENT, [[]], [[1], None]),
    ("hasProperty", ABSENT, "a", ABSENT, [{"a": None}], [{"b": 1}, "a", ["a"], ABSENT]),
    ("hasProperty", "object", "a.b[0]", ABSENT, [{"a": {"b": [1]}}, {"a.b[0]": 1}], [{"a": {"b": []}}]),
    ("notHasProperty", ABSENT, "a", ABSENT, [{"b": 1}, {}], [{"a": 1}, "b", ABSENT]),
]


def condition(operation: str, data_type: Any, value: Any, value2: Any) -> dict[str, Any]:
    """A condition without the parts that are absent."""
    parts = {"field": "f", "operation": operation, "dataType": data_type, "value": value, "value2": value2}
    return {key: part for key, part in parts.items() if part is not ABSENT}


@pytest.mark.parametrize(
    ("written", "matching", "others"),
    [(condition(*case[:4]), case[4], case[5]) for case in CASES],
    ids=[f"{case[0]}-{'any' if case[1] is ABSENT else case[1]}-{number}" for number, case in enumerate(CASES)],
)
def test_operations(written: dict[str, Any], matching: list[Any], others: list[Any]) -> None:
    """Each operation matches what NODES says, and a missing or unconvertible field matches only where it says so."""
    matches = compile_conditions([written])
    for fields, expected in ((matching, True), (others, False)):
        for field in fields:
            item = {} if field is ABSENT else {"f": field}
            assert matches(item) is expected, (written, item)


@pytest.mark.parametrize(
    ("field", "item", "found"),
    [
        ("a.b[1].c", {"a": {"b": [0, {"c": 1}]}}, True),
        ("['a.b']", {"a.b": 1}, True),
        ("first-name", {"first-name": "x"}, True),
        ("a.b", {"a": None}, False),
        ("a.b", {"a": "text"}, False),
        ("a.b", "text", False),
        ("a", None, False),
        ("tags.length", {"tags": []}, True),
    ],
)
def test_fields_are_dotted_paths(field: str, item: Any, found: bool) -> None:
    """A missing field is missing, never an exception, whatever the item is."""
    assert compile_conditions([{"field": field, "operation": "exists"}])(item) is found


IS = {name: {"field": name, "operation": "true"} for name in "abc"}


@pytest.mark.parametrize(
    ("conditions", "mode", "item", "expected"),
    [
        ([IS["a"], IS["b"]], "all", {"a": 1, "b": 0}, False),
        ([IS["a"], IS["b"]], "any", {"a": 1, "b": 0}, True),
        ([IS["a"], IS["b"]], "any", {"a": 0, "b": 0}, False),
        # ((a OR b) AND c): folded from the left, whatever matchMode says
        (
            [{**IS["a"], "combineWith": "OR"}, {**IS["b"], "combineWith": "AND"}, IS["c"]],
            "any",
            {"a": 1, "c": 0},
            False,
        ),
        ([{**IS["a"], "combineWith": "OR"}, {**IS["b"], "combineWith": "AND"}, IS["c"]], "all", {"b": 1, "c": 1}, True),
        # ((a AND b) OR c)
        ([{**IS["a"], "combineWith": "AND"}, {**IS["b"], "combineWith": "OR"}, IS["c"]], "all", {"c": 1}, True),
        # a condition without combineWith joins by AND once another has one
        ([{**IS["a"], "combineWith": "OR"}, IS["b"], IS["c"]], "any", {"a": 1, "c": 0}, False),
        # what the last one says joins nothing
        ([IS["a"], {**IS["b"], "combineWith": "OR"}], "any", {"a": 1, "b": 0}, False),
    ],
)
def test_conditions_combine(conditions: list[Any], mode: str, item: Any, expected: bool) -> None:
    """`combineWith` folds the whole list from the left; without one, `matchMode` decides."""
    assert bool(compile_conditions(conditions, match_mode=mode)(item)) is expected


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([], "at least one condition"),
        ("x", "conditions is an array"),
        ([1], "conditions[0]"),
        ([{"operation": "exists"}], "name of a field"),
        ([{"field": "", "operation": "exists"}], "name of a field"),
        ([{"field": "a[", "operation": "exists"}], "conditions[0].field"),
        ([{"field": "a"}], "exists, notExists"),
        ([{"field": "a", "operation": "like"}], "startsWith"),
        ([{"field": "a", "operation": "gt", "dataType": "string", "value": 1}], "startsWith"),
        ([{"field": "a", "operation": "gt", "dataType": "money", "value": 1}], "string, number, boolean"),
        ([{"field": "a", "operation": "gt", "dataType": [], "value": 1}], "string, number, boolean"),
        ([{"field": "a", "operation": ["gt"], "value": 1}], "startsWith"),
        ([{"field": "a", "operation": "gt"}], "needs value"),
        ([{"field": "a", "operation": "equals"}], "needs value"),
        ([{"field": "a", "operation": "contains"}], "needs value"),
        ([{"field": "a", "operation": "between", "value": 1}], "needs value2"),
        ([{"field": "a", "operation": "gt", "value": "x"}], "not a number"),
        ([{"field": "a", "operation": "equals", "dataType": "number", "value": "x"}], "not a number"),
        ([{"field": "a", "operation": "before", "value": "tomorrow"}], "not a date"),
        ([{"field": "a", "operation": "between", "value": 1, "value2": "x"}], "not a number"),
        ([{"field": "a", "operation": "lengthGt", "value": []}], "not a number"),
        ([{"field": "a", "operation": "startsWith", "value": None}], "not a string"),
        ([{"field": "a", "operation": "hasProperty", "value": {}}], "not a string"),
        ([{"field": "a", "operation": "regex", "value": 5}], "pattern"),
        ([{"field": "a", "operation": "exists", "combineWith": "XOR"}], "AND, OR"),
    ],
)
def test_bad_conditions_are_refused(bad: Any, says: str) -> None:
    """An unknown operation, a missing companion or a value that can't be converted is `INVALID_PARAMETER`."""
    visit = run(Filter(), {"items": [{"a": 1}], "conditions": bad}, state={"filterPassed": [1]})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == {"filterPassed": None, "filterFiltered": None, "filterStats": None}


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(", "[z-a]"])
def test_patterns_of_other_engines_are_refused(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Lookaround and back-references are `INVALID_PATTERN`, and nothing is printed about them."""
    visit = run(Filter(), {"items": [], "conditions": [{"field": "a", "operation": "regex", "value": pattern}]})
    assert visit.code == "INVALID_PATTERN"
    assert "Error parsing" not in capfd.readouterr().err


def test_patterns_run_in_linear_time() -> None:
    """A pattern that makes backtracking engines hang is answered at once."""
    started = time.perf_counter()
    matches = compile_conditions([{"field": "a", "operation": "regex", "value": "^(a+)+$"}])
    assert matches({"a": "a" * 50_000 + "!"}) is False
    assert time.perf_counter() - started < 1


ADULTS = [{"field": "age", "operation": "gte", "value": 18}]
PEOPLE = [{"age": 20}, {"age": 3}, {"age": 30}]


def test_something_passed() -> None:
    """`passed` carries what passed, with the counts; the state has both halves and the statistics."""
    visit = run(Filter(), {"items": PEOPLE, "conditions": ADULTS})
    assert visit.edge == "passed"
    assert visit.data == {"items": [{"age": 20}, {"age": 30}], "passedCount": 2, "filteredCount": 1, "totalCount": 3}
    assert visit.state == {
        "filterPassed": [{"age": 20}, {"age": 30}],
        "filterFiltered": [{"age": 3}],
        "filterStats": {"passedCount": 2, "filteredCount": 1, "totalCount": 3, "passRate": 66.67},
    }


@pytest.mark.parametrize(("items", "rate"), [([{"age": 1}], 0), ([], 0)])
def test_nothing_passed(items: list[Any], rate: int) -> None:
    """`filtered` carries the rejected, also when there was nothing at all."""
    visit = run(Filter(), {"items": items, "conditions": ADULTS})
    assert visit.edge == "filtered"
    assert visit.data == {"items": items, "passedCount": 0, "filteredCount": len(items), "totalCount": len(items)}
    assert visit.state["filterStats"]["passRate"] == rate


@pytest.mark.parametrize(
    ("config", "previous", "state"),
    [
        ({"items": PEOPLE}, {"items": []}, {"items": []}),
        ({}, {"items": PEOPLE}, {"items": []}),
        ({}, None, {"items": PEOPLE}),
        ({}, {"other": 1}, {"items": PEOPLE}),
    ],
)
def test_items_come_from_the_parameter_the_edge_before_or_the_state(config: Any, previous: Any, state: Any) -> None:
    """In that order."""
    visit = run(Filter(), {**config, "conditions": ADULTS}, previous=previous, state=state)
    assert visit.data["totalCount"] == 3


@pytest.mark.parametrize("config", [{}, {"items": None}, {"items": {"a": 1}}, {"items": "x"}])
def test_without_a_list_it_is_an_error(config: dict[str, Any]) -> None:
    """No list, or something else in its place, is `INVALID_PARAMETER`."""
    assert run(Filter(), {**config, "conditions": ADULTS}).code == "INVALID_PARAMETER"


@pytest.mark.parametrize("extra", [{"matchMode": "some"}, {"matchMode": None}])
def test_an_unknown_match_mode_is_an_error(extra: dict[str, Any]) -> None:
    """The allowed values are named."""
    visit = run(Filter(), {"items": [], "conditions": ADULTS, **extra})
    assert visit.code == "INVALID_PARAMETER"


def test_filtered_leaves_a_loop() -> None:
    """`filtered` is an exit, so that a `filter...` loop ends when nothing passes."""
    assert Filter.metadata.exit_edges == ("filtered",)
    assert Filter.metadata.inputs == ("items",)


def test_a_failure_names_the_condition() -> None:
    """Among many conditions the bad one is found by its place."""
    with pytest.raises(StepFailure) as caught:
        compile_conditions([*ADULTS, {"field": "a", "operation": "gt", "value": "x"}], where="rules[2].conditions")
    assert caught.value.error.details["parameter"] == "rules[2].conditions[1].value"
