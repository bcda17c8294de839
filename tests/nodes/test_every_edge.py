"""Every edge of every node that needs no server: the fields of its data, and the state keys that the visit wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from infrastructure.nodes import passwords
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from infrastructure.table_store import TableStore
from tests.nodes.catalogue import CATALOGUE
from tests.support.nodes import Visit, run

ROWS = [{"id": 1, "tags": ["a"]}, {"id": 2, "tags": []}, {"id": 1, "tags": ["a"]}]
GT = {"field": "id", "operation": "gt"}
DAY = "2026-01-31T12:00:00Z"
COMPARED = "result date1 date2 operation"
VERDICT = "data isValid validationType parsedJson"
RESOURCE = "resource resourceId previousChecksum"


class Case(NamedTuple):
    """A visit of a node that takes an edge. `data` None: the edge has no data; `before` is the state that it sees."""

    node: str
    edge: str
    config: dict[str, Any]
    data: str | None
    state: str
    before: Mapping[str, Any] = MappingProxyType({})
    routed: tuple[str, ...] = ()
    previous: Any = None


def case(
    node: str, edge: str, config: dict[str, Any], *, data: str | None = None, state: str = "", **more: Any
) -> Case:
    """One line of the table."""
    return Case(node, edge, config, data, state, **more)


MISSES: list[tuple[str, dict[str, Any], str]] = [
    ("find", {}, "dbRecord"),
    ("findMany", {}, "dbRecords"),
    ("update", {"query": {"id": 1}, "data": {}}, "dbUpdated"),
    ("delete", {"query": {"id": 1}}, "dbDeleted"),
]
DONE: list[tuple[str, dict[str, Any], str]] = [
    ("list", {}, "dbRecords"),
    ("count", {}, ""),
    ("insert", {"data": {"a": 1}}, "dbInserted"),
    ("createMany", {"data": [{"a": 1}]}, "dbInserted"),
    ("update", {"query": {"id": "k"}, "data": {"a": 2}}, "dbUpdated"),
    ("upsert", {"query": {"id": "k"}, "data": {"a": 2}}, "dbInserted dbUpdated"),
    ("delete", {"query": {"id": "k"}}, "dbDeleted"),
]

CORE = [
    case("log", "success", {"message": "m", "k": 1}, data="message fields", state="lastLoggedMessage"),
    case("empty", "nothing", {}),
    case("logic", "true", {"operation": "or", "values": [0, 1]}, data="result", state="logicResult"),
    case("logic", "false", {"operation": "not", "values": [1]}, data="result", state="logicResult"),
    case("math", "success", {"operation": "add", "values": [1, "2"]}, data="result", state="mathResult"),
    case(
        "switch", "big", {"item": {"id": 9}, "rules": [{"outputKey": "big", "conditions": [{**GT, "value": 1}]}]},
        data="item edge matchedRule mode", state="switchResult selectedEdge matchedRule",
    ),
    case(
        "switch", "default", {"mode": "expression", "item": 1, "expression": "null"},
        data="item edge matchedRule mode", state="switchResult selectedEdge matchedRule",
    ),
    case(
        "filter", "passed", {"items": ROWS, "conditions": [{**GT, "value": 1}]},
        data="items passedCount filteredCount totalCount", state="filterPassed filterFiltered filterStats",
    ),
    case(
        "filter", "filtered", {"items": ROWS, "conditions": [{**GT, "value": 9}]},
        data="items passedCount filteredCount totalCount", state="filterPassed filterFiltered filterStats",
    ),
    case(
        "sort", "success", {"items": ROWS, "fieldsToSortBy": [{"fieldName": "id"}]},
        data="items count sortType", state="sortedItems",
    ),
    case("sort", "success", {"items": ROWS, "type": "random"}, data="items count sortType", state="sortedItems"),
    *(
        case(
            "limit", edge, {"items": ROWS, "maxItems": most}, routed=routed,
            data="items limitedItems count originalCount itemsRemoved",
            state="limitedItems limitCount limitOriginalCount",
        )
        for edge, most, routed in [
            ("success", 1, ("all_items",)), ("all_items", 3, ("all_items",)), ("success", 3, ()),
        ]
    ),
    case(
        "removeDuplicates", "kept", {"items": ROWS},
        data="items keptCount discardedCount discarded", state="keptItems discardedItems deduplicationSummary",
    ),
    case(
        "removeDuplicates", "kept", {"items": []},
        data="items keptCount discardedCount discarded", state="keptItems discardedItems deduplicationSummary",
    ),
    case(
        "removeDuplicates", "cleared", {"operation": "clear_history"},
        data="operation scope clearedCount", state="keptItems discardedItems deduplicationSummary",
    ),
    case(
        "summarize", "success",
        {"items": ROWS, "fieldsToSummarize": [{"fieldToAggregate": "id", "aggregation": "sum", "outputFieldName": "n"}]},
        data="result items groups itemCount groupCount",
        state="n summarizeResult summarizeGroups summarizeMetadata",
    ),
    case("aggregate", "success", {"items": ROWS}, data="aggregatedData itemCount mode", state="aggregatedData itemCount"),
    case("aggregate", "empty", {}, data="aggregatedData itemCount mode", state="aggregatedData itemCount"),
    case("aggregate", "empty", {"items": []}, data="aggregatedData itemCount mode", state="aggregatedData itemCount"),
    case("splitOut", "success", {"items": [1]}, data="items count arrayPath", state="splitOutResult splitOutCount"),
    case("splitOut", "empty", {"items": None}, data="items count arrayPath", state="splitOutResult splitOutCount"),
    case(
        "splitOut", "empty", {"arrayPath": "a.b"}, before={"a": {"b": []}},
        data="items count arrayPath", state="splitOutResult splitOutCount",
    ),
    case(
        "editFields", "success", {"fieldsToSet": [{"name": "a.b", "value": 1}]},
        data="result fieldsModified mode", state="a editFieldsResult fieldsModified",
    ),
    case(
        "validateData", "valid", {"data": {"a": 1}, "requiredFields": ["a"]},
        data=VERDICT, state="validationResult validationErrors",
    ),
    case(
        "validateData", "invalid", {"data": {"a": ""}, "requiredFields": ["a"]},
        data=f"{VERDICT} errors errorCount", state="validationResult validationErrors",
    ),
    case(
        "validateData", "valid", {"data": "[1]", "validationType": "json"},
        data=VERDICT, state="validationResult validationErrors parsedJson",
    ),
    case(
        "validateData", "invalid", {"data": None, "validationType": "json"},
        data=f"{VERDICT} errors errorCount", state="validationResult validationErrors parsedJson",
    ),
    case("transform", "success", {"operation": "trim", "data": " a "}, data="result", state="transformResult"),
    case("jsonExtract", "success", {"path": "a", "data": {"a": 1}}, data="value path outputField", state="extractedValue"),
    case("jsonExtract", "not_found", {"path": "b", "data": {}}, data="path usedFallback", state="extractedValue"),
    case(
        "jsonExtract", "not_found", {"path": "b", "data": {}, "fallbackValue": 0},
        data="path value usedFallback", state="extractedValue",
    ),
    case(
        "stringOperations", "success", {"operation": "trim", "field": "a"}, before={"a": " x "},
        data="result field operation originalValue", state="a stringOperationResult",
    ),
    case(
        "extractText", "success", {"method": "extractAll", "text": "a@b.cc", "extractType": "email"},
        data="extracted matches field method", state="extractedText",
    ),
    case(
        "extractText", "not_found", {"method": "regex", "text": "a", "pattern": "b", "outputField": "out"},
        data="field method count", state="extractedText out",
    ),
]  # fmt: skip

DATES = [
    case(
        "dateTime", "success", {"operation": "now"}, data="result operation outputField", state="dateTimeResult"
    ),
    case(
        "dateTime", "success", {"operation": "extract", "extract": "day", "value": DAY},
        data="result operation outputField", state="dateTimeResult dateTimeExtracted",
    ),
    *(
        case(
            "dateTime", edge, {"operation": "is_valid", "value": value}, routed=(edge,),
            data="result operation outputField", state="dateTimeResult dateTimeValid",
        )
        for edge, value in [("is_valid", DAY), ("is_invalid", "soon")]
    ),
    *(
        case(
            "dateTime", edge, {"operation": "compare", "value": DAY, **config}, routed=routed,
            data=COMPARED, state="dateTimeResult dateTimeCompared",
        )
        for edge, config, routed in [
            ("is_before", {"compareWith": "2027-01-01"}, ("is_before",)),
            ("is_not_before", {"compareWith": "2025-01-01"}, ("is_not_before",)),
            ("is_after", {"compareOperation": "is_after", "compareWith": "2025-01-01"}, ("is_after",)),
            ("is_not_after", {"compareOperation": "is_after", "compareWith": "2027-01-01"}, ("is_not_after",)),
            ("is_same", {"compareOperation": "is_same", "compareWith": DAY}, ("is_same",)),
            ("is_not_same", {"compareOperation": "is_same", "compareWith": "2027-01-01"}, ("is_not_same",)),
            (
                "is_between", {"compareOperation": "is_between", "startDate": DAY, "endDate": DAY},
                ("is_between",),
            ),
            (
                "is_not_between",
                {"compareOperation": "is_between", "startDate": "2027-01-01", "endDate": "2027-01-02"},
                ("is_not_between",),
            ),
            ("success", {"compareWith": "2027-01-01"}, ("is_not_before",)),
        ]
    ),
]  # fmt: skip

OBJECTS = [
    case(
        "transformObject", "success", {"operation": "flatten", "data": {"a": {"b": 1}}},
        data="result operation", state="transformedObject",
    ),
    case(
        "objectUtilities", "success", {"operation": "keys", "field": "o"}, before={"o": {"a": 1}},
        data="result operation field outputField", state="o_keys objectUtilResult",
    ),
    case(
        "objectUtilities", "not_found", {"operation": "has_field", "field": "o", "path": "b"}, before={"o": {"a": 1}},
        data="result operation field outputField", state="o_has_field objectUtilResult",
    ),
    case(
        "objectUtilities", "not_found", {"operation": "get_nested", "field": "o", "path": "b"}, before={"o": {"a": 1}},
        data="result operation field outputField", state="o_get_nested objectUtilResult",
    ),
    case(
        "arrayUtilities", "success", {"field": "l"}, before={"l": [1, 1]},
        data="result items operation inputLength outputLength", state="lResult arrayUtilResult",
    ),
    case(
        "arrayUtilities", "empty", {"items": []},
        data="result items operation inputLength outputLength", state="itemsResult arrayUtilResult",
    ),
    case(
        "arrayUtilities", "success", {"items": [], "operation": "union", "compareArray": [1]},
        data="result items operation inputLength outputLength", state="itemsResult arrayUtilResult",
    ),
    case(
        "mathOperations", "success", {"operation": "add", "field1": "n", "value": 2}, before={"n": 1},
        data="result outputField operation mode", state="result mathOperationsResult",
    ),
    case(
        "calculateField", "success", {"calculations": [{"outputField": "a.b", "formula": "{n} + 1"}]}, before={"n": 1},
        data="result calculatedFields errors totalCalculations successfulCalculations failedCalculations",
        state="a calculatedFields calculationResult calculationErrors",
    ),
    case(
        "compareDatasets", "success", {"mode": "append", "input1": [1], "input2": [2]},
        data="result items count matched", state="compareResult compareMetadata",
    ),
    *(
        case(
            "compareDatasets", edge,
            {"mode": "keep_matches", "input1": ROWS, "input2": [], "matchFields": [{"field1": "id"}]}, routed=routed,
            data="result items count matched", state="compareResult compareMetadata",
        )
        for edge, routed in [("no_matches", ("no_matches",)), ("success", ())]
    ),
]  # fmt: skip

KEPT = [
    case(
        "filesystem", "success", {"operation": "write", "path": "/a.txt", "content": "x"},
        data="path", state="fileWritten",
    ),
    case("filesystem", "success", {"operation": "append", "path": "b", "content": "x"}, data="path", state="fileWritten"),
    case("filesystem", "success", {"operation": "read", "path": "there"}, data="path content", state="fileContent"),
    case("filesystem", "exists", {"operation": "exists", "path": "there"}, data="exists path", state="fileExists"),
    case("filesystem", "not_exists", {"operation": "exists", "path": "no"}, data="exists path", state="fileExists"),
    case(
        "filesystem", "not_exists", {"operation": "read", "path": "no"}, routed=("not_exists",),
        data="exists path", state="fileContent",
    ),
    case(
        "filesystem", "not_exists", {"operation": "delete", "path": "no"}, routed=("not_exists",),
        data="exists path", state="fileDeleted",
    ),
    case("filesystem", "success", {"operation": "delete", "path": "there"}, data="path", state="fileDeleted"),
    case("filesystem", "success", {"operation": "mkdir", "path": "d"}, data="path", state="dirCreated"),
    case("filesystem", "success", {"operation": "list", "path": "/"}, data="path entries", state="fileList"),
    case(
        "database", "found", {"operation": "find", "table": "t", "query": {"id": "k"}},
        data="record data count table", state="dbRecord",
    ),
    case(
        "database", "found", {"operation": "findMany", "table": "t"}, data="records items count table", state="dbRecords"
    ),
    *(
        case("database", "not_found", {"operation": operation, "table": "none", **config}, data="table query", state=key)
        for operation, config, key in MISSES
    ),
    *(
        case(
            "database", "success", {"operation": operation, "table": "t", **config},
            data="record items records count table", state=key,
        )
        for operation, config, key in DONE
    ),
    case(
        "resource-read", "success", {"path": "r"},
        data="content resource mimeType size", state="resourceContent resourceMetadata",
    ),
    case("resource-read", "not_found", {"path": "no"}, data="path resourceId", state="resourceContent resourceMetadata"),
    case(
        "resource-write", "created", {"path": "new", "content": {}}, data=RESOURCE, state="writtenResource writtenResourceId"
    ),
    case(
        "resource-write", "updated", {"path": "r", "content": "y"}, data=RESOURCE, state="writtenResource writtenResourceId"
    ),
    case(
        "resource-interpolate", "success", {"path": "r"},
        data="content placeholders originalContent", state="interpolatedContent interpolationStats",
    ),
    case(
        "resource-interpolate", "not_found", {"path": "no"},
        data="path resourceId", state="interpolatedContent interpolationStats",
    ),
    case("resource-list", "success", {}, data="items count pagination", state="resourceList resourceCount"),
    case(
        "resource-list", "empty", {"search": "nothing"}, data="items count pagination", state="resourceList resourceCount"
    ),
]  # fmt: skip

AUTH = [
    case("auth", "success", {"operation": "hash", "data": "pw"}, data="hash", state="hashedPassword"),
    case("auth", "success", {"operation": "generate_token", "data": "ignored"}, data="token", state="authToken"),
    case("auth", "success", {"operation": "sign", "data": "m", "secret": "k"}, data="signature", state="signature"),
    *(
        case(
            "auth", edge, {"operation": "verify", "data": {"password": word, "hash": passwords.hashed("pw")}},
            data="valid", state="authValid",
        )
        for edge, word in [("valid", "pw"), ("invalid", "other")]
    ),
    case(
        "auth", "invalid",
        {"operation": "verify_signature", "data": {"message": "m", "signature": "00", "secret": "k"}},
        data="valid", state="signatureValid",
    ),
]  # fmt: skip

CASES = [*CORE, *DATES, *OBJECTS, *KEPT, *AUTH]
ELSEWHERE = {
    "test_remove_duplicates_node.py": ["removeDuplicates discarded"],
    "test_iterator_nodes.py": ["each", "every-array-item", "range", "while", "batch"],
    "test_fetch_api_node.py": ["fetchApi"],
    "test_ask_ai_node.py": ["ask-ai"],
    "test_send_email_node.py": ["sendEmail", "send-email"],
    "test_waiting_nodes.py": ["wait", "signal"],
    "domain": ["parallel", "snapshot", "runWorkflow", "run-workflow"],
}
"""Nodes, or single edges of them, that other tests look at: they take a server, two visits, or the engine."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[NodeRegistry]:
    """The library on a folder that has the file `there`, and a table store with a record and a resource."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "there").write_text("x")
    tables = TableStore()
    found = standard_registry(files_root=tmp_path / "files", tables=tables, entry_points=False)
    visited(found, "database", {"operation": "insert", "table": "t", "data": {"id": "k", "a": 1}})
    visited(found, "resource-write", {"path": "r", "content": "hello {{name}}"})
    yield found
    tables.close()


def visited(registry: NodeRegistry, name: str, config: dict[str, Any], **more: Any) -> Visit:
    """One visit of a node. Its key is that of no other visit of the test."""
    with registry.borrow(name) as node:
        return run(node, config, key=f"{name} {config}", **more)


@pytest.mark.parametrize("one", CASES, ids=lambda one: f"{one.node}-{one.edge}")
def test_an_edge_has_its_data_and_writes_its_keys(one: Case, registry: NodeRegistry) -> None:
    """Just these fields, just these keys."""
    visit = visited(registry, one.node, one.config, state=one.before, routed=one.routed, previous=one.previous)
    assert visit.edge == one.edge, visit.data
    if one.data is None:
        assert visit.data is None
    else:
        assert set(visit.data) == set(one.data.split())
    written = {op.path.split("/")[1] for op in visit.patch}
    assert written == set(one.state.split())
    assert set(visit.state) == {*one.before, *one.state.split()}


def test_every_edge_is_taken() -> None:
    """In this file or, for a reason, in another."""
    excused = {name for names in ELSEWHERE.values() for name in names}
    taken = {(one.node, one.edge) for one in CASES}
    every = {(name, edge) for name, entry in CATALOGUE.items() for edge in entry.edges or ()}
    assert {pair for pair in every - taken if excused.isdisjoint((pair[0], " ".join(pair)))} == set()


@pytest.mark.parametrize("name", ["limit", "filter", "sort", "removeDuplicates", "summarize", "aggregate"])
def test_items_come_from_the_parameters_else_the_edge_before_else_the_state(name: str, registry: NodeRegistry) -> None:
    """In this order; `null` or anything else that is no list is refused, wherever it comes from."""
    needed: dict[str, dict[str, Any]] = {
        "limit": {"maxItems": 9},
        "filter": {"conditions": [{"field": "id", "operation": "exists"}]},
        "sort": {"fieldsToSortBy": [{"fieldName": "id"}]},
        "summarize": {
            "fieldsToSummarize": [{"fieldToAggregate": "id", "aggregation": "append", "outputFieldName": "ids"}]
        },
    }
    config = needed.get(name, {})

    def seen(**more: Any) -> str:
        return repr(visited(registry, name, more.pop("config", config), **more).data)

    own, edge, state = [{"id": 101}], {"items": [{"id": 202}]}, {"items": [{"id": 303}]}
    assert "101" in seen(config={**config, "items": own}, previous=edge, state=state)
    assert "202" in seen(previous=edge, state=state)
    assert "303" in seen(previous={"other": 1}, state=state)
    assert "303" in seen(previous=[5], state=state)
    for bad in (5, "x", {"a": 1}):
        assert visited(registry, name, config, previous={"items": bad}).code == "INVALID_PARAMETER"


def test_a_copy_of_the_state_never_goes_into_the_state(registry: NodeRegistry) -> None:
    """Where a parameter falls back to the whole state, its place in edge data and result keys is null."""
    marker = "M" * 50
    before = {"marker": marker, "rows": [1]}
    visits = [
        visited(registry, "switch", {"mode": "expression", "expression": "'a'"}, state=before),
        visited(registry, "validateData", {"requiredFields": ["marker"]}, state=before),
        visited(registry, "validateData", {"requiredFields": ["nothing"]}, state=before),
        visited(registry, "transformObject", {"operation": "flatten"}, state=before),
        visited(registry, "splitOut", {"arrayPath": "rows"}, state=before),
        visited(registry, "jsonExtract", {"path": "rows"}, state=before),
        visited(registry, "resource-interpolate", {"path": "r"}, state=before),
    ]
    for visit in visits:
        assert marker not in repr(visit.answer)
        assert marker not in repr(visit.patch)
