"""Patches: what is written, how it is applied, and what becomes of it when the state has moved on."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import json
from domain.errors import StepFailure
from domain.patches import ABSENT, Op, apply, assignment, diff, escape, find, rebase, same, tokens

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 0.5]) | st.text("a~/é", max_size=2)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text("ab~/", max_size=2), values, max_size=4)


@given(objects, objects)
def test_a_patch_turns_the_old_value_into_the_new(old: Any, new: Any) -> None:
    """And leaves the old as it was."""
    before = deepcopy(old)
    after = apply(old, tuple(diff(old, new)))
    assert same(after, new)
    assert same(old, before)


@given(objects)
def test_what_is_equal_needs_no_patch(value: Any) -> None:
    """Writing an equal value is no write."""
    assert tuple(diff(value, deepcopy(value))) == ()


@given(objects, objects)
def test_a_patch_keeps_its_meaning_as_json(old: Any, new: Any) -> None:
    """It is the stored form that is applied again."""
    import msgspec

    patch = tuple(diff(old, new))
    again = msgspec.json.decode(json.encode(patch), type=tuple[Op, ...])
    assert same(apply(old, again), new)


@given(objects, objects)
def test_rebasing_on_the_state_that_it_was_made_on_changes_nothing(old: Any, new: Any) -> None:
    """Nobody else has written."""
    assert same(apply(old, rebase(tuple(diff(old, new)), old)), new)


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 2}, [Op("replace", "/a", 2)]),
        ({"a": 1}, {}, [Op("remove", "/a")]),
        ({}, {"a": None}, [Op("add", "/a", None)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [Op("replace", "/a/c", 3)]),
        ({"a": [1, 2, 3]}, {"a": [1, 5, 3]}, [Op("replace", "/a/1", 5)]),
        ({"a": [1]}, {"a": [1, 2, 3]}, [Op("add", "/a/1", 2), Op("add", "/a/2", 3)]),
        ({"a": [1, 2, 3]}, {"a": [1]}, [Op("remove", "/a/2"), Op("remove", "/a/1")]),
        ({"a": [1, 2, 3]}, {"a": [2, 3]}, [Op("replace", "/a", [2, 3])]),
        ({"a": [1]}, {"a": [2, 3]}, [Op("replace", "/a", [2, 3])]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [Op("replace", "/a/0/b", 2)]),
        ({"a": [1]}, {"a": {"0": 1}}, [Op("replace", "/a", {"0": 1})]),
        ({"a": 1}, {"a": 1.0}, [Op("replace", "/a", 1.0)]),
        ({"a": 1}, {"a": True}, [Op("replace", "/a", True)]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, [Op("replace", "/a~1b/~0", 2)]),
    ],
    ids=["replace", "remove", "null is a value", "one key of an object", "an element", "growth at the end",
         "shrinking from the end", "a shift replaces the list", "growth of another list replaces it", "in an element",
         "another kind", "1 and 1.0", "1 and true", "escaped keys"],
)  # fmt: skip
def test_the_form_of_a_patch(old: Any, new: Any, patch: list[Op]) -> None:
    """Objects by key, lists so that an index always means the same element."""
    assert list(diff(old, new)) == patch


def test_apply_shares_what_did_not_change() -> None:
    """A large state is not copied for a small write, and never changed in place."""
    state = {"big": {"list": [1]}, "small": {"n": 1}}
    after = apply(state, (Op("replace", "/small/n", 2), Op("add", "/small/m", 3)))
    assert after == {"big": {"list": [1]}, "small": {"n": 2, "m": 3}}
    assert after["big"] is state["big"]
    assert state == {"big": {"list": [1]}, "small": {"n": 1}}


def test_values_of_a_patch_are_not_changed_by_later_operations_of_it() -> None:
    """What an event says stays what it said."""
    added: dict[str, Any] = {"list": [1]}
    patch = (Op("add", "/a", added), Op("add", "/a/list/1", 2), Op("remove", "/a/list/0"))
    assert apply({}, patch) == {"a": {"list": [2]}}
    assert added == {"list": [1]}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/a/1", 2), ("/a/2", ABSENT), ("/b", ABSENT), ("/c~1d/~0", 3), ("/a/x", ABSENT), ("/a/0/b", ABSENT), ("", "all")],
)
def test_find(pointer: str, value: Any) -> None:
    """What a pointer names, or ABSENT."""
    document = {"a": [1, 2], "c/d": {"~": 3}}
    assert find(document, pointer) == (document if value == "all" else value)


@given(st.text("a~/01", max_size=6))
def test_tokens_are_escaped_and_back(key: str) -> None:
    """Whatever the key."""
    assert tokens(f"/{escape(key)}") == [key]


@pytest.mark.parametrize(
    ("op", "state", "recorded"),
    [
        (Op("add", "/a", 1), {}, [Op("add", "/a", 1)]),
        (Op("add", "/a", 1), {"a": 0}, [Op("replace", "/a", 1)]),
        (Op("add", "/a", 1), {"a": 1}, []),
        (Op("replace", "/a", 1), {}, [Op("add", "/a", 1)]),
        (Op("replace", "/a", 1), {"a": 1}, []),
        (Op("remove", "/a"), {}, []),
        (Op("remove", "/a"), {"a": 1}, [Op("remove", "/a")]),
        (Op("add", "/l/1", 9), {"l": [1, 2, 3]}, [Op("add", "/l/3", 9)]),
        (Op("add", "/l/1", 9), {"l": []}, [Op("add", "/l/0", 9)]),
        (Op("replace", "/l/0", 9), {"l": [1, 2]}, [Op("replace", "/l/0", 9)]),
        (Op("replace", "/l/0", 1), {"l": [1, 2]}, []),
        (Op("remove", "/l/4"), {"l": [1]}, []),
        (Op("remove", "/o/k"), {}, []),
    ],
    ids=["fits", "added by another", "the same by another", "removed by another", "the same", "gone already", "removes",
         "the end has moved on", "the end has moved back", "an element", "the same element", "no such element",
         "the parent of what is removed is gone"],
)  # fmt: skip
def test_rebase(op: Op, state: dict[str, Any], recorded: list[Op]) -> None:
    """The patch as it must be recorded against the state as it is now."""
    assert list(rebase((op,), state)) == recorded


@pytest.mark.parametrize(
    ("op", "state"),
    [
        (Op("replace", "/o/k", 1), {}),
        (Op("add", "/o/k", 1), {"o": 5}),
        (Op("replace", "/l/3", 1), {"l": [1]}),
        (Op("add", "/o/k/j", 1), {"o": {}}),
    ],
    ids=["the parent is gone", "the parent is a number now", "the element is gone", "an inner parent is gone"],
)
def test_a_missing_parent_is_a_conflict(op: Op, state: dict[str, Any]) -> None:
    """`STATE_CONFLICT`, recoverable: the node may be tried again on the state as it is."""
    with pytest.raises(StepFailure) as conflict:
        rebase((op,), state)
    error = conflict.value.error
    assert (error.type, error.code, error.recoverable) == ("state", "STATE_CONFLICT", True)
    assert error.details == {"pointer": op.path}


def test_operations_of_one_patch_see_those_before_them() -> None:
    """A list that grows by two does so at two places."""
    patch = (Op("add", "/l/1", "x"), Op("add", "/l/2", "y"))
    assert rebase(patch, {"l": [1, 2]}) == (Op("add", "/l/2", "x"), Op("add", "/l/3", "y"))


@pytest.mark.parametrize(
    ("state", "path", "op"),
    [
        ({}, ("a",), Op("add", "/a", 1)),
        ({"a": 0}, ("a",), Op("replace", "/a", 1)),
        ({}, ("a", "b"), Op("add", "/a", {"b": 1})),
        ({"a": {}}, ("a", "b"), Op("add", "/a/b", 1)),
        ({"a": None}, ("a", "b"), Op("replace", "/a", {"b": 1})),
        ({"a": [5]}, ("a", 1), Op("add", "/a/1", 1)),
        ({"a": [5]}, ("a", 0), Op("replace", "/a/0", 1)),
        ({}, ("a", 0, "b"), Op("add", "/a", [{"b": 1}])),
    ],
)
def test_assignment_is_one_operation(state: dict[str, Any], path: Any, op: Op) -> None:
    """As high up as something is missing."""
    assert assignment(state, path, 1) == op


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ({"a": 5}, ("a", "b")),
        ({"a": []}, ("a", 1)),
        ({}, ("a", 1)),
        ({"a": {}}, ("a", 0)),
        ({"a": "x"}, ("a", 0)),
        ({}, ()),
    ],
)
def test_assignment_where_there_is_no_place(state: dict[str, Any], path: Any) -> None:
    """A `state` error that names the pointer."""
    with pytest.raises(StepFailure) as failure:
        assignment(state, path, 1)
    assert (failure.value.error.type, failure.value.error.code) == ("state", "STATE_PATH")


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [(1, 1, True), (1, 1.0, False), (1, True, False), (0, False, False), ([], {}, False), ([1], [1], True),
     ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ({"a": 1}, {"a": True}, False), (None, None, True)],
)  # fmt: skip
def test_same_is_what_would_be_stored_alike(left: Any, right: Any, equal: bool) -> None:
    """Not what Python takes for equal."""
    assert same(left, right) is equal
