"""List nodes one after the other, as workflows use them: compiled, checked and run."""

from __future__ import annotations

from typing import Any

import pytest

from domain.events import EdgeTaken
from infrastructure.nodes.library import standard_registry
from tests.support.workflows import Ran, problems_of, walked, workflow
from tests.workflows.definitions import shared

NODES = standard_registry(files_root=None, entry_points=False)


def edges(ran: Ran) -> list[str]:
    """The edges taken, in order."""
    return [event.edge or "" for event in ran.events if isinstance(event, EdgeTaken)]


def test_each_list_node_feeds_the_next() -> None:
    """`items` goes along the edges; nobody names it after the first."""
    rows = [{"k": key, "n": number} for key, number in [("b", 2), ("a", 1), ("b", 2), ("c", None), ("a", 5)]]
    ran = walked(
        workflow(
            {"splitOut": {"arrayPath": "rows", "as": "row"}},
            {"removeDuplicates": {}},
            {"log": {"message": "{{input.keptCount}} kept"}},
            {"sort": {"fieldsToSortBy": [{"fieldName": "row.n", "order": "desc"}]}},
            {"limit": {"maxItems": 3}},
            {"again": {"$node": "summarize", "fieldsToSummarize": TOTAL, "fieldsToSplitBy": ["row.k"]}},
            {"aggregate": {"mode": "individual_fields", "fields": [{"inputFieldName": "total"}]}},
            state={"rows": rows},
        ),
        NODES,
    )
    assert ran.execution.status == "completed"
    assert edges(ran) == ["success", "kept", "success", "success", "success", "success", "success"]
    assert ran.state["lastLoggedMessage"] == "4 kept"
    assert ran.state["aggregatedData"] == {"total": [6, 2]}
    assert ran.state["total"] == 8


TOTAL = [{"fieldToAggregate": "row.n", "aggregation": "sum", "outputFieldName": "total"}]


def test_data_pipeline() -> None:
    """Two of three records are active; their mean is what the last step prints."""
    ran = walked(shared("data-pipeline"), NODES)
    assert ran.execution.status == "completed"
    assert ran.state["avgScore"] == 81.5
    assert ran.state["lastLoggedMessage"] == "Pipeline complete. Average score: 81.5"
    assert [item["name"] for item in ran.state["sortedItems"]] == ["Alice", "Charlie"]


def test_aggregate_examples() -> None:
    """No step has items: nothing is aggregated nine times, and then the mode is wrong."""
    ran = walked(shared("aggregate-examples"), NODES)
    taken = [edge for edge in edges(ran) if edge != "success"]
    assert ran.execution.status == "completed"
    assert taken == ["empty"] * 9 + ["error"]


@pytest.mark.parametrize("name", ["data-pipeline", "aggregate-examples"])
def test_real_definitions_are_valid(name: str) -> None:
    """With warnings at most."""
    assert [problem for problem in problems_of(shared(name), NODES) if problem.severity == "error"] == []


@pytest.mark.parametrize(
    ("step", "code", "severity"),
    [
        ({"limit": {}}, "MISSING_PARAMETER", "error"),
        ({"limit": {"maxItems": None}}, "PARAMETER_TYPE", "error"),
        ({"limit": {"maxItem": 1}}, "UNKNOWN_PARAMETER", "error"),
        ({"sort": {"type": "natural"}}, "UNKNOWN_VALUE", "warning"),
        ({"aggregate": {"includeBinaries": True}}, "PARAMETER_GONE", "warning"),
        ({"splitOut": {"items": [1], "sourceField": [2]}}, "DUPLICATE_PARAMETER", "error"),
        ({"transformObject": {"operation": "flatten", "depth": "2"}}, "PARAMETER_TYPE", "error"),
        ({"summarize": {"fieldsToSummarize": {}}}, "PARAMETER_TYPE", "error"),
        ({"removeDuplicates": {"found?": {}}}, "UNKNOWN_EDGE", "error"),
    ],
)
def test_validation_knows_their_parameters_and_edges(step: dict[str, Any], code: str, severity: str) -> None:
    """What is wrong as written is said before anything runs."""
    found = {(problem.code, problem.severity) for problem in problems_of(workflow(step, state={"items": []}), NODES)}
    assert (code, severity) in found


def test_reads_of_overall_values_are_known() -> None:
    """A literal outputFieldName counts as written; another name is warned of."""
    summarize = {"summarize": {"items": [], "fieldsToSummarize": TOTAL}}
    good = problems_of(workflow(summarize, {"log": {"message": "{{$.total}}"}}), NODES)
    bad = problems_of(workflow(summarize, {"log": {"message": "{{$.totale}}"}}), NODES)
    assert [problem.code for problem in good] == []
    assert [(problem.code, problem.nearest) for problem in bad] == [("NEVER_WRITTEN", "total")]


def test_parts_of_the_state_are_read_where_paths_name_them() -> None:
    """Utilities work on the state by path, and their results can be worked on in turn."""
    ran = walked(
        workflow(
            {"objectUtilities": {"operation": "values", "field": "team.people", "outputField": "people"}},
            {"arrayUtilities": {"operation": "unique", "field": "people", "uniqueBy": "age"}},
            {"transformObject": {"operation": "pick", "keys": ["peopleResult"]}},
            state={"team": {"people": {"a": {"age": 1}, "b": {"age": 1}, "c": {"age": 2}}}},
        ),
        NODES,
    )
    assert ran.state["transformedObject"] == {"peopleResult": [{"age": 1}, {"age": 2}]}


def test_an_exit_edge_leaves_a_loop() -> None:
    """`splitOut...` runs its body for what it splits, once more finds nothing, and goes on."""
    ran = walked(
        workflow(
            {"splitOut...": {"arrayPath": "queue", "success?": [{"$.queue": []}], "empty?": [{"$.done": True}]}},
            state={"queue": [1, 2]},
        ),
        NODES,
    )
    assert ran.execution.status == "completed"
    assert ran.state["done"] is True
    assert edges(ran)[0] == "success"
