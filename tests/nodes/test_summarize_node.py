"""`summarize`, and the aggregations it shares with `aggregate`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.aggregations import OPERATIONS
from infrastructure.nodes.allowance import MAX_RESULT
from infrastructure.nodes.summarize import Summarize
from tests.support.nodes import run


def entry(aggregation: str, field: str = "f", output: str = "out", **more: Any) -> dict[str, Any]:
    """One entry of fieldsToSummarize."""
    return {"fieldToAggregate": field, "aggregation": aggregation, "outputFieldName": output, **more}


def column(values: list[Any]) -> list[dict[str, Any]]:
    """An item for each value of `f`; `...` is a missing one."""
    return [{} if value is ... else {"f": value} for value in values]


# (aggregation, further keys, values, result)
CASES: list[tuple[str, dict[str, Any], list[Any], Any]] = [
    ("append", {}, [1, None, ..., "a", [2]], [1, "a", [2]]),
    ("append", {"includeEmptyValues": True}, [1, None, ...], [1, None, None]),
    ("append", {}, [], []),
    ("concatenate", {}, ["a", None, 1, 2.5, True, {"x": 1}], 'a, 1, 2.5, true, {"x":1}'),
    ("concatenate", {"separator": "", "includeEmptyValues": True}, ["a", None, "b"], "ab"),
    ("concatenate", {"separator": "|", "includeEmptyValues": True}, ["a", None, "b"], "a||b"),
    ("concatenate", {}, [], ""),
    ("count", {}, [1, None, ..., 0, ""], 3),
    ("count", {"includeEmptyValues": True}, [1, None, ...], 3),
    ("countUnique", {}, [1, 1.0, "1", True, None, ..., "a"], 3),
    ("countUnique", {"includeEmptyValues": True}, ["1", "1.0", None, ...], 3),
    ("sum", {}, [1, "2", " 3.5 ", None, ...], 6.5),
    ("sum", {}, [0.1] * 10, 1),
    ("sum", {}, [2**53, 1, "1"], 2**53 + 2),
    ("sum", {}, [], 0),
    ("sum", {"includeEmptyValues": True}, [1, None], 1),
    ("average", {}, [85, 78], 81.5),
    ("average", {}, [1, "3", None], 2),
    ("average", {"includeEmptyValues": True}, [1, None, 2], 1.5),
    ("average", {}, [2**60, 2**60 + 2], 2**60 + 1),
    ("average", {}, [None], None),
    ("min", {}, [3, "-1", 2.5, None], -1),
    ("max", {}, [3, "10", 2.5], 10),
    ("max", {}, ["9", "10"], 10),
    ("min", {}, ["2026-02-01", "2026-01-01"], "2026-01-01"),
    ("max", {"includeEmptyValues": True}, ["a", "B", None], "a"),
    ("min", {}, [], None),
    ("max", {}, [None, ...], None),
]


@pytest.mark.parametrize(("aggregation", "more", "values", "result"), CASES, ids=range(len(CASES)))
def test_aggregations(aggregation: str, more: dict[str, Any], values: list[Any], result: Any) -> None:
    """Nulls are skipped unless included; numeric texts are numbers; whole results are integers."""
    visit = run(Summarize(), {"items": column(values), "fieldsToSummarize": [entry(aggregation, **more)]})
    assert visit.edge == "success"
    found = visit.data["result"][0]["out"]
    assert found == result
    assert type(found) is type(result)
    assert visit.state["out"] == result


@pytest.mark.parametrize(
    ("aggregation", "values"),
    [
        ("sum", [1, "a"]),
        ("sum", [True]),
        ("average", [[1]]),
        ("average", [""]),
        ("min", [1, "a"]),
        ("max", ["a", True]),
        ("min", [{}]),
    ],
)
def test_values_that_are_no_numbers_are_refused(aggregation: str, values: list[Any]) -> None:
    """A wrong total is worse than none; the error names the field."""
    visit = run(Summarize(), {"items": column(values), "fieldsToSummarize": [entry(aggregation)]}, state={"out": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert "f" in visit.data["message"]
    assert visit.state["out"] is None


@pytest.mark.parametrize("aggregation", ["sum", "average"])
@pytest.mark.parametrize("values", [[1e308, 1e308, 1e308], ["9" * 500, 1.5], ["9" * 500, 1]])
def test_results_that_are_no_json_numbers_are_errors(aggregation: str, values: list[Any]) -> None:
    """Past the largest float, or past 64 bits."""
    visit = run(Summarize(), {"items": column(values), "fieldsToSummarize": [entry(aggregation)]})
    assert visit.code == "EXPRESSION_ERROR"


ORDERS = [
    {"to": {"country": "DE"}, "kind": 1, "total": 10},
    {"to": {"country": "FR"}, "kind": 1, "total": 5},
    {"to": {"country": "DE"}, "kind": "1", "total": 2.5},
    {"to": {"country": "DE"}, "kind": 2, "total": 1},
]
TOTALS = [entry("sum", "total", "sumOf"), entry("count", "*", "rows")]


def test_one_row_without_a_split() -> None:
    """The row is the result, the items and the one group; the overall values are state keys."""
    visit = run(Summarize(), {"fieldsToSummarize": TOTALS}, previous={"items": ORDERS})
    row = {"sumOf": 18.5, "rows": 4, "_itemCount": 4}
    assert visit.data == {"result": [row], "items": [row], "groups": [row], "itemCount": 4, "groupCount": 1}
    assert visit.state == {
        "summarizeResult": [row],
        "summarizeGroups": [row],
        "summarizeMetadata": {
            "itemCount": 4,
            "groupCount": 1,
            "outputFormat": "separate_items",
            "fieldsToSplitBy": [],
        },
        "sumOf": 18.5,
        "rows": 4,
    }


GROUPS = [
    {"to.country": "DE", "kind": 1, "sumOf": 12.5, "rows": 2, "_itemCount": 2},
    {"to.country": "FR", "kind": 1, "sumOf": 5, "rows": 1, "_itemCount": 1},
    {"to.country": "DE", "kind": 2, "sumOf": 1, "rows": 1, "_itemCount": 1},
]


def test_groups_keep_their_fields_with_their_types() -> None:
    """In the order of their first items, with overall values beside them."""
    config = {"items": ORDERS, "fieldsToSummarize": TOTALS, "fieldsToSplitBy": ["to.country", "kind"]}
    visit = run(Summarize(), config)
    assert visit.data == {"result": GROUPS, "items": GROUPS, "groups": GROUPS, "itemCount": 4, "groupCount": 3}
    assert visit.state["sumOf"] == 18.5
    assert visit.state["summarizeMetadata"]["fieldsToSplitBy"] == ["to.country", "kind"]


@pytest.mark.parametrize(
    ("split", "result"),
    [
        (["to.country", "kind"], {"groups": GROUPS, "groupCount": 3, "totalItems": 4}),
        ([], {"sumOf": 18.5, "rows": 4, "_itemCount": 4}),
    ],
)
def test_a_single_item(split: list[str], result: dict[str, Any]) -> None:
    """One object, which is then the only item."""
    config = {"items": ORDERS, "fieldsToSummarize": TOTALS, "fieldsToSplitBy": split, "outputFormat": "single_item"}
    visit = run(Summarize(), config)
    assert visit.data["result"] == result
    assert visit.data["items"] == [result]
    assert visit.state["summarizeResult"] == result
    assert visit.state["summarizeGroups"] == visit.data["groups"]


@pytest.mark.parametrize(
    ("skip", "groups", "overall"),
    [(False, [("a", 1), (None, 6)], 7), (True, [("a", 1)], 1)],
)
def test_items_without_a_field_to_split_by(skip: bool, groups: list[Any], overall: int) -> None:
    """Null and missing are one group, or left out, of the overall values too."""
    items = [{"g": "a", "n": 1}, {"n": 2}, {"g": None, "n": 4}]
    config = {"fieldsToSummarize": [entry("sum", "n")], "fieldsToSplitBy": ["g"], "skipMissingFields": skip}
    visit = run(Summarize(), {"items": items, **config})
    assert [(row["g"], row["out"]) for row in visit.data["groups"]] == groups
    assert visit.state["out"] == overall
    assert visit.data["itemCount"] == 3


@pytest.mark.parametrize(("split", "rows"), [([], [{"out": 0, "_itemCount": 0}]), (["g"], [])])
def test_no_items(split: list[str], rows: list[Any]) -> None:
    """Nothing has a total of 0; there are no groups of nothing."""
    visit = run(Summarize(), {"items": [], "fieldsToSummarize": [entry("sum")], "fieldsToSplitBy": split})
    assert visit.data["result"] == rows
    assert visit.state["out"] == 0


@pytest.mark.parametrize(("literal", "found"), [(False, 1), (True, 2)])
def test_dots_can_be_literal(literal: bool, found: int) -> None:
    """For the fields that are aggregated as for those to split by."""
    config = {"fieldsToSummarize": [entry("sum", "a.b")], "fieldsToSplitBy": ["a.b"], "disableDotNotation": literal}
    visit = run(Summarize(), {"items": [{"a": {"b": 1}, "a.b": 2}], **config})
    assert visit.data["result"] == [{"a.b": found, "out": found, "_itemCount": 1}]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "needs the parameter fieldsToSummarize"),
        ({"fieldsToSummarize": []}, "at least one entry"),
        ({"fieldsToSummarize": [1]}, "fieldsToSummarize[0] is an object"),
        ({"fieldsToSummarize": [{"aggregation": "sum", "outputFieldName": "x"}]}, "name of a field"),
        ({"fieldsToSummarize": [{"fieldToAggregate": "a", "outputFieldName": "x"}]}, ", ".join(OPERATIONS)),
        ({"fieldsToSummarize": [{"fieldToAggregate": "a", "aggregation": "sum"}]}, "needs outputFieldName"),
        ({"fieldsToSummarize": [entry("median")]}, "append, average"),
        ({"fieldsToSummarize": [entry("sum", output="")]}, "outputFieldName"),
        ({"fieldsToSummarize": [entry("concatenate", separator=1)]}, "separator is a text"),
        ({"fieldsToSummarize": [entry("count", includeEmptyValues=1)]}, "true or false"),
        ({"fieldsToSummarize": [entry("sum"), entry("count")]}, "called out"),
        ({"fieldsToSummarize": [entry("sum", output="_itemCount")]}, "called _itemCount"),
        ({"fieldsToSummarize": [entry("sum", output="summarizeResult")]}, "called summarizeResult"),
        ({"fieldsToSummarize": [entry("sum")], "fieldsToSplitBy": ["out"]}, "called out"),
        ({"fieldsToSummarize": [entry("sum")], "fieldsToSplitBy": [1]}, "fieldsToSplitBy[0]"),
        ({"fieldsToSummarize": [entry("sum")], "outputFormat": "csv"}, "separate_items, single_item"),
        ({"fieldsToSummarize": [entry("sum")], "items": 5}, "items is an array"),
    ],
)
def test_bad_parameters_are_errors(config: dict[str, Any], says: str) -> None:
    """All results are null, the overall values of entries that can be told included."""
    visit = run(Summarize(), {"items": [], **config}, state={"out": 1, "summarizeResult": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state["summarizeResult"] is None
    names = [each for each in config.get("fieldsToSummarize", []) if isinstance(each, dict)]
    assert visit.state["out"] == (None if any(each.get("outputFieldName") == "out" for each in names) else 1)


@pytest.mark.parametrize(
    ("items", "config"),
    [
        (
            [{"f": "x" * (MAX_RESULT // 7)}],
            {"fieldsToSummarize": [entry("append", output=f"out{place}") for place in range(8)]},
        ),
        (column([1] * 1_000), {"fieldsToSummarize": [entry("concatenate", separator="x" * 10_000)]}),
        (
            column(list(range(1_000))),
            {"fieldsToSummarize": [entry("sum", output="x" * 10_000)], "fieldsToSplitBy": ["f"]},
        ),
    ],
)
def test_results_are_bounded(items: list[Any], config: dict[str, Any]) -> None:
    """Large values, separators or names that repeat are refused before they fill the memory."""
    assert run(Summarize(), {"items": items, **config}).code == "RESULT_LIMIT"


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"fieldsToSummarize": [entry("sum", output="a.b"), entry("sum", output="c")]}, {"a.b", "c"}),
        ({"fieldsToSummarize": [1]}, set()),
        ({}, None),
    ],
)
def test_state_keys_are_known_from_literal_names(config: dict[str, Any], keys: set[str] | None) -> None:
    """Entries that are computed may write anything."""
    found = Summarize().state_keys(config)
    fixed = {"summarizeResult", "summarizeGroups", "summarizeMetadata"}
    assert found == (None if keys is None else keys | fixed)
