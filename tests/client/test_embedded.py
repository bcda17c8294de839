"""The engine inside a program: what it is handed is checked as text would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clew import Engine
from domain.errors import InvalidDefinition, Unacceptable

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
