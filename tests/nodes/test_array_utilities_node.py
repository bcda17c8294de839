"""`arrayUtilities`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.array_utilities import ArrayUtilities
from tests.support.nodes import run

ROWS = [{"id": 1, "v": "a"}, {"id": "1", "v": "b"}, {"id": 2, "v": "a"}]
BY_ID = {"uniqueBy": "id"}

# (operation, further parameters, list, result)
CASES: list[tuple[str, dict[str, Any], list[Any], list[Any]]] = [
    ("chunk", {"chunkSize": 2}, [1, 2, 3], [[1, 2], [3]]),
    ("chunk", {}, [1, 2], [[1, 2]]),
    ("chunk", {"chunkSize": 2.0}, [1, 2], [[1, 2]]),
    ("compact", {}, [0, 0.0, "", None, False, "0", [], {}, True, -1], ["0", [], {}, True, -1]),
    ("difference", {"compareArray": [2, "x"]}, [1, 2, 1, "2", "x"], [1, 1]),
    ("difference", {"compareArray": ["2"]}, [1, "2"], [1]),
    ("difference", {"compareArray": []}, [1, 1], [1, 1]),
    ("difference", {"compareArray": [{"id": 1.0}], **BY_ID}, ROWS, ROWS[2:]),
    ("intersection", {"compareArray": [2, 1]}, [1, 3, 2, 1], [1, 2, 1]),
    ("intersection", {"compareArray": [{"id": 2}], **BY_ID}, ROWS, ROWS[2:]),
    ("intersection", {"compareArray": [{"b": 1, "a": [1]}]}, [{"a": [1.0], "b": 1}, 5], [{"a": [1.0], "b": 1}]),
    ("union", {"compareArray": [2, 3, "a"]}, [1, 2, 1], [1, 2, 3, "a"]),
    ("union", {"compareArray": [{"id": 2, "v": "c"}, {"id": 3}], **BY_ID}, ROWS[1:], [*ROWS[1:], {"id": 3}]),
    ("unique", {}, [1, 1.0, "1", True, "a", "a", None, None, [1], [1]], [1, True, "a", None, [1]]),
    ("unique", {}, ["1", "1.0"], ["1", "1.0"]),
    ("unique", BY_ID, ROWS, [ROWS[0], ROWS[2]]),
    ("unique", {"uniqueBy": "u.l[0]"}, [{"u": {"l": [1]}}, {"u": {"l": [1, 2]}}], [{"u": {"l": [1]}}]),
    ("unique", BY_ID, [5, {"id": 5}, {"x": 1}, {"x": 1}, {"x": 2}], [5, {"id": 5}, {"x": 1}, {"x": 2}]),
    ("reverse", {}, [1, 2, 3], [3, 2, 1]),
    ("flatten", {}, [1, [2, [3, [4], []]], {"a": [5]}], [1, 2, 3, 4, {"a": [5]}]),
    ("flatten", {"depth": 1}, [1, [2, [3, [4]]], [5]], [1, 2, [3, [4]], 5]),
    ("flatten", {"depth": 2}, [[[[1]], 2], 3], [[1], 2, 3]),
    ("flatten", {"depth": 0}, [[1]], [[1]]),
    ("first", {}, [1, 2, 3], [1]),
    ("first", {"count": 2}, [1, 2, 3], [1, 2]),
    ("first", {"count": 9}, [1], [1]),
    ("last", {}, [1, 2, 3], [3]),
    ("last", {"count": 2}, [1, 2, 3], [2, 3]),
    ("last", {"count": 0}, [1, 2], []),
    ("sample", {"sampleSize": 0}, [1, 2], []),
]


@pytest.mark.parametrize(("operation", "more", "items", "result"), CASES, ids=range(len(CASES)))
def test_operations(operation: str, more: dict[str, Any], items: list[Any], result: list[Any]) -> None:
    """The result is a list, stored beside its source."""
    visit = run(ArrayUtilities(), {"operation": operation, "field": "list", **more}, state={"list": items})
    lengths = {"inputLength": len(items), "outputLength": len(result)}
    assert visit.edge == "success"
    assert visit.data == {"result": result, "items": result, "operation": operation, **lengths}
    assert [type(each) for each in visit.data["result"]] == [type(each) for each in result]
    assert visit.state == {
        "list": items,
        "listResult": result,
        "arrayUtilResult": {"operation": operation, "field": "list", "resultField": "listResult", **lengths},
    }


@pytest.mark.parametrize("operation", ["shuffle", "sample"])
def test_random_results_are_the_same_for_every_attempt(operation: str) -> None:
    """Seeded by the idempotency key, without putting anything back."""
    config = {"operation": operation, "items": list(range(30)), "sampleSize": 30}
    first, second = (run(ArrayUtilities(), config).data["result"] for _ in range(2))
    assert first == second != list(range(30))
    assert sorted(first) == list(range(30))
    fewer = run(ArrayUtilities(), {**config, "operation": "sample", "sampleSize": 3}).data["result"]
    assert len(set(fewer)) == 3


@pytest.mark.parametrize(
    ("config", "previous", "state", "result"),
    [
        ({"items": [1, 1]}, {"items": [2]}, {"items": [3]}, [1]),
        ({}, {"items": [2]}, {"items": [3]}, [2]),
        ({}, None, {"items": [3]}, [3]),
        ({"field": "a.l[0]"}, {"items": [2]}, {"a": {"l": [[4]]}}, [4]),
        ({"field": "l", "data": {"l": [5]}}, None, {"l": [6]}, [5]),
        (
            {"field": "l", "data": {"l": [5], "m": [6]}, "operation": "union", "compareArray": "m"},
            None,
            {"m": [7]},
            [5, 6],
        ),
        ({"items": [1], "operation": "union", "compareArray": "m[0]"}, None, {"m": [[7]]}, [1, 7]),
    ],
)
def test_where_lists_come_from(config: dict[str, Any], previous: Any, state: dict[str, Any], result: list[Any]) -> None:
    """A list, or a path into the state or the data given; else as for every list node."""
    assert run(ArrayUtilities(), config, previous=previous, state=state).data["result"] == result


@pytest.mark.parametrize(
    ("config", "name", "path"),
    [
        ({"field": "a.b"}, "a.bResult", ("a", "bResult")),
        ({"field": "a.l[0]"}, "a.l_0Result", ("a", "l_0Result")),
        ({"items": []}, "itemsResult", ("itemsResult",)),
        ({"field": "a.b", "outputField": "x.y"}, "x.y", ("x", "y")),
        ({"field": "a.b", "outputField": "a.b"}, "a.b", ("a", "b")),
    ],
)
def test_where_the_result_goes(config: dict[str, Any], name: str, path: tuple[str, ...]) -> None:
    """To outputField, by default beside the source."""
    visit = run(ArrayUtilities(), {"operation": "reverse", **config}, state={"a": {"b": [1, 2], "l": [[1, 2]]}})
    found: Any = visit.state
    for key in path:
        found = found[key]
    assert found == visit.data["result"]
    assert visit.state["arrayUtilResult"]["resultField"] == name


@pytest.mark.parametrize("operation", ["chunk", "compact", "unique", "first", "sample", "shuffle", "flatten"])
def test_an_empty_source_has_its_own_edge(operation: str) -> None:
    """With empty results, none of them stale."""
    visit = run(ArrayUtilities(), {"operation": operation, "items": []}, state={"itemsResult": ["old"]})
    assert visit.edge == "empty"
    assert visit.data == {"result": [], "items": [], "operation": operation, "inputLength": 0, "outputLength": 0}
    assert visit.state["itemsResult"] == []


def test_a_union_with_an_empty_source_is_a_success() -> None:
    """It has the other list."""
    visit = run(ArrayUtilities(), {"operation": "union", "items": [], "compareArray": [1]})
    assert visit.edge == "success"
    assert visit.data["result"] == [1]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "items is a list"),
        ({"operation": "zip", "items": []}, "chunk, compact"),
        ({"field": "no"}, "there is nothing at no"),
        ({"field": "text"}, "there is a text at text"),
        ({"field": ""}, "field"),
        ({"field": "list", "items": []}, "not both"),
        ({"field": "list", "data": {}}, "there is nothing at list"),
        ({"items": {}}, "items is an array"),
        ({"field": "list", "operation": "chunk", "chunkSize": 0}, "chunkSize is at least 1"),
        ({"field": "list", "operation": "first", "count": -1}, "count is at least 0"),
        ({"field": "list", "operation": "last", "count": 1.5}, "count is an integer"),
        ({"field": "list", "operation": "sample", "sampleSize": -1}, "sampleSize is at least 0"),
        ({"field": "list", "operation": "flatten", "depth": -1}, "depth is at least 0"),
        ({"field": "list", "operation": "union"}, "operation union needs the parameter compareArray"),
        ({"field": "list", "operation": "difference", "compareArray": "no"}, "there is nothing at no"),
        ({"field": "list", "operation": "difference", "compareArray": {}}, "compareArray is a string or an array"),
        ({"field": "list", "uniqueBy": "a["}, "uniqueBy"),
        ({"field": "list", "uniqueBy": ""}, "uniqueBy"),
        ({"field": "list", "outputField": "a["}, "outputField"),
    ],
)
def test_bad_input_is_an_error_with_null_results(config: dict[str, Any], says: str) -> None:
    """The source stays, and the place of the result is null where it can be told."""
    state = {"list": [1], "text": "x", "listResult": ["old"], "arrayUtilResult": 1}
    visit = run(ArrayUtilities(), config, state=state)
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state["arrayUtilResult"] is None
    assert visit.state["list"] == [1]
    if config.get("field") == "list" and "outputField" not in config:
        assert visit.state["listResult"] is None


def test_an_error_does_not_lose_the_source() -> None:
    """Where the result was to replace it."""
    config = {"operation": "chunk", "field": "list", "outputField": "list", "chunkSize": 0}
    assert run(ArrayUtilities(), config, state={"list": [1]}).state == {"list": [1], "arrayUtilResult": None}


def test_empty_leaves_a_loop() -> None:
    """It is an exit."""
    assert ArrayUtilities.metadata.exit_edges == ("empty",)
