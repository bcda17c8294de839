"""Comparison and truth, as NODES ("Comparison") has them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.comparison import contains, equal, number, order, truth
from domain.errors import StepFailure

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0),
        ("1", 1),
        (" +1.50 ", 1.5),
        ("1e3", 1000),
        ("a", "a"),
        (None, None),
        ([1, {"a": [2.0]}], [1.0, {"a": [2]}]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (2**53 + 1, str(2**53 + 1)),
    ],
)
def test_equal_values(left: object, right: object) -> None:
    """JSON equality, and numeric text against a number, in both directions."""
    assert equal(left, right)
    assert equal(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (True, 1),
        (False, 0),
        (None, 0),
        (None, False),
        ("", 0),
        ("01", 1),
        ("1", "1.0"),
        ("0x1", 1),
        ("true", True),
        ("1", True),
        ([1], [True]),
        ([1], ["1"]),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
        ({}, []),
        ("1" * 5_000, 1),
        ("1e999", 1),
    ],
)
def test_unequal_values(left: object, right: object) -> None:
    """`true != 1`; texts equal texts only as they are; inside containers nothing is converted."""
    assert not equal(left, right)
    assert not equal(right, left)


def test_equal_does_not_mind_depth() -> None:
    """Values nested deeper than Python calls may be are compared all the same."""
    one: list[Any] = []
    other: list[Any] = []
    for _ in range(5_000):
        one, other = [one], [other]
    assert equal(one, other)
    assert not equal(one, [other])


@given(json_values)
def test_every_value_equals_itself(value: Any) -> None:
    """Equality is reflexive."""
    assert equal(value, value)


@given(json_values, json_values)
def test_equality_is_symmetric(left: Any, right: Any) -> None:
    """The sides don't matter."""
    assert equal(left, right) == equal(right, left)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(1, 2, -1), (2, 1.5, 1), (1, 1.0, 0), ("3", 4, -1), (10, "9", 1), ("10", "9", -1), ("a", "b", -1), ("b", "b", 0)],
)
def test_order(left: object, right: object, expected: int) -> None:
    """Numbers by size, texts by code point, numeric text against a number as number."""
    assert order(left, right) == expected
    assert order(right, left) == -expected


@pytest.mark.parametrize(
    ("left", "right", "names"),
    [
        (None, 4, ("null", "a number")),
        ("x", 4, ("a text", "a number")),
        (True, 1, ("a boolean", "a number")),
        ([], [], ("a list", "a list")),
        ({}, "a", ("an object", "a text")),
    ],
)
def test_unlike_things_have_no_order(left: object, right: object, names: tuple[str, str]) -> None:
    """EXPRESSION_ERROR that names both types."""
    with pytest.raises(StepFailure) as failure:
        order(left, right)
    assert failure.value.code == "EXPRESSION_ERROR"
    assert all(name in failure.value.message for name in names)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (2.5, 2.5),
        ("3", 3),
        (" -2.5e1\n", -25.0),
        ("+7", 7),
        ("- 7", None),
        ("007", None),
        (".5", None),
        ("1.", None),
        ("1_000", None),
        ("\u0663", None),
        ("NaN", None),
        ("1e999", None),
        ("", None),
        (True, None),
        (None, None),
        ([1], None),
        (float("inf"), None),
    ],
)
def test_number(value: object, expected: float | None) -> None:
    """A number or numeric text, never a boolean, never an infinity."""
    found = number(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", [None, False, 0, 0.0, -0.0, "", [], {}])
def test_false_values(value: object) -> None:
    """Null, false, zero and whatever is empty."""
    assert truth(value) is False


@pytest.mark.parametrize("value", [True, 1, -1, 0.1, "0", "false", " ", [0], {"a": None}])
def test_true_values(value: object) -> None:
    """Everything else."""
    assert truth(value) is True


@pytest.mark.parametrize(
    ("container", "element", "expected"),
    [
        ([1, 2], 2.0, True),
        ([1, 2], "2", True),
        (["1"], 1, True),
        ([True], 1, False),
        (["a"], "a", True),
        (["a"], "b", False),
        ([[1]], [1], True),
        ([None], None, True),
        ("hello", "ell", True),
        ("hello", "", True),
        ("hello", "x", False),
        ({"k": 1}, "k", True),
        ({"k": 1}, "x", False),
    ],
)
def test_contains(container: object, element: object, expected: bool) -> None:
    """Elements of a list by `equal`, text in text, key in object."""
    assert contains(container, element) is expected


@pytest.mark.parametrize(("container", "element"), [(None, 1), (5, 1), ("a1", 1), ({"1": 0}, 1), (True, True)])
def test_contains_refuses_the_rest(container: object, element: object) -> None:
    """EXPRESSION_ERROR for what has nothing in it, and for what can't be in it."""
    with pytest.raises(StepFailure) as failure:
        contains(container, element)
    assert failure.value.code == "EXPRESSION_ERROR"
