"""`limit`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.limit import Limit
from tests.support.nodes import run


@pytest.mark.parametrize(
    ("most", "keep_from", "kept"),
    [
        (2, "beginning", [1, 2]),
        (2, "end", [2, 3]),
        (2.0, "beginning", [1, 2]),
        (3, "beginning", [1, 2, 3]),
        (9, "end", [1, 2, 3]),
        (2**70, "end", [1, 2, 3]),
    ],
)
def test_so_many_items_are_kept(most: Any, keep_from: str, kept: list[int]) -> None:
    """From the beginning or the end, with what was cut counted."""
    visit = run(Limit(), {"items": [1, 2, 3], "maxItems": most, "keepFrom": keep_from})
    assert visit.edge == "success"
    assert visit.data == {
        "items": kept,
        "limitedItems": kept,
        "count": len(kept),
        "originalCount": 3,
        "itemsRemoved": 3 - len(kept),
    }
    assert visit.state == {"limitedItems": kept, "limitCount": len(kept), "limitOriginalCount": 3}


@pytest.mark.parametrize(
    ("most", "routed", "edge"),
    [(3, ("all_items",), "all_items"), (2, ("all_items", "success"), "success"), (3, ("success",), "success")],
)
def test_nothing_cut_has_its_own_edge_where_the_step_routes_it(most: int, routed: tuple[str, ...], edge: str) -> None:
    """Pipelines that only route success go on either way."""
    assert run(Limit(), {"items": [1, 2, 3], "maxItems": most}, routed=routed).edge == edge


def test_no_items_are_nothing_cut() -> None:
    """An empty list is whole."""
    visit = run(Limit(), {"maxItems": 1}, previous={"items": []}, routed=("all_items",))
    assert visit.edge == "all_items"
    assert visit.data["count"] == 0


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"maxItems": 0},
        {"maxItems": -1},
        {"maxItems": 1.5},
        {"maxItems": "1"},
        {"maxItems": True},
        {"maxItems": None},
        {"maxItems": 1, "keepFrom": "middle"},
        {"maxItems": 1, "items": {}},
    ],
)
def test_bad_input_is_an_error_with_null_results(config: dict[str, Any]) -> None:
    """At least one item, from one of two ends."""
    visit = run(Limit(), {"items": [1], **config}, state={"limitedItems": [1], "limitCount": 1})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state == {"limitedItems": None, "limitCount": None, "limitOriginalCount": None}
