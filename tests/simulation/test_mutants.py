"""The campaign notices every planted bug, each by name: one that it did not notice would be no campaign."""

from __future__ import annotations

import logging

import pytest

from tests.simulation.campaign import play
from tests.simulation.mutants import MUTANTS, planted

ENOUGH = 400
"""Seeds within which a bug must be noticed."""


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The engine has much to say about what is done to it."""
    caplog.set_level(logging.CRITICAL + 1)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_noticed(name: str) -> None:
    """By what is found, or because the engine itself stumbles over it."""
    assert noticed(name) < ENOUGH


def noticed(name: str) -> int:
    """The number of seeds that it took to notice a bug."""
    with planted(name):
        for seed in range(ENOUGH):
            try:
                if play(seed):
                    return seed
            except Exception:  # noqa: BLE001 - whatever a bug leads to
                return seed
    return ENOUGH


def test_there_are_enough_of_them() -> None:
    """Thirty at least."""
    assert len(MUTANTS) >= 30
