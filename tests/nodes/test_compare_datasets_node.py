"""`compareDatasets`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.compare_datasets import CompareDatasets
from tests.support.nodes import run

PEOPLE = [{"id": 1, "name": "Ann", "tags": ["a"]}, {"id": "2", "name": "Bob"}, {"id": 3, "name": "Cy"}]
TEAMS = [
    {"uid": "1", "name": "Red", "tags": ["a", "b"]},
    {"uid": 2.0, "name": "Blue"},
    {"uid": 2, "name": "Green"},
    {"uid": None, "name": "None"},
]
ON_ID = [{"field1": "id", "field2": "uid"}]
BLUE = {"uid": 2.0, "name": "Blue"}
GREEN = {"uid": 2, "name": "Green"}


@pytest.mark.parametrize(
    ("config", "rows", "matched"),
    [
        ({"mode": "append"}, PEOPLE + TEAMS, 0),
        (
            {"mode": "append", "input1Fields": ["id"], "input2Fields": ["no"]},
            [{"id": 1}, {"id": "2"}, {"id": 3}, {}, {}, {}, {}],
            0,
        ),
        ({"mode": "choose_branch", "selectedBranch": "input1"}, PEOPLE, 0),
        (
            {"mode": "choose_branch", "selectedBranch": "input2", "input2Fields": ["uid"]},
            [{"uid": "1"}, {"uid": 2.0}, {"uid": 2}, {"uid": None}],
            0,
        ),
        (
            {"mode": "keep_matches", "matchFields": ON_ID},
            [
                {"id": 1, "uid": "1", "name": "Red", "tags": ["a", "b"]},
                {"id": "2", **BLUE},
                {"id": "2", **GREEN},
            ],
            2,
        ),
        (
            {"mode": "keep_matches", "matchFields": ON_ID, "input1Fields": ["id", "name"], "input2Fields": ["uid"]},
            [
                {"id": 1, "name": "Ann", "uid": "1"},
                {"id": "2", "name": "Bob", "uid": 2.0},
                {"id": "2", "name": "Bob", "uid": 2},
            ],
            2,
        ),
        ({"mode": "keep_non_matches", "matchFields": ON_ID}, [{"id": 3, "name": "Cy"}], 2),
        ({"mode": "remove_matches", "matchFields": ON_ID, "input1Fields": ["id"]}, [{"id": 3}], 2),
        (
            {"mode": "enrich", "matchFields": ON_ID},
            [
                {"id": 1, "name": "Ann", "tags": ["a"], "uid": "1"},
                {"id": "2", "name": "Bob", "uid": 2.0},
                {"id": "2", "name": "Bob", "uid": 2},
                {"id": 3, "name": "Cy"},
            ],
            2,
        ),
        (
            {"mode": "enrich", "matchFields": ON_ID, "resolveConflicts": "prefer_input2"},
            [
                {"id": 1, "name": "Red", "tags": ["a", "b"], "uid": "1"},
                {"id": "2", **BLUE},
                {"id": "2", **GREEN},
                {"id": 3, "name": "Cy"},
            ],
            2,
        ),
        (
            {
                "mode": "enrich",
                "matchFields": ON_ID,
                "resolveConflicts": "merge_arrays",
                "input2Fields": ["name", "tags"],
            },
            [
                {"id": 1, "name": ["Ann", "Red"], "tags": ["a", "b"]},
                {"id": "2", "name": ["Bob", "Blue"]},
                {"id": "2", "name": ["Bob", "Green"]},
                {"id": 3, "name": "Cy"},
            ],
            2,
        ),
    ],
)
def test_modes(config: dict[str, Any], rows: list[Any], matched: int) -> None:
    """Keys compare as text; several matches give several rows; null matches nothing."""
    visit = run(CompareDatasets(), {"input1": PEOPLE, "input2": TEAMS, **config})
    assert visit.edge == "success"
    assert visit.data == {"result": rows, "items": rows, "count": len(rows), "matched": matched}
    assert visit.state == {
        "compareResult": rows,
        "compareMetadata": {
            "mode": config["mode"],
            "input1Count": 3,
            "input2Count": 4,
            "count": len(rows),
            "matched": matched,
        },
    }


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        (1, "1", True),
        (1.0, "1", True),
        (1.5, "1.5", True),
        ("1.0", 1, False),
        (True, "true", True),
        (True, 1, False),
        ("A", "a", False),
        ([1], [1.0], True),
        ([1], "[1]", False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (None, None, False),
        (None, "null", False),
        ("", "", True),
    ],
)
def test_keys_compare_as_text(one: Any, other: Any, match: bool) -> None:
    """Lists and objects as JSON; null is no key."""
    config = {
        "mode": "keep_matches",
        "matchFields": [{"field1": "k"}],
        "input1": [{"k": one}],
        "input2": [{"k": other}],
    }
    assert run(CompareDatasets(), config).data["matched"] == int(match)


def test_several_fields_have_to_match_all() -> None:
    """And may be nested; what is no object, or misses a field, matches nothing."""
    config = {
        "mode": "keep_matches",
        "matchFields": [{"field1": "a.b[0]", "field2": "x"}, {"field1": "c", "field2": "c"}],
        "input1": [{"a": {"b": [1]}, "c": 1}, {"a": {"b": [1]}, "c": 2}, {"a": {"b": []}, "c": 1}, {"c": 1}, "text"],
        "input2": [{"x": 1, "c": 1}, {"x": 2, "c": 2}, {"c": 1}, "text"],
    }
    assert run(CompareDatasets(), config).data["result"] == [{"a": {"b": [1]}, "c": 1, "x": 1}]


def test_fields_to_keep_may_be_nested() -> None:
    """They stay at their places."""
    config = {
        "mode": "append",
        "input1": [{"a": {"b": 1, "c": 2}, "d": 3}],
        "input2": [5],
        "input1Fields": ["a.b", "d"],
    }
    assert run(CompareDatasets(), config).data["result"] == [{"a": {"b": 1}, "d": 3}, 5]


@pytest.mark.parametrize(
    ("mode", "routed", "edge"),
    [
        ("keep_matches", ("no_matches",), "no_matches"),
        ("keep_matches", (), "success"),
        ("enrich", ("no_matches",), "success"),
    ],
)
def test_no_match_has_its_own_edge_where_the_step_routes_it(mode: str, routed: tuple[str, ...], edge: str) -> None:
    """Of keep_matches only."""
    config = {"mode": mode, "input1": [], "input2": TEAMS, "matchFields": ON_ID}
    visit = run(CompareDatasets(), config, routed=routed)
    assert visit.edge == edge
    assert visit.data["items"] == []
    assert visit.state["compareResult"] == []


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "needs the parameter mode"),
        ({"mode": "outer"}, "append, keep_matches"),
        ({"mode": "append", "input1": {}}, "input1 is an array"),
        ({"mode": "choose_branch"}, "needs the parameter selectedBranch"),
        ({"mode": "choose_branch", "selectedBranch": "input3"}, "input1, input2"),
        ({"mode": "enrich"}, "mode enrich needs the parameter matchFields"),
        ({"mode": "enrich", "matchFields": []}, "at least one entry"),
        ({"mode": "enrich", "matchFields": ["id"]}, "matchFields[0] is an object"),
        ({"mode": "enrich", "matchFields": [{"field2": "id"}]}, "matchFields[0].field1"),
        ({"mode": "enrich", "matchFields": [{"field1": "a", "field2": 5}]}, "matchFields[0].field2"),
        ({"mode": "enrich", "matchFields": ON_ID, "resolveConflicts": "newest"}, "prefer_input1"),
        ({"mode": "append", "input2Fields": [""]}, "input2Fields[0]"),
    ],
)
def test_bad_input_is_an_error_with_null_results(config: dict[str, Any], says: str) -> None:
    """Companions of a mode are named."""
    visit = run(CompareDatasets(), {"input1": [], "input2": [], **config}, state={"compareResult": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == {"compareResult": None, "compareMetadata": None}


@pytest.mark.parametrize("missing", ["input1", "input2"])
def test_both_lists_are_needed(missing: str) -> None:
    """Also for a mode that uses one."""
    config: dict[str, Any] = {"mode": "choose_branch", "selectedBranch": "input1", "input1": [], "input2": []}
    del config[missing]
    assert run(CompareDatasets(), config, state={missing: []}).code == "INVALID_PARAMETER"


def test_results_are_bounded() -> None:
    """Many to many is refused before it fills the memory."""
    rows = [{"k": 1}] * 20_000
    config = {"mode": "keep_matches", "matchFields": [{"field1": "k"}], "input1": rows, "input2": rows}
    assert run(CompareDatasets(), config).code == "RESULT_LIMIT"
