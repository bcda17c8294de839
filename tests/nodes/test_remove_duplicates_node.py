"""`removeDuplicates`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.remove_duplicates import RemoveDuplicates
from tests.support.nodes import run

NULLS = {"keptItems": None, "discardedItems": None, "deduplicationSummary": None}

# (items, further parameters, places of the kept ones)
CASES: list[tuple[list[Any], dict[str, Any], list[int]]] = [
    ([1, 2, 1, "a", "a", None, None], {}, [0, 1, 3, 5]),
    ([1, 1.0, True, "1"], {}, [0, 2]),
    (["1", "1.0"], {}, [0, 1]),
    ([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}, {"a": 1}, {"a": "1"}], {}, [0, 2, 3]),
    ([[1, 2], [2, 1], [1, 2]], {}, [0, 1]),
    ([], {}, []),
    (
        [{"id": 1, "x": 1}, {"id": 2, "x": 1}, {"id": 1, "x": 2}, {"id": "1"}],
        {"compareMode": "selected_fields", "fieldsToCompare": ["id"]},
        [0, 1],
    ),
    (
        [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1, "c": 1}],
        {"compareMode": "selected_fields", "fieldsToCompare": ["a", "b"]},
        [0, 1],
    ),
    (
        [{"u": {"l": [1]}}, {"u": {"l": [1], "x": 1}}, {"u": None}, {}, "text", {"u": {"l": None}}],
        {"compareMode": "selected_fields", "fieldsToCompare": ["u.l[0]"]},
        [0, 2],
    ),
    (
        [{"a.b": 1, "a": {"b": 2}}, {"a.b": 1}, {"a.b": 2, "a": {"b": 2}}],
        {"compareMode": "selected_fields", "fieldsToCompare": ["a.b"], "disableDotNotation": True},
        [0, 2],
    ),
    (
        [{"a": 1, "at": 1}, {"a": 1, "at": 2}, {"a": 1}, {"a": 2, "at": 1}],
        {"compareMode": "all_except", "fieldsToExclude": ["at"]},
        [0, 3],
    ),
    (
        [{"a": {"t": 1, "x": 1}, "l": [{"t": 1}]}, {"a": {"x": 1}, "l": [{}]}, {"a": {"t": 1}, "l": [{}]}],
        {"compareMode": "all_except", "fieldsToExclude": ["a.t", "l[0].t", "l.length"]},
        [0, 2],
    ),
    (
        [{"a.t": 1, "a": {"t": 1}}, {"a.t": 2, "a": {"t": 1}}],
        {"compareMode": "all_except", "fieldsToExclude": ["a.t"], "disableDotNotation": True},
        [0],
    ),
    (["a", 1, "a"], {"compareMode": "all_except", "fieldsToExclude": ["x"]}, [0, 1]),
]


@pytest.mark.parametrize(("items", "more", "kept"), CASES, ids=range(len(CASES)))
def test_the_first_of_the_same_is_kept(items: list[Any], more: dict[str, Any], kept: list[int]) -> None:
    """JSON equality, of whole items or of the fields that are compared; a missing field is a value like any other."""
    visit = run(RemoveDuplicates(), {"items": items, **more})
    expected = [items[place] for place in kept]
    others = [item for place, item in enumerate(items) if place not in kept]
    counts = {"keptCount": len(kept), "discardedCount": len(others)}
    assert visit.edge == "kept"
    assert visit.data == {"items": expected, **counts, "discarded": others}
    assert visit.state == {
        "keptItems": expected,
        "discardedItems": others,
        "deduplicationSummary": {
            **counts,
            "totalCount": len(items),
            "operation": "current_input",
            "compareMode": more.get("compareMode", "all_fields"),
        },
    }


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({}, {"id": 1, "u": {"n": "x", "t": 1}}),
        ({"compareMode": "selected_fields", "fieldsToCompare": ["u.n", "id", "no"]}, {"u": {"n": "x"}, "id": 1}),
        ({"compareMode": "all_except", "fieldsToExclude": ["u.t"]}, {"id": 1, "u": {"n": "x"}}),
    ],
)
def test_kept_items_can_be_cut_to_what_was_compared(more: dict[str, Any], kept: dict[str, Any]) -> None:
    """The kept ones only, in new objects."""
    item = {"id": 1, "u": {"n": "x", "t": 1}}
    visit = run(RemoveDuplicates(), {"items": [item, item], "removeOtherFields": True, **more})
    assert visit.data["items"] == [kept]
    assert visit.data["discarded"] == [item]
    assert item == {"id": 1, "u": {"n": "x", "t": 1}}


def test_a_field_inside_a_list_stands_under_its_name() -> None:
    """It has no place in an object without its list; a longer path never reaches into the item itself."""
    item = {"a": {"b": 1}, "l": [{"x": 1}]}
    config = {"compareMode": "selected_fields", "fieldsToCompare": ["l[0].x", "a", "a.b"], "removeOtherFields": True}
    visit = run(RemoveDuplicates(), {"items": [item], **config})
    assert visit.data["items"] == [{"l[0].x": 1, "a": {"b": 1}}]


def test_items_come_from_the_edge_before() -> None:
    """As for every list node."""
    assert run(RemoveDuplicates(), previous={"items": [1, 1]}, state={"items": []}).data["keptCount"] == 1


@pytest.mark.parametrize("operation", ["previous_executions", "clear_history"])
def test_history_is_not_there_yet(operation: str) -> None:
    """The error says so, and what can be used instead."""
    visit = run(RemoveDuplicates(), {"items": [1], "operation": operation}, state={"keptItems": [1]})
    assert visit.code == "NOT_SUPPORTED"
    assert operation in visit.data["message"]
    assert "current_input" in visit.data["message"]
    assert visit.state == NULLS


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"operation": "all"}, "current_input, previous_executions, clear_history"),
        ({"compareMode": "some"}, "all_fields, all_except, selected_fields"),
        ({"compareMode": "selected_fields"}, "needs the parameter fieldsToCompare"),
        ({"compareMode": "all_except", "fieldsToCompare": ["a"]}, "needs the parameter fieldsToExclude"),
        ({"compareMode": "selected_fields", "fieldsToCompare": []}, "at least one"),
        ({"compareMode": "selected_fields", "fieldsToCompare": [1]}, "fieldsToCompare[0]"),
        ({"compareMode": "selected_fields", "fieldsToCompare": ["a..b"]}, "fieldsToCompare[0]"),
        ({"compareMode": "selected_fields", "fieldsToCompare": "a"}, "fieldsToCompare is an array"),
        ({"compareMode": "all_except", "fieldsToExclude": [""]}, "fieldsToExclude[0]"),
        ({"scope": "world"}, "node, workflow"),
        ({"historySize": 0}, "historySize is at least 1"),
        ({"items": "x"}, "items is an array"),
    ],
)
def test_bad_input_is_an_error_with_null_results(config: dict[str, Any], says: str) -> None:
    """Missing companions are named."""
    visit = run(RemoveDuplicates(), {"items": [1], **config})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == NULLS


def test_discarded_leaves_a_loop() -> None:
    """When everything was seen before."""
    assert RemoveDuplicates.metadata.exit_edges == ("discarded",)
