"""The limits of the language as settings of the server (LANGUAGE, section 9)."""

from __future__ import annotations

import pytest

from clew import Engine
from domain.limits import Limits
from interfaces.limits import NAMES, PREFIX, BadLimit, limits_from
from interfaces.settings import from_environment


def test_each_limit_is_a_variable() -> None:
    """One that is not set, or empty, stays at its default."""
    assert limits_from({}) == limits_from({PREFIX + "STEPS": "", "CLEW_PORT": "1"}) == Limits()
    for name in NAMES:
        found = limits_from({PREFIX + name.upper(): "7"})
        assert found == Limits(**{name: 7})
    assert from_environment({"CLEW_LIMIT_STEPS": "9", "CLEW_LIMIT_STATE_BYTES": "100"}).limits.state_bytes == 100


def test_a_limit_of_the_server_holds() -> None:
    """For what it runs."""
    settings = from_environment({"CLEW_STORE": "memory:", "CLEW_LIMIT_STEPS": "3"})
    with Engine(settings=settings) as engine:
        workflow = {"id": "w", "name": "W", "version": "1.0.0", "workflow": ["empty"] * 4}
        assert engine.run(workflow)["error"]["code"] == "STEP_LIMIT"


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "٣", "9" * 30, " 5"])
def test_what_is_no_limit(text: str) -> None:
    """Is refused at the start, saying what it may be."""
    with pytest.raises(BadLimit, match="whole number from 1"):
        limits_from({PREFIX + "STEPS": text})


@pytest.mark.parametrize("name", ["STEP", "NODE_TIMEOUT_CAP_MS", "MAX"])
def test_a_limit_that_there_is_not(name: str) -> None:
    """Is refused with the names of those that there are, so that no typing error goes unseen."""
    with pytest.raises(BadLimit, match="CLEW_LIMIT_STATE_BYTES"):
        limits_from({PREFIX + name: "5"})
