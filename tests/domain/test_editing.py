"""Edits by people: when they may, and the lists of loops that change with the state."""

from __future__ import annotations

from typing import Any

import pytest

from domain import json
from domain.commands import Cancel, EditState, Pause, Resume, Signal
from domain.errors import Outdated, Refused, Unacceptable
from domain.events import StateEdited
from domain.evolve import fold
from domain.execution import Execution
from domain.json_patch import read_operations
from domain.limits import Limits
from domain.position import ListReplaced
from tests.support.workflows import Script, Walk, nodes_of, workflow

ASK = {"signal": {"name": "go"}}


def walk(*steps: Any, state: dict[str, Any] | None = None, limits: Limits | None = None) -> Walk:
    """The walk of an execution of these steps, as far as it goes."""
    return Walk(workflow(*steps, state=state), nodes_of(Script()), limits=limits).run()


def edit(walking: Walk, *operations: dict[str, Any], **more: Any) -> tuple[Any, ...]:
    """The events that an edit leads to; every fold of the history gives the same."""
    command = EditState(now=walking.now, operations=read_operations(list(operations)), **more)
    events = walking.decide(command)
    assert fold(walking.events, Execution(id="walked")) == walking.execution
    return events


def put(path: str, value: Any) -> dict[str, Any]:
    """The operation that puts a value at a place."""
    return {"op": "add", "path": path, "value": value}


def test_an_edit_is_an_event_with_what_changed() -> None:
    """A person's operations become additions, replacements and removals, with reason and actor."""
    walking = walk(ASK, state={"a": [1, 2, 3], "b": {"x": 1}, "same": 1})
    events = edit(
        walking,
        {"op": "move", "from": "/b/x", "path": "/c"},
        {"op": "remove", "path": "/a/2"},
        {"op": "replace", "path": "/same", "value": 1},
        actor="ann",
        reason="a slip",
    )
    (event,) = events
    assert isinstance(event, StateEdited)
    assert [(op.op, op.path) for op in event.patch] == [("remove", "/a/2"), ("remove", "/b/x"), ("add", "/c")]
    assert (event.actor, event.reason, event.lists) == ("ann", "a slip", ())
    assert walking.execution.state == {"a": [1, 2], "b": {}, "same": 1, "c": 1}
    assert walking.execution.status == "suspended"


def test_an_edit_that_changes_nothing_is_no_event() -> None:
    """Writing what is there, and tests that hold."""
    walking = walk(ASK, state={"a": 1})
    assert edit(walking, put("/a", 1), {"op": "test", "path": "/a", "value": 1}) == ()
    assert edit(walking) == ()


def test_when_a_state_can_be_edited() -> None:
    """Not while it runs, and not after an end but a failure."""
    running = Walk(workflow("a", "b"), nodes_of(Script()))
    with pytest.raises(Refused, match="pause first") as caught:
        edit(running, put("/a", 1))
    assert caught.value.code == "PAUSE_FIRST"
    running.decide(Pause(now=running.now))
    assert len(edit(running, put("/a", 1))) == 1
    assert len(edit(walk({"fail": {"message": "no"}}), put("/a", 1))) == 1
    completed, cancelled = walk("a"), walk(ASK)
    cancelled.decide(Cancel(now=cancelled.now))
    for ended in (completed, cancelled):
        with pytest.raises(Refused, match="can't be edited any more"):
            edit(ended, put("/a", 1))


def test_a_command_for_another_version_is_refused() -> None:
    """Whatever it asks for; the answer says the version."""
    walking = walk(ASK)
    now = walking.execution.version
    for command in (
        Signal(now=walking.now, name="go", expected=(now - 1,)),
        Pause(now=walking.now, expected=()),
        EditState(now=walking.now, operations=(), expected=(now + 1, now + 2)),
    ):
        with pytest.raises(Outdated) as caught:
            walking.decide(command)
        assert caught.value.details == {"version": now}
    assert len(edit(walking, put("/a", 1), expected=(1, now))) == 1


def test_an_edit_that_is_too_large() -> None:
    """Is refused; where the limit was lowered since, one that makes the state lighter is not."""
    walking = walk(ASK, state={"a": "x" * 100}, limits=Limits(state_bytes=1_000))
    with pytest.raises(Unacceptable, match="at most 1,000") as caught:
        edit(walking, put("/b", "x" * 1_000))
    assert caught.value.code == "STATE_LIMIT"
    assert "b" not in walking.execution.state
    walking = walk(ASK, state={"a": "x" * 2_000})
    walking.rules = walking.rules.__class__(
        program=walking.program, limits=Limits(state_bytes=1_000), check_schema=walking.rules.check_schema
    )
    assert len(edit(walking, put("/a", "x" * 1_500))) == 1
    with pytest.raises(Unacceptable):
        edit(walking, put("/b", 1))


def each(items: str, body: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A loop over a list that asks in each pass, and writes down what it goes through."""
    return {
        "each...": {"items": items, "as": "one", "loop?": body or [ASK, {"$.seen[0]": "$.seen[0] + [$.one]"}], **more}
    }


def answered(walking: Walk) -> list[Any]:
    """What a loop has gone through when every question was answered."""
    while walking.execution.status == "suspended":
        walking.decide(Signal(now=walking.now, name="go"))
        walking.run()
    assert walking.execution.status == "completed", walking.execution.failure
    seen: list[Any] = walking.execution.state["seen"][0]
    return seen


@pytest.mark.parametrize("items", ["$.rows", "{{ $.rows }}", "$['rows']"])
@pytest.mark.parametrize(
    ("operations", "seen"),
    [
        ([put("/rows/-", 4)], [1, 2, 3, 4]),
        ([put("/rows/1", 9)], [1, 9, 2, 3]),
        ([put("/rows/0", 9)], [1, 1, 2, 3]),
        ([put("/rows", [7])], [1]),
        ([put("/rows", [])], [1]),
        ([{"op": "replace", "path": "/rows/2", "value": "c"}], [1, 2, "c"]),
        ([{"op": "remove", "path": "/rows"}], [1, 2, 3]),
        ([put("/rows", "no list")], [1, 2, 3]),
        ([put("/row", [7, 8])], [1, 2, 3]),
        ([{"op": "replace", "path": "", "value": {"rows": [5, 6], "one": 1, "seen": [[]]}}], [1, 6]),
    ],
)
def test_an_edit_under_the_pointer_a_list_came_from(items: str, operations: list[Any], seen: list[Any]) -> None:
    """Replaces the list and keeps the index: the pass that runs keeps its element, the next takes from the new list."""
    walking = walk(each(items), state={"rows": [1, 2, 3], "seen": [[]]})
    edit(walking, *operations)
    assert answered(walking) == seen


def test_a_list_that_was_made_of_something_else_stays() -> None:
    """Only a reference says where it came from."""
    walking = walk(each("$.rows | sort"), state={"rows": [1, 2, 3], "seen": [[]]})
    (event,) = edit(walking, put("/rows/-", 4))
    assert event.lists == ()
    assert answered(walking) == [1, 2, 3]


def test_loops_inside_one_another_each_have_their_list() -> None:
    """The inner one goes through what the outer one's element holds, at the key that shows it."""
    inner = {"each...": {"items": "$.order.lines", "as": "line", "loop?": [ASK, {"$.seen[0]": "$.seen[0] + [$.line]"}]}}
    orders = [{"lines": [1, 2]}, {"lines": [3]}]
    walking = walk(each("$.orders", [inner], **{"as": "order"}), state={"orders": orders, "seen": [[]]})
    (event,) = edit(walking, put("/order/lines/-", 9), put("/orders/-", {"lines": [7]}))
    assert sorted((one.at, one.frame) for one in event.lists) == [("/order/lines", 1), ("/orders", 0)]
    assert answered(walking) == [1, 2, 9, 3, 7]


def test_batches_too() -> None:
    """`batch` goes on at its group."""
    steps = {
        "batch...": {"items": "$.rows", "size": 2, "as": "one", "loop?": [ASK, {"$.seen[0]": "$.seen[0] + $.one"}]}
    }
    walking = walk(steps, state={"rows": [1, 2, 3], "seen": [[]]})
    edit(walking, put("/rows/-", 4), put("/rows/-", 5))
    assert answered(walking) == [1, 2, 3, 4, 5]


def test_passes_beside_one_another() -> None:
    """Those that have begun keep their elements; the others are of the new list."""
    body = [{"signal": {"name": "go"}}, {"$.seen[0]": "$.seen[0] + [loop.item]"}]
    steps = {"each...": {"items": "$.rows", "$concurrency": 2, "loop?": body}}
    walking = walk(steps, state={"rows": [1, 2, 3], "seen": [[]]})
    (event,) = edit(walking, put("/rows", [10, 20, 30, 40]))
    assert event.lists == (ListReplaced(at="/rows", parameter="items"),)
    assert sorted(answered(walking)) == [1, 2, 30, 40]


def test_passes_beside_one_another_that_become_fewer() -> None:
    """The loop ends with those that have begun."""
    steps = {
        "each...": {"items": "$.rows", "$concurrency": 2, "loop?": [{"signal": {"name": "go"}}], "done?": {"$.n": 1}}
    }
    walking = walk(steps, state={"rows": [1, 2, 3, 4]})
    edit(walking, put("/rows", [1]))
    for _ in range(2):
        walking.decide(Signal(now=walking.now, name="go"))
        walking.run()
    assert walking.execution.status == "completed"


def test_a_loop_in_a_branch() -> None:
    """Has its frame there."""
    steps = {"parallel": {"x?": [each("$.rows")], "y?": ["a"]}}
    walking = walk(steps, state={"rows": [1, 2], "seen": [[]]})
    (event,) = edit(walking, put("/rows/-", 3))
    assert [(one.branch, one.frame) for one in event.lists] == [("x", 0)]
    assert answered(walking) == [1, 2, 3]


def test_a_failed_loop_goes_on_in_the_new_list() -> None:
    """An edit between the failure and the retry."""
    body = [{"$.seen[0]": "$.seen[0] + [10 / $.one]"}]
    walking = walk(each("$.rows", body), state={"rows": [1, 0, 2], "seen": [[]]})
    assert walking.execution.status == "failed"
    edit(walking, put("/rows/-", 5), {"op": "replace", "path": "/one", "value": 4})
    walking.decide(Resume(now=walking.now))
    walking.run()
    assert walking.execution.state["seen"][0] == [10, 2.5, 5, 2]


def test_what_an_edit_weighs() -> None:
    """The bound on the weight is never below the true one, with lists in the frames too."""
    walking = walk(each("$.rows"), state={"rows": [1, 2], "seen": [[]]})
    edit(walking, put("/rows", ["x" * 1_000] * 20))
    assert walking.execution.weight >= 2 * len(json.encode(["x" * 1_000] * 20))
