"""`each`, `range`, `batch` and `while`."""

from __future__ import annotations

from typing import Any

import pytest

from domain.node import Edge, Pass, WorkflowNode
from infrastructure.nodes.iterators import Batch, Each, EveryArrayItem, Range
from infrastructure.nodes.while_loop import While
from tests.support.nodes import Visit, run

NAMES = ["a", "b", "c"]


def passes(node: WorkflowNode, config: dict[str, Any], **extra: Any) -> list[Visit]:
    """All visits until the node ends; the last one's answer is an edge."""
    visits = []
    for index in range(1_000):
        visits.append(run(node, config, index=index, **extra))
        assert visits[-1].patch == ()
        if isinstance(visits[-1].answer, Edge):
            return visits
    raise AssertionError("the loop does not end")


def test_each_makes_one_pass_per_element() -> None:
    """With where it stands as data, and the position to show in the state; the count at the end."""
    *rounds, end = passes(Each(), {"items": NAMES})
    assert [visit.answer for visit in rounds] == [
        Pass(
            data={"item": item, "index": at, "total": 3, "isFirst": at == 0, "isLast": at == 2, "remaining": 2 - at},
            bind={"currentItem": item, "currentIndex": at},
        )
        for at, item in enumerate(NAMES)
    ]
    assert end.answer == Edge("done", {"count": 3})


def test_each_over_nothing_ends_at_once() -> None:
    """No pass, and `done`."""
    assert run(Each(), {"items": []}, index=0).answer == Edge("done", {"count": 0})


def test_each_runs_over_many_elements() -> None:
    """A list is bounded by its length, not by `$maxIterations`."""
    answer = run(Each(), {"items": list(range(1_500))}, index=1_499).answer
    assert isinstance(answer, Pass)
    assert answer.bounded
    assert answer.data["isLast"]


def test_the_position_keys_can_be_named() -> None:
    """`as` and `indexAs` are the state keys of element and index."""
    answer = run(Each(), {"items": NAMES, "as": "order", "indexAs": "n"}, index=1).answer
    assert isinstance(answer, Pass)
    assert answer.bind == {"order": "b", "n": 1}
    answer = run(Range(), {"stop": 5, "as": "v", "indexAs": "n"}, index=1).answer
    assert isinstance(answer, Pass)
    assert answer.bind == {"v": 1, "n": 1}


@pytest.mark.parametrize(
    ("node", "config", "original"),
    [
        (Each(), {"items": NAMES}, "current-item"),
        (EveryArrayItem(), {"items": NAMES}, "current-item"),
        (Range(), {"stop": 3}, "current_step"),
        (While(), {"condition": True}, "do"),
    ],
)
def test_the_original_pass_edge_is_taken_if_it_is_routed(node: WorkflowNode, config: Any, original: str) -> None:
    """Else the edge is `loop`."""
    for routed, edge in (((original,), original), (("loop",), "loop"), ((), "loop")):
        answer = run(node, config, index=0, routed=routed).answer
        assert isinstance(answer, Pass)
        assert answer.edge == edge


@pytest.mark.parametrize(
    ("node", "config", "index"),
    [
        (Each(), {"items": NAMES}, 3),
        (Range(), {"stop": 3}, 3),
        (Batch(), {"items": NAMES, "size": 1}, 3),
        (While(), {"condition": False}, 3),
    ],
)
def test_the_end_is_done_or_complete_if_that_is_routed(node: WorkflowNode, config: Any, index: int) -> None:
    """Both say how many passes there were."""
    assert run(node, config, index=index).answer == Edge("done", {"count": 3})
    assert run(node, config, index=index, routed=("done",)).answer == Edge("done", {"count": 3})
    assert run(node, config, index=index, routed=("complete",)).answer == Edge("complete", {"count": 3})


def test_the_original_name_of_each() -> None:
    """`every-array-item` is the same node under another id."""
    assert EveryArrayItem.metadata.id == "every-array-item"
    assert EveryArrayItem.metadata.parameters == Each.metadata.parameters
    assert [visit.answer for visit in passes(EveryArrayItem(), {"items": NAMES})] == [
        visit.answer for visit in passes(Each(), {"items": NAMES})
    ]


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ({"stop": 3}, [0, 1, 2]),
        ({"start": 1, "stop": 4}, [1, 2, 3]),
        ({"start": 0, "stop": 10, "step": 4}, [0, 4, 8]),
        ({"start": 3, "stop": 0, "step": -1}, [3, 2, 1]),
        ({"start": 3, "stop": 0}, []),
        ({"stop": 0}, []),
        ({"stop": -2}, []),
        ({"start": 0, "stop": 1, "step": 0.25}, [0, 0.25, 0.5, 0.75]),
        ({"start": 0, "stop": 0.3, "step": 0.1}, [0, 0.1, 0.2]),
        ({"start": 1, "stop": 1.6, "step": 0.2}, [1, 1.2, 1.4]),
        ({"start": 1, "stop": 0, "step": -0.5}, [1, 0.5]),
        ({"stop": 2.5}, [0, 1, 2]),
    ],
)
def test_range_counts_up_to_but_without_stop(config: dict[str, Any], values: list[float]) -> None:
    """Each value is start + index * step, computed anew, so that errors don't add up."""
    *rounds, end = passes(Range(), config)
    found = [visit.answer.data["value"] for visit in rounds if isinstance(visit.answer, Pass)]
    assert found == pytest.approx(values)
    assert found == [config.get("start", 0) + at * config.get("step", 1) for at in range(len(values))]
    assert all(value < config["stop"] if config.get("step", 1) > 0 else value > config["stop"] for value in found)
    assert end.data == {"count": len(values)}


def test_range_has_the_data_of_each() -> None:
    """With `value` in place of the item."""
    answer = run(Range(), {"start": 5, "stop": 7}, index=1).answer
    assert isinstance(answer, Pass)
    assert answer == Pass(
        data={"item": 6, "value": 6, "index": 1, "total": 2, "isFirst": False, "isLast": True, "remaining": 0},
        bind={"rangeValue": 6, "rangeIndex": 1},
    )


def test_range_can_be_very_long() -> None:
    """Nothing is made in advance."""
    answer = run(Range(), {"stop": 10**18}, index=999_999).answer
    assert isinstance(answer, Pass)
    assert answer.data["remaining"] == 10**18 - 1_000_000


def test_batch_makes_groups() -> None:
    """Of at most `size` elements; the last one has the rest."""
    *rounds, end = passes(Batch(), {"items": [1, 2, 3, 4, 5], "size": 2})
    assert [visit.answer for visit in rounds] == [
        Pass(
            data={"items": group, "size": len(group), "index": at, "total": 3, "isFirst": at == 0, "isLast": at == 2},
            bind={"currentBatch": group, "currentBatchIndex": at},
        )
        for at, group in enumerate([[1, 2], [3, 4], [5]])
    ]
    assert end.answer == Edge("done", {"count": 3})


def test_batch_has_ten_by_default() -> None:
    """And ends at once without elements."""
    assert len(passes(Batch(), {"items": list(range(25))})) == 4
    assert run(Batch(), {"items": []}, index=0).answer == Edge("done", {"count": 0})


@pytest.mark.parametrize(
    ("node", "config"),
    [
        (Each(), {}),
        (Each(), {"items": None}),
        (Each(), {"items": {"a": 1}}),
        (Each(), {"items": "abc"}),
        (Each(), {"items": [1], "as": ""}),
        (Each(), {"items": [1], "as": "x", "indexAs": "x"}),
        (Each(), {"items": [1], "as": 5}),
        (Range(), {}),
        (Range(), {"stop": "5"}),
        (Range(), {"stop": None}),
        (Range(), {"stop": 5, "step": 0}),
        (Range(), {"stop": 5, "step": 0.0}),
        (Range(), {"stop": 1e308, "start": -1e308, "step": 1e-300}),
        (Batch(), {"items": [1], "size": 0}),
        (Batch(), {"items": [1], "size": -1}),
        (Batch(), {"items": [1], "size": 2.5}),
        (Batch(), {"items": 5}),
        (While(), {}),
        (While(), {"condition": "$.i < 5"}),
        (While(), {"condition": "true"}),
        (While(), {"condition": ""}),
        (While(), {"condition": {"operation": "nope", "values": []}}),
        (While(), {"condition": {"left": 1, "operator": "<"}}),
        (While(), {"condition": {"left": 1, "operator": "and", "right": 2}}),
        (While(), {"condition": {"left": 1, "operator": "~", "right": 2}}),
        (While(), {"condition": True, "iterationKey": ""}),
        (While(), {"condition": True, "maxIterations": "many"}),
    ],
)
def test_bad_input_is_the_error_edge_and_writes_nothing(node: WorkflowNode, config: dict[str, Any]) -> None:
    """`INVALID_PARAMETER`; the position keys are the engine's to put back."""
    visit = run(node, config, index=0, state={"currentItem": 1, "whileIteration": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.patch == ()


@pytest.mark.parametrize(
    ("condition", "goes_on"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        (None, False),
        ([], False),
        ({}, False),
        ({"a": 1}, True),
        ({"left": 1, "operator": "<", "right": 2}, True),
        ({"left": 3, "operator": "less", "right": 2}, False),
        ({"left": "b", "operator": "in", "right": ["a"]}, False),
        ({"left": 2, "operator": "greater_equal", "right": "2"}, True),
        ({"operation": "and", "values": [True, {"operation": "less", "values": [1, 2]}]}, True),
        ({"operation": "not", "values": [True]}, False),
    ],
)
def test_while_goes_on_as_long_as_its_condition_holds(condition: Any, goes_on: bool) -> None:
    """A value by its truth, a comparison, or an operation as in `logic`."""
    visit = run(While(), {"condition": condition}, index=4)
    if goes_on:
        expected: Any = Pass(data={"index": 4, "isFirst": False}, bind={"whileIteration": 4}, bounded=False)
    else:
        expected = Edge("done", {"count": 4})
    assert visit.answer == expected


def test_values_that_have_no_order_are_the_error_edge() -> None:
    """As everywhere else."""
    assert run(While(), {"condition": {"left": None, "operator": "<", "right": 2}}, index=0).code == "EXPRESSION_ERROR"


def test_the_condition_sees_the_index_of_its_pass() -> None:
    """It is resolved late, with the iteration key laid over the state."""
    known = While.metadata.parameters
    assert known is not None
    assert known["condition"].late
    assert While().overlay({}, 3) == {"whileIteration": 3}
    assert While().overlay({"iterationKey": "n"}, 3) == {"n": 3}
    assert While().overlay({"iterationKey": None}, 3) == {}
    assert While().overlay({"iterationKey": ""}, 3) == {}
    answer = run(While(), {"condition": True, "iterationKey": "n"}, index=0).answer
    assert isinstance(answer, Pass)
    assert answer.bind == {"n": 0}


@pytest.mark.parametrize(
    ("node", "config", "keys"),
    [
        (Each(), {}, {"currentItem", "currentIndex"}),
        (Each(), {"as": "x"}, {"x", "currentIndex"}),
        (Each(), {"as": "$.name"}, None),
        (Each(), {"as": "{{$.name}}"}, None),
        (Each(), {"as": None}, None),
        (Range(), {"indexAs": "i"}, {"rangeValue", "i"}),
        (Batch(), {}, {"currentBatch", "currentBatchIndex"}),
        (While(), {"iterationKey": "n"}, {"n"}),
    ],
)
def test_the_position_keys_of_literal_names_are_known(node: WorkflowNode, config: Any, keys: set[str] | None) -> None:
    """Validation can tell what a loop shows in the state."""
    assert node.state_keys(config) == keys


def test_what_the_engine_has_to_know() -> None:
    """Lists and bounds are resolved at entry, a condition at each visit; aliases are the original's names."""
    for node in (Each, EveryArrayItem, Range, Batch):
        assert node.metadata.resolved_at == "entry"
        assert node.metadata.iterates
    assert While.metadata.resolved_at == "visit"
    assert While.metadata.iterates
    parameters = {node: node.metadata.parameters or {} for node in (Each, Range)}
    assert parameters[Each]["as"].aliases == ("itemKey",)
    assert parameters[Each]["indexAs"].aliases == ("indexKey",)
    assert parameters[Range]["as"].aliases == ("valueKey",)
    assert parameters[Range]["indexAs"].aliases == ("indexKey",)
