"""What all tests of the application share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import application.engine
import application.timers
from tests.support import stores, worlds
from tests.support.stores import DURABLE, EVERY, Stores


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set forward, and a store that is well again, are noticed at once."""
    monkeypatch.setattr(application.timers, "LONGEST_NAP_S", 0.005)
    monkeypatch.setattr(application.engine, "REVIVE_S", 0.005)


@pytest.fixture(params=EVERY)
def every_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Worlds on a store of each kind in turn."""
    with stores.stores(request.param, tmp_path) as kind:
        monkeypatch.setattr(worlds, "new_log", kind.log)
        yield


@pytest.fixture(params=DURABLE)
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Stores of each kind that outlives its process."""
    with stores.stores(request.param, tmp_path) as kind:
        yield kind
