"""What all tests of the application share."""

from __future__ import annotations

import pytest

import application.engine
import application.timers


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set forward, and a store that is well again, are noticed at once."""
    monkeypatch.setattr(application.timers, "LONGEST_NAP_S", 0.005)
    monkeypatch.setattr(application.engine, "REVIVE_S", 0.005)
