"""`switch`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.switch import Switch
from tests.support.nodes import run

RULES = [
    {"outputKey": "big", "conditions": [{"field": "total", "operation": "gt", "value": 100}]},
    {"outputKey": "known", "conditions": [{"field": "customer", "operation": "exists"}]},
    {
        "outputKey": "odd",
        "matchMode": "any",
        "conditions": [{"field": "a", "operation": "exists"}, {"field": "b", "operation": "exists"}],
    },
]


@pytest.mark.parametrize(
    ("item", "edge", "rule"),
    [
        ({"total": 101, "customer": "x"}, "big", 0),
        ({"total": 1, "customer": "x"}, "known", 1),
        ({"b": 1}, "odd", 2),
        ({"total": 1}, "default", None),
        (7, "default", None),
        (None, "default", None),
    ],
)
def test_the_first_rule_that_matches_wins(item: Any, edge: str, rule: int | None) -> None:
    """The edge is the rule's; without a match it is the fallback."""
    visit = run(Switch(), {"item": item, "rules": RULES})
    assert visit.edge == edge
    assert visit.data == {"item": item, "edge": edge, "matchedRule": rule, "mode": "rules"}
    assert visit.state == {"switchResult": item, "selectedEdge": edge, "matchedRule": rule}


def test_the_fallback_can_be_named() -> None:
    """`fallbackOutput` replaces `default`."""
    assert run(Switch(), {"item": {}, "rules": [], "fallbackOutput": "other"}).edge == "other"


def test_the_item_is_the_previous_edge_data_by_default() -> None:
    """What the node before handed on is looked at."""
    visit = run(Switch(), {"rules": RULES}, previous={"total": 500}, state={"total": 1})
    assert visit.edge == "big"
    assert visit.state["switchResult"] == {"total": 500}


def test_the_item_is_the_state_at_last_but_is_not_copied() -> None:
    """The whole state is read; edge data and result keys hold null in its place."""
    visit = run(Switch(), {"rules": RULES}, state={"total": 500})
    assert visit.edge == "big"
    assert visit.data["item"] is None
    assert visit.state["switchResult"] is None
    assert visit.reads == {"*"}


@pytest.mark.parametrize(
    ("expression", "item", "edge"),
    [
        ("item >= 8 ? 'critical' : item >= 5 ? 'normal' : 'low'", 9, "critical"),
        ("item >= 8 ? 'critical' : item >= 5 ? 'normal' : 'low'", 5, "normal"),
        ("item >= 8 ? 'critical' : item >= 5 ? 'normal' : 'low'", 1, "low"),
        ("item.role === 'admin' && !item.blocked ? 'yes' : 'no'", {"role": "admin", "blocked": False}, "yes"),
        ("item", "gold", "gold"),
        ("item", 3, "3"),
        ("item > 1", 2, "true"),
        ("item > 1", 1, "default"),
        ("item", "", "default"),
        ("item", None, "default"),
        ("item", False, "default"),
        ("item", 0, "0"),
        ("item", [], "default"),
        ("'plain'", 1, "plain"),
        ("'a ? b : c'", 1, "a ? b : c"),
        ("item - 1", 3, "2"),
        ("item-1", 3, "2"),
        ("null", 1, "default"),
        ("false", 1, "default"),
    ],
)
def test_an_expression_gives_the_edge(expression: str, item: Any, edge: str) -> None:
    """Its result as text is the edge; empty, null or false takes the fallback. JavaScript's spellings are taken."""
    visit = run(Switch(), {"mode": "expression", "item": item, "expression": expression})
    assert visit.edge == edge
    assert visit.data == {"item": item, "edge": edge, "matchedRule": None, "mode": "expression"}


@pytest.mark.parametrize(
    ("resolved", "edge"),
    [("gold", "gold"), ("very-high", "very-high"), ("5", "5"), (True, "true"), (5, "5"), (False, "default"),
     (None, "default"), ("", "default"), ("  ", "default")],
)  # fmt: skip
def test_a_reference_is_resolved_already(resolved: Any, edge: str) -> None:
    """What the engine made of a `$.` form is the edge itself: a plain name is not compiled again."""
    assert run(Switch(), {"mode": "expression", "item": 1, "expression": resolved}).edge == edge


def test_an_expression_may_look_at_the_state() -> None:
    """A `$.` path inside it reads the state; without one, the state is left alone."""
    config = {"mode": "expression", "item": 4, "expression": "item > $.limit ? 'over' : 'under'"}
    assert run(Switch(), config, state={"limit": 3}).edge == "over"
    assert run(Switch(), {**config, "expression": "item > 3 ? 'a' : 'b'"}, state={"limit": 3}).reads == set()


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"mode": "guess"}, "INVALID_PARAMETER"),
        ({"item": 1}, "INVALID_PARAMETER"),
        ({"item": 1, "rules": {}}, "INVALID_PARAMETER"),
        ({"item": 1, "rules": [1]}, "INVALID_PARAMETER"),
        ({"item": 1, "rules": [{"conditions": RULES[0]["conditions"]}]}, "INVALID_PARAMETER"),
        ({"item": 1, "rules": [{"outputKey": "", "conditions": RULES[0]["conditions"]}]}, "INVALID_PARAMETER"),
        ({"item": 1, "rules": [{"outputKey": "x"}]}, "INVALID_PARAMETER"),
        ({"item": {"total": 200}, "rules": [*RULES, {"outputKey": "x", "conditions": []}]}, "INVALID_PARAMETER"),
        ({"item": 1, "rules": [{**RULES[0], "matchMode": "none"}]}, "INVALID_PARAMETER"),
        ({"item": 1, "rules": [], "fallbackOutput": ""}, "INVALID_PARAMETER"),
        ({"mode": "expression", "item": 1}, "INVALID_PARAMETER"),
        ({"mode": "expression", "item": [1], "expression": "item"}, "INVALID_PARAMETER"),
        ({"mode": "expression", "item": 1, "expression": "item >"}, "INVALID_EXPRESSION"),
        ({"mode": "expression", "item": 1, "expression": "other + 1"}, "INVALID_EXPRESSION"),
        ({"mode": "expression", "item": 1, "expression": "__import__('os')"}, "INVALID_EXPRESSION"),
        ({"mode": "expression", "item": "x", "expression": "item > 1"}, "EXPRESSION_ERROR"),
        ({"mode": "expression", "item": {}, "expression": "item.nope > 1"}, "UNDEFINED_REFERENCE"),
    ],
)
def test_bad_input_is_the_error_edge(config: dict[str, Any], code: str) -> None:
    """What can't be decided is returned as an error, and the result keys are null."""
    visit = run(Switch(), config, state={"selectedEdge": "old"})
    assert visit.code == code
    assert visit.state == {"switchResult": None, "selectedEdge": None, "matchedRule": None}
