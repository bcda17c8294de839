"""When values count as the same, and random orders that come out the same."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.comparison import equal
from infrastructure.nodes.chance import shuffled
from infrastructure.nodes.sameness import key_of, keys_of, without_repeats

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 2.5, -1.0]),
    st.sampled_from(["", "1", "a"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


@given(st.lists(VALUES, max_size=4))
def test_keys_are_equal_exactly_for_values_that_are_equal_as_json(values: list[Any]) -> None:
    """The key agrees with the comparison of the language, but for numeric texts beside numbers."""
    for one, other in combinations_with_replacement(values, 2):
        if isinstance(one, str) == isinstance(other, str):
            assert (key_of(one) == key_of(other)) is equal(one, other), (one, other)


@given(st.lists(VALUES, max_size=5))
def test_keys_of_a_list_are_equal_wherever_its_values_are(values: list[Any]) -> None:
    """A numeric text and the number that it writes have one key where they meet."""
    keys = keys_of(values)
    for one, other in combinations_with_replacement(range(len(values)), 2):
        if equal(values[one], values[other]):
            assert keys[one] == keys[other]


@pytest.mark.parametrize(
    ("values", "distinct"),
    [
        (["1", "1.0", " 1"], 3),
        (["1", "1.0", " 1", 1], 1),
        ([1, True, "true", None, "", 0, False, [], {}], 9),
        ([[1, "1"], ["1", 1]], 2),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], 1),
        ([10**18, float(10**18), 10**18 + 1], 2),
    ],
)
def test_distinct_values_are_counted(values: list[Any], distinct: int) -> None:
    """Texts are texts until a number that they write is among them."""
    assert len(without_repeats(values, keys_of(values))) == distinct


def test_the_first_of_the_same_stays() -> None:
    """In the order of the list."""
    assert without_repeats(["b", "a", "b"], keys_of(["b", "a", "b"])) == ["b", "a"]


def test_values_beside_a_list_count_for_its_keys() -> None:
    """The number may be in the other list."""
    assert keys_of(["1"], beside=[1]) == keys_of([1])
    assert keys_of(["1"]) != keys_of([1])


def test_orders_depend_on_the_seed_only() -> None:
    """The order is pinned: a later version of Python must not change what a second attempt gets."""
    assert shuffled("abcdefgh", "seed") == shuffled(list("abcdefgh"), "seed")
    assert "".join(shuffled("abcdefgh", "seed")) == "ghedbfca"
    assert shuffled(range(100), "one") != shuffled(range(100), "two")
    assert sorted(shuffled(range(100), "one")) == list(range(100))
