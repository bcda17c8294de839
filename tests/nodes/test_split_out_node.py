"""`splitOut`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.split_out import SplitOut
from tests.support.nodes import run

ORDER = {"id": 7, "lines": [{"sku": "a"}, {"sku": "b"}], "to": {"name": "x", "phones": ["1", "2"]}}


@pytest.mark.parametrize(
    ("config", "previous", "state", "items"),
    [
        ({"arrayPath": "tags"}, None, {"tags": ["a"], "secret": 1}, [{"item": "a"}]),
        ({"arrayPath": "$.tags"}, None, {"tags": ["a"]}, [{"item": "a"}]),
        (
            {"arrayPath": "order.to.phones", "as": "phone"},
            None,
            {"order": ORDER},
            [{"name": "x", "phone": "1"}, {"name": "x", "phone": "2"}],
        ),
        (
            {"arrayPath": "order.to.phones", "keepParentData": False},
            None,
            {"order": ORDER},
            [{"item": "1"}, {"item": "2"}],
        ),
        ({"arrayPath": "orders[0].to.phones"}, None, {"orders": [ORDER]}, [{"name": "x", "item": p} for p in "12"]),
        ({"arrayPath": "rows[1]"}, None, {"rows": [[], [1, 2]]}, [{"item": 1}, {"item": 2}]),
        ({"arrayPath": "l", "data": {"l": [1], "k": 2}}, {"l": [3]}, {"l": [4]}, [{"k": 2, "item": 1}]),
        ({"arrayPath": "l"}, {"l": [3], "k": 2}, {"l": [4]}, [{"k": 2, "item": 3}]),
        ({"arrayPath": "l"}, {"other": 1}, {"l": [4]}, [{"item": 4}]),
        ({"arrayPath": "l", "data": {"l": [1], "item": 9}}, None, {}, [{"item": 1}]),
        ({"items": [1, None]}, {"items": [2]}, {}, [{"item": 1}, {"item": None}]),
        ({}, {"items": [2], "count": 1}, {"items": [3]}, [{"item": 2}]),
        ({}, None, {"items": [3]}, [{"item": 3}]),
    ],
)
def test_each_element_becomes_an_item(
    config: dict[str, Any], previous: Any, state: dict[str, Any], items: list[Any]
) -> None:
    """With the fields beside the list, but never with the state's own keys."""
    visit = run(SplitOut(), config, previous=previous, state=state)
    assert visit.edge == "success"
    assert visit.data == {"items": items, "count": len(items), "arrayPath": config.get("arrayPath")}
    assert visit.state == {**state, "splitOutResult": items, "splitOutCount": len(items)}


@pytest.mark.parametrize(
    ("config", "state"),
    [
        ({"arrayPath": "l"}, {"l": []}),
        ({"arrayPath": "l"}, {"l": None}),
        ({"items": []}, {}),
        ({"items": None}, {"items": [1]}),
        ({}, {"items": None}),
    ],
)
def test_null_and_the_empty_list_take_their_own_edge(config: dict[str, Any], state: dict[str, Any]) -> None:
    """The results are empty too."""
    visit = run(SplitOut(), config, state={**state, "splitOutCount": 5})
    assert visit.edge == "empty"
    assert visit.data == {"items": [], "count": 0, "arrayPath": config.get("arrayPath")}
    assert visit.state == {**state, "splitOutResult": [], "splitOutCount": 0}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "items is a list"),
        ({"arrayPath": "no"}, "there is no no in the previous edge data, nor in the state"),
        ({"arrayPath": "no", "data": {}}, "there is no no in data"),
        ({"arrayPath": "text"}, 'not "x"'),
        ({"arrayPath": "object"}, "only a list"),
        ({"arrayPath": ""}, "arrayPath"),
        ({"arrayPath": "a["}, "arrayPath"),
        ({"arrayPath": "text", "items": [1]}, "not both"),
        ({"items": "x"}, "items is an array or a null"),
        ({"items": [1], "as": ""}, "as can't be empty"),
        ({"arrayPath": "text", "data": [1]}, "data is an object"),
    ],
)
def test_bad_input_is_an_error_with_null_results(config: dict[str, Any], says: str) -> None:
    """A path that finds nothing is a mistake, and not an empty list."""
    visit = run(SplitOut(), config, state={"text": "x", "object": {}, "splitOutCount": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == {"text": "x", "object": {}, "splitOutResult": None, "splitOutCount": None}


def test_results_are_bounded() -> None:
    """A large parent is not repeated for every element of a long list."""
    data = {"l": [0] * 10_000, "big": "x" * 10_000}
    assert run(SplitOut(), {"arrayPath": "l", "data": data}).code == "RESULT_LIMIT"
    assert run(SplitOut(), {"arrayPath": "l", "data": data, "keepParentData": False}).data["count"] == 10_000
    assert run(SplitOut(), {"items": data["l"], "as": data["big"]}).code == "RESULT_LIMIT"


def test_names_of_the_original_are_taken() -> None:
    """Aliases, gone parameters and exits."""
    parameters = SplitOut.metadata.parameters
    assert parameters is not None
    assert parameters["items"].aliases == ("sourceField",)
    assert parameters["as"].aliases == ("fieldName",)
    assert SplitOut.metadata.exit_edges == ("empty",)
