"""A crash between any two events of a workflow with branches: each goes on where it was (LANGUAGE 7, DESIGN 3)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from application.ports import Recorded
from domain.events import BranchClosed, EdgeTaken, NodeStarted
from tests.crash.test_every_boundary import EXECUTION, final_state, is_boundary, resume, run, without_times

WORKFLOWS: dict[str, list[Any]] = {
    "five branches": [
        {"parallel": {f"{name}?": ["effect", {f"{name}2": {"$node": "effect"}}] for name in "abcde"}},
        "effect",
    ],
    "any": [
        {"parallel": {"mode": "any", "x?": ["effect"], "y?": [{"ask": {"$node": "signal", "name": "never"}}]}},
        "effect",
    ],
    "a person in a branch": [
        {"parallel": {"x?": [{"ask": {"$node": "approval", "title": "?", "approve?": ["effect"]}}], "y?": ["effect"]}}
    ],
    "a concurrent loop": [
        {"each...": {"items": [1, 2, 3, 4, 5], "$concurrency": 2, "loop?": ["effect", {"$.last": True}]}},
        "effect",
    ],
    "branches in passes": [
        {
            "each...": {
                "items": [1, 2, 3],
                "$concurrency": 3,
                "loop?": [{"parallel": {"x?": ["effect"], "y?": ["effect"]}}],
            }
        }
    ],
    "an error that the step takes": [
        {"parallel": {"x?": [{"a": {"$node": "effect", "script": ["raise"]}}], "error?": ["effect"]}},
        "effect",
    ],
    "errors that are collected": [
        {"parallel": {"onError": "collect", "x?": [{"a": {"$node": "effect", "script": ["raise"]}}], "y?": ["effect"]}},
        "effect",
    ],
    "an error that fails": [{"parallel": {"x?": [{"a": {"$node": "effect", "script": ["raise"]}}]}}, "effect"],
    "locks": [
        {"parallel": {f"{name}?": [{name: {"$node": "effect", "$locks": ["$.seen"]}}] for name in "abc"}},
        "effect",
    ],
    "a loop in a branch": [
        {"parallel": {"x?": [{"range...": {"stop": 3, "loop?": ["effect"]}}], "y?": ["effect"]}},
    ],
}


def places(events: list[Recorded]) -> dict[tuple[str, int], tuple[str, str]]:
    """(address, pass) of each visit, by its address and number."""
    started = [recorded.event for recorded in events if isinstance(recorded.event, NodeStarted)]
    return {(event.address, event.visit): (event.address, event.pass_) for event in started}


def edges(events: list[Recorded]) -> Counter[tuple[tuple[str, str], str | None]]:
    """How often each visit took each edge: once, if at all."""
    where = places(events)
    taken = [recorded.event for recorded in events if isinstance(recorded.event, EdgeTaken)]
    return Counter((where[event.address, event.visit], event.edge) for event in taken)


def ended_well(events: list[Recorded]) -> list[tuple[str, str]]:
    """How each branch closed, in no order."""
    closed = [recorded.event for recorded in events if isinstance(recorded.event, BranchClosed)]
    return sorted((event.branch, event.outcome) for event in closed)


def unordered(state: Any) -> Any:
    """A state without what depends on the order in which branches ran: they write `seen` over one another's heads, unless
    they lock it.
    """
    plain = without_times(state)
    if "unlocked" in plain:
        plain.pop("seen", None)
    plain["seen"] = sorted(name for name, _ in plain.get("seen", []))
    return {key: value for key, value in plain.items() if not key.endswith("_output")}


def in_flight(events: list[Recorded]) -> set[tuple[str, str]]:
    """The visits that have begun and not ended."""
    where = places(events)
    begun = Counter({where[event.address, event.visit]: 1 for event in _of(events, NodeStarted)})
    for event in _of(events, EdgeTaken):
        begun[where[event.address, event.visit]] -= 1
    return {place for place, count in begun.items() if count > 0}


def _of(events: list[Recorded], kind: type[Any]) -> list[Any]:
    return [recorded.event for recorded in events if isinstance(recorded.event, kind) and recorded.stream == EXECUTION]


@pytest.mark.parametrize("steps", WORKFLOWS.values(), ids=WORKFLOWS)
def test_a_crash_between_any_two_events_of_branches(steps: list[Any]) -> None:
    """Whatever was recorded, the same visits take the same edges, every branch closes the same, and only what was in
    flight runs again.
    """
    whole = run([{"$.unlocked": True}, *steps] if "$locks" not in str(steps) else steps)
    expected = (edges(whole), ended_well(whole), unordered(final_state(whole)))
    assert max(expected[0].values(), default=1) == 1
    cuts = [cut for cut in range(2, len(whole) + 1) if is_boundary(whole, cut)]
    for cut in cuts:
        resumed = resume(whole[:cut])
        ended = (edges(resumed), ended_well(resumed), unordered(final_state(resumed)))
        assert ended == expected, f"crash after event {cut}"
        where = places(resumed)
        again = {where[event.address, event.visit] for event in _of(resumed[cut:], NodeStarted) if event.attempt > 1}
        assert again <= in_flight(whole[:cut]), f"crash after event {cut}"
