"""`calculateField`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.calculate_field import CalculateField
from tests.support.nodes import run

STATE = {"price": 100, "cost": "75", "order": {"lines": [{"n": 3}], "discount": 0.5}, "word": "x", "nothing": None}


def calculation(field: str, formula: Any, **more: Any) -> dict[str, Any]:
    return {"outputField": field, "formula": formula, **more}


def computed(formula: Any, **more: Any) -> Any:
    visit = run(CalculateField(), {"calculations": [calculation("x", formula, **more)]}, state=STATE)
    assert visit.edge == "success", visit.data
    return visit.state["x"]


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        ("({price} - {cost}) / {price} * 100", 25),
        ("{order.lines[0].n} * {order.discount}", 1.5),
        ("{ price }+{price}", 200),
        ("{order['discount']}", 0.5),
        ("-{price} + 1", -99),
        ("2 ** 3 ** 2", 512),
        ("7 % 4", 3),
        ("1 - 2 - 3", -4),
        ("sqrt(16)", 4),
        ("Math.sqrt( {price} )", 10),
        ("abs(-{price})", 100),
        ("Math.round(2.5) + round(-2.5)", 0),
        ("ceil(1.2) * 10 + ceil(-1.2)", 19),
        ("floor(1.8) * 10 + floor(-1.2)", 8),
        ("min({price}, 5, (7))", 5),
        ("Math.max(1, Math.min(9, {price}))", 9),
        ("pow(2, 10)", 1024),
        ("min(3)", 3),
        ("round(({price} + 1) / 2)", 51),
        ("round(2.5) * 100 + round(0.49999999999999994) * 10 + round(-3.5)", 296),
        ("round(round(round({cost} / 2)))", 38),
        ("{price} > 50 && {cost} !== 0 ? {price} : 0", 100),
        ("{price} + $.price", 200),
        ("1e3", 1000),
        (42, 42),
    ],
)
def test_formulas(formula: Any, result: float) -> None:
    """Arithmetic, functions with and without `Math.`, and what else the language's expressions can do."""
    found = computed(formula)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(("precision", "result"), [(0, 33), (2, 33.33), (None, 100 / 3)])
def test_precision(precision: int | None, result: float) -> None:
    """Places after the point, half away from zero; null and absent mean all of them."""
    assert computed("{price} / 3", precision=precision) == result
    assert computed("1.005 * 1", precision=2) == 1.01


def test_formulas_see_what_was_computed_before_them() -> None:
    """In the order of the list; everything is written and told."""
    calculations = [calculation("margin", "{price} - {cost}"), calculation("stats.share", "{margin} / {price}")]
    visit = run(CalculateField(), {"calculations": calculations}, state={**STATE, "stats": {"kept": 1}})
    assert visit.data == {
        "result": {"margin": 25, "stats": {"share": 0.25}},
        "calculatedFields": {"margin": 25, "stats.share": 0.25},
        "errors": [],
        "totalCalculations": 2,
        "successfulCalculations": 2,
        "failedCalculations": 0,
    }
    assert visit.state == {
        **STATE,
        "margin": 25,
        "stats": {"kept": 1, "share": 0.25},
        "calculatedFields": {"margin": 25, "stats.share": 0.25},
        "calculationResult": {"margin": 25, "stats": {"share": 0.25}},
        "calculationErrors": [],
    }


def test_only_what_changes_is_in_the_patch() -> None:
    """A field that a formula merely reads is not written."""
    calculations = [calculation("order.total", "{order.discount} * 2")]
    visit = run(CalculateField(), {"calculations": calculations}, state=STATE)
    paths = [op.path for op in visit.patch]
    assert paths == ["/order/total", "/calculatedFields", "/calculationResult", "/calculationErrors"]


def test_fields_inside_lists() -> None:
    """They are written in their place, and stand in the result under their name."""
    visit = run(CalculateField(), {"calculations": [calculation("order.lines[0].n", "1 + 1")]}, state=STATE)
    assert visit.state["order"]["lines"] == [{"n": 2}]
    assert visit.state["calculationResult"] == {"order.lines[0].n": 2}


FAILING = [
    ("{missing}", "INVALID_PARAMETER"),
    ("{word}", "INVALID_PARAMETER"),
    ("{nothing}", "INVALID_PARAMETER"),
    ("{order}", "INVALID_PARAMETER"),
    ("{price} > 1", "INVALID_PARAMETER"),
    ("[1, 2]", "INVALID_PARAMETER"),
    ("1 / 0", "EXPRESSION_ERROR"),
    ("sqrt(0 - 1)", "EXPRESSION_ERROR"),
    ("10 ** 400", "EXPRESSION_ERROR"),
    ("$.missing", "UNDEFINED_REFERENCE"),
    ("", "INVALID_EXPRESSION"),
    ("1 +", "INVALID_EXPRESSION"),
    ("{price", "INVALID_EXPRESSION"),
    ("{}", "INVALID_EXPRESSION"),
    ("{price}{cost}", "INVALID_EXPRESSION"),
    ("price * 2", "INVALID_EXPRESSION"),
    ("min()", "INVALID_EXPRESSION"),
    ("min(1,,2)", "INVALID_EXPRESSION"),
    ("pow(2)", "INVALID_EXPRESSION"),
    ("sqrt(1, 2)", "INVALID_EXPRESSION"),
    ("sqrt(1", "INVALID_EXPRESSION"),
    ("Math.sin(1)", "INVALID_EXPRESSION"),
    ("process.exit()", "INVALID_EXPRESSION"),
    ("__import__('os')", "INVALID_EXPRESSION"),
    ("sqrt(" * 21 + "1" + ")" * 21, "INVALID_EXPRESSION"),
    ("round(" * 15 + "1" + ")" * 15, "INVALID_EXPRESSION"),
    ("1 + " * 3_000 + "1", "INVALID_EXPRESSION"),
]


@pytest.mark.parametrize(("formula", "code"), FAILING)
def test_an_error_stops_and_writes_nothing(formula: str, code: str) -> None:
    """Not even what was computed before it; the message names the field."""
    calculations = [calculation("first", "1"), calculation("x", formula), calculation("last", "2")]
    visit = run(CalculateField(), {"calculations": calculations}, state=STATE)
    assert visit.code == code
    assert visit.data["message"].startswith("x: ")
    assert "field_" not in visit.data["message"]
    assert visit.patch == ()


@pytest.mark.parametrize(("formula", "code"), FAILING)
def test_errors_can_be_skipped(formula: str, code: str) -> None:
    """What fails is left out and told; the rest is computed."""
    calculations = [calculation("first", "1"), calculation("x", formula), calculation("last", "{first} + 1")]
    visit = run(CalculateField(), {"calculations": calculations, "onError": "skip"}, state={**STATE, "x": "kept"})
    assert visit.edge == "success", code
    assert visit.state["x"] == "kept"
    assert visit.state["calculatedFields"] == {"first": 1, "last": 2}
    (error,) = visit.state["calculationErrors"]
    assert (error["field"], error["formula"]) == ("x", formula)
    assert error["error"]
    assert visit.data["errors"] == [error]
    assert (visit.data["successfulCalculations"], visit.data["failedCalculations"]) == (2, 1)


@pytest.mark.parametrize("default", [0, None, "n/a"])
def test_errors_can_give_a_default(default: Any) -> None:
    """It is stored, told as an error all the same, and seen by later formulas if it is a number."""
    config = {"onError": "use_default", "defaultValue": default}
    calculations = [calculation("x", "{missing}"), calculation("y", "{x} + 1")]
    visit = run(CalculateField(), {"calculations": calculations, **config}, state=STATE)
    seen = default if default != 0 else 1
    assert visit.state["x"] == default
    assert visit.state["y"] == seen
    assert visit.data["failedCalculations"] == (1 if default == 0 else 2)


def test_a_field_without_a_place() -> None:
    """Going through a number is a `state` error of that calculation, whatever the default is."""
    calculations = [calculation("price.net", "1")]
    stopped = run(CalculateField(), {"calculations": calculations}, state=STATE)
    assert stopped.code == "STATE_PATH"
    assert stopped.patch == ()
    for how in ("skip", "use_default"):
        visit = run(CalculateField(), {"calculations": calculations, "onError": how}, state=STATE)
        assert visit.data["failedCalculations"] == 1
        assert visit.state["price"] == 100


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"calculations": {}},
        {"calculations": ["1 + 1"]},
        {"calculations": [{"formula": "1"}]},
        {"calculations": [{"outputField": "a"}]},
        {"calculations": [calculation("a", True)]},
        {"calculations": [calculation("a[", "1")]},
        {"calculations": [calculation("", "1")]},
        {"calculations": [calculation("a", "1", precision=-1)]},
        {"calculations": [calculation("a", "1", precision="2")]},
        {"calculations": [calculation("a", "1")], "onError": "ignore"},
        {"calculations": [calculation("a", "1")] * 1_001},
        {"calculations": [calculation("a", "1" * 8_000)] * 20},
    ],
)
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_misuse_is_an_error_with_null_results(config: dict[str, Any], on_error: str) -> None:
    """A list that is no list of calculations is not a failing calculation: no field is written."""
    state = {"calculatedFields": 1, "calculationResult": 1, "calculationErrors": 1}
    visit = run(CalculateField(), {"onError": on_error, **config}, state=state)
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state == dict.fromkeys(state)


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"calculations": [calculation("a.b", "1"), calculation("c", "1")]}, {"a", "c"}),
        ({"calculations": []}, set()),
        ({"calculations": [5]}, None),
        ({"calculations": "x"}, None),
        ({}, None),
    ],
)
def test_the_state_keys_of_literal_names_are_known(config: dict[str, Any], keys: set[str] | None) -> None:
    """Validation can tell what the step writes, unless the list is computed."""
    fixed = {"calculatedFields", "calculationResult", "calculationErrors"}
    assert CalculateField().state_keys(config) == (None if keys is None else keys | fixed)
