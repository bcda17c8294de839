"""A crash between any two events changes nothing about how an execution ends (LANGUAGE 10, case 23)."""

from __future__ import annotations

from typing import Any

import pytest

from application.ports import Recorded
from application.requests import Submission
from application.service import Service
from domain.commands import Signal
from domain.events import EdgeTaken, ExecutionStarted, NodeStarted, Recovered, SignalReceived, Suspended
from domain.node import Answer, Edge, NodeMetadata, WorkflowNode
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from tests.support.engines import everything, log_with, service_on

EXECUTION = "crashed"


class Effect(WorkflowNode):
    """Does something to the world, as far as the engine knows, and takes the edge that its visit's number picks."""

    metadata = NodeMetadata(id="effect", name="Effect", version="1.0.0", effect="writes")

    def execute(self, context: Any, config: dict[str, Any]) -> Answer:
        """Note the visit in the state; raise or take an edge as `script` says for this visit, the last one from then on."""
        context.state.setdefault("seen", []).append([context.step.name, context.step.visit])
        script = config.get("script", ["done"])
        word = script[min(context.step.visit, len(script)) - 1]
        if word == "raise":
            raise ValueError("as scripted")
        return Edge(word, {"visit": context.step.visit})


WORKFLOWS: dict[str, list[Any]] = {
    "steps in order": [{"a": {"$node": "effect"}}, {"$.n": 1}, {"b": {"$node": "effect"}}],
    "a block and its continuation": [
        {"a": {"$node": "effect", "done?": {"effect": {}, "log": {"message": "x"}}}},
        "effect",
    ],
    "a jump forward": [
        {"a": {"$node": "effect", "done?": "c"}},
        {"b": {"$node": "effect"}},
        {"c": {"$node": "effect"}},
    ],
    "a jump back": [{"a": {"$node": "effect"}}, {"b": {"$node": "effect", "script": ["again", "on"], "again?": "a"}}],
    "a loop with exits": [
        {
            "a...": {
                "$node": "effect",
                "script": ["go", "go", "done"],
                "go?": ["effect"],
                "done?": {"log": {"message": "out"}},
            }
        },
        "effect",
    ],
    "loops in loops": [
        {"range...": {"stop": 2, "loop?": [{"each...": {"items": [1, 2], "loop?": [{"e": {"$node": "effect"}}]}}]}},
        {"log": {"message": "{{$.seen | length}}"}},
    ],
    "a while over a setter": [
        {"$.i": 0},
        {"while...": {"condition": "$.i < 3", "do?": [{"$.i": "$.i + 1"}, "effect"]}},
    ],
    "an error that is routed": [
        {"a": {"$node": "effect", "script": ["raise"], "error?": {"log": {"message": "{{error.message}}"}}}},
        "effect",
    ],
    "an error that jumps": [
        {"a": {"$node": "effect", "script": ["raise"], "error?": "mend"}},
        "effect",
        {"mend": {"$node": "log", "message": "{{error.code}}"}},
    ],
    "an error that fails": [{"a": {"$node": "effect", "script": ["raise"]}}, "effect"],
    "an early end": [
        {"each...": {"items": [1, 2, 3], "loop?": {"e": {"$node": "effect", "done?": {"end": {"result": 7}}}}}}
    ],
    "a wait for a person": [
        {"a": {"$node": "effect"}},
        {"ask": {"$node": "approval", "title": "?", "approve?": {"effect": {}}, "reject?": "$fail"}},
        {"b": {"$node": "effect"}},
    ],
    "a timer": [{"a": {"$node": "effect"}}, {"wait": {"for": 1}}, {"b": {"$node": "effect"}}],
}


def registry() -> NodeRegistry:
    nodes = standard_registry(files_root=None, entry_points=False)
    nodes.register(Effect)
    return nodes


def complete(service: Service) -> None:
    """Wait for the end of the execution, and answer what it asks on the way."""
    while not service.queries.fold(EXECUTION).has_ended:
        assert service.wait_settled(EXECUTION, 10)
        if any(wait.name == "ask" for _, _, wait in service.queries.fold(EXECUTION).waits()):
            service.command_and_wait(EXECUTION, Signal(now=0, name="ask", payload={"choice": "approve"}))


def resume(kept: list[Recorded]) -> list[Recorded]:
    """The whole log after a service took up what a crash has left of it."""
    log = log_with(kept)
    with service_on(log, registry()) as service:
        complete(service)
        return everything(log)


def run(steps: list[Any]) -> list[Recorded]:
    """The whole log of an undisturbed run."""
    log = log_with([])
    with service_on(log, registry()) as service:
        definition = {"id": "w", "name": "W", "version": "1.0.0", "workflow": steps}
        service.submit_and_wait(Submission(definition=definition, execution_id=EXECUTION))
        complete(service)
        return everything(log)


def path(events: list[Recorded]) -> list[tuple[str, int, str | None]]:
    """The way an execution took: each visit's address, number and edge."""
    taken = [recorded.event for recorded in events if isinstance(recorded.event, EdgeTaken)]
    return [(event.address, event.visit, event.edge) for event in taken]


def final_state(events: list[Recorded]) -> dict[str, Any]:
    with service_on(log_with(events), registry()) as service:
        state: dict[str, Any] = service.queries.fold(EXECUTION).state
        return state


def without_times(value: Any) -> Any:
    """A state without what says when something happened: that may differ."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in ("at", "resumedAt", "dueAt")}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("steps", WORKFLOWS.values(), ids=WORKFLOWS)
def test_a_crash_between_any_two_events(steps: list[Any]) -> None:
    """From every prefix of its log the execution ends with the same state, by the same edges, running only what was in flight."""
    whole = run(steps)
    expected = (path(whole), without_times(final_state(whole)))
    cuts = [cut for cut in range(2, len(whole) + 1) if is_boundary(whole, cut)]
    assert len(cuts) > len(whole) // 3
    for cut in cuts:
        kept = whole[:cut]
        resumed = resume(kept)
        assert (path(resumed), without_times(final_state(resumed))) == expected, f"crash after event {cut}"
        assert attempts_again(resumed, cut) <= {in_flight_at(kept)}, f"crash after event {cut}"


def is_boundary(events: list[Recorded], cut: int) -> bool:
    """Whether a crash can leave just the first `cut` events: what one decision leads to is appended as one."""
    if cut == len(events) or isinstance(events[cut].event, (NodeStarted, SignalReceived)):
        return True
    return isinstance(events[cut - 1].event, (NodeStarted, ExecutionStarted, Suspended))


def in_flight_at(events: list[Recorded]) -> tuple[str, int] | None:
    """The visit that the newest event leaves begun, not ended and not parked."""
    last = events[-1].event
    return (last.address, last.visit) if isinstance(last, NodeStarted) else None


def attempts_again(events: list[Recorded], cut: int) -> set[tuple[str, int] | None]:
    """The visits that began another attempt after the cut; each of them has its `Recovered`."""
    again = {
        (recorded.event.address, recorded.event.visit)
        for recorded in events[cut:]
        if isinstance(recorded.event, NodeStarted) and recorded.event.attempt > 1
    }
    recovered = {
        (recorded.event.address, recorded.event.visit)
        for recorded in events[cut:]
        if isinstance(recorded.event, Recovered) and recorded.event.address
    }
    assert again <= recovered
    return {*again}
