"""The engine inside a program: what it is handed is checked as text would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clew import Engine
from domain.errors import InvalidDefinition, Outdated, Unacceptable

HELLO: dict[str, Any] = {"id": "hello", "name": "Hello", "version": "1.0.0", "workflow": [{"signal": {"name": "go"}}]}
NO_JSON: dict[str, Any] = {
    "an object of Python's": object(),
    "a set": {1},
    "not a number": float("nan"),
    "keys that are no text": {1: 2},
    "half a character": "\ud800",
    "an integer past 64 bits": 2**64,
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused_and_nothing_is_recorded(value: Any) -> None:
    """In a definition, an initial state or a payload, naming the place; the execution goes on as if it was not sent."""
    with Engine() as engine:
        parked = engine.submit(HELLO).execution_id
        assert engine.wait(parked)
        asks: list[Callable[[], object]] = [
            lambda: engine.signal(parked, "go", {"at": value}),
            lambda: engine.submit({**HELLO, "initialState": {"at": value}}),
            lambda: engine.submit(HELLO, initial_state={"at": value}),
            lambda: engine.publish({**HELLO, "initialState": {"at": value}}),
        ]
        for ask in asks:
            with pytest.raises(Unacceptable, match="/at is") as refused:
                ask()
            assert refused.value.code == "NOT_JSON"
        assert engine.signal(parked, "go", {"at": (1, 2)})
        assert engine.wait(parked)
        assert engine.execution(parked)["finalState"] == {"signal_output": {"at": [1, 2]}}


def test_an_initial_state_is_an_object() -> None:
    """Nothing else is."""
    with Engine() as engine, pytest.raises(Unacceptable) as refused:
        engine.submit(HELLO, initial_state=[1])  # type: ignore[arg-type]
    assert refused.value.code == "SCHEMA"


def test_the_limit_on_a_definition_holds_without_a_text() -> None:
    """A megabyte, as compact JSON."""
    with Engine() as engine, pytest.raises(InvalidDefinition) as refused:
        engine.submit({**HELLO, "description": "x" * 1_048_576})
    assert [problem.code for problem in refused.value.problems] == ["TOO_LARGE"]


def test_going_back_editing_and_naming() -> None:
    """As over HTTP, with what was done as the answer."""
    with Engine() as engine:
        name = engine.submit({**HELLO, "initialState": {"n": 1}}).execution_id
        assert engine.wait(name)
        version = engine.execution(name)["version"]
        done = engine.edit(name, [{"op": "replace", "path": "/n", "value": 2}], reason="a slip", actor="ann")
        assert (done.changed, done.version) == (True, version + 1)
        assert engine.edit(name, ({"op": "test", "path": "/n", "value": 2},)).changed is False
        with pytest.raises(Outdated):
            engine.snapshot(name, "two", if_version=version)
        assert engine.snapshot(name, "two").version == version + 2
        assert [item["name"] for item in engine.snapshots(name)["items"]] == ["two"]
        assert engine.rollback(name, version, dry_run=True)["patch"] == [{"op": "replace", "path": "/n", "value": 1}]
        assert engine.rollback(name, version, reason="as it was").status == "suspended"
        assert engine.state(name)["state"] == {"n": 1}
        for patch in ([{"op": "add", "path": "/n", "value": {1}}], [{"op": "add", "path": "n", "value": 1}]):
            with pytest.raises(Unacceptable):
                engine.edit(name, patch)


def test_an_execution_is_explained() -> None:
    """As over HTTP; a text that no answer could hold is refused like any other that is wrong."""
    with Engine() as engine:
        steps = [{"$.n": 1}, {"$.n": 2}]
        name = engine.run({**HELLO, "workflow": steps, "initialState": {"n": 0}})["executionId"]
        assert engine.state(name, "node:/workflow/0/$.n", fields=["/n"])["fields"] == {"/n": 1}
        assert [op.value for op in engine.diff(name)["patch"]] == [2]
        written = engine.blame(name, "/n")["written"]
        assert (written["old"], written["value"]) == (1, 2)
        assert engine.step(name, by="write:/n")["version"] == written["version"]
        asks: list[Callable[[], object]] = [
            lambda: engine.state(name, "mark:\ud800"),
            lambda: engine.state(name, fields=["/\ud800"]),
            lambda: engine.blame(name, "/\ud800"),
            lambda: engine.step(name, by="write:/\ud800"),
        ]
        for ask in asks:
            with pytest.raises(Unacceptable, match="alf a character"):
                ask()


def test_every_command_says_by_whom_and_at_which_version() -> None:
    """Who asks is in the log; a version that is not the newest is refused."""
    waiting = {
        "id": "asks",
        "name": "Asks",
        "version": "1.0.0",
        "workflow": [{"signal": {"name": "go"}}, {"fail": {"message": "No."}}],
    }
    with Engine() as engine:
        name = engine.submit(waiting).execution_id
        assert engine.wait(name)
        for command in (engine.pause, engine.resume, lambda *given, **more: engine.signal(given[0], "go", **more)):
            version = engine.execution(name)["version"]
            with pytest.raises(Outdated):
                command(name, actor="ann", if_version=version + 7)
            assert command(name, actor="ann", if_version=version)
        assert engine.wait(name)
        version = engine.execution(name)["version"]
        assert engine.retry(name, actor="ann", if_version=version)
        assert engine.wait(name)
        with pytest.raises(Outdated):
            engine.cancel(name, actor="ann", if_version=version)
        actors = [event["type"] for event in engine.events(name)["items"] if event.get("actor") == "ann"]
        assert actors == ["Paused", "Resumed", "SignalReceived", "Resumed"]
