"""A crash between any two events around a rollback, an edit and a name: the person asks again, and all is as if undisturbed."""

from __future__ import annotations

from typing import Any

import pytest

from application.ports import Recorded
from application.reading import execution_event
from application.requests import Submission
from application.service import Service
from domain.commands import EditState, OutsideCommand, Pause, Resume, Signal, TakeSnapshot
from domain.completions import end_of_completion
from domain.events import CommandKey, DefinitionStored, NodeStarted, RolledBack
from domain.json_patch import read_operations
from tests.crash.test_every_boundary import (
    EXECUTION,
    final_state,
    in_flight_at,
    path,
    registry,
    without_times,
)
from tests.support.engines import everything, log_with, service_on

A, B, C = ({name: {"$node": "effect"}} for name in "abc")
NAMED: dict[str, Any] = {"snapshot": {"name": "one", "$output": False}}
ASK: dict[str, Any] = {"ask": {"$node": "signal", "name": "go"}}
SLOT: dict[str, Any] = {"each...": {"items": "$.rows", "loop?": [B, ASK]}}
WORKFLOWS: dict[str, list[Any]] = {
    "steps in order": [A, NAMED, B, ASK, C],
    "a loop over an edited list": [A, NAMED, SLOT, C],
    "branches": [A, NAMED, {"parallel": {"x?": [B, ASK], "y?": [ASK, C]}}],
    "a child": [A, NAMED, {"run-workflow": {"definition": {
        "id": "child", "name": "Child", "version": "1.0.0", "workflow": [B]}}}, ASK],
}  # fmt: skip
SENT = ("edit", "name", "pause", "back", "resume", "edit again")
"""What a person asks for, in this order, at the first questions."""


def command(service: Service, word: str) -> OutsideCommand:
    """A command under a key of its own, so that it can be sent again."""
    by: dict[str, Any] = {"now": 0, "key": CommandKey(key=word, request=word), "actor": "ann", "reason": word}
    match word:
        case "edit" | "edit again":
            return EditState(**by, operations=read_operations([{"op": "add", "path": "/rows/-", "value": 3}]))
        case "name":
            return TakeSnapshot(**by, name="edited")
        case "pause":
            return Pause(**by)
        case "back":
            found = service.queries.rollback(EXECUTION, "mark:one", key=by["key"])
            return found.command(**by)
        case _:
            return Resume(**by)


def complete(service: Service) -> None:
    """Let the person do all that was not done yet, then answer every question until the end."""
    while not service.queries.fold(EXECUTION).has_ended:
        assert service.wait_settled(EXECUTION, 10), "it does not settle"
        execution = service.queries.fold(EXECUTION)
        waits = [wait for _, _, wait in execution.waits() if wait.kind == "signal"]
        missing = [word for word in SENT if word not in execution.keys]
        if missing and (waits or execution.status == "paused"):
            service.command_and_wait(EXECUTION, command(service, missing[0]))
        elif waits:
            service.command_and_wait(EXECUTION, Signal(now=0, name="go", payload=1))


def run(steps: list[Any], kept: list[Recorded] | None) -> list[Recorded]:
    """The whole log of a run, undisturbed or from what a crash has left of it."""
    log = log_with(kept or [])
    with service_on(log, registry()) as service:
        if kept is None:
            definition = {
                "id": "w",
                "name": "W",
                "version": "1.0.0",
                "initialState": {"rows": [1, 2]},
                "workflow": steps,
            }
            service.submit_and_wait(Submission(definition=definition, execution_id=EXECUTION))
        complete(service)
        return everything(log)


def cuts_of(whole: list[Recorded]) -> list[int]:
    """After how many events of the whole log a crash can come: never between those of one decision."""
    streams: dict[str, list[Recorded]] = {}
    for recorded in whole:
        if not isinstance(recorded.event, DefinitionStored):
            streams.setdefault(recorded.stream, []).append(recorded)
    ends = set[int]()
    for own in streams.values():
        events = [execution_event(recorded) for recorded in own]
        ends |= {
            one.position for at, one in enumerate(own) if end_of_completion(one.version, events[at:]) == one.version
        }
    return [cut for cut in range(2, len(whole)) if whole[cut - 1].position in ends]


@pytest.mark.parametrize("steps", WORKFLOWS.values(), ids=WORKFLOWS)
def test_a_crash_around_what_people_change(steps: list[Any]) -> None:
    """From every prefix: the same state, the same edges, each command once, and only what was in flight runs again."""
    whole = run(steps, None)
    own = [recorded for recorded in whole if recorded.stream == EXECUTION]
    expected = (sorted(path(own)), without_times(final_state(whole)))
    assert any(isinstance(recorded.event, RolledBack) for recorded in whole)
    for cut in cuts_of(whole):
        kept = whole[:cut]
        resumed = run(steps, kept)
        mine = [recorded for recorded in resumed if recorded.stream == EXECUTION]
        assert (sorted(path(mine)), without_times(final_state(resumed))) == expected, f"crash after event {cut}"
        keys = [event.key.key for recorded in mine if (event := recorded.event) and getattr(event, "key", None)]  # type: ignore[union-attr]
        assert sorted(keys) == sorted(SENT), f"crash after event {cut}"
        again = {
            (recorded.event.address, recorded.event.visit)
            for recorded in resumed[cut:]
            if isinstance(recorded.event, NodeStarted) and recorded.event.attempt > 1
        }
        assert again <= {in_flight_at(kept)} or len(own) != len(whole), f"crash after event {cut}"
