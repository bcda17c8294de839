"""`sort`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.allowance import MAX_FIELDS, MAX_LOOKUPS
from infrastructure.nodes.sort import Sort
from tests.support.nodes import run


def by(*names: str | tuple[str, str], **more: Any) -> dict[str, Any]:
    """The parameters of a sort by fields, each a name or (name, order)."""
    return {
        "fieldsToSortBy": [
            {"fieldName": name} if isinstance(name, str) else {"fieldName": name[0], "order": name[1]} for name in names
        ],
        **more,
    }


def column(values: list[Any]) -> list[dict[str, Any]]:
    """An item for each value of `f`, `...` for a missing one; `at` is its place."""
    return [{"at": at} if value is ... else {"at": at, "f": value} for at, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "ascending", "descending"),
    [
        ([3, 1, 2], [1, 2, 0], [0, 2, 1]),
        ([2.5, -1, 10], [1, 0, 2], [2, 0, 1]),
        (["b", "A", "c"], [1, 0, 2], [2, 0, 1]),
        (["ß", "SS", "st"], [0, 1, 2], [2, 0, 1]),
        (["10", "9"], [0, 1], [1, 0]),  # texts, as all are
        (["10", 9, " 2 "], [2, 1, 0], [0, 1, 2]),  # numbers, as one is
        ([1, 1.0, "1", 0], [3, 0, 1, 2], [0, 1, 2, 3]),  # stable in both directions
        (["a", "A", "a"], [0, 1, 2], [0, 1, 2]),
        ([None, 2, ..., 1], [3, 1, 0, 2], [1, 3, 0, 2]),  # no value comes last in both
        ([None, ..., None], [0, 1, 2], [0, 1, 2]),
        ([], [], []),
    ],
)
def test_one_field(values: list[Any], ascending: list[int], descending: list[int]) -> None:
    """Numbers with numbers, text without case, stable, null and missing last."""
    for order, expected in (
        ("ascending", ascending),
        ("asc", ascending),
        ("descending", descending),
        ("desc", descending),
    ):
        visit = run(Sort(), by(("f", order), items=column(values)))
        assert [item["at"] for item in visit.data["items"]] == expected, order


def test_the_first_field_counts_most() -> None:
    """Later fields decide only among equals."""
    items = [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"b": 3}]
    visit = run(Sort(), by("a", ("b", "descending"), items=items))
    assert visit.data == {"items": [items[2], items[0], items[1], items[3]], "count": 4, "sortType": "simple"}
    assert visit.state == {"sortedItems": visit.data["items"]}


@pytest.mark.parametrize(("literal", "first"), [(False, {"a": {"b": 1}, "a.b": 2}), (True, {"a": {"b": 2}, "a.b": 1})])
def test_dots_can_be_literal(literal: bool, first: dict[str, Any]) -> None:
    """`a.b` is a path, or with disableDotNotation a key."""
    items = [{"a": {"b": 2}, "a.b": 1}, {"a": {"b": 1}, "a.b": 2}]
    assert run(Sort(), by("a.b", items=items, disableDotNotation=literal)).data["items"][0] == first


def test_indexes_are_paths() -> None:
    """A list inside an item is reached by `[n]`; what is no object has no fields."""
    items: list[Any] = ["text", {"l": [0, 2]}, {"l": [0, 1]}, {"l": []}, None]
    assert run(Sort(), by("l[1]", items=items)).data["items"] == [items[2], items[1], "text", items[3], None]


def test_the_source_stays_as_it_was() -> None:
    """Sorting makes a new list."""
    state = {"items": [{"f": 2}, {"f": 1}]}
    visit = run(Sort(), by("f"), state=state)
    assert visit.state == {"items": [{"f": 2}, {"f": 1}], "sortedItems": [{"f": 1}, {"f": 2}]}


def test_items_of_the_edge_before_come_before_those_of_the_state() -> None:
    """A list node feeds the next."""
    visit = run(Sort(), by("f"), previous={"items": [{"f": 1}]}, state={"items": []})
    assert visit.data["count"] == 1


def test_a_random_order_is_the_same_for_every_attempt() -> None:
    """It is seeded by the idempotency key, and keeps every item."""
    items = list(range(50))
    first, second = (run(Sort(), {"type": "random", "items": items}).data for _ in range(2))
    assert first == second
    assert first["sortType"] == "random"
    assert first["items"] != items
    assert sorted(first["items"]) == items


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "type simple needs the parameter fieldsToSortBy"),
        ({"fieldsToSortBy": []}, "at least one entry"),
        ({"fieldsToSortBy": ["f"]}, "fieldsToSortBy[0] is an object"),
        ({"fieldsToSortBy": [{}]}, "name of a field"),
        ({"fieldsToSortBy": [{"fieldName": "a["}]}, "fieldsToSortBy[0].fieldName"),
        ({"fieldsToSortBy": [{"fieldName": "f", "order": "up"}]}, "ascending, asc, descending, desc"),
        ({"fieldsToSortBy": [{"fieldName": "f", "order": []}]}, "ascending"),
        ({"fieldsToSortBy": [{"fieldName": "f"}] * (MAX_FIELDS + 1)}, f"at most {MAX_FIELDS}"),
        (by("f", type="natural"), "simple, random"),
        (by("f", items=[{"f": 1}, {"f": True}]), "items[1] has true as f"),
        (by("f", items=[{"f": "a"}, {"f": 1}]), 'items[0] has "a" as f'),
        (by("f", items=[{"f": []}]), "items[0] has [] as f"),
        (by("f", items="x"), "items is an array"),
        (by("f", items=None), "items is an array"),
    ],
)
def test_bad_input_is_an_error_with_a_null_result(config: dict[str, Any], says: str) -> None:
    """What has no order is refused, not guessed."""
    visit = run(Sort(), {"items": [], **config}, state={"sortedItems": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == {"sortedItems": None}


def test_without_a_list_it_is_an_error() -> None:
    """Nothing is anywhere."""
    assert run(Sort(), by("f")).code == "INVALID_PARAMETER"


def test_work_is_bounded() -> None:
    """Many fields of many items are refused before they are read."""
    path = "a" + ".a" * 99
    visit = run(Sort(), by(path, items=[0] * (MAX_LOOKUPS // 100 + 1)))
    assert visit.code == "WORK_LIMIT"
    assert str(MAX_LOOKUPS) in visit.data["message"]
