"""`removeDuplicates`."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from infrastructure.nodes import past_items
from infrastructure.nodes.remove_duplicates import RemoveDuplicates
from infrastructure.table_store import TableStore
from tests.support.nodes import Visit, run

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


class Runs:
    """A step's visits, each in an execution of its own."""

    def __init__(self, store: TableStore) -> None:
        self.node = RemoveDuplicates(store)
        self.count = 0

    def __call__(self, items: list[Any] | None = None, *, key: str = "", step: str = "step", **config: Any) -> Visit:
        """One visit, by default with the history."""
        self.count += 1
        full = {"operation": "previous_executions", **({"items": items} if items is not None else {}), **config}
        return run(self.node, full, key=key or f"visit {self.count}", step=step)

    def kept(self, items: list[Any], **config: Any) -> list[Any]:
        """The items that were kept, also when that is none."""
        visit = self(items, **config)
        assert visit.edge in ("kept", "discarded")
        return visit.state["keptItems"] or []


@pytest.fixture
def runs() -> Any:
    """On a store in memory."""
    store = TableStore()
    yield Runs(store)
    store.close()


def test_what_an_earlier_execution_saw_is_a_repeat(runs: Runs) -> None:
    """And what this one has twice."""
    assert runs.kept([1, 2, 1]) == [1, 2]
    visit = runs([2, 3, 3, 1])
    assert visit.edge == "kept"
    assert visit.data == {"items": [3], "keptCount": 1, "discardedCount": 3, "discarded": [2, 3, 1]}
    assert visit.state["deduplicationSummary"] == {
        "keptCount": 1, "discardedCount": 3, "totalCount": 4, "operation": "previous_executions",
        "compareMode": "all_fields",
    }  # fmt: skip


def test_only_repeats_take_their_own_edge(runs: Runs) -> None:
    """When there were items; without any, nothing was discarded."""
    runs([1, 2])
    visit = runs([2, 1, 1])
    assert visit.edge == "discarded"
    assert visit.data == {"items": [2, 1, 1], "discardedCount": 3}
    assert (visit.state["keptItems"], visit.state["discardedItems"]) == ([], [2, 1, 1])
    assert runs([]).edge == "kept"


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        ([1], [1.0, True], [True]),
        ([1], ["1"], ["1"]),
        (["1"], ["1.0"], ["1.0"]),
        (["1"], [1], [1]),
        ([{"a": 1, "b": [2]}], [{"b": [2.0], "a": 1}, {"a": 1}], [{"a": 1}]),
        ([None], [None, []], [[]]),
        ([1e300], [1e300, 1e301], [1e301]),
    ],
)
def test_the_same_over_executions(runs: Runs, before: list[Any], now: list[Any], kept: list[Any]) -> None:
    """JSON equality; a numeric text is a text there, since `1.10` and `1.1` may be two versions."""
    runs(before)
    assert json.dumps(runs.kept(now)) == json.dumps(kept)


def test_compared_fields_count(runs: Runs) -> None:
    """The others may differ; null is not missing."""
    by_id: dict[str, Any] = {"compareMode": "selected_fields", "fieldsToCompare": ["id", "x"]}
    runs([{"id": 1, "n": 1}, {"id": 2, "x": None}], **by_id)
    assert runs.kept([{"id": 1, "n": 2}, {"id": 2}, {"id": 2, "x": None}], **by_id) == [{"id": 2}]
    but_time: dict[str, Any] = {"compareMode": "all_except", "fieldsToExclude": ["at"]}
    runs([{"id": 9, "at": 1}], **but_time)
    assert runs.kept([{"id": 9, "at": 2}], **but_time) == []


def test_each_step_and_each_workflow_has_its_history(runs: Runs) -> None:
    """Steps are told apart by address; with scope workflow they share one."""
    assert runs.kept([1], step="a") == [1]
    assert runs.kept([1], step="b") == [1]
    assert runs.kept([1], step="a", scope="workflow") == [1]
    assert runs.kept([1], step="b", scope="workflow") == []
    assert runs.kept([1], step="a") == []


def test_the_history_keeps_the_last_ones_seen(runs: Runs) -> None:
    """What is seen again counts as new in it, so that it is not forgotten while it keeps coming."""
    runs([1, 2, 3], historySize=3)
    assert runs.kept([1, 4], historySize=3) == [4]
    assert runs.kept([3, 1, 4, 2], historySize=3) == [2]
    assert runs.kept(list(range(10)), step="b", historySize=3) == list(range(10))
    assert runs.kept(list(range(10)), step="b", historySize=3) == list(range(7))


def test_history_can_be_cleared(runs: Runs) -> None:
    """Of one scope; items are not asked for."""
    runs([1, 2], step="a")
    runs([1], step="b")
    visit = runs(operation="clear_history", step="a")
    assert visit.edge == "cleared"
    assert visit.data == {"operation": "clear_history", "scope": "node", "clearedCount": 2}
    assert visit.state == {"keptItems": None, "discardedItems": None, "deduplicationSummary": visit.data}
    assert runs.kept([1, 2], step="a") == [1, 2]
    assert runs.kept([1], step="b") == []


def test_a_second_attempt_keeps_the_same(tmp_path: Path) -> None:
    """After a crash, in another process: what the first attempt remembered is not held against it."""
    path = tmp_path / "tables.db"
    first = Runs(TableStore(path))([1, 2], key="visit")
    again = Runs(TableStore(path))([1, 2], key="visit")
    assert again.answer == first.answer
    assert again.state == first.state
    assert Runs(TableStore(path))([1, 2], key="another").edge == "discarded"


def test_two_threads_keep_an_item_once(runs: Runs) -> None:
    """Whichever comes first."""
    kept: list[int] = []
    threads = [
        threading.Thread(target=lambda key=key: kept.extend(runs(list(range(50)), key=key).state["keptItems"]))
        for key in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert kept == list(range(50))


def test_the_history_is_bounded(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """As is what one visit compares with it."""
    assert runs([1], historySize=100_001).code == "INVALID_PARAMETER"
    monkeypatch.setattr(past_items, "MAX_ITEMS", 2)
    visit = runs([1, 2, 3])
    assert visit.code == "WORK_LIMIT"
    assert visit.state == NULLS


@pytest.mark.parametrize("operation", ["previous_executions", "clear_history"])
def test_without_a_store_there_is_no_history(operation: str) -> None:
    """The error says so."""
    visit = run(RemoveDuplicates(), {"items": [1], "operation": operation}, state={"keptItems": [1]})
    assert visit.code == "TABLES_NOT_CONFIGURED"
    assert visit.state == NULLS


@pytest.mark.parametrize(
    ("config", "effect"),
    [
        ({}, "none"),
        ({"operation": "current_input"}, "none"),
        ({"operation": "previous_executions"}, "writes"),
        ({"operation": "clear_history"}, "writes"),
    ],
)
def test_effect_by_operation(config: dict[str, Any], effect: str) -> None:
    """Remembering is a change."""
    assert RemoveDuplicates().effect(config) == effect


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
