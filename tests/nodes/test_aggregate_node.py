"""`aggregate`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.aggregate import Aggregate
from infrastructure.nodes.allowance import MAX_RESULT
from tests.support.nodes import run

USERS = [
    {"name": "Alice", "tags": ["a", "b"], "in": {"count": 15}},
    {"name": "Bob", "tags": "c", "mail": None},
    {"tags": [["d"]], "in": {"count": "12"}},
]
FIELDS = "individual_fields"


def collecting(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The parameters of a collection of fields."""
    return {"mode": FIELDS, "fields": list(entries), **more}


@pytest.mark.parametrize(
    ("config", "aggregated"),
    [
        ({}, {"data": USERS}),
        ({"outputField": "users", "fields": [{"inputFieldName": "name"}]}, {"users": USERS}),
        (collecting({"inputFieldName": "name"}), {"name": ["Alice", "Bob"]}),
        (collecting({"inputFieldName": "name"}, keepMissingValues=True), {"name": ["Alice", "Bob", None]}),
        (collecting({"inputFieldName": "mail", "outputFieldName": "mails"}), {"mails": [None]}),
        (collecting({"inputFieldName": "in.count", "outputFieldName": "n"}), {"n": [15, "12"]}),
        (collecting({"inputFieldName": "tags"}), {"tags": [["a", "b"], "c", [["d"]]]}),
        (collecting({"inputFieldName": "tags", "mergeLists": True}), {"tags": ["a", "b", "c", ["d"]]}),
        (
            {"operations": [{"field": "in.count", "operation": "sum"}, {"field": "*", "operation": "count"}]},
            {"data": USERS, "in.count_sum": 27, "*_count": 3},
        ),
        (
            collecting(
                {"inputFieldName": "name"}, operations=[{"field": "name", "operation": "count", "alias": "named"}]
            ),
            {"name": ["Alice", "Bob"], "named": 2},
        ),
    ],
)
def test_items_become_one_object(config: dict[str, Any], aggregated: dict[str, Any]) -> None:
    """All items in a list, or a list for each field, and aggregated values beside them."""
    visit = run(Aggregate(), {"items": USERS, **config})
    assert visit.edge == "success"
    assert visit.data == {"aggregatedData": aggregated, "itemCount": 3, "mode": config.get("mode", "all_data")}
    assert visit.state == {"aggregatedData": aggregated, "itemCount": 3}


@pytest.mark.parametrize(
    ("config", "previous", "aggregated"),
    [
        ({}, None, {"data": []}),
        ({}, {"items": None}, {"data": []}),
        ({"items": []}, {"items": [1]}, {"data": []}),
        (collecting({"inputFieldName": "a"}, keepMissingValues=True), None, {"a": []}),
        ({"operations": [{"field": "a", "operation": "max", "alias": "m"}]}, None, {"data": [], "m": None}),
    ],
)
def test_no_items_take_their_own_edge(config: dict[str, Any], previous: Any, aggregated: dict[str, Any]) -> None:
    """No list at all is the same as an empty one; what was aggregated before does not stay."""
    visit = run(Aggregate(), config, previous=previous, state={"aggregatedData": "old"})
    assert visit.edge == "empty"
    assert visit.data == {"aggregatedData": aggregated, "itemCount": 0, "mode": config.get("mode", "all_data")}
    assert visit.state == {"aggregatedData": aggregated, "itemCount": 0}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"mode": "invalid_mode"}, "all_data, individual_fields"),
        ({"mode": FIELDS}, "needs the parameter fields"),
        (collecting(), "at least one entry"),
        (collecting({}), "name of a field"),
        (collecting({"inputFieldName": "a", "outputFieldName": 1}), "outputFieldName"),
        (collecting({"inputFieldName": "a", "mergeLists": "yes"}), "mergeLists is true or false"),
        (collecting({"inputFieldName": "a"}, {"inputFieldName": "a"}), "called a"),
        ({"operations": [{"field": "a", "operation": "sum", "alias": "data"}]}, "called data"),
        ({"operations": [{"field": "a", "operation": "avg"}]}, "average"),
        ({"operations": [{"field": "*", "operation": "sum"}, 1]}, "operations[1] is an object"),
        ({"items": "x"}, "items is an array"),
    ],
)
def test_bad_parameters_are_errors_before_items_are_looked_at(config: dict[str, Any], says: str) -> None:
    """`error`, not `empty`, although there is nothing to aggregate."""
    visit = run(Aggregate(), config, state={"itemCount": 3})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == {"aggregatedData": None, "itemCount": None}


def test_something_else_than_a_list_is_an_error() -> None:
    """Only what is missing counts as empty."""
    assert run(Aggregate(), {}, state={"items": "text"}).code == "INVALID_PARAMETER"


def test_results_are_bounded() -> None:
    """Fields that repeat a large value are refused."""
    entries = [{"inputFieldName": "f", "outputFieldName": f"f{place}"} for place in range(8)]
    visit = run(Aggregate(), collecting(*entries, items=[{"f": "x" * (MAX_RESULT // 8)}]))
    assert visit.code == "RESULT_LIMIT"


def test_its_edge_data_feeds_no_list_node() -> None:
    """It is one object: the next node that wants items finds them elsewhere or not at all (aggregate-examples)."""
    assert "items" not in run(Aggregate(), {"items": [1]}).data
    assert Aggregate.metadata.exit_edges == ("empty",)
    assert "includeBinaries" in Aggregate.metadata.gone
